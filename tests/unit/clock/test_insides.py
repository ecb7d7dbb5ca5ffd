"""
Assumptions of :mod:`ssetwist.clock._insides` about Twisted, checked with Twisted itself.
"""

from functools import partial

from twisted.internet.base import ReactorBase
from twisted.internet.selectreactor import SelectReactor
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.clock._insides import soon_of


class OtherReactor(SelectReactor):
    """
    A reactor that plans its calls in a way of its own, as those on another loop do.
    """

    def callLater(self, *args: object, **options: object) -> object:  # type: ignore[override]
        raise AssertionError("this is not asked")


class SoonTests(SynchronousTestCase):
    """
    Calls in the next turn.
    """

    def setUp(self) -> None:
        self.reactor = SelectReactor()
        self.now = 1e9
        self.reactor.seconds = lambda: self.now
        soon = soon_of(self.reactor)
        assert soon is not None
        self.soon = soon
        self.made: list[str] = []

    def call(self, name: str) -> object:
        return self.soon(self.made.append, name)

    def test_time_of_day(self) -> None:
        """
        A call is made in the next turn, and does not let the reactor wait, even if the time of day
        goes back by decades.
        """
        for seconds in (0.0, -4.0, -1e9, 3600.0):
            self.reactor.callLater(50, self.made.append, "late")
            self.call("soon")
            self.now += seconds
            self.assertEqual(0, self.reactor.timeout())
            self.assertEqual([], self.made)
            self.reactor.runUntilCurrent()
            self.assertEqual("soon", self.made.pop(0))
            self.made.clear()
            for call in self.reactor.getDelayedCalls():
                call.cancel()

    def test_order(self) -> None:
        """
        Calls are made in their order, once each, and one that is asked for in a call comes in the
        turn after.
        """
        self.soon(lambda: self.call("next"))
        for number in range(50):
            self.call(str(number))
        self.reactor.runUntilCurrent()
        self.assertEqual([str(number) for number in range(50)], self.made)
        self.reactor.runUntilCurrent()
        self.reactor.runUntilCurrent()
        self.assertEqual(["next"], self.made[50:])

    def test_cancelled(self) -> None:
        """
        A call can be cancelled.
        """
        self.soon(partial(self.made.append, "a")).cancel()
        self.reactor.runUntilCurrent()
        self.assertEqual(([], []), (self.made, self.reactor.getDelayedCalls()))

    def test_other_reactors(self) -> None:
        """
        A reactor that plans its calls by itself is left alone.
        """
        self.assertIs(ReactorBase.callLater, SelectReactor.callLater)
        self.assertIsNone(soon_of(OtherReactor()))
        self.assertIsNone(soon_of(object()))
