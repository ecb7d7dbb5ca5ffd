"""
The ``text/event-stream`` format, WHATWG HTML section 9.2: events to bytes.

Standard library only: no sockets, no requests, no reactor.
"""

from ._encoder import encode_comment, encode_event, encode_reconnection_time
from ._event import Event

__all__ = ["Event", "encode_comment", "encode_event", "encode_reconnection_time"]
