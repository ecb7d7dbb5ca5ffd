"""
Ends of streams whose rights expire at a date.
"""

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
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

#: Entries of streams that have ended early, which are kept at least before they are sorted out.
_FORGOTTEN = 64


@dataclass(slots=True, eq=False)
class _Expiry:
    subscriber: Subscriber
    date: float
    deadline: float  # by the steady clock


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
        self._of: dict[Subscriber, _Expiry] = {}
        self._numbers = count()  # keep a heap from comparing entries
        self._by_date: list[tuple[float, int, _Expiry]] = []
        self._by_deadline: list[tuple[float, int, _Expiry]] = []
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
        expiry = _Expiry(subscriber, date, self._clock.seconds() + seconds)
        self._of[subscriber] = expiry
        self._add(expiry)
        if self._timer is not None:
            if self._timer.getTime() > expiry.deadline:
                self._timer.reset(seconds)
        elif not self._is_ending:
            self._plan()

    def forget(self, subscriber: Subscriber) -> None:
        """
        Forget a stream that has ended, if its end was planned here.
        """
        if self._of.pop(subscriber, None) is None:
            return
        if not self._of:
            self._by_date.clear()
            self._by_deadline.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        elif len(self._by_deadline) > 2 * len(self._of) + _FORGOTTEN:
            self._by_date, self._by_deadline = [], []
            for expiry in self._of.values():
                self._add(expiry)

    def _add(self, expiry: _Expiry) -> None:
        heappush(self._by_date, (expiry.date, next(self._numbers), expiry))
        heappush(self._by_deadline, (expiry.deadline, next(self._numbers), expiry))

    def _plan(self) -> None:
        first, _, _ = self._by_deadline[0]  # if it has been forgotten, this look is in vain
        seconds = max(0.0, min(first - self._clock.seconds(), LOOK))
        self._timer = self._clock.callLater(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        self._is_ending = True
        Deferred.fromCoroutine(self._turns.do(self._end_all())).addBoth(self._looked)

    def _end_all(self) -> Steps[None]:
        while (expiry := self._due()) is not None:
            del self._of[expiry.subscriber]
            self._expire(expiry.subscriber)
            yield

    def _due(self) -> _Expiry | None:
        for heap, now in (
            (self._by_date, self._now()),
            (self._by_deadline, self._clock.seconds()),
        ):
            while heap and self._of.get(heap[0][2].subscriber) is not heap[0][2]:
                heappop(heap)  # it has ended early
            if heap and heap[0][0] <= now:
                return heappop(heap)[2]
        return None

    def _looked(self, result: Failure | None) -> None:
        self._is_ending = False
        if isinstance(result, Failure):
            _log.failure("a stream whose rights have expired could not be ended", result)
        if self._of:
            self._plan()
