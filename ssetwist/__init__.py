"""
Server-Sent Events for Twisted.
"""

from ._collector import collect_rarely
from .config import HubConfig
from .errors import (
    CannotListen,
    EventTooLarge,
    HubClosed,
    InvalidEvent,
    InvalidMatcher,
    InvalidTopic,
    LogUnavailable,
    Refused,
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
from .service import HubService
from .web import EventStreamResource, Send, Site, stream

__version__ = "0.1.0"

__all__ = [
    "CannotListen",
    "EndReason",
    "Event",
    "EventStreamResource",
    "EventTooLarge",
    "Everything",
    "Exact",
    "Hub",
    "HubClosed",
    "HubConfig",
    "HubService",
    "InvalidEvent",
    "InvalidMatcher",
    "InvalidTopic",
    "LogUnavailable",
    "MemoryLog",
    "Pattern",
    "Refused",
    "SSETwistError",
    "Send",
    "Site",
    "Streams",
    "Subscriber",
    "UnknownCursor",
    "View",
    "WhenBehind",
    "collect_rarely",
    "stream",
]
