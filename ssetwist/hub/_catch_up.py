"""
From a subscriber's cursor to the live end.

A replay after ``Last-Event-ID`` and catching up after falling behind are the same: events are read
from the log, as fast as the connection takes them, until there are no more.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from ..log import Entry, render_id
from ._ends import EndReason
from ._frames import Frames
from ._history import EARLIEST, History, UnknownCursor, WhenBehind
from ._outlet import Outlet
from ._view import View

_T = TypeVar("_T")

#: Bytes of events that are read, and written, at a time.
PIECE = 64 * 1024


class CatchUp:
    """
    One subscriber's way through the log.  However it is told to begin, it ends at the live end, or
    with ``CancelledError`` when the subscriber has gone.

    :ivar cursor: The position up to which everything has been written.
    :ivar is_under_way: Whether one of the coroutines runs; to be set by who runs it.
    """

    __slots__ = (
        "_former", "_history", "_is_over", "_outlet", "_room", "_takes_what_is_left", "_view",
        "_waits_for", "cursor", "is_under_way",
    )  # fmt: skip

    def __init__(self, history: History, outlet: Outlet, view: View, cursor: int) -> None:
        self.cursor = cursor
        self._view = view
        self._history = history
        self._outlet = outlet
        #: Views that it had before, each with the last position for which it counts.
        self._former: list[tuple[int, View]] = []
        self._room: Deferred[None] | None = None
        self._waits_for: Deferred[Any] | None = None
        self._is_over = False
        #: Whether it is no gap if the log forgets what comes next: all that is left was asked for,
        #: and nothing has been written yet.
        self._takes_what_is_left = False
        self.is_under_way = False

    @property
    def is_at_live_end(self) -> bool:
        """
        Whether there is nothing left to read.
        """
        return self.cursor >= self._history.live.head

    # Where it begins

    async def from_id(self, id: str) -> None:
        """
        Catch up from an event that the client has seen.
        """
        if id == EARLIEST:
            self._begin_at_oldest()
        elif (position := await self._wait(self._history.log.find(id))) is not None:
            self.cursor = position
        else:
            await self._from_unknown(id)
        await self.from_cursor()

    async def from_last(self, count: int) -> None:
        """
        Catch up from so many of those events that the subscriber sees before the newest.
        """
        self._begin_at_oldest()
        last: deque[Entry] = deque(maxlen=count)
        await self._read_all(last)
        await self._write_all(last)
        await self.from_cursor()

    async def from_cursor(self) -> None:
        """
        Catch up from where it is.
        """
        while True:
            await self._write(Frames(b""))  # wait until there is room
            if self.is_at_live_end:
                return
            if self._history.is_digest:
                newest = _Newest()
                await self._read_all(newest)
                await self._write_all(newest)
            elif (seen := await self._read()) is None:
                await self._fall_off()
            else:
                await self._write_all(seen)
            if not self.is_at_live_end:
                await self._next_turn()

    # What it is told meanwhile

    def change_view(self, view: View) -> None:
        """
        What is published from now on is seen so; what was published before, as before.
        """
        self._former.append((self._history.live.head, self._view))
        self._view = view

    def has_room(self) -> None:
        """
        The connection has taken all.
        """
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)

    def end(self) -> None:
        """
        The subscriber has gone.
        """
        self._is_over = True
        if self._waits_for is not None:
            self._waits_for.cancel()

    # Inside

    async def _from_unknown(self, id: str) -> None:
        is_all = self._history.rules.unknown_cursor is UnknownCursor.ALL
        position = self._history.log.oldest - 1 if is_all else self._history.live.head
        await self._write(self._history.gap(id, position))
        self.cursor = position

    async def _read_all(self, collected: "deque[Entry] | _Newest") -> None:
        """
        Collect what the subscriber sees, a piece in each turn, up to the live end or to a gap: that
        is told of when what comes before it has been written.
        """
        has_read = False
        while not self.is_at_live_end:
            seen = await self._read()
            if seen is not None:
                for entry in seen:
                    collected.append(entry)
            elif has_read and not self._takes_what_is_left:
                return
            else:
                collected.clear()
                await self._fall_off()
            has_read = True
            if not self.is_at_live_end:
                await self._next_turn()

    async def _read(self) -> Sequence[Entry] | None:
        """
        Read the next piece.

        :returns: What of it the subscriber sees; ``None`` if the log no longer holds what comes
            after the cursor.
        """
        entries = await self._wait(self._history.log.read(self.cursor, PIECE))
        if not entries or entries[0].position > self.cursor + 1:
            return None
        head = self._history.live.head
        self.cursor = min(entries[-1].position, head)
        if entries[-1].position > head:  # it will be published in a moment
            entries = [entry for entry in entries if entry.position <= head]
        shown: list[Entry] = []
        while self._former:
            until, view = self._former[0]
            before = [entry for entry in entries if entry.position <= until]
            shown += view.select(before)
            entries = entries[len(before) :]
            if self.cursor < until:
                return shown
            del self._former[0]
        return [*shown, *self._view.select(entries)] if shown else self._view.select(entries)

    def _begin_at_oldest(self) -> None:
        self.cursor = self._history.log.oldest - 1
        self._takes_what_is_left = True

    async def _fall_off(self) -> None:
        """
        The log no longer holds what comes after the cursor.
        """
        log, head = self._history.log, self._history.live.head
        if self._takes_what_is_left:
            self.cursor = min(log.oldest - 1, head)
            return
        asked = render_id(log.epoch, self.cursor)
        when_behind = self._history.rules.when_behind
        if when_behind is WhenBehind.DISCONNECT:
            self._outlet.end(EndReason.FELL_BEHIND)
        elif when_behind is WhenBehind.SKIP:
            self.cursor = head
        else:
            self.cursor = min(log.oldest - 1, head)
        await self._write(self._history.gap(asked, self.cursor))

    async def _write_all(self, entries: Iterable[Entry]) -> None:
        """
        Write events, as many at a time as make a piece.
        """
        piece: list[bytes] = []
        size = 0
        for entry in entries:
            if piece and size + len(entry.frames) > PIECE:
                await self._write(Frames.joined(piece))
                await self._next_turn()
                piece, size = [], 0
            piece.append(entry.frames)
            size += len(entry.frames)
        if piece:
            await self._write(Frames.joined(piece))

    async def _write(self, frames: Frames) -> None:
        """
        Write, and wait until the connection has taken it.
        """
        self._check()
        if frames.data:
            self._takes_what_is_left = False
        is_taken = self._outlet.write(frames) if frames.data else not self._outlet.is_behind
        if not is_taken:
            self._room = Deferred()
            await self._wait(self._room)

    async def _next_turn(self) -> None:
        """
        Let others have their turn: a long history must not keep the reactor for itself.
        """
        await self._wait(deferLater(self._history.clock, 0))

    async def _wait(self, result: Deferred[_T]) -> _T:
        self._check()
        self._waits_for = result
        try:
            return await result
        finally:
            self._waits_for = None

    def _check(self) -> None:
        if self._is_over:
            raise CancelledError


class _Newest:
    """
    The newest event of each topic, in the order of publishing.
    """

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def append(self, entry: Entry) -> None:
        self._entries.pop(entry.topics[0], None)  # so that it becomes the last of all
        self._entries[entry.topics[0]] = entry

    def clear(self) -> None:
        self._entries.clear()

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())
