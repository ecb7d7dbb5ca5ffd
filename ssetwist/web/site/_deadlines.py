"""
A deadline for each of many connections, with a single timer.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from ...hub import Streams
from ...matching import Steps

_log = Logger()

_T = TypeVar("_T")


class Deadlines(Generic[_T]):
    """
    Entries that all have the same number of seconds, each from its own beginning.  So the first to
    begin is the first to be late, and :meth:`begin` and :meth:`done` cost an entry in a dict.

    :meth:`done` leaves the timer running, because almost all entries are done in time; a timer that
    finds no entry stops.

    Many entries that are late at one moment, as those of a crowd are, take as many turns of the
    reactor as they need.

    :param seconds: Seconds that each entry has.
    :param late: Called once with each entry that is late.  An error of it is logged, and the other
        entries have their turns.
    """

    def __init__(self, streams: Streams, seconds: float, late: Callable[[_T], object]) -> None:
        self._turns = streams.turns
        self._clock = streams.clock
        self._seconds = seconds
        self._late = late
        # A plain dict takes longer and longer to find its first entry as entries are taken out.
        self._until: OrderedDict[_T, float] = OrderedDict()
        self._timer: IDelayedCall | None = None
        self._is_ending = False

    def begin(self, one: _T) -> None:
        self._until.pop(one, None)  # a dict keeps the old place of a key that is set again
        self._until[one] = self._clock.seconds() + self._seconds
        if self._timer is None and not self._is_ending:
            self._look_after(self._seconds)

    def done(self, one: _T) -> None:
        self._until.pop(one, None)

    def __iter__(self) -> Iterator[_T]:
        """
        Yield the entries, the one that began first before the others.
        """
        return iter(self._until)

    def rest(self) -> None:
        if self._timer is not None and not self._until:
            self._timer.cancel()
            self._timer = None

    def _look_after(self, seconds: float) -> None:
        self._timer = self._clock.callLater(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        self._is_ending = True
        Deferred.fromCoroutine(self._turns.do(self._end_late()))

    def _end_late(self) -> Steps[None]:
        while self._until:
            one, until = next(iter(self._until.items()))
            if (seconds := until - self._clock.seconds()) > 0:
                self._look_after(seconds)
                break
            del self._until[one]
            try:
                self._late(one)
            except BaseException:
                _log.failure("handling a time-out failed; the time-outs of other connections go on")
            yield
        self._is_ending = False
