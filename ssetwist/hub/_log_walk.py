"""
Reading a log forward for one subscriber: piece by piece, each in its own turn of the reactor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred

from ..errors import LogUnavailable
from ..log import Entry
from ..matching import Steps
from ._outlet import PIECE
from ._replay import ReplayContext
from ._view import ViewHistory

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Gap:
    """
    Events that the log has forgotten before a walk has read them.

    :ivar until: The position of the last of them.
    :ivar is_optional: True if the client misses nothing (:attr:`LogWalk.optional_until`).
    """

    until: int
    is_optional: bool


class LogWalk:
    """
    A position in the log that moves forward to the live end.  A walk can be cancelled at any
    moment, also while its coroutine runs: every wait then raises ``CancelledError``.

    :ivar position: The position up to which everything has been read.
    :ivar has_missed: True if the log has forgotten announcements that the subscriber may see, and
        nobody has told it about them.
    :ivar excused_until: Announcements up to this position are forgotten, and the client either has
        been told or need not be.
    :ivar optional_until: If the log forgets events up to this position before they are read, the
        client misses nothing, because it asked for whatever is kept; otherwise ``None``.
    :ivar is_cancelled: True after :meth:`cancel`.
    """

    __slots__ = (
        "_awaited",
        "_context",
        "excused_until",
        "has_missed",
        "is_cancelled",
        "optional_until",
        "position",
    )

    def __init__(self, context: ReplayContext, position: int) -> None:
        self.position = position
        self.optional_until: int | None = None
        self.excused_until = 0
        self.has_missed = False
        self.is_cancelled = False
        self._context = context
        self._awaited: Deferred[Any] | None = None

    @property
    def is_at_live_end(self) -> bool:
        return self.position >= self._context.live.head

    def begin_at_oldest(self) -> None:
        self.position = self._context.log.oldest - 1
        self.optional_until = self._context.live.head
        self.excuse()

    def excuse(self) -> None:
        """
        Excuse what has been forgotten of announcements until now.
        """
        self.excused_until = self._context.log.oldest_announcement - 1
        self.has_missed = False

    async def read(self, until: int | None = None) -> Sequence[Entry] | Gap:
        """
        Read the next piece, at most up to a position; by default, up to the live end.

        :returns: The entries, after which the position has moved; or the gap, at which it stays.
            Forgotten announcements are not a gap: the position moves past them.
        :raises LogUnavailable: If the log does not answer in time, or with nothing that leads on.
        """
        context, log = self._context, self._context.log
        head = context.live.head
        entries = await self.wait(context.timed_log.read(self.position, PIECE))
        if not entries or entries[0].position > self.position + 1:
            if (oldest := log.oldest) > self.position + 1:
                last = min(oldest - 1, context.live.head)
                is_optional = self.optional_until is not None and last <= self.optional_until
                return Gap(last, is_optional)
            if not entries and log.oldest_announcement <= head:
                raise self._stuck()
        if entries and entries[0].position <= self.position:
            raise self._stuck()
        until = (context.live.head if entries else head) if until is None else until
        self.position = min(entries[-1].position if entries else head, until)
        if entries and entries[-1].position > until:  # they will be live
            entries = [entry for entry in entries if entry.position <= until]
        return entries

    def _stuck(self) -> LogUnavailable:
        # Asking again and again would keep the process busy for nothing.
        log, after = self._context.log, self.position
        return LogUnavailable(
            f"the event log gave nothing that follows position {after}, though it has {log.oldest} "
            f"to {log.head}",
            retry_after=0.0,
        )

    async def read_seen(self, views: ViewHistory) -> Sequence[Entry] | Gap:
        """
        Read the next piece, and leave out the events that the subscriber does not see.  It may take
        several turns of the reactor to match them.
        """
        after = self.position
        entries = await self.read()
        if isinstance(entries, Gap):
            return entries
        self._look_for_missed(entries, after, views)
        return await self._do(views.selecting(entries))

    def _look_for_missed(self, entries: Sequence[Entry], after: int, views: ViewHistory) -> None:
        """
        Look for announcements that are missing in a piece.
        """
        if len(entries) == self.position - after:
            return
        missing = self.position  # the last one that is missing
        for entry in reversed(entries):
            if entry.position != missing:
                break
            missing -= 1
        after = max(after, self.excused_until)
        if missing > after and views.may_show_announcements(after, missing):
            self.has_missed = True

    async def _do(self, steps: Steps[_T]) -> _T:
        doing = Deferred.fromCoroutine(self._context.turns.do(steps))
        if not self.is_cancelled:
            return await self.wait(doing)
        doing.cancel()  # a filter has ended the subscriber
        return await doing

    async def rest(self) -> None:
        """
        Wait for the next turn of the reactor, if there is more to read: a long history must not
        keep the reactor to itself.
        """
        if not self.is_at_live_end:
            await self._next_turn()

    async def wait(self, result: Deferred[_T]) -> _T:
        if self.is_cancelled:
            raise CancelledError
        self._awaited = result
        try:
            return await result
        finally:
            self._awaited = None

    async def _next_turn(self) -> None:
        if self.is_cancelled:  # so that no timer is left
            raise CancelledError
        await self.wait(self._context.turns.next())

    def cancel(self) -> None:
        self.is_cancelled = True
        if self._awaited is not None:
            self._awaited.cancel()
