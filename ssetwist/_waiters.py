"""
Waiters: several Deferreds for one event, on every floor.
"""

from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

_T = TypeVar("_T")


class Waiters(Generic[_T]):
    """
    Those that wait for one thing.  Each gets a Deferred of its own, so that cancelling one disturbs
    nobody else, not even from a callback of another one.
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
        Give what they wait for to all that wait by now, in the order of their coming.  Those that
        begin to wait from within wait for the next time.
        """
        waiting, self._waiting = self._waiting, []
        while waiting:  # one by one: a callback may cancel another one, which removes itself here
            waiting.pop(0).callback(result)

    def fail(self, problem: Exception) -> None:
        """
        Disappoint all that wait by now.
        """
        self.fire(Failure(problem))
