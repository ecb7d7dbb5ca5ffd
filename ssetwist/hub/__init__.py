"""
Who gets which event.  No HTTP here: the hub reaches a connection through :class:`Outlet` only.
"""

from ._ends import Ending, EndReason, HasEnd
from ._hub import Hub
from ._outlet import Outlet
from ._streams import DEFAULT_HEARTBEAT, DEFAULT_RETRY, DEFAULT_STALL_TIMEOUT, Streams
from ._subscriber import END, END_ID, Subscriber

__all__ = [
    "DEFAULT_HEARTBEAT",
    "DEFAULT_RETRY",
    "DEFAULT_STALL_TIMEOUT",
    "END",
    "END_ID",
    "EndReason",
    "Ending",
    "HasEnd",
    "Hub",
    "Outlet",
    "Streams",
    "Subscriber",
]
