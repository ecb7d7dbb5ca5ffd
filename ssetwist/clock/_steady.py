"""
A reactor with a steady clock.

The reactors of Twisted measure durations by the time of day (twisted#2424).  When that is set back
by four seconds, as a time server may do, no timed call is made for four seconds, not even one that
was to be made at once; when it is set forward, time-outs come too early.
"""

import select
from collections.abc import Sequence
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorFDSet, IReactorTime
from twisted.python import runtime
from zope.interface import alsoProvides, implementer, providedBy

from .._reactor import AnyReactor
from ._alarm import Alarm, Bell
from ._insides import soon_of
from ._timers import Timers

#: The attribute of a reactor that holds its steady reactor, which so lives as long.
_NAME = "ssetwist_steady"


@implementer(IReactorTime)
class SteadyReactor:
    """
    A reactor that does what another one does, but whose ``seconds`` and ``callLater`` do not depend
    on the time of day.  Calls of the other reactor itself still do.

    Make it with :func:`steady`.

    :ivar reactor: The other reactor.
    """

    def __init__(self, reactor: AnyReactor, timers: IReactorTime) -> None:
        self.reactor = reactor
        self.callLater = timers.callLater
        self.seconds = timers.seconds
        self._timers = timers
        alsoProvides(self, providedBy(reactor))

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:  # noqa: N802 (Twisted's name)
        return self._timers.getDelayedCalls()

    def __getattr__(self, name: str) -> Any:  # whatever the other reactor has
        return getattr(self.reactor, name)


def steady(reactor: AnyReactor) -> AnyReactor:
    """
    Return a reactor, or a clock, that measures durations by a steady clock.

    It is the same object if that does so already, as a ``Clock`` of tests does and the reactor of
    ``twistd ssetwist``, or if there is no other way: for a reactor that does not watch descriptors
    (on Windows).  For any other reactor it is always the same one, whose timed calls cost a thread
    while there are any with a delay.
    """
    if getattr(reactor, "seconds", None) is not runtime.seconds:
        return reactor
    if not hasattr(select, "poll") or not IReactorFDSet.providedBy(reactor):
        return reactor
    made: SteadyReactor | None = getattr(reactor, _NAME, None)
    if made is None:
        bell = Bell()
        made = SteadyReactor(
            reactor, Timers(reactor, bell, Alarm(bell.ring), soon=soon_of(reactor))
        )
        setattr(reactor, _NAME, made)
    return made


def reactor_behind(clock: Any) -> Any:  # a reactor, or a clock
    """
    Return the reactor from which :func:`steady` has made another one, or else the same object.
    """
    return clock.reactor if isinstance(clock, SteadyReactor) else clock
