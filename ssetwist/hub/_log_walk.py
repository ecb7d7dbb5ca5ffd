"""
Reading a log forward for one subscriber: piece by piece, each in its own turn of the reactor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from ..log import Entry
from ._outlet import PIECE
from ._replay import ReplayContext
from ._view import ViewHistory

_T = TypeVar("_T")

#: Seconds after which matching the events of one piece lets the reactor do something else: a
#: thousand small events times a hundred patterns take half a second.
MAX_LOOK = 0.005

#: Events that are matched between two looks at the clock, if their topics are only looked up.  That
#: takes at most 20 us for an event with a thousand topics; patterns and filters may take far longer.
_QUICK_BATCH = 256


class Task:
    """
    A coroutine that can be cancelled at any moment, also while it runs: its next wait then raises
    ``CancelledError``.  (The Deferred of a coroutine can be cancelled only while it waits.)

    :ivar is_cancelled: True after :meth:`cancel`.
    """

    __slots__ = ("_awaited", "clock", "is_cancelled")

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock
        self.is_cancelled = False
        self._awaited: Deferred[Any] | None = None

    async def wait(self, result: Deferred[_T]) -> _T:
        """
        Wait for a Deferred, which is cancelled together with the task.
        """
        if self.is_cancelled:
            raise CancelledError
        self._awaited = result
        try:
            return await result
        finally:
            self._awaited = None

    async def next_turn(self) -> None:
        """
        Wait for the next turn of the reactor: a long history must not keep the reactor to itself.
        """
        if self.is_cancelled:  # before there is a timer
            raise CancelledError
        await self.wait(deferLater(self.clock, 0))

    def cancel(self) -> None:
        """
        Cancel the Deferred that the task waits for, and every later wait.
        """
        self.is_cancelled = True
        if self._awaited is not None:
            self._awaited.cancel()


@dataclass(frozen=True, slots=True)
class Gap:
    """
    Events that the log has forgotten before they were read.

    :ivar after: The position before the first of them.
    :ivar until: The position of the last of them.
    :ivar is_optional: True if the client misses nothing (:attr:`LogWalk.optional_until`).
    """

    after: int
    until: int
    is_optional: bool


class LogWalk:
    """
    A position in the log that moves forward to the live end.

    :ivar position: The position up to which everything has been read.
    :ivar optional_until: If the log forgets events up to this position before they are read, the
        client misses nothing, because it asked for whatever is kept.  ``None`` if it would.
    """

    __slots__ = ("_context", "_task", "optional_until", "position")

    def __init__(self, context: ReplayContext, task: Task, position: int) -> None:
        self.position = position
        self.optional_until: int | None = None
        self._context = context
        self._task = task

    @property
    def is_at_live_end(self) -> bool:
        """
        True if there is nothing left to read.
        """
        return self.position >= self._context.live.head

    def begin_at_oldest(self) -> None:
        """
        Move to the oldest event that is kept.
        """
        self.position = self._context.log.oldest - 1
        self.optional_until = self._context.live.head

    async def read(self, until: int | None = None) -> Sequence[Entry] | Gap:
        """
        Read the next piece, at most up to a position; by default, up to the live end.

        :returns: The entries, after which the position has moved; or the gap, at which it stays.
        """
        context = self._context
        entries = await self._task.wait(context.log.read(self.position, PIECE))
        head = context.live.head
        if not entries or entries[0].position > self.position + 1:
            last = min(context.log.oldest - 1, head)
            is_optional = self.optional_until is not None and last <= self.optional_until
            return Gap(self.position, last, is_optional)
        until = head if until is None else until  # what is beyond the live end comes in a moment
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
        seconds = self._task.clock.seconds
        until = seconds() + MAX_LOOK
        seen: list[Entry] = []
        for view, part in views.split(entries):
            batch = _QUICK_BATCH if view.is_quick else 1
            for begin in range(0, len(part), batch):
                if seconds() > until:
                    await self._task.next_turn()
                    until = seconds() + MAX_LOOK
                seen += view.select(part[begin : begin + batch])
        return seen

    async def rest(self) -> None:
        """
        Wait for the next turn of the reactor, if there is more to read.
        """
        if not self.is_at_live_end:
            await self._task.next_turn()
