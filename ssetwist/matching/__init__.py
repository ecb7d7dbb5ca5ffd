"""
Matchers of topics, and the tree of routes in which the usual ones are found.

Whatever may take long is done in steps, so that its caller can let other work go first.
"""

from ._matchers import (
    EVERYTHING,
    MAX_LENGTH,
    NOTHING,
    Everything,
    Exact,
    Matcher,
    Matchers,
    Pattern,
    Topics,
    is_utf8,
    trying,
)
from ._steps import Steps, at_once
from .routes import routes_of

__all__ = [
    "EVERYTHING",
    "MAX_LENGTH",
    "NOTHING",
    "Everything",
    "Exact",
    "Matcher",
    "Matchers",
    "Pattern",
    "Steps",
    "Topics",
    "at_once",
    "is_utf8",
    "routes_of",
    "trying",
]
