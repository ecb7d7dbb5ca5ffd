"""
One call with each of many objects.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.hub._turns import MAX_SWEEP, Sweep
from tests.unit.hub.fake import TurnClock


class SweepTests(SynchronousTestCase):
    """
    A sweep of which each turn takes two.
    """

    def setUp(self) -> None:
        self.clock = TurnClock()
        self.done: list[int] = []
        self.sweep = Sweep(self.clock, range(5), self.act)
        self.stop_at = -1

    def act(self, number: int) -> None:
        """
        Take more than half of the time of a turn.
        """
        self.clock.busy(MAX_SWEEP * 0.6)
        self.done.append(number)
        if number == self.stop_at:
            self.sweep.stop()

    def test_turns(self) -> None:
        """
        Each object has its call, in as many turns as that takes.
        """
        self.sweep.start()
        for expected in (2, 4, 5):
            self.assertEqual(list(range(expected)), self.done)
            self.assertEqual(expected == 5, self.sweep.is_over)
            self.clock.turn()
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_stop(self) -> None:
        """
        A sweep that is stopped leaves the rest out, also if one of its own calls stops it.
        """
        for self.stop_at, expected in ((-1, 2), (2, 3), (3, 4)):
            self.done = []
            self.sweep = Sweep(self.clock, range(5), self.act)
            self.sweep.start()
            if self.stop_at >= 0:
                self.clock.turn()
            self.sweep.stop()
            self.assertTrue(self.sweep.is_over)
            self.assertEqual([], self.clock.getDelayedCalls())
            self.assertEqual(expected, len(self.done))
