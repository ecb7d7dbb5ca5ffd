"""
Dates that belong to a clock.
"""

import time

from twisted.internet import reactor
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.clock import date_of, steady
from tests.clock import TwoClocks


class DateTests(SynchronousTestCase):
    """
    ``date_of``.
    """

    def test_reactor(self) -> None:
        """
        The date of a reactor is the time of day, even if its clock is steady.
        """
        for one in (reactor, steady(reactor)):
            self.assertLess(abs(time.time() - date_of(one)()), 60)

    def test_clock(self) -> None:
        """
        A clock that a test drives tells dates as well.
        """
        clock = MemoryReactorClock()
        now = date_of(clock)
        clock.advance(5)
        self.assertEqual(5, now())

    def test_own(self) -> None:
        """
        A clock with a time of day of its own tells dates by that.
        """
        clock = TwoClocks(1000)
        now = date_of(clock)
        clock.advance(5)
        clock.step(-100)
        self.assertEqual((5, 905), (clock.seconds(), now()))
