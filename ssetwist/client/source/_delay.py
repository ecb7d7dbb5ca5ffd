"""
Time until the next attempt, as what goes on in a state of an event source.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.internet.interfaces import IDelayedCall, IReactorTime


@dataclass
class Delay:
    """
    Some time until the next attempt, as what goes on in a state of an event source.
    """

    clock: IReactorTime
    seconds: float
    over: Callable[[], object]
    _timer: IDelayedCall | None = field(default=None, init=False)

    def start(self) -> None:
        self._timer = self.clock.callLater(self.seconds, self.over)

    def stop(self) -> None:
        assert self._timer is not None, "it starts when there is a state that holds it"
        self._timer.cancel()
