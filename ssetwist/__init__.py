"""
Server-Sent Events for Twisted.
"""

from .errors import HubClosed, InvalidEvent, SSETwistError
from .eventstream import Event
from .hub import EndReason, Hub, Streams, Subscriber
from .service import HubConfig, HubService
from .web import EventStreamResource, Send, Site, stream

__version__ = "0.1.0"

__all__ = [
    "EndReason",
    "Event",
    "EventStreamResource",
    "Hub",
    "HubClosed",
    "HubConfig",
    "HubService",
    "InvalidEvent",
    "SSETwistError",
    "Send",
    "Site",
    "Streams",
    "Subscriber",
    "stream",
]
