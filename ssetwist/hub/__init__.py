"""
Who gets which event.  No HTTP here: the hub reaches a connection through :class:`Outlet` only.
"""

from ._ends import EndReason, HasEnd
from ._frames import Frames
from ._history import EARLIEST, Rules, UnknownCursor, WhenBehind
from ._hub import EVERYTHING, Hub
from ._matchers import NOTHING, Everything, Exact, Matcher, Matchers, Pattern, Topics
from ._outlet import NOT_SENT, Outlet, Writer, not_sent
from ._streams import DEFAULT_HEARTBEAT, DEFAULT_RETRY, DEFAULT_STALL_TIMEOUT, Streams
from ._subscriber import END, END_ID, Subscriber
from ._view import Filter, View

__all__ = [
    "DEFAULT_HEARTBEAT",
    "DEFAULT_RETRY",
    "DEFAULT_STALL_TIMEOUT",
    "EARLIEST",
    "END",
    "END_ID",
    "EVERYTHING",
    "NOTHING",
    "NOT_SENT",
    "EndReason",
    "Everything",
    "Exact",
    "Filter",
    "Frames",
    "HasEnd",
    "Hub",
    "Matcher",
    "Matchers",
    "Outlet",
    "Pattern",
    "Rules",
    "Streams",
    "Subscriber",
    "Topics",
    "UnknownCursor",
    "View",
    "WhenBehind",
    "Writer",
    "not_sent",
]
