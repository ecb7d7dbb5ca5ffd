"""
One timer for all connections that must do something in time, and not one for each.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

_T = TypeVar("_T")


class Deadlines(Generic[_T]):
    """
    Those who have the same time to do something, each from its own beginning: so the first to
    begin is the first to be late, and to begin or to be done costs an entry in a dict.

    Nobody's being done touches the timer, because almost everybody is done in time: it then finds
    nobody, and rests.

    :param seconds: How long each has.
    :param late: Called with each that is late, once.
    """

    def __init__(self, clock: IReactorTime, seconds: float, late: Callable[[_T], object]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._late = late
        self._until: dict[_T, float] = {}
        self._timer: IDelayedCall | None = None

    def begin(self, one: _T) -> None:
        """
        Give one its time, anew if it has some left.
        """
        self._until.pop(one, None)  # a dict keeps the old place of a key that is set again
        self._until[one] = self._clock.seconds() + self._seconds
        if self._timer is None:
            self._look_after(self._seconds)

    def done(self, one: _T) -> None:
        """
        It is done, or gone.
        """
        self._until.pop(one, None)

    def rest(self) -> None:
        """
        Stop the timer, if nobody is waited for.
        """
        if self._timer is not None and not self._until:
            self._timer.cancel()
            self._timer = None

    def _look_after(self, seconds: float) -> None:
        if self._timer is not None:  # whoever was late has begun anew, and so started it
            self._timer.cancel()
        self._timer = self._clock.callLater(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        while self._until:
            one, until = next(iter(self._until.items()))
            if until > now:
                self._look_after(until - now)
                return
            del self._until[one]
            self._late(one)
