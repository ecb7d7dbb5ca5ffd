"""
Server-Sent Events for Twisted.
"""

from .errors import (
    CannotListen,
    HubClosed,
    InvalidEvent,
    InvalidMatcher,
    InvalidTopic,
    SSETwistError,
)
from .eventstream import Event
from .hub import (
    EndReason,
    Everything,
    Exact,
    Hub,
    Pattern,
    Streams,
    Subscriber,
    UnknownCursor,
    View,
    WhenBehind,
)
from .log import MemoryLog
from .service import HubConfig, HubService
from .web import EventStreamResource, Send, Site, stream

__version__ = "0.1.0"

__all__ = [
    "CannotListen",
    "EndReason",
    "Event",
    "EventStreamResource",
    "Everything",
    "Exact",
    "Hub",
    "HubClosed",
    "HubConfig",
    "HubService",
    "InvalidEvent",
    "InvalidMatcher",
    "InvalidTopic",
    "MemoryLog",
    "Pattern",
    "SSETwistError",
    "Send",
    "Site",
    "Streams",
    "Subscriber",
    "UnknownCursor",
    "View",
    "WhenBehind",
    "stream",
]
