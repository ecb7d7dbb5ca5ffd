"""
Time until the next attempt: how long it is, and its passing.  Chance and time come in.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.internet.interfaces import IDelayedCall, IReactorTime


@dataclass(frozen=True, slots=True)
class Backoff:
    """
    How attempts that fail one after the other are spread.

    :ivar first: Seconds before the second attempt, at most; twice as many before the third, and so
        on.  How many exactly is chance ("full jitter"), so that the clients of a server that was
        restarted do not all come back at once.
    :ivar ceiling: Seconds that this comes to at most.
    :ivar healthy_after: After so many seconds of an open stream the failures before it are
        forgotten.
    :ivar max_server_delay: Seconds that a server can make it wait at most, by ``retry:`` or
        ``Retry-After``.  It waits these, and the jitter in addition.

    :raises ValueError: If one is negative.
    """

    first: float = 1.0
    ceiling: float = 30.0
    healthy_after: float = 60.0
    max_server_delay: float = 3600.0

    def __post_init__(self) -> None:
        for name in ("first", "ceiling", "healthy_after", "max_server_delay"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be a number of seconds, 0 or more")

    def delay(self, failures: int, asked: float, jitter: Callable[[], float]) -> float:
        """
        Return how many seconds to wait.

        :param failures: How many attempts have failed in a row, or did not last; 1 or more.
        :param asked: Seconds that the server asked for.
        :param jitter: Returns a number from 0 to 1, as ``random.random`` does.
        """
        # 2**64 s are longer than any ceiling, and failures may be more than a float can hold.
        spread = min(self.ceiling, self.first * 2.0 ** min(failures - 1, 64))
        return min(asked, self.max_server_delay) + jitter() * spread


def check_backoff(backoff: object) -> None:
    """
    Check what is given as one.

    :raises TypeError: If it is none, but a number, say.
    """
    if not isinstance(backoff, Backoff):
        raise TypeError(f"backoff must be a Backoff, not {type(backoff).__name__}")


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
