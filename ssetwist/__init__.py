"""
Server-Sent Events for Twisted.

The names are grouped by their use.  The client is :mod:`ssetwist.client`, the Mercure protocol
:mod:`ssetwist.mercure`, help for your own tests :mod:`ssetwist.testing`; errors of the client are
in :mod:`ssetwist.errors`.
"""

from .errors import (
    CannotListen,
    EventTooLarge,
    HubClosed,
    InvalidEvent,
    InvalidMatcher,
    InvalidOption,
    InvalidTopic,
    LogUnavailable,
    Refused,
    SSETwistError,
)
from .eventstream import Event
from .hub import EndReason, Hub, Streams, Subscriber, UnknownCursor, View, WhenBehind
from .log import MemoryLog
from .matching import Everything, Exact, Pattern
from .server import HubConfig, HubService, collect_rarely
from .web import EventStreamResource, Send, Site, stream

__version__ = "0.1.0"

__all__ = [  # noqa: RUF022  # grouped, in the order in which a newcomer needs them
    # Publish events
    "Event",
    "Hub",
    "MemoryLog",
    "UnknownCursor",
    "WhenBehind",
    # Serve them
    "EventStreamResource",
    "Site",
    # Stream to one request
    "stream",
    "Send",
    # Choose the events of a subscriber
    "Everything",
    "Exact",
    "Pattern",
    "View",
    # Look after subscribers
    "Subscriber",
    "EndReason",
    "Streams",
    # Run a hub as a service
    "HubConfig",
    "HubService",
    "collect_rarely",
    # Handle errors
    "SSETwistError",
    "CannotListen",
    "EventTooLarge",
    "HubClosed",
    "InvalidEvent",
    "InvalidMatcher",
    "InvalidOption",
    "InvalidTopic",
    "LogUnavailable",
    "Refused",
]
