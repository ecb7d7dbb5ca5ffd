"""
When silence has lasted for too long.
"""

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Silence:
    """
    Calls once when nothing was heard for some time.  To hear something costs no more than a look at
    the clock: the timer finds out by itself how long it has to wait on.

    :param seconds: How long.
    :param call: What to call.
    """

    def __init__(self, clock: IReactorTime, seconds: float, call: Callable[[], object]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._call = call
        self._heard = 0.0
        self._timer: IDelayedCall | None = None

    def begin(self) -> None:
        """
        Listen; also after a :meth:`stop`.
        """
        self.heard()
        if self._timer is None:
            self._timer = self._clock.callLater(self._seconds, self._look)

    def heard(self) -> None:
        """
        Something was heard: the silence begins anew.
        """
        self._heard = self._clock.seconds()

    def stop(self) -> None:
        """
        Listen no more.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        remaining = self._heard + self._seconds - self._clock.seconds()
        if remaining > 0:
            self._timer = self._clock.callLater(remaining, self._look)
        else:
            self._call()
