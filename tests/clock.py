"""
The clock of the tests.
"""

from typing import Any

from twisted.internet import task
from twisted.internet.interfaces import IDelayedCall


class Clock(task.Clock):
    """
    A clock that refuses a time in the past, as a reactor does; Twisted's own takes it.
    """

    def callLater(self, delay: float, *call: Any, **options: Any) -> IDelayedCall:
        assert delay >= 0, f"{delay} s from now is in the past"
        return super().callLater(delay, *call, **options)


class TwoClocks(Clock):
    """
    A steady clock, and a time of day that somebody sets.
    """

    def __init__(self, date: float = 1e9) -> None:
        super().__init__()
        self._offset = date

    def now(self) -> float:
        """
        Return the date, in seconds since 1970.
        """
        return self._offset + self.seconds()

    def step(self, seconds: float) -> None:
        """
        Set the time of day forward, or back.
        """
        self._offset += seconds
