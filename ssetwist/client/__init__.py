"""
The client: event streams of other servers, on treq or on an ``Agent`` of ``twisted.web``.
"""

from ._delay import Backoff
from ._one_shot import ResponseEvents, stream_events
from ._policy import is_worth_another_try
from ._response import Opened
from ._source import EventSource, Interruption
from ._states import ReadyState

__all__ = [
    "Backoff",
    "EventSource",
    "Interruption",
    "Opened",
    "ReadyState",
    "ResponseEvents",
    "is_worth_another_try",
    "stream_events",
]
