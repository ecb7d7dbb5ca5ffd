"""
Turns of the reactor, shared by everything that can wait.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..matching import Steps

_T = TypeVar("_T")

#: Seconds after which the work of one turn lets the reactor do something else.
MAX_TURN = 0.003


class Turns:
    """
    Work that goes on in later turns of the reactor: the rest of a replay, or the next request of a
    client that has sent several at once.

    However many wait, they together take at most :data:`MAX_TURN` and one piece of each turn, so
    streams that keep up do not notice a crowd.  They go on in the order in which they asked.  The
    call that a turn begins with shares that time, and leaves them at least half of it.

    :ivar seconds: Tells the time of the clock.
    :ivar left: Seconds that work in steps may still take, until the next turn.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.left = MAX_TURN
        self.seconds = clock.seconds
        self._clock = clock
        self._first: Callable[[], object] | None = None
        # A plain dict takes longer and longer to find its first entry as entries are taken out.
        self._waiting: OrderedDict[Deferred[None], None] = OrderedDict()
        self._soon: IDelayedCall | None = None

    @property
    def is_idle(self) -> bool:
        return not self._waiting and self._soon is None

    def begin_with(self, first: Callable[[], object] | None) -> None:
        """
        Begin the next turn with a call, before all that waits; ``None`` for no call.  Only one is
        kept, the last, and a hub keeps its flush there: applications use :meth:`next`.
        """
        self._first = first
        self._schedule()

    def next(self) -> Deferred[None]:
        """
        Return a Deferred that fires in a later turn.  Its callbacks should do one piece of work, of
        a few milliseconds at most.  Cancelling it gives the turn up.
        """
        waiting: Deferred[None] = Deferred(self._give_up)
        self._waiting[waiting] = None
        self._schedule()
        return waiting

    async def do(self, steps: Steps[_T]) -> _T:
        """
        Do work in steps, in as many turns as it takes.  However many begin in one turn, they
        together take at most :data:`MAX_TURN` and one step of it.  Cancelling ends the steps where
        they are.

        :raises Exception: Whatever a step raises.
        """
        seconds = self.seconds
        try:
            while True:
                if self.left <= 0:
                    await self.next()
                until = seconds() + self.left
                try:
                    next(steps)
                except StopIteration as end:
                    result: _T = end.value
                    return result
                finally:
                    self.left = until - seconds()
        finally:
            steps.close()  # this may have been cancelled

    def _go_on(self) -> None:
        self._soon = None
        self.left = MAX_TURN
        first, self._first = self._first, None
        try:
            if first is not None:
                first()
        finally:
            self._let_go_on()
            self.left = MAX_TURN  # for work that begins now, and need not wait behind a crowd
            self._schedule()

    def _let_go_on(self) -> None:
        self.left = max(self.left, MAX_TURN / 2)  # whatever the first has taken
        until = self.seconds() + self.left
        for _ in range(len(self._waiting)):  # who asks meanwhile waits for the next turn
            if not self._waiting:
                break  # the others have given up
            one, _ = self._waiting.popitem(last=False)
            one.callback(None)
            if self.seconds() >= until:
                break

    def _schedule(self) -> None:
        """
        Have a timer while there is work.
        """
        has_work = self._first is not None or bool(self._waiting)
        if has_work and self._soon is None:
            self._soon = self._clock.callLater(0, self._go_on)
        elif self._soon is not None and not has_work:
            self._soon.cancel()
            self._soon = None

    def _give_up(self, one: Deferred[None]) -> None:
        del self._waiting[one]
        self._schedule()
