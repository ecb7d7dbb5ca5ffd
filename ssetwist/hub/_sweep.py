"""
One thing done with each of many objects, such as the streams of a server.
"""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

_T = TypeVar("_T")

#: Seconds of each turn of the reactor that a sweep takes, and one call.
MAX_SWEEP = 0.003


class Sweep(Generic[_T]):
    """
    A call with each of many objects, in as many turns of the reactor as that takes.  It begins with
    :meth:`start`, and does not wait behind other work.

    :param act: The call.  It must not raise an exception.
    :ivar is_over: True when nothing is left to do.
    """

    def __init__(
        self, clock: IReactorTime, some: Iterable[_T], act: Callable[[_T], object]
    ) -> None:
        self.is_over = False
        self._clock = clock
        self._some = iter(some)
        self._act = act
        self._soon: IDelayedCall | None = None

    def start(self) -> None:
        self._soon = None
        until = self._clock.seconds() + MAX_SWEEP
        for one in self._some:
            self._act(one)
            if self.is_over:  # the call has stopped it
                return
            if self._clock.seconds() >= until:
                self._soon = self._clock.callLater(0, self.start)
                return
        self.is_over = True

    def stop(self) -> None:
        """
        Leave the rest out.
        """
        self.is_over = True
        soon, self._soon = self._soon, None
        if soon is not None:
            soon.cancel()
