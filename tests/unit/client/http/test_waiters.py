"""
Several who wait for one thing.
"""

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client.http._waiters import Waiters


class WaitersTests(SynchronousTestCase):
    """
    Each has a Deferred of its own.
    """

    def setUp(self) -> None:
        self.waiters: Waiters[int] = Waiters()

    def test_fire(self) -> None:
        """
        All who wait get it, once; who cancelled does not, and disturbs nobody.
        """
        first, second, third = (self.waiters.wait() for _ in range(3))
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.waiters.fire(1)
        self.waiters.fire(2)
        self.assertEqual([1, 1], [self.successResultOf(first), self.successResultOf(third)])

    def test_fail(self) -> None:
        """
        All who wait are disappointed.
        """
        waiting = [self.waiters.wait() for _ in range(2)]
        self.waiters.fail(KeyError("why"))
        for one in waiting:
            self.failureResultOf(one, KeyError)
