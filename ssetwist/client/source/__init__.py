"""
Event source: one stream after another, with the states, delays and decisions between them.
"""

from ._options import SharedKeywords, SourceKeywords, SourceOptions, shows_options
from ._retry import Backoff, Interruption, check_backoff, is_temporary, is_worth_another_try
from ._retry_after import retry_after
from ._source import EventSource, call_hook
from ._states import ReadyState

__all__ = [
    "Backoff",
    "EventSource",
    "Interruption",
    "ReadyState",
    "SharedKeywords",
    "SourceKeywords",
    "SourceOptions",
    "call_hook",
    "check_backoff",
    "is_temporary",
    "is_worth_another_try",
    "retry_after",
    "shows_options",
]
