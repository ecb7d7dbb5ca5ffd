"""
Deferreds that wait for the same occasion.
"""

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from ssetwist._waiters import Waiters


class WaitersTests(SynchronousTestCase):
    """
    Deferreds that are fired together.
    """

    def setUp(self) -> None:
        self.waiters: Waiters[int] = Waiters()

    def test_fire(self) -> None:
        """
        ``fire`` fires all waiting Deferreds once; cancelling one does not disturb the others.
        """
        first, second, third = (self.waiters.wait() for _ in range(3))
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.assertEqual(2, len(self.waiters))
        self.waiters.fire(1)
        self.waiters.fire(2)
        self.assertEqual([1, 1], [self.successResultOf(first), self.successResultOf(third)])
        self.assertEqual(0, len(self.waiters))

    def test_order(self) -> None:
        """
        Deferreds are fired in the order in which they were made.
        """
        told: list[str] = []
        for name in "abc":
            self.waiters.wait().addCallback(lambda _, name=name: told.append(name))
        self.waiters.fire(1)
        self.assertEqual(["a", "b", "c"], told)

    def test_cancel_from_within(self) -> None:
        """
        A callback may cancel another Deferred; the rest are fired, each once.
        """
        waiting = [self.waiters.wait() for _ in range(4)]
        waiting[1].addCallback(lambda result: [waiting[0].cancel(), waiting[2].cancel(), result])
        self.waiters.fire(1)
        self.failureResultOf(waiting[2], CancelledError)
        self.assertEqual([1, 1], [self.successResultOf(waiting[at]) for at in (0, 3)])
        self.assertEqual(1, self.successResultOf(waiting[1])[-1])

    def test_wait_from_within(self) -> None:
        """
        A Deferred that is made in a callback waits for the next occasion.
        """
        again = self.waiters.wait().addCallback(lambda _: self.waiters.wait())
        self.waiters.fire(1)
        self.assertNoResult(again)
        self.waiters.fire(2)
        self.assertEqual(2, self.successResultOf(again))

    def test_fail(self) -> None:
        """
        ``fail`` fails all waiting Deferreds.
        """
        waiting = [self.waiters.wait() for _ in range(2)]
        self.waiters.fail(KeyError("why"))
        for one in waiting:
            self.failureResultOf(one, KeyError)
