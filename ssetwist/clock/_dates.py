"""
Dates that belong to a clock.
"""

import time
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock


def date_of(clock: IReactorTime) -> Callable[[], float]:
    """
    Return a function that tells the date, in seconds since 1970.

    It tells the time of day, which may be set forward and back at any moment, unless a test drives
    the clock: a ``Clock`` of Twisted tells dates as well, and a clock with a method ``now`` tells
    them by this method.
    """
    now: Callable[[], float] | None = getattr(clock, "now", None)
    if now is not None:
        return now
    return clock.seconds if isinstance(clock, Clock) else time.time
