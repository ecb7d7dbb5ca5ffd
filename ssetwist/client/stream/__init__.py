"""
One response, read as an event stream: from its first byte to the reason of its end.
"""

from ._one_shot import ResponseEvents, stream_events
from ._queue import EventQueue
from ._stream import Stream

__all__ = [
    "EventQueue",
    "ResponseEvents",
    "Stream",
    "stream_events",
]
