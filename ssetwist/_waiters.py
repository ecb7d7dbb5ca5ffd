"""
Several Deferreds for one occasion; a leaf that every package may import.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

_T = TypeVar("_T")


class Waiters(Generic[_T]):
    """
    Deferreds of several callers for one occasion.  Cancelling one does not disturb the others, not
    even from within a callback.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[Deferred[_T]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def wait(self) -> "Deferred[_T]":
        """
        Return a new Deferred; cancelling it only ends its waiting.
        """
        waiting: Deferred[_T] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def fire(self, result: _T | Failure) -> None:
        """
        Fire all waiting Deferreds, the oldest first.  A Deferred that is created in one of their
        callbacks waits for the next occasion.
        """
        for one in self.take():
            one.callback(result)

    def take(self) -> "Iterator[Deferred[_T]]":
        """
        Return an iterator over all Deferreds that wait now, the oldest first.  The caller fires
        each, in as many turns as it likes; one that is cancelled before is left out.
        """
        waiting, self._waiting = self._waiting, []
        return iter(lambda: waiting.pop(0) if waiting else None, None)

    def fail(self, problem: Exception) -> None:
        self.fire(Failure(problem))
