"""
An event source: one stream after another, with the states, delays and decisions between them.
"""

from ._retry import Backoff, check_backoff, is_worth_another_try, retry_after
from ._source import EventSource, Interruption
from ._states import ReadyState

__all__ = [
    "Backoff",
    "EventSource",
    "Interruption",
    "ReadyState",
    "check_backoff",
    "is_worth_another_try",
    "retry_after",
]
