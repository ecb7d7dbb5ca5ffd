"""
A connection that is not there.
"""

from collections.abc import Callable

from ssetwist import EndReason
from ssetwist.hub import Streams


class FakeOutlet:
    """
    An :class:`~ssetwist.hub.Outlet` that remembers what it was given.

    :ivar writes: What was written, write by write, while the stream was open.
    :ivar events: How many events there were in it, as far as the writer said.
    :ivar received: All bytes that the client has read, the last words too.
    :ivar write_times: When there was something written, in seconds of the clock.
    :ivar is_cut: Whether the connection was cut, and did not end properly.
    :ivar during_write: Called at the beginning of every write; it may raise.
    :ivar during_end: Called at the beginning of every end; it may raise.
    :ivar during_abort: Called at the beginning of every abort; it may raise.
    """

    def __init__(self, streams: Streams) -> None:
        self.is_open = True
        self.last_write = streams.clock.seconds()
        self.behind_since: float | None = None
        self.on_end: Callable[[EndReason], None] | None = None
        self.writes: list[bytes] = []
        self.events = 0
        self.received = b""
        self.write_times = [self.last_write]
        self.is_cut = False
        self.during_write = self.during_end = self.during_abort = lambda: None
        self._streams = streams
        self._waiting = b""
        streams.add(self)

    def write(self, frames: bytes, events: int = 1) -> None:
        self.during_write()
        if not self.is_open:
            return
        self.writes.append(frames)
        self.events += events
        self._put(frames)

    def end(self, reason: EndReason, *, last_words: bytes = b"", is_complete: bool = True) -> None:
        self.during_end()
        if not self.is_open:
            return
        self.is_open = False
        self._put(last_words)
        self._tell(reason)
        if self.behind_since is None:
            self._streams.discard(self)

    def abort(self, reason: EndReason) -> None:
        self.during_abort()
        was_open, self.is_open = self.is_open, False
        self.is_cut = True
        self._waiting = b""
        self._streams.discard(self)
        if was_open:
            self._tell(reason)

    # What the client does

    def stop_reading(self) -> None:
        """
        The client takes nothing of what is written from now on.
        """
        self.behind_since = self._streams.clock.seconds()

    def read_some(self) -> None:
        """
        The client takes something, but not all.
        """
        self.stop_reading()

    def read_all(self) -> None:
        """
        The client takes all that waits.
        """
        self.behind_since = None
        waiting, self._waiting = self._waiting, b""
        self._put(waiting)
        if not self.is_open:
            self._streams.discard(self)

    def leave(self) -> None:
        """
        The client closes the connection.
        """
        self.is_open = False
        self._streams.discard(self)
        self._tell(EndReason.CLIENT_CLOSED)

    # Inside

    def _put(self, frames: bytes) -> None:
        if self.behind_since is not None:
            self._waiting += frames
        elif frames:
            self.received += frames
            self.last_write = self._streams.clock.seconds()
            self.write_times.append(self.last_write)

    def _tell(self, reason: EndReason) -> None:
        on_end, self.on_end = self.on_end, None
        if on_end is not None:
            on_end(reason)


class Broken(Exception):
    """
    What a broken outlet or callback raises here.
    """


def fail(*_: object) -> None:
    """
    Raise it.
    """
    raise Broken
