"""
The client: event streams of other servers, on treq or on an ``Agent`` of ``twisted.web``.
"""

from ._delay import Backoff
from ._discovery import Discovery, FoundHub, discover, hub_metadata
from ._mercure import EARLIEST, Loss, subscribe
from ._one_shot import ResponseEvents, stream_events
from ._policy import is_worth_another_try
from ._publisher import Publisher
from ._response import Opened
from ._source import EventSource, Interruption
from ._states import ReadyState
from ._update import Update

__all__ = [
    "EARLIEST",
    "Backoff",
    "Discovery",
    "EventSource",
    "FoundHub",
    "Interruption",
    "Loss",
    "Opened",
    "Publisher",
    "ReadyState",
    "ResponseEvents",
    "Update",
    "discover",
    "hub_metadata",
    "is_worth_another_try",
    "stream_events",
    "subscribe",
]
