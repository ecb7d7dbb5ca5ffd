"""
Which failures are worth another try, and how long a server asks to be left alone.  Pure.
"""

from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_tz

from ...errors import Disconnected, HeadersUnavailable, NotAnEventStream, SSETwistError


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
