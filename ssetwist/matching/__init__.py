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
    routes_of,
    trying,
)
from ._routes import Route, Routes, Wild
from ._steps import Steps, at_once

__all__ = [
    "EVERYTHING",
    "MAX_LENGTH",
    "NOTHING",
    "Everything",
    "Exact",
    "Matcher",
    "Matchers",
    "Pattern",
    "Route",
    "Routes",
    "Steps",
    "Topics",
    "Wild",
    "at_once",
    "is_utf8",
    "routes_of",
    "trying",
]
