"""
Timers beside a reactor, which only lends its loop.
"""

from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush
from math import inf
from time import monotonic
from typing import Protocol

from twisted.internet.base import DelayedCall
from twisted.internet.interfaces import IDelayedCall, IReactorTime, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from .._reactor import AnyReactor

_log = Logger()

#: Cancelled calls that are kept at least before they are sorted out.
_CANCELLED = 50

#: Seconds, by the time of day, after which an alarm that could not be set is set again.
_RETRY = 1.0


class Waking(Protocol):
    """
    A descriptor that becomes readable when it rings; a :class:`ssetwist.clock._alarm.Bell`.
    """

    def fileno(self) -> int: ...

    def ring(self) -> None: ...

    def clear(self) -> None: ...


class Moment(Protocol):
    """
    An alarm that rings the bell at one moment of the steady clock; infinity is never.
    """

    def set(self, at: float) -> None:
        """
        Choose the moment.

        :raises RuntimeError: If that is not possible now.
        """


@implementer(IReactorTime, IReadDescriptor)
class Timers:
    """
    Timed calls that a reactor makes because a descriptor is readable, and so whatever the time of
    day is: at once if the delay is 0, and otherwise when an alarm rings.

    While there is no call, the reactor does not know the descriptor, and the alarm is not set.

    :param soon: Makes a call in the next turn; ``None`` if that takes the descriptor, which costs a
        few calls of the system.
    :param seconds: A clock that never goes back.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        bell: Waking,
        alarm: Moment,
        *,
        soon: Callable[..., DelayedCall] | None = None,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self._reactor = reactor
        self._soon = soon
        self._bell = bell
        self._alarm = alarm
        self._seconds = seconds
        self._calls: list[DelayedCall] = []  # a heap
        self._new: list[DelayedCall] = []  # as in Twisted: what a call adds is for the next turn
        self._count = 0  # without cancelled calls
        self._next = inf  # the moment for which the bell or the alarm is set
        self._waits_for_start = False

    def __repr__(self) -> str:
        return f"<{self._count} timed calls of ssetwist>"

    # IReactorTime

    def seconds(self) -> float:
        return self._seconds()

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kwargs: object
    ) -> DelayedCall:
        """
        Call a function in a later turn, as a reactor does.
        """
        assert delay >= 0, f"{delay} s from now is in the past"
        if not delay and self._soon is not None:
            return self._soon(callable, *args, **kwargs)
        call = DelayedCall(
            self._seconds() + delay,
            callable,
            args,
            kwargs,
            self._cancelled,
            self._moved,
            seconds=self._seconds,
        )
        self._new.append(call)
        self._count += 1
        self._reactor.addReader(self)  # each time, because trial may have removed all
        if call.time < self._next:
            self._wake_at(call.time)
        return call

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:  # noqa: N802 (Twisted's name)
        return [call for call in (*self._calls, *self._new) if not call.cancelled]

    # IReadDescriptor

    def fileno(self) -> int:
        return self._bell.fileno()

    def logPrefix(self) -> str:  # noqa: N802 (Twisted's name)
        return "ssetwist"

    def doRead(self) -> None:  # noqa: N802 (Twisted's name)
        """
        Make the calls whose time has come.
        """
        self._bell.clear()
        self._sort_in()
        now = self._seconds()
        while self._calls and self._calls[0].time <= now:
            call = heappop(self._calls)
            if call.cancelled:
                continue
            if call.delayed_time > 0:
                call.activate_delay()
                heappush(self._calls, call)
                continue
            self._count -= 1
            call.called = 1
            try:
                call.func(*call.args, **call.kw)
            except BaseException:  # as in Twisted: even SystemExit does not end a reactor
                _log.failure("a timed call failed")
        self._plan()

    def connectionLost(self, reason: Failure) -> None:
        """
        Let the alarm end: the reactor stops.
        """
        self._alarm.set(inf)

    def _plan(self) -> None:
        self._sort_in()
        while self._calls and self._calls[0].cancelled:
            heappop(self._calls)
        if self._calls:
            self._wake_at(self._calls[0].time)
        else:
            self._rest()

    def _wake_at(self, at: float) -> None:
        self._next = at
        if at <= self._seconds():
            self._bell.ring()
        elif not self._waits_for_start:
            # Not before the reactor runs: a daemon forks before that, and loses its threads.
            self._waits_for_start = True
            self._reactor.callWhenRunning(self._set_alarm)

    def _set_alarm(self) -> None:
        self._waits_for_start = False
        try:
            self._alarm.set(self._next)
        except RuntimeError:
            _log.failure("timed calls may be late: the system starts no thread for them")
            self._reactor.callLater(_RETRY, self._bell.ring)

    def _rest(self) -> None:
        self._calls.clear()
        self._new.clear()
        self._next = inf
        self._alarm.set(inf)
        self._reactor.removeReader(self)

    def _sort_in(self) -> None:
        new, self._new = self._new, []
        for call in new:
            if not call.cancelled:
                call.activate_delay()
                heappush(self._calls, call)

    def _cancelled(self, call: DelayedCall) -> None:
        self._count -= 1
        if not self._count:
            self._rest()
        elif len(self._calls) + len(self._new) > 2 * self._count + _CANCELLED:
            self._sort_in()
            self._calls = [one for one in self._calls if not one.cancelled]
            heapify(self._calls)

    def _moved(self, call: DelayedCall) -> None:
        heapify(self._calls)
        if call.time < self._next:
            self._wake_at(call.time)
