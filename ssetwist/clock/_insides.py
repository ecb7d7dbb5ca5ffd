"""
Undocumented names of Twisted that this package relies on, each with its reason.

``tests/unit/clock/test_insides.py`` has one test for each, and runs with the oldest supported
Twisted and with the newest.  When one of them fails, mend this file.
"""

from collections.abc import Callable
from time import monotonic
from typing import Any

from twisted.internet.base import DelayedCall, ReactorBase
from twisted.protocols.policies import ProtocolWrapper

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


def measure_tls_by(clock: Any, transport: Any) -> None:  # a reactor, or a clock; any transport
    """
    Let a connection with TLS wait by a steady reactor, and not by the one behind.

    TLS collects small writes, and sends them by a timed call of its reactor.  If the time of day is
    set back just before that, they wait for as long, and all that follows them, up to 64 KB.

    Nothing changes without TLS, or if it has another clock.
    """
    behind = getattr(clock, "reactor", clock)
    while isinstance(transport, ProtocolWrapper):
        collector: Any = getattr(transport, "_aggregator", None)
        if getattr(collector, "_clock", None) is behind:
            collector._clock = clock
        transport = transport.transport
