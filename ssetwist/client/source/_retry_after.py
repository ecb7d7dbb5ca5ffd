"""
The ``Retry-After`` header (RFC 9110, 10.2.3).
"""

from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_tz


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """
    Return the seconds that a server asks a client to stay away.

    :param headers: Headers of the response, by their names in lower case.
    :param now: Seconds since 1970.  They count if ``Retry-After`` is a date and a ``Date`` is
        missing; with a ``Date``, both are by the server's clock.
    :returns: ``None`` if the header is missing or cannot be read; may be infinite.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)  # any number of digits; 400 are infinite
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
        second = min(second, 59)  # datetime does not know leap seconds
        moment = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    except (ValueError, OverflowError):  # the 99th of a month, the year 99999999
        return None
    # A date without a zone is an asctime-date, and so in UTC (RFC 9110, 5.6.7).
    return moment.timestamp() - (parsed[9] or 0)
