"""
For your own tests: a hub on a ``Clock``, and subscribers without sockets::

    hub = MemoryHub()
    listener = Listener(hub, "news")
    hub.publish("news", Event("hello"))
    hub.advance()
    assert [event.data for event in listener.events] == ["hello"]
"""

from collections.abc import Callable, Iterator
from math import inf
from typing import Any

from twisted.internet.task import Clock

from .eventstream import Event
from .hub import EndReason, Hub, Streams, View
from .hub.outlets import Chunk, Writer, not_sent
from .matching import EVERYTHING, Topics

__all__ = ["Listener", "MemoryHub", "MemoryOutlet"]


class MemoryHub(Hub):
    """
    A hub on a ``Clock``: nothing happens until :meth:`advance`.

    :param options: Options of :class:`ssetwist.Hub`.
    """

    def __init__(self, *, clock: Clock | None = None, **options: Any) -> None:
        self.clock = Clock() if clock is None else clock
        options.setdefault("flush_threads", 1)
        super().__init__(clock=self.clock, **options)

    def advance(self, seconds: float = 0) -> None:
        """
        Let time pass, and deliver published events; 0 seconds end the current reactor turn.
        """
        self.clock.advance(seconds)


class MemoryOutlet:
    """
    A connection in memory: a :class:`ssetwist.hub.outlets.Outlet` that remembers its bytes.

    :param streams: ``hub.streams``.
    :ivar writes: The bytes of each write while the stream was open.
    :ivar received: All bytes that the client has read, also the last ones after the end.
    :ivar event_count: The number of written events.
    :ivar is_cut: True if the connection was cut instead of ending properly.
    """

    def __init__(self, streams: Streams) -> None:
        self.writer: Writer | None = None
        self.last_write = streams.clock.seconds()
        self.behind_since: float | None = None
        self.expires = inf
        self.is_open = True
        self.is_cut = False
        self.writes: list[bytes] = []
        self.received = b""
        self.event_count = 0
        self._streams = streams
        self._is_reading = True
        self._waiting = b""
        streams.add(self)

    @property
    def is_behind(self) -> bool:
        return self.behind_since is not None

    def write(self, chunk: Chunk) -> bool:
        if self.is_open:
            self.writes.append(chunk.data)
            self.event_count += chunk.events
            self._put(chunk.data)
        return not self.is_behind

    def short_cut(self, chunk: Chunk) -> Callable[[bytes], int]:
        return not_sent

    def settle(self, chunk: Chunk, sent: int) -> bool:
        return self.write(chunk)

    def end(self, reason: EndReason, *, last_words: bytes = b"", is_complete: bool = True) -> None:
        if self.is_open and self.writer is not None:
            self.writer.before_end()
        if not self.is_open:
            return
        self.is_open = False
        self._put(last_words)
        self._announce(reason)
        if not self.is_behind:
            self._streams.discard(self)

    def abort(self, reason: EndReason) -> None:
        self.is_cut = True
        self._waiting = b""
        self.leave(reason)

    # Actions of the client

    def stop_reading(self) -> None:
        """
        Stop reading: later writes wait.
        """
        self._is_reading = False

    def read(self) -> None:
        """
        Read all waiting bytes, and later writes at once.
        """
        self._is_reading = True
        waiting, self._waiting = self._waiting, b""
        was_behind, self.behind_since = self.is_behind, None
        self._put(waiting)
        if not self.is_open:
            self._streams.discard(self)
        elif was_behind and self.writer is not None:
            self.writer.has_room()

    def leave(self, reason: EndReason = EndReason.CLIENT_CLOSED) -> None:
        """
        Close the connection from the client's side.
        """
        self.is_open = False
        self._streams.discard(self)
        self._announce(reason)

    def _put(self, data: bytes) -> None:
        if not data:
            return
        if self._is_reading:
            self.received += data
            self.last_write = self._streams.clock.seconds()
        else:
            self._waiting += data
            if self.behind_since is None:
                self.behind_since = self._streams.clock.seconds()

    def _announce(self, reason: EndReason) -> None:
        writer, self.writer = self.writer, None
        if writer is not None:
            writer.ended(reason)


class Listener(MemoryOutlet):
    """
    A subscriber without a socket.

    :param view: As for :meth:`ssetwist.Hub.subscribe`, like the other options.
    :ivar subscriber: The subscriber of the hub.
    """

    def __init__(self, hub: Hub, view: Topics | View = EVERYTHING, **options: Any) -> None:
        super().__init__(hub.streams)
        self.subscriber = hub.subscribe(self, view, **options)

    @property
    def end_reason(self) -> EndReason | None:
        """
        The reason why the stream has ended; ``None`` while it is open.
        """
        return self.subscriber.end_reason

    @property
    def events(self) -> list[Event]:
        """
        The events that the client has read.
        """
        return list(_events(self.received.decode()))

    @property
    def data(self) -> list[str]:
        """
        The data of the events that the client has read.
        """
        return [event.data for event in self.events]


def _events(text: str) -> Iterator[Event]:
    """
    Read events of our own encoder; a reader of other streams needs more rules.
    """
    fields: dict[str, str] = {}
    for line in text.split("\n"):
        name, _, value = line.partition(": ")
        if line:
            is_more = name == "data" and name in fields
            fields[name] = f"{fields[name]}\n{value}" if is_more else value
            continue
        if "data" in fields:
            retry = fields.get("retry")
            yield Event(
                fields["data"],
                type=fields.get("event", "message"),
                id=fields.get("id"),
                retry=None if retry is None else int(retry),
            )
        fields = {}
