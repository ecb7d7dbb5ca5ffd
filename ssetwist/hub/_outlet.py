"""
The seam between the hub and the connections: an outlet below, a writer above.
"""

from collections.abc import Callable
from typing import Protocol

from ._chunk import Chunk
from ._ends import EndReason

#: The most bytes that a writer hands over at a time (except for a larger event), and that an outlet
#: puts on a connection at a time.  Both sides use one number, because a larger chunk is sent in a
#: slower way.  Each piece that leaves counts as progress, so with the defaults a client that is
#: behind must take 3.3 kB/s.  A finer measure would not help: if the window stays narrower for the
#: user time-out, the kernel ends the connection.
PIECE = 64 * 1024

#: Result of a short cut that has handed nothing to the socket.
NOT_SENT = -1


def not_sent(data: bytes) -> int:
    """
    Return :data:`NOT_SENT`, in place of a short cut that an outlet lacks, or cannot take now.
    """
    return NOT_SENT


class Writer(Protocol):
    """
    User of an outlet: it writes, and the outlet calls it back.
    """

    def has_room(self) -> None:
        """
        Go on: the connection was behind, and has now taken everything that was written.
        """

    def before_end(self) -> None:
        """
        Write the rest: the stream is about to end properly.
        """

    def ended(self, reason: EndReason) -> None:
        """
        Let go: the stream has ended.  Called once, in the reactor turn in which that is known.
        """


class Outlet(Protocol):
    """
    One connection that takes the bytes of a stream.

    No method waits, and no method raises because the client has gone: writing to a client that has
    just gone is not an error.  An outlet may be held after its end; it then keeps nothing alive.

    :ivar writer: The writer to call back; ``None`` until there is one, and after the end.
    :ivar last_write: The time when it last put bytes on the connection, in seconds of the clock.
    :ivar behind_since: The time since when the connection has made no progress, in seconds of the
        clock; ``None`` while everything written has left.
    :ivar expires: The time when the stream must end because its lifetime is over, in seconds of
        the clock.
    """

    writer: Writer | None
    last_write: float
    behind_since: float | None
    expires: float

    @property
    def is_open(self) -> bool:
        """
        True while it takes bytes.
        """

    @property
    def is_behind(self) -> bool:
        """
        True if the connection has not yet taken everything that was written.
        """

    def write(self, chunk: Chunk) -> bool:
        """
        Put a chunk on the connection, now if it takes it, otherwise as soon as it does.

        If too much waits for the client, it is cut (:attr:`EndReason.FELL_BEHIND`).

        :returns: True if the connection keeps up.  If not, the writer is called when it has room.
        """

    def short_cut(self, chunk: Chunk) -> Callable[[bytes], int]:
        """
        Begin a write, and let another thread do the first part.

        :returns: A function that hands ``chunk.on_wire`` to the socket and returns the number of
            bytes that the socket took.  It may be called from another thread while the reactor's
            waits; pass its result to :meth:`settle`.  Without a short cut, it is :func:`not_sent`.
        """

    def settle(self, chunk: Chunk, sent: int) -> bool:
        """
        Do the rest of a write that :meth:`short_cut` has begun.

        :returns: The same as :meth:`write`.
        """

    def end(self, reason: EndReason, *, last_words: bytes = b"", is_complete: bool = True) -> None:
        """
        End the stream properly.  The writer may write once more, and is told about the end at once.
        Bytes that wait, the last words and the end of the response follow as the client takes them,
        for at most the stall time-out.

        :param is_complete: If false, the client can see that the response was cut off.
        """

    def abort(self, reason: EndReason) -> None:
        """
        Cut the connection at once, and throw away the bytes that wait.  It also cuts short an end
        that is under way; the writer is not told a second time.
        """
