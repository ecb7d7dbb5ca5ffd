"""
Ends of streams whose rights expire at a date.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.clock import date_of
from ssetwist.hub import EndReason, Subscriber
from ssetwist.hub._turns import MAX_TURN
from ssetwist.mercure.subscribing._expirations import LOOK, Expirations
from ssetwist.testing import Listener, MemoryHub
from tests.clock import TwoClocks
from tests.unit.hub.fake import TurnClock


class ExpirationsTests(SynchronousTestCase):
    """
    Streams of a hub, with dates.
    """

    def setUp(self) -> None:
        self.clock: TwoClocks | TurnClock = TwoClocks()
        self.hub = MemoryHub(clock=self.clock, heartbeat=0)
        self.expirations = Expirations(self.hub.streams, self.expire)

    def tearDown(self) -> None:
        self.hub.streams.abort()
        self.assertTrue(self.expirations.is_idle)
        self.assertEqual([], self.clock.getDelayedCalls())

    def expire(self, subscriber: Subscriber) -> None:
        """
        End a stream.
        """
        subscriber.end(reason=EndReason.TOKEN_EXPIRED)

    def begin(self, seconds: float) -> Listener:
        """
        Open a stream that ends so many seconds from now.
        """
        listener = Listener(
            self.hub, on_end=lambda subscriber, _: self.expirations.forget(subscriber)
        )
        self.expirations.begin(listener.subscriber, date_of(self.clock)() + seconds)
        return listener

    def open(self, *listeners: Listener) -> list[bool]:
        """
        Return for each stream true if it is open.
        """
        return [one.is_open for one in listeners]

    def pass_time(self, seconds: float, step: float = 0.25) -> None:
        """
        Let time pass in small steps.
        """
        for _ in range(round(seconds / step)):
            self.clock.advance(step)

    def test_in_order(self) -> None:
        """
        Streams end at their dates, whatever the order in which they began.
        """
        three, one, two = (self.begin(seconds) for seconds in (3, 0.5, 2))
        self.pass_time(0.25)
        self.assertEqual([True] * 3, self.open(one, two, three))
        self.pass_time(0.25)
        self.assertEqual([False, True, True], self.open(one, two, three))
        self.pass_time(1.5)
        self.assertEqual([False, False, True], self.open(one, two, three))
        self.pass_time(1)
        self.assertEqual(EndReason.TOKEN_EXPIRED, three.end_reason)

    def test_passed(self) -> None:
        """
        A stream whose date has passed ends in the next turn.
        """
        listener = self.begin(-5)
        self.assertTrue(listener.is_open)
        self.clock.advance(0)
        self.assertFalse(listener.is_open)

    def test_step_forward(self) -> None:
        """
        After a step past its date a stream ends soon; others go on.
        """
        soon, late = self.begin(1800), self.begin(7200)
        self.pass_time(10)
        self.clock.step(3600)
        self.pass_time(LOOK)
        self.assertEqual([False, True], self.open(soon, late))
        self.pass_time(3590 - LOOK, 1.0)
        self.assertEqual([False], self.open(late))

    def test_step_back(self) -> None:
        """
        After a step back no stream lives longer than it would have; a stream that begins then has
        its date by the new time of day.
        """
        before = self.begin(60)
        self.pass_time(30)
        self.clock.step(-3600)
        after = self.begin(90)
        self.pass_time(29)
        self.assertEqual([True, True], self.open(before, after))
        self.pass_time(1)
        self.assertEqual([False, True], self.open(before, after))
        self.pass_time(60)
        self.assertEqual([False], self.open(after))

    def test_slew(self) -> None:
        """
        While the time of day runs faster a stream ends at its date, to a look.
        """
        listener = self.begin(60)
        for _ in range(29):
            self.pass_time(1)
            self.clock.step(1)
        self.assertTrue(listener.is_open)
        self.pass_time(1 + LOOK)
        self.assertFalse(listener.is_open)

    def test_forget(self) -> None:
        """
        A stream that has ended early leaves nothing, even if there are many.
        """
        last = self.begin(1800)
        for _ in range(1000):
            self.begin(3600).leave()
            left = (self.expirations._by_date, self.expirations._by_deadline)
            self.assertEqual([1, 1], [len(entries) for entries in left])
        last.leave()
        self.assertTrue(self.expirations.is_idle)
        self.expirations.forget(last.subscriber)  # does nothing

    def test_crowd(self) -> None:
        """
        Many streams with one date end in several turns, each of which is short; a stream that
        begins meanwhile is not forgotten.
        """
        clock = self.clock = TurnClock()
        self.hub = MemoryHub(clock=clock, heartbeat=0)

        def slowly(subscriber: Subscriber) -> None:
            clock.busy(MAX_TURN * 0.6)
            self.expire(subscriber)

        self.expirations = Expirations(self.hub.streams, slowly)
        crowd = [self.begin(1) for _ in range(10)]
        clock.turn(1)
        late = self.begin(0.5)
        for expected in (8, 6, 4, 2, 0):
            self.assertEqual(expected, sum(self.open(*crowd)))
            clock.turn()
        self.assertTrue(late.is_open)
        clock.turn(0.5)
        self.assertFalse(late.is_open)

    def test_error(self) -> None:
        """
        A stream that cannot be ended is logged, and does not keep others open.
        """

        def expire(subscriber: Subscriber) -> None:
            if subscriber is broken.subscriber:
                raise ZeroDivisionError
            self.expire(subscriber)

        self.expirations = Expirations(self.hub.streams, expire)
        broken, other = self.begin(1), self.begin(1.25)
        self.pass_time(3)
        self.assertEqual([True, False], self.open(broken, other))
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
