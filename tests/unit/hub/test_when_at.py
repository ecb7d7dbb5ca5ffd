"""
Waiting until a position has been published.
"""

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event
from ssetwist.hub._fan_out import FanOut
from ssetwist.hub._turns import Turns
from ssetwist.log import Entry
from tests.unit.hub.fake import Broken, TurnClock


def fail_with(problem: type[BaseException]) -> None:
    """
    Raise an exception of a class.
    """
    raise problem


class WaitingForPositionTests(SynchronousTestCase):
    """
    Deferreds that fire when a position has been published.
    """

    def setUp(self) -> None:
        self.clock = TurnClock()
        self.live = FanOut(Turns(self.clock), threads=1, head=0)

    def place(self, position: int) -> None:
        """
        Place an event of the log.
        """
        self.live.place(Entry(position, ("t",), Event("a", id="1"), False, 0.0, b"data: a\n\n"))

    def test_cancelled_from_within(self) -> None:
        """
        A callback may cancel other Deferreds, before and behind it; the rest fire, each once, and
        the publisher does not notice.
        """
        waiting = [self.live.when_at(1) for _ in range(4)]
        waiting[1].addCallback(lambda _: [waiting[0].cancel(), waiting[2].cancel()])
        self.place(1)
        self.failureResultOf(waiting[2], CancelledError)
        for at in (0, 1, 3):
            self.successResultOf(waiting[at])
        self.assertTrue(self.live.is_idle)

    def test_published_from_within(self) -> None:
        """
        A callback may publish: then the Deferreds behind it fire once, like those for the next
        position.
        """
        waiting = [self.live.when_at(position) for position in (1, 1, 2)]
        waiting[0].addCallback(lambda _: self.place(2))
        self.place(1)
        for one in waiting:
            self.successResultOf(one)
        self.assertTrue(self.live.is_idle)

    def test_raising(self) -> None:
        """
        An exception of a callback reaches neither the publisher nor the Deferreds behind it.
        """
        for problem in (Broken, SystemExit):
            first, second = self.live.when_at(self.live.head + 1), self.live.when_at(1)
            first.addCallback(lambda _, problem=problem: fail_with(problem))
            self.place(self.live.head + 1)
            self.failureResultOf(first, problem)
            self.successResultOf(second)
