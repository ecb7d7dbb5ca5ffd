"""
From a subscriber's cursor to the live end.

A replay after ``Last-Event-ID`` and catching up after falling behind are the same: events are read
from the log, as fast as the connection takes them, until there are no more.
"""

from array import array
from collections import deque
from collections.abc import Sequence
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from ..eventstream import EARLIEST
from ..log import Entry, render_id
from ._chunk import Chunk
from ._ends import EndReason
from ._outlet import PIECE, Outlet
from ._replay import ReplayContext, UnknownCursor, WhenBehind
from ._view import View

_T = TypeVar("_T")

#: Seconds after which looking through a piece lets the reactor do something else: a thousand small
#: events times a hundred patterns take half a second.
MAX_LOOK = 0.005


class CatchUp:
    """
    One subscriber's way through the log.  However it is told to begin, it ends at the live end, or
    with ``CancelledError`` when the subscriber has gone.

    While it waits for its client it holds positions, and of the events only the piece that is on
    its way.

    :ivar position: The position up to which everything has been written.
    :ivar is_under_way: Whether one of the coroutines runs; to be set by who runs it.
    """

    __slots__ = (
        "_former", "_is_over", "_may_begin_after", "_outlet", "_replay", "_room",
        "_view", "_waits_for", "is_under_way", "position",
    )  # fmt: skip

    def __init__(self, replay: ReplayContext, outlet: Outlet, view: View, position: int) -> None:
        self.position = position
        self._view = view
        self._replay = replay
        self._outlet = outlet
        #: Views that it had before, each with the last position for which it counts.
        self._former: list[tuple[int, View]] = []
        self._room: Deferred[None] | None = None
        self._waits_for: Deferred[Any] | None = None
        self._is_over = False
        #: Up to which position it is no gap if the log has forgotten what comes after the cursor:
        #: where all that is left was asked for, until something has been written.
        self._may_begin_after = -1
        self.is_under_way = False

    @property
    def is_at_live_end(self) -> bool:
        """
        Whether there is nothing left to read.
        """
        return self.position >= self._replay.live.head

    # Where it begins

    async def from_id(self, id: str) -> None:
        """
        Catch up from an event that the client has seen.
        """
        if id == EARLIEST:
            self._begin_at_oldest()
        elif (position := await self._wait(self._replay.log.find(id))) is not None:
            self.position = position
            if position > self._replay.live.head:  # seen elsewhere, before it has come here
                await self._wait(self._replay.live.when_at(position))
        else:
            is_all = self._replay.policy.unknown_cursor is UnknownCursor.ALL
            position = self._replay.log.oldest - 1 if is_all else self._replay.live.head
            await self._write(self._replay.gap(id, position))
            self.position = position
        await self.from_position()

    async def from_last(self, count: int) -> None:
        """
        Catch up from so many of those events that the subscriber sees before the newest.
        """
        self._begin_at_oldest()
        last = await self._find_last(count)
        until = self.position
        if last:
            self.position = last[0] - 1
        await self.from_position(whole_until=until)

    async def from_position(self, *, whole_until: int = 0) -> None:
        """
        Catch up from where it is.

        :param whole_until: Up to which position every event is wanted, also where otherwise the
            newest of each topic are enough.
        """
        while True:
            await self._wait_for_room()
            self._former = [one for one in self._former if one[0] > self.position]
            if self.is_at_live_end:
                return
            if self._is_digest and self.position >= whole_until:
                await self._write_newest()
            elif (entries := await self._read()) is None:
                await self._fall_off()
            else:
                await self._write_all(await self._seen_of(entries))
            if not self.is_at_live_end:
                await self._next_turn()

    # What it is told meanwhile

    def change_view(self, view: View) -> None:
        """
        What is published from now on is seen so; what was published before, as before.
        """
        self._former.append((self._replay.live.head, self._view))
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

    @property
    def _is_digest(self) -> bool:
        """
        If true, send the newest event of each topic and leave the older ones out.
        """
        return self._replay.policy.when_behind is WhenBehind.LATEST

    async def _find_last(self, count: int) -> deque[int]:
        """
        Read up to the live end, and return the positions of the last so many that are seen.
        """
        last: deque[int] = deque(maxlen=count)
        while not self.is_at_live_end:
            entries = await self._read()
            if entries is None:
                last.clear()
                if await self._fall_off() and not self._is_digest:
                    break  # all that comes after the gap is promised, not only the last of it
            else:
                last.extend(entry.position for entry in await self._seen_of(entries))
            if not self.is_at_live_end:
                await self._next_turn()
        return last

    async def _find_newest(self) -> Sequence[int]:
        """
        Read up to the live end, or to a gap, and return the positions of the newest of each topic.
        """
        newest: dict[str, int] = {}
        while not self.is_at_live_end and (entries := await self._read()) is not None:
            seen = await self._seen_of(entries)
            newest.update((entry.topics[0], entry.position) for entry in seen)
            if not self.is_at_live_end:
                await self._next_turn()
        return array("q", sorted(newest.values()))

    async def _write_newest(self) -> None:
        """
        Write the newest event of each topic between the cursor and the live end.

        They are found in a first reading, and written in a second one, as fast as the client takes
        them.
        """
        begin = self.position
        newest = await self._find_newest()
        until, self.position = self.position, begin
        written = 0
        while self.position < until:
            entries = await self._read(until)
            if entries is None:
                await self._fall_off()
                return
            chosen = []
            for entry in entries:
                if written < len(newest) and entry.position == newest[written]:
                    chosen.append(entry)
                    written += 1
            await self._write_all(chosen)
            if self.position < until:
                await self._next_turn()
        if begin == until:  # not even the first piece was left
            await self._fall_off()

    async def _read(self, until: int | None = None) -> Sequence[Entry] | None:
        """
        Read the next piece, up to a position; up to the live end, if none is given.

        :returns: ``None`` if the log no longer holds what comes after the cursor.
        """
        entries = await self._wait(self._replay.log.read(self.position, PIECE))
        if not entries or entries[0].position > self.position + 1:
            return None
        # What lies beyond the live end will be published in a moment.
        until = self._replay.live.head if until is None else until
        self.position = min(entries[-1].position, until)
        if entries[-1].position > until:
            entries = [entry for entry in entries if entry.position <= until]
        return entries

    async def _seen_of(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """
        Return those that the subscriber sees, or saw when they were published.
        """
        # Settled first: the view may be changed while others have their turn.
        parts: list[tuple[View, Sequence[Entry]]] = []
        for until, view in self._former:
            before = [entry for entry in entries if entry.position <= until]
            parts.append((view, before))
            entries = entries[len(before) :]
        parts.append((self._view, entries))
        seen: list[Entry] = []
        for view, part in parts:
            if view.is_quick:
                seen += view.select(part)
            else:
                await self._look_through(part, view, seen)
        return seen

    async def _look_through(self, entries: Sequence[Entry], view: View, seen: list[Entry]) -> None:
        """
        Add those that are seen, a few at a time.
        """
        seconds = self._replay.clock.seconds
        until = seconds() + MAX_LOOK
        for entry in entries:
            if seconds() > until:
                await self._next_turn()
                until = seconds() + MAX_LOOK
            if view.shows(entry):
                seen.append(entry)

    def _begin_at_oldest(self) -> None:
        self.position = self._replay.log.oldest - 1
        self._may_begin_after = self._replay.live.head

    async def _fall_off(self) -> bool:
        """
        Go on where the log does: it no longer holds what comes after the position.

        :returns: Whether the subscriber has missed something, and has been told of the gap.
        """
        log, head = self._replay.log, self._replay.live.head
        left = min(log.oldest - 1, head)
        if left <= self._may_begin_after:
            self.position = left
            return False
        asked = render_id(log.epoch, self.position)
        when_behind = self._replay.policy.when_behind
        if when_behind is WhenBehind.DISCONNECT:
            self._outlet.end(EndReason.FELL_BEHIND)
        self.position = left if when_behind is WhenBehind.LATEST else head
        await self._write(self._replay.gap(asked, self.position))
        return True

    async def _write_all(self, entries: Sequence[Entry]) -> None:
        """
        Write events, a piece of them at most.
        """
        if entries:
            await self._write(Chunk.joined([entry.encoded for entry in entries]))

    async def _write(self, chunk: Chunk) -> None:
        """
        Write, and wait until the connection has taken it.
        """
        self._check()
        if not chunk.data:
            await self._wait_for_room()
            return
        self._may_begin_after = -1
        if not self._outlet.write(chunk):
            self._room = Deferred()
            await self._wait(self._room)

    async def _wait_for_room(self) -> None:
        """
        Wait until the connection has taken all that was written.
        """
        self._check()
        if self._outlet.is_behind:
            self._room = Deferred()
            await self._wait(self._room)

    async def _next_turn(self) -> None:
        """
        Let others have their turn: a long history must not keep the reactor for itself.
        """
        await self._wait(deferLater(self._replay.clock, 0))

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
