"""
Times, as tokens name them (RFC 7519, 2, "NumericDate").
"""

from datetime import datetime, timezone
from math import isnan, nan


def seconds(value: object) -> float:
    """
    Return a time that a token names, in seconds since 1970; not-a-number if it is none, which is
    neither before nor after anything.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return nan
    try:
        return float(value)
    except OverflowError:
        return nan


def moment(value: object) -> str:
    """
    Return how a log line has a time.
    """
    found = seconds(value)
    if isnan(found):
        return "missing" if value is None else "no number of seconds"
    try:
        return f"{datetime.fromtimestamp(found, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "not in these ten thousand years"
