"""
Waiters: several Deferreds for one event; a leaf that every package may import.
"""

from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

_T = TypeVar("_T")


class Waiters(Generic[_T]):
    """
    Several that wait for one thing.  Each gets a Deferred of its own, so that cancelling one
    disturbs no other, not even from within a callback.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[Deferred[_T]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def wait(self) -> "Deferred[_T]":
        """
        Return a Deferred; cancelling it only ends its waiting.
        """
        waiting: Deferred[_T] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def fire(self, result: _T | Failure) -> None:
        """
        Fire all Deferreds that wait by now, the oldest first.  A Deferred that is returned from
        within a callback waits for the next time.

        :param result: May be a ``Failure``.
        """
        waiting, self._waiting = self._waiting, []
        while waiting:  # one by one: a callback may cancel another one, which removes itself here
            waiting.pop(0).callback(result)

    def fail(self, problem: Exception) -> None:
        """
        Fail all Deferreds that wait by now.
        """
        self.fire(Failure(problem))
