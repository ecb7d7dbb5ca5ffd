"""
After a failure: another attempt, and in how many seconds, or the end.  Pure: time and chance come
in.
"""

from collections.abc import Callable
from dataclasses import dataclass

from twisted.logger import Logger

from ...errors import Disconnected, NotAnEventStream, SSETwistError
from ..http import shown
from ._delay import Backoff
from ._policy import retry_after

_log = Logger()


@dataclass(frozen=True, slots=True)
class Interruption:
    """
    A failure after which there is another attempt.

    :ivar problem: What happened.
    :ivar failures: How many there were in a row, this one too.
    :ivar delay: Seconds until the next attempt.
    """

    problem: SSETwistError
    failures: int
    delay: float


class Retries:
    """
    Counts the failures of one event source in a row, and decides after each.

    :param url: Of the source, for the log.
    :param backoff: How failures are spread over time.
    :param policy: Tells whether a failure is worth another try.  What it raises is logged, and
        means that it is not.
    :param jitter: Returns a number from 0 to 1, another one each time.
    """

    def __init__(
        self,
        url: str,
        backoff: Backoff,
        policy: Callable[[SSETwistError], bool],
        jitter: Callable[[], float],
    ) -> None:
        self._url = url
        self._backoff = backoff
        self._policy = policy
        self._jitter = jitter
        self._failures = 0

    def see_end(self, problem: SSETwistError, *, lasted: float, has_delivered: bool) -> None:
        """
        See how a stream has ended: after one that was healthy the failures before it are forgotten.

        :param lasted: For how many seconds it was open.
        :param has_delivered: Whether it had events.
        """
        is_proper = isinstance(problem, Disconnected) and problem.is_clean
        if lasted >= self._backoff.healthy_after or (is_proper and has_delivered):
            self._failures = 0

    def after(
        self, problem: SSETwistError, *, reconnection_time: float | None, now: float
    ) -> Interruption | None:
        """
        Count a failure, and return what follows: another attempt, or ``None`` for the end.

        :param reconnection_time: Seconds that the server's last stream asked for, if it did.
        :param now: Seconds since 1970.
        """
        self._failures += 1
        if not self._is_worth_another_try(problem):
            return None
        asked = None
        if isinstance(problem, NotAnEventStream):
            asked = retry_after(problem.headers, now)
        if asked is None:
            asked = reconnection_time or 0.0
        delay = self._backoff.delay(self._failures, asked, self._jitter)
        return Interruption(problem, self._failures, delay)

    def _is_worth_another_try(self, problem: SSETwistError) -> bool:
        try:
            return bool(self._policy(problem))
        except Exception:
            _log.failure("{url}: the policy failed", url=shown(self._url))
            return False
