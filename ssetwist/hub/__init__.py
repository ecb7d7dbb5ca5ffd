"""
The hub: it decides which subscriber gets which event.

It knows nothing of HTTP: it reaches a connection only through :mod:`ssetwist.hub.outlets`.
"""

from ..eventstream import EARLIEST
from ..matching import EVERYTHING, NOTHING, Everything, Exact, Matcher, Matchers, Pattern, Topics
from ._ends import EndReason
from ._hub import MAX_TOPICS, Hub
from ._replay import ReplayPolicy, UnknownCursor, WhenBehind
from ._streams import DEFAULT_HEARTBEAT, DEFAULT_RECONNECTION_TIME, DEFAULT_STALL_TIMEOUT, Streams
from ._subscriber import END, END_ID, Subscriber
from ._turns import Turns
from ._view import Filter, View

__all__ = [
    "DEFAULT_HEARTBEAT",
    "DEFAULT_RECONNECTION_TIME",
    "DEFAULT_STALL_TIMEOUT",
    "EARLIEST",
    "END",
    "END_ID",
    "EVERYTHING",
    "MAX_TOPICS",
    "NOTHING",
    "EndReason",
    "Everything",
    "Exact",
    "Filter",
    "Hub",
    "Matcher",
    "Matchers",
    "Pattern",
    "ReplayPolicy",
    "Streams",
    "Subscriber",
    "Topics",
    "Turns",
    "UnknownCursor",
    "View",
    "WhenBehind",
]
