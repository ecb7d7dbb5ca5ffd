"""
The seam between the hub and the connections: an outlet below, a writer above.
"""

from collections.abc import Callable
from typing import Protocol

from ._chunk import Chunk
from ._ends import EndReason

#: Bytes that a writer hands over at a time, but for a larger event, and that an outlet puts on a
#: connection at a time.  It is one number for both sides: a larger chunk leaves by a slower way.
#: Each piece that leaves counts as progress, so with the defaults a client that is behind must take
#: 3.3 kB/s.  A finer measure would be of no use: where a window stays narrower than that for the
#: user time-out, the kernel ends the connection.
PIECE = 64 * 1024

#: Nothing was handed to the socket, because there is no short cut to it, or not now.
NOT_SENT = -1


def not_sent(data: bytes) -> int:
    """
    What an outlet without a short cut returns as one.
    """
    return NOT_SENT


class Writer(Protocol):
    """
    Whoever writes to an outlet, and is told what becomes of it.
    """

    def has_room(self) -> None:
        """
        The connection was behind and has now taken all that was written.
        """

    def before_end(self) -> None:
        """
        The stream is about to end properly: the last moment to write.
        """

    def ended(self, reason: EndReason) -> None:
        """
        The stream has ended.  Called once, in the reactor turn in which that is known.
        """


class Outlet(Protocol):
    """
    What puts bytes on one connection.

    No method waits, and none raises because the client has gone: a write to who has just gone is
    no error.  Who holds an outlet need not let go of it; an ended one keeps nothing alive.

    :ivar writer: Who is told; ``None`` until there is one, and after the end.
    :ivar last_write: When it last put bytes on the connection, in seconds of the clock.
    :ivar behind_since: When the connection last began to take no more, in seconds of the clock;
        ``None`` while everything written has left.  Any progress begins it anew.
    :ivar expires: When the stream is to end because its lifetime is over, in seconds of the clock.
    """

    writer: Writer | None
    last_write: float
    behind_since: float | None
    expires: float

    @property
    def is_open(self) -> bool:
        """
        Whether it still takes frames.
        """

    @property
    def is_behind(self) -> bool:
        """
        Whether the connection has not yet taken all that was written.
        """

    def write(self, chunk: Chunk) -> bool:
        """
        Put whole frames on the connection, now if it takes them, otherwise as soon as it does.

        A client for which too much waits is cut (:attr:`EndReason.FELL_BEHIND`).

        :returns: Whether the connection keeps up.  If not, the writer is told when it has room.
        """

    def short_cut(self, chunk: Chunk) -> Callable[[bytes], int]:
        """
        Begin a write whose first part another thread may do: return what hands
        ``chunk.on_wire`` to the socket and returns how many bytes that took.

        That alone may be called from another thread, while the reactor's waits for it; what came of
        it must be told to :meth:`settle`.  Where there is no short cut, :func:`not_sent` is
        returned, which takes nothing and returns :data:`NOT_SENT`.
        """

    def settle(self, chunk: Chunk, sent: int) -> bool:
        """
        Do the rest of that write.

        :returns: As for :meth:`write`.
        """

    def end(self, reason: EndReason, *, last_words: bytes = b"", is_complete: bool = True) -> None:
        """
        End the stream properly: the writer may write once more and is told of the end at once; what
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
