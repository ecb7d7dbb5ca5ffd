"""
Decision after a failure: the delay before another attempt, or the end.  Time and chance are passed
in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import random

from twisted.logger import Logger

from ...errors import Disconnected, HeadersUnavailable, NotAnEventStream, SSETwistError
from ..http import shown
from ._retry_after import retry_after

_log = Logger()


@dataclass(frozen=True, slots=True)
class Backoff:
    """
    Delays between attempts that fail in a row.

    :ivar first: Longest delay before the second attempt, in seconds.  The longest delay doubles
        with each further attempt.  The delay itself is a random part of that ("full jitter"), so
        that the clients of a restarted server do not all come back at once.
    :ivar ceiling: Limit of the longest delay, in seconds.
    :ivar healthy_after: Seconds of an open stream after which earlier failures are forgotten.
    :ivar max_server_delay: Longest delay that a server can ask for with ``retry:`` or
        ``Retry-After``, in seconds.  The random delay is added to it.

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
        Return the seconds until the next attempt.

        :param failures: Number of failures in a row; 1 or more.
        :param asked: Seconds that the server asked for.
        :param jitter: Returns a number from 0 to 1, as ``random.random`` does.  If it fails, or
            returns anything else, this is logged, and a random number takes its place.
        """
        # 2**64 s exceed any ceiling, and a float cannot hold 2.0 to every power.
        spread = min(self.ceiling, self.first * 2.0 ** min(failures - 1, 64))
        return min(asked, self.max_server_delay) + _part(jitter) * spread


def _part(jitter: Callable[[], float]) -> float:
    # An application's mistake must not leave a source that never connects again.
    try:
        if 0 <= (part := jitter()) <= 1:
            return part
        raise ValueError(f"jitter must return a number from 0 to 1, not {part!r}")
    except BaseException:
        _log.failure("jitter failed")
        return random()


def check_backoff(backoff: object) -> None:
    """
    Check the type of a ``backoff`` option.

    :raises TypeError: If it is not a :class:`Backoff` but, for example, a number.
    """
    if not isinstance(backoff, Backoff):
        raise TypeError(f"backoff must be a Backoff, not {type(backoff).__name__}")


def is_temporary(status: int) -> bool:
    """
    Return true if a server may answer differently later: 429 and 5xx.
    """
    return status == 429 or 500 <= status <= 599


def is_worth_another_try(problem: SSETwistError) -> bool:
    """
    Return true if a later attempt may succeed: after a network failure or a temporary status.

    :class:`ssetwist.errors.HeadersUnavailable` counts as a network failure: most fresh headers come
    from a server.
    """
    if isinstance(problem, NotAnEventStream):
        return is_temporary(problem.status)
    return isinstance(problem, Disconnected | HeadersUnavailable)


@dataclass(frozen=True, slots=True)
class Interruption:
    """
    Failure that is followed by another attempt.

    :ivar problem: The failure.
    :ivar failures: Number of failures in a row, including this one.
    :ivar delay: Seconds until the next attempt.
    """

    problem: SSETwistError
    failures: int
    delay: float


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """
    Rule that turns a number of failures into a delay.  The caller counts the failures.

    :ivar url: URL of the event source, for the log.
    :ivar policy: Returns true if a failure is worth another try.  An exception is logged and counts
        as false.
    :ivar jitter: Returns a number from 0 to 1, a different one each time.
    """

    url: str
    backoff: Backoff
    policy: Callable[[SSETwistError], bool]
    jitter: Callable[[], float]

    def was_healthy(self, problem: SSETwistError, *, lasted: float, has_delivered: bool) -> bool:
        """
        Return true if a stream was healthy, so that earlier failures are forgotten.

        :param problem: Reason why it ended.
        :param lasted: Seconds that it was open.
        :param has_delivered: True if it brought events.
        """
        is_proper = isinstance(problem, Disconnected) and problem.is_clean
        return lasted >= self.backoff.healthy_after or (is_proper and has_delivered)

    def delay(
        self, problem: SSETwistError, failures: int, *, reconnection_time: float | None, now: float
    ) -> float | None:
        """
        Return the seconds until the next attempt; ``None`` if the source ends.

        :param failures: Number of failures in a row, including this one.
        :param reconnection_time: Seconds that the last stream asked for, if it did.
        :param now: Seconds since 1970.
        """
        if not self._is_worth_another_try(problem):
            return None
        asked = None
        if isinstance(problem, NotAnEventStream):
            asked = retry_after(problem.headers, now)
        if asked is None:
            asked = reconnection_time or 0.0
        return self.backoff.delay(failures, asked, self.jitter)

    def _is_worth_another_try(self, problem: SSETwistError) -> bool:
        try:
            return bool(self.policy(problem))
        except BaseException:
            _log.failure("{url}: the policy failed", url=shown(self.url))
            return False
