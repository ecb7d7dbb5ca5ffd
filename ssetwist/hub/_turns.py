"""
Turns of the reactor, shared by everything that can wait.
"""

from collections import OrderedDict
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..matching import Steps

_T = TypeVar("_T")

#: Seconds after which the work of one turn lets the reactor do something else.
MAX_TURN = 0.005


class Turns:
    """
    Work that goes on in later turns of the reactor: the rest of a replay, or the next request of a
    client that has sent several at once.

    However many wait, they together take at most :data:`MAX_TURN` and one piece of each turn, so
    streams that keep up do not notice a crowd.  They go on in the order in which they asked.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        # A plain dict takes longer and longer to find its first entry as entries are taken out.
        self._waiting: OrderedDict[Deferred[None], None] = OrderedDict()
        self._soon: IDelayedCall | None = None
        self._left = MAX_TURN  # seconds for steps until the next turn

    @property
    def is_idle(self) -> bool:
        return not self._waiting and self._soon is None

    def next(self) -> Deferred[None]:
        """
        Return a Deferred that fires in a later turn.  Its callbacks should do one piece of work, of
        a few milliseconds at most.  Cancelling it gives the turn up.
        """
        waiting: Deferred[None] = Deferred(self._give_up)
        self._waiting[waiting] = None
        if self._soon is None:
            self._soon = self._clock.callLater(0, self._go_on)
        return waiting

    async def do(self, steps: Steps[_T]) -> _T:
        """
        Do work in steps, in as many turns as it takes.  However many begin in one turn, they
        together take at most :data:`MAX_TURN` and one step of it.  Cancelling ends the steps where
        they are.

        :raises Exception: Whatever a step raises.
        """
        seconds = self._clock.seconds
        try:
            while True:
                if self._left <= 0:
                    await self.next()
                begin = seconds()
                try:
                    next(steps)
                except StopIteration as end:
                    result: _T = end.value
                    return result
                finally:
                    self._left -= seconds() - begin
        finally:
            steps.close()  # this may have been cancelled

    def _go_on(self) -> None:
        self._soon = None
        self._left = MAX_TURN
        until = self._clock.seconds() + MAX_TURN
        for _ in range(len(self._waiting)):  # who asks meanwhile waits for the next turn
            if not self._waiting:
                break  # the others have given up
            one, _ = self._waiting.popitem(last=False)
            one.callback(None)
            if self._clock.seconds() >= until:
                break
        self._left = MAX_TURN  # for work that begins now, and need not wait behind a crowd
        if self._waiting and self._soon is None:
            self._soon = self._clock.callLater(0, self._go_on)

    def _give_up(self, one: Deferred[None]) -> None:
        del self._waiting[one]
        if not self._waiting and self._soon is not None:
            self._soon.cancel()
            self._soon = None
