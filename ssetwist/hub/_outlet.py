"""
The seam between the streams and the connections.
"""

from collections.abc import Callable
from typing import Protocol

from ._ends import EndReason


class Outlet(Protocol):
    """
    What puts bytes on one connection.

    No method waits, and none raises because the client has gone: a write to who has just gone is
    no error.  Who holds an outlet need not let go of it; an ended one keeps nothing alive.

    :ivar is_open: Whether it still takes frames.
    :ivar last_write: When it last put bytes on the connection, in seconds of the clock.
    :ivar behind_since: When the connection last began to take no more, in seconds of the clock;
        ``None`` while everything written has left.  Any progress begins it anew.
    :ivar on_end: Called with the reason when the stream ends, once, in the same reactor turn;
        afterwards it is ``None``.
    """

    last_write: float
    behind_since: float | None
    on_end: Callable[[EndReason], None] | None

    @property
    def is_open(self) -> bool: ...

    def write(self, frames: bytes, events: int = 1) -> None:
        """
        Put whole frames on the connection, now if it takes them, otherwise as soon as it does.

        A client for which too much waits is cut (:attr:`EndReason.FELL_BEHIND`).

        :param events: How many events there are in the frames, for the accounts.
        """

    def end(self, reason: EndReason, *, last_words: bytes = b"", is_complete: bool = True) -> None:
        """
        End the stream properly: no frame is taken any more and ``on_end`` is called at once; what
        waits, the last words and the end of the response follow as the client takes them, for at
        most the stall time-out.

        :param is_complete: Whether the response ends as a whole one.  If not, the client can see
            that it was cut off.
        """

    def abort(self, reason: EndReason) -> None:
        """
        End the stream at once, with what waits thrown away and the connection cut.  It also cuts
        short an end that is under way; nobody is told a second time.
        """
