"""
Topics and their matchers: pure rules over text, each with a bound on length and time.
"""

from ._limits import DEFAULT_LIMITS, Limits, check_name
from ._reserved import is_reserved
from ._selectors import MATCHER_TYPES, Selector, matcher_of, read_selectors
from ._template import Template, selector_of

__all__ = [
    "DEFAULT_LIMITS",
    "MATCHER_TYPES",
    "Limits",
    "Selector",
    "Template",
    "check_name",
    "is_reserved",
    "matcher_of",
    "read_selectors",
    "selector_of",
]
