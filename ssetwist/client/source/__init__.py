"""
An event source: one stream after another, with the states, delays and decisions between them.
"""

from ._delay import Backoff, check_backoff
from ._hooks import call_hook
from ._policy import is_temporary, is_worth_another_try, retry_after
from ._retries import Interruption
from ._source import EventSource
from ._states import ReadyState

__all__ = [
    "Backoff",
    "EventSource",
    "Interruption",
    "ReadyState",
    "call_hook",
    "check_backoff",
    "is_temporary",
    "is_worth_another_try",
    "retry_after",
]
