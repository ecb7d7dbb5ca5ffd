"""
Several who wait for one thing.
"""

from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

_T = TypeVar("_T")


class Waiters(Generic[_T]):
    """
    Each gets a Deferred of its own, so that cancelling one disturbs nobody else.
    """

    def __init__(self) -> None:
        self._waiting: list[Deferred[_T]] = []

    def wait(self) -> "Deferred[_T]":
        """
        Return a Deferred; cancelling it only ends its waiting.
        """
        waiting: Deferred[_T] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def fire(self, result: _T) -> None:
        """
        Give all who wait by now what they wait for.
        """
        while self._waiting:
            self._waiting.pop(0).callback(result)

    def fail(self, problem: Exception) -> None:
        """
        Disappoint all who wait by now.
        """
        while self._waiting:
            self._waiting.pop(0).errback(Failure(problem))
