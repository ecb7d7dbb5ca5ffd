"""
Ends of streams whose rights expire at a date.
"""

from bisect import bisect_left, insort
from collections.abc import Callable
from itertools import count

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...clock import date_of
from ...hub import Streams, Subscriber
from ...matching import Steps

_log = Logger()

#: Seconds between two looks at the date.  After a step of the time of day, a stream whose rights
#: have expired by it lives at most so long.
LOOK = 1.0

#: A moment in seconds, a number that no other entry has, and the stream that ends.
_Entry = tuple[float, int, Subscriber]


class Expirations:
    """
    Ends streams at their dates, with a single timer for all.

    A date is a matter of the time of day, which may be set.  When it is set forward, past the date
    of a stream, the stream ends within :data:`LOOK`.  When it is set back, the stream does not live
    longer: it also ends when as many seconds have passed as were left at its beginning.

    Many streams whose dates come at one moment end in as many turns as that takes.

    :param expire: Called with each subscriber whose date has come.
    """

    def __init__(self, streams: Streams, expire: Callable[[Subscriber], object]) -> None:
        self._turns = streams.turns
        self._clock = streams.clock
        self._now = date_of(streams.clock)
        self._expire = expire
        # Sorted lists, because a heap cannot give an entry back: those of streams that have ended
        # early would have to be sorted out some day, all at once.
        self._by_date: list[_Entry] = []
        self._by_deadline: list[_Entry] = []
        self._of: dict[Subscriber, tuple[_Entry, _Entry]] = {}  # in both lists
        self._numbers = count()
        self._timer: IDelayedCall | None = None
        self._is_ending = False

    @property
    def is_idle(self) -> bool:
        return not self._of and self._timer is None and not self._is_ending

    def begin(self, subscriber: Subscriber, date: float) -> None:
        """
        End a stream at a date, or in the next turn if that has passed.

        :param date: Seconds since 1970.
        """
        seconds = max(0.0, date - self._now())
        deadline, number = self._clock.seconds() + seconds, next(self._numbers)
        entries = (date, number, subscriber), (deadline, number, subscriber)
        self._of[subscriber] = entries
        insort(self._by_date, entries[0])
        insort(self._by_deadline, entries[1])
        if self._timer is not None:
            if self._timer.getTime() > deadline:
                self._timer.reset(seconds)
        elif not self._is_ending:
            self._plan()

    def forget(self, subscriber: Subscriber) -> None:
        """
        Forget a stream that has ended, if its end was planned here.
        """
        if (entries := self._of.pop(subscriber, None)) is None:
            return
        for entry, order in zip(entries, (self._by_date, self._by_deadline), strict=True):
            del order[bisect_left(order, entry)]
        if not self._of and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _plan(self) -> None:
        first = self._by_deadline[0][0]
        seconds = max(0.0, min(first - self._clock.seconds(), LOOK))
        self._timer = self._clock.callLater(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        self._is_ending = True
        Deferred.fromCoroutine(self._turns.do(self._end_all())).addBoth(self._looked)

    def _end_all(self) -> Steps[None]:
        while (subscriber := self._due()) is not None:
            self.forget(subscriber)
            self._expire(subscriber)
            yield

    def _due(self) -> Subscriber | None:
        for order, now in (
            (self._by_date, self._now()),
            (self._by_deadline, self._clock.seconds()),
        ):
            if order and order[0][0] <= now:
                return order[0][2]
        return None

    def _looked(self, result: Failure | None) -> None:
        self._is_ending = False
        if isinstance(result, Failure):
            _log.failure("a stream whose rights have expired could not be ended", result)
        if self._of:
            self._plan()
