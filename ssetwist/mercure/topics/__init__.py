"""
Topics and their matchers: pure rules over text, each with a bound on length and time.
"""

from ._limits import DEFAULT_LIMITS, Limits, check_name
from ._reserved import is_reserved
from ._selectors import (
    MATCHER_TYPES,
    NO_PATTERNS,
    Selection,
    Selector,
    compile_patterns,
    matcher_of,
    patterns_of,
    read_selectors,
    select,
)
from ._template import Template, selector_of

__all__ = [
    "DEFAULT_LIMITS",
    "MATCHER_TYPES",
    "NO_PATTERNS",
    "Limits",
    "Selection",
    "Selector",
    "Template",
    "check_name",
    "compile_patterns",
    "is_reserved",
    "matcher_of",
    "patterns_of",
    "read_selectors",
    "select",
    "selector_of",
]
