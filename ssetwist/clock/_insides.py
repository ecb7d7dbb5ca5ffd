"""
Undocumented names of Twisted that this package relies on, each with its reason.

``tests/unit/clock/test_insides.py`` has one test for each, and runs with the oldest supported
Twisted and with the newest.  When one of them fails, mend this file.
"""

from collections.abc import Callable
from time import monotonic

from twisted.internet.base import DelayedCall, ReactorBase

from .._reactor import AnyReactor

#: Seconds before every moment that the time of day may show.
_LONG_AGO = 1e9


def soon_of(reactor: AnyReactor) -> Callable[..., DelayedCall] | None:
    """
    Return a function that makes a call in the next turn of a reactor, in order, also if the time of
    day is set back before that; ``None`` if the reactor has a ``callLater`` of its own.

    Twisted puts a new call among the others at the end of the turn, by its time, which is long over
    for these.
    """
    if getattr(type(reactor), "callLater", None) is not ReactorBase.callLater:
        return None

    def soon(call: Callable[..., object], *args: object, **options: object) -> DelayedCall:
        made: DelayedCall = reactor.callLater(0, call, *args, **options)
        made.time = monotonic() - _LONG_AGO
        return made

    return soon
