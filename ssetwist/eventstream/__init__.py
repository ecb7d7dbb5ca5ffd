"""
The ``text/event-stream`` format, WHATWG HTML section 9.2: events to bytes.

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

__all__ = [
    "DEFAULT_TYPE",
    "Event",
    "encode_comment",
    "encode_event",
    "encode_id",
    "encode_reconnection_time",
    "require_event",
]
