"""
The ``text/event-stream`` format, WHATWG HTML section 9.2: events to bytes, and bytes to events.

Standard library only: no sockets, no requests, no reactor.
"""

from ._encoder import (
    encode_comment,
    encode_event,
    encode_id,
    encode_reconnection_time,
    require_event,
)
from ._event import DEFAULT_TYPE, Event
from ._parser import MAX_EVENT, MAX_LINE, EventStreamParser
from ._vocabulary import EARLIEST, GAP, is_hub_id

__all__ = [
    "DEFAULT_TYPE",
    "EARLIEST",
    "GAP",
    "MAX_EVENT",
    "MAX_LINE",
    "Event",
    "EventStreamParser",
    "encode_comment",
    "encode_event",
    "encode_id",
    "encode_reconnection_time",
    "is_hub_id",
    "require_event",
]
