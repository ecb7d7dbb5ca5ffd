"""
Reading a log forward for one subscriber: piece by piece, each in its own turn of the reactor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred

from ..log import Entry
from ..matching import Steps
from ._outlet import PIECE
from ._replay import ReplayContext
from ._turns import MAX_TURN
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
    :ivar optional_until: If the log forgets events up to this position before they are read, the
        client misses nothing, because it asked for whatever is kept; otherwise ``None``.
    :ivar is_cancelled: True after :meth:`cancel`.
    """

    __slots__ = ("_awaited", "_context", "is_cancelled", "optional_until", "position")

    def __init__(self, context: ReplayContext, position: int) -> None:
        self.position = position
        self.optional_until: int | None = None
        self.is_cancelled = False
        self._context = context
        self._awaited: Deferred[Any] | None = None

    @property
    def is_at_live_end(self) -> bool:
        return self.position >= self._context.live.head

    def begin_at_oldest(self) -> None:
        self.position = self._context.log.oldest - 1
        self.optional_until = self._context.live.head

    async def read(self, until: int | None = None) -> Sequence[Entry] | Gap:
        """
        Read the next piece, at most up to a position; by default, up to the live end.

        :returns: The entries, after which the position has moved; or the gap, at which it stays.
        """
        context = self._context
        entries = await self.wait(context.log.read(self.position, PIECE))
        head = context.live.head
        if not entries or entries[0].position > self.position + 1:
            last = min(context.log.oldest - 1, head)
            is_optional = self.optional_until is not None and last <= self.optional_until
            return Gap(last, is_optional)
        until = head if until is None else until  # events beyond it will be live
        self.position = min(entries[-1].position, until)
        if entries[-1].position > until:
            entries = [entry for entry in entries if entry.position <= until]
        return entries

    async def read_seen(self, views: ViewHistory) -> Sequence[Entry] | Gap:
        """
        Read the next piece, and leave out the events that the subscriber does not see.  It may take
        several turns of the reactor to match them.
        """
        entries = await self.read()
        if isinstance(entries, Gap):
            return entries
        seen: list[Entry] = []
        for view, part in views.split(entries):
            seen += await self._do(view.selecting(part))
        return seen

    async def _do(self, steps: Steps[_T]) -> _T:
        seconds = self._context.clock.seconds
        until = seconds() + MAX_TURN
        while True:
            try:
                next(steps)
            except StopIteration as end:
                result: _T = end.value
                return result
            if seconds() >= until:
                await self._next_turn()
                until = seconds() + MAX_TURN

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
