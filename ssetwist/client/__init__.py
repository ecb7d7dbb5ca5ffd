"""
The client: it reads event streams of other servers with treq or an ``Agent`` of ``twisted.web``.
"""

from .http import Opened
from .mercure import (
    EARLIEST,
    Discovery,
    FoundHub,
    Loss,
    Publisher,
    Update,
    discover,
    hub_metadata,
    subscribe,
)
from .source import Backoff, EventSource, Interruption, ReadyState, is_worth_another_try
from .stream import ResponseEvents, stream_events

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
