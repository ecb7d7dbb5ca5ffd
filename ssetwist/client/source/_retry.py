"""
Another attempt after a failure: whether it is worth it, after how many seconds, and the wait
for it.  Chance and time come in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_tz

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ...errors import Disconnected, HeadersUnavailable, NotAnEventStream, SSETwistError
from ..http import shown

_log = Logger()


@dataclass(frozen=True, slots=True)
class Backoff:
    """
    Delays between attempts that fail one after the other.

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


def is_temporary(status: int) -> bool:
    """
    Tell whether a server may answer otherwise later: 429 and 5xx.
    """
    return status == 429 or 500 <= status <= 599


def is_worth_another_try(problem: SSETwistError) -> bool:
    """
    Tell whether an attempt may succeed later: whatever the network does, and a temporary status.

    Fresh headers that could not be had are the network's doing, too: most come from a server.
    """
    if isinstance(problem, NotAnEventStream):
        return is_temporary(problem.status)
    return isinstance(problem, Disconnected | HeadersUnavailable)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """
    Return how many seconds a server asks to be left alone (RFC 9110, 10.2.3); ``None`` if it does
    not, or nobody can read it.

    :param headers: Of its response, by their names in lower case.
    :param now: Seconds since 1970; for a date if the response has no ``Date``.  If it has, both
        are by the server's clock, whatever ours says.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)  # however many digits; it may be infinite
    until = _seconds_of(value)
    if until is None:
        return None
    sent = _seconds_of(headers.get("date", ""))
    return max(0.0, until - (now if sent is None else sent))


def _seconds_of(date: str) -> float | None:
    try:
        parsed = parsedate_tz(date)
        if parsed is None:
            return None
        year, month, day, hour, minute, second = parsed[:6]
        # To datetime a leap second is none.
        second = min(second, 59)
        moment = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    except (ValueError, OverflowError):  # the 99th of a month, the year 99999999
        return None
    # A date without a zone is an asctime-date, and so in UTC (RFC 9110, 5.6.7).
    return moment.timestamp() - (parsed[9] or 0)


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
