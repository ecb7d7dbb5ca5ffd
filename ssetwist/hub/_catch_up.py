"""
Catching up: from a subscriber's position in the log to the live end.

A replay after ``Last-Event-ID`` and the events missed while a connection was behind are sent in the
same way: read from the log, as fast as the connection takes them, until nothing is left.
"""

from collections import deque

from twisted.internet.defer import CancelledError, Deferred

from ..eventstream import EARLIEST
from ..log import render_id
from ._chunk import Chunk
from ._digest import Digest
from ._ends import EndReason
from ._log_walk import Gap, LogWalk
from ._outlet import Outlet
from ._replay import ReplayContext, UnknownCursor, WhenBehind
from ._view import View, ViewHistory


class CatchUp:
    """
    One subscriber's way through the log to the live end.

    While it waits for its client, it holds positions, and only those events that are on their way.

    :param position: The position up to which everything has been written.
    :ivar walk: Its position now, and all its waits.
    """

    __slots__ = ("_context", "_outlet", "_room", "_views", "walk")

    def __init__(self, context: ReplayContext, outlet: Outlet, view: View, position: int) -> None:
        self._context = context
        self._outlet = outlet
        self._views = ViewHistory(view)
        self.walk = LogWalk(context, position)
        self._room: Deferred[None] | None = None

    def run(self, after: str | None = None, last: int = 0) -> Deferred[None]:
        """
        Write everything to the live end; by default, from the present position.  Call it once.

        :param after: The id of the event after which to begin, as the client has sent it.
        :param last: Without an id, the number of newest events to begin with, of those that the
            subscriber sees.
        :returns: A Deferred that fires at the live end.  It fails with ``CancelledError`` after
            :meth:`end`, or with an exception of the log or the outlet.
        """
        return Deferred.fromCoroutine(self._run(after, last))

    def change_view(self, view: View) -> None:
        self._views.change(view, self._context.live.head)

    def has_room(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)

    def end(self) -> None:
        self.walk.cancel()

    # Inside

    async def _run(self, after: str | None, last: int) -> None:
        whole_until = 0  # up to there, a digest must not leave anything out
        if after is not None:
            await self._begin_after(after)
        elif last:
            whole_until = await self._begin_at_last(last)
        walk, views = self.walk, self._views
        is_digest = self._context.policy.when_behind is WhenBehind.LATEST
        digest = Digest(walk, views) if is_digest else None
        while True:
            if walk.is_cancelled or self._outlet.is_behind:
                await self._wait_for_room()
            if views.earlier:
                views.forget(walk.position)
            if walk.is_at_live_end:
                return
            before = walk.position
            if digest is None or walk.position < whole_until:
                found = await walk.read_seen(views)
            else:
                found = await digest.read()
            await self._tell_missed(before)
            if isinstance(found, Gap):
                await self._pass(found)
            elif found:
                await self._write(Chunk.joined([entry.encoded for entry in found]))
            await walk.rest()

    async def _begin_after(self, id: str) -> None:
        context, walk = self._context, self.walk
        if id == EARLIEST:
            walk.begin_at_oldest()
        elif (position := await walk.wait(context.timed_log.find(id))) is not None:
            walk.position = position
            if position > context.live.head:  # the client has seen it at another hub
                await walk.wait(context.timed_log.follow_up(context.live.when_at(position)))
        else:
            is_all = context.policy.unknown_cursor is UnknownCursor.ALL
            position = context.log.oldest - 1 if is_all else context.live.head
            await self._tell_gap(id, position)
            walk.position = position

    async def _begin_at_last(self, count: int) -> int:
        """
        Read up to the live end to find the last ``count`` events that the subscriber sees, and move
        to the first of them.

        :returns: The position of the last of these events.
        """
        walk = self.walk
        walk.begin_at_oldest()
        is_digest = self._context.policy.when_behind is WhenBehind.LATEST
        last: deque[int] = deque(maxlen=count)
        while not walk.is_at_live_end:
            seen = await walk.read_seen(self._views)
            if isinstance(seen, Gap):
                last.clear()
                if await self._pass(seen) and not is_digest:
                    break  # everything after the gap is promised, and not only the last events
            else:
                last.extend(entry.position for entry in seen)
            await walk.rest()
        until = walk.position
        if last:
            walk.position = last[0] - 1
        await self._tell_missed(walk.position)
        return until

    async def _tell_missed(self, position: int) -> None:
        """
        Tell about announcements that the log has forgotten after a position, if there are any.  No
        other event is missing, so the stream goes on there.
        """
        if self.walk.has_missed:
            await self._tell_gap(render_id(self._context.log.epoch, position), position)

    async def _pass(self, gap: Gap) -> bool:
        """
        Go on after a gap, as the hub's policy says.

        :returns: True if the subscriber has missed something, and has been told about the gap.
        """
        context, walk = self._context, self.walk
        if gap.is_optional:
            walk.position = gap.until
            return False
        when_behind = context.policy.when_behind
        if when_behind is WhenBehind.DISCONNECT:
            self._outlet.end(EndReason.FELL_BEHIND)
        asked = render_id(context.log.epoch, walk.position)
        walk.position = gap.until if when_behind is WhenBehind.LATEST else context.live.head
        await self._tell_gap(asked, walk.position)
        return True

    async def _tell_gap(self, asked: str, resume_after: int) -> None:
        self.walk.excuse()
        chunk = self._context.gap(asked, resume_after)
        if chunk.data:
            await self._write(chunk)

    async def _write(self, chunk: Chunk) -> None:
        if self.walk.is_cancelled:
            raise CancelledError
        self.walk.optional_until = None  # a client that has been sent something wants what follows
        if not self._outlet.write(chunk):
            await self._wait_for_room()

    async def _wait_for_room(self) -> None:
        self._room = Deferred()
        await self.walk.wait(self._room)
