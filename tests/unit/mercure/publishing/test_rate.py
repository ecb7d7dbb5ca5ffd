"""
Limits on the rate of publishing.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.mercure.publishing._rate import _MOST_FULL, Rate
from tests.clock import Clock


class RateTests(SynchronousTestCase):
    """
    A bucket for each publisher.
    """

    def setUp(self) -> None:
        self.clock = Clock()

    def test_burst(self) -> None:
        """
        After silence a burst may be published at once; then the publisher waits for its rate.
        """
        rate = Rate(self.clock, 2, burst=3)
        self.assertEqual([0, 0, 0, 0.5], [rate.take("alice") for _ in range(4)])
        self.clock.advance(0.25)
        self.assertEqual(0.25, rate.take("alice"))
        self.clock.advance(0.25)
        self.assertEqual([0, 0.5], [rate.take("alice") for _ in range(2)])

    def test_wait(self) -> None:
        """
        A publisher may be told how long it has to wait, without taking anything.
        """
        rate = Rate(self.clock, 2, burst=1)
        for expected in (0, 0.5):
            self.assertEqual([expected] * 3, [rate.wait("alice") for _ in range(3)])
            self.assertEqual(expected, rate.take("alice"))
        self.assertEqual(0, Rate(self.clock, 0).wait("alice"))

    def test_long_silence(self) -> None:
        """
        A silence of any length saves up no more than one burst.
        """
        for burst in (1, 3):
            rate = Rate(self.clock, 2, burst=burst)
            for seconds in (0, 60, 3600):
                self.clock.advance(seconds)
                taken = [rate.take("alice") for _ in range(burst + 1)]
                self.assertEqual([*[0] * burst, 0.5], taken, (burst, seconds))

    def test_default_burst(self) -> None:
        """
        By default, a burst has as many events as the rate allows in a second, and at least one.
        """
        for per_second, burst in ((5, 5), (0.1, 1)):
            rate = Rate(self.clock, per_second)
            taken = [rate.take("alice") for _ in range(burst + 1)]
            self.assertEqual([0] * burst, taken[:-1])
            self.assertAlmostEqual(1 / per_second, taken[-1])

    def test_each(self) -> None:
        """
        The rate of a publisher does not depend on other publishers.
        """
        rate = Rate(self.clock, 1)
        self.assertEqual([0, 0], [rate.take(name) for name in ("alice", "bob")])
        self.assertEqual([1, 1], [rate.take(name) for name in ("alice", "bob")])

    def test_refused_costs_nothing(self) -> None:
        """
        A publisher that must wait, and asks again at once, does not wait for longer.
        """
        rate = Rate(self.clock, 1)
        self.assertEqual([0, 1, 1, 1], [rate.take("alice") for _ in range(4)])

    def test_no_limit(self) -> None:
        """
        With a rate of 0 everything may be published, and no publisher is remembered.
        """
        rate = Rate(self.clock, 0)
        self.assertEqual({0}, {rate.take("alice") for _ in range(10)})
        self.assertEqual(0, len(rate))

    def test_clock_set_back(self) -> None:
        """
        After the time of day is set back, a publisher does not wait longer than its rate demands.
        """
        rate = Rate(self.clock, 1)
        self.clock.rightNow = 3600.0
        self.assertEqual(0, rate.take("alice"))
        self.clock.rightNow = 0.0
        self.assertEqual(1, rate.take("alice"))
        self.clock.advance(1)
        self.assertEqual(0, rate.take("alice"))

    def test_forgets_silent_publishers(self) -> None:
        """
        A publisher is forgotten when it was silent for so long that its bucket is full again.
        """
        rate = Rate(self.clock, 1, burst=10)
        for number in range(10):
            rate.take(number)
            self.clock.advance(0.25)
        self.assertEqual(4, len(rate))
        self.clock.advance(10)
        self.assertEqual(0, rate.take("alice"))
        self.assertEqual(1, len(rate))

    def test_crowd(self) -> None:
        """
        Many publishers that were silent are forgotten by several requests, a part by each.
        """
        rate = Rate(self.clock, 1)
        for number in range(3 * _MOST_FULL):
            rate.take(number)
        self.clock.advance(1)
        for name, left in (("alice", 2), ("bob", 1), ("carol", 0)):
            rate.take(name)
            self.assertEqual(left * _MOST_FULL, len(rate) - 3 + left)

    def test_bounded(self) -> None:
        """
        Beyond the limit of publishers, the publisher idle longest is forgotten.
        """
        rate = Rate(self.clock, 1, max_identities=2)
        for name in ("alice", "bob", "carol"):
            self.assertEqual(0, rate.take(name))
        self.assertEqual(2, len(rate))
        self.assertEqual([1, 1, 0], [rate.take(name) for name in ("bob", "carol", "alice")])

    def test_active_publisher_is_remembered(self) -> None:
        """
        A publisher that has just published again is not forgotten first.
        """
        rate = Rate(self.clock, 1, burst=2, max_identities=2)
        for name in ("alice", "bob", "alice", "carol"):
            self.assertEqual(0, rate.take(name))
        self.assertEqual(1, rate.take("alice"))

    def test_options(self) -> None:
        """
        A limit that makes no sense, or would forbid all publishing, is refused; the error names it.
        """
        for name, value in (
            ("per_second", -1),
            ("per_second", float("nan")),
            ("burst", 0.5),
            ("burst", float("inf")),
            ("max_identities", 0),
        ):
            error = self.assertRaises(
                ValueError, Rate, self.clock, **{"per_second": 1, name: value}
            )
            self.assertIn(name, str(error))

    @given(
        st.floats(0.01, 1e4),
        st.floats(1, 1e4),
        st.lists(st.floats(0, 100), max_size=30),
    )
    def test_promise(self, per_second: float, burst: float, pauses: list[float]) -> None:
        """
        A publisher that waits as long as the hub asks may publish.  It never publishes more than a
        burst and the events that its rate allows since the beginning.
        """
        clock = Clock()
        clock.rightNow = began = 1.8e9  # as the time of day is
        rate = Rate(clock, per_second, burst=burst)
        for total, pause in enumerate(pauses, 1):
            clock.advance(pause)
            if wait := rate.take("alice"):
                self.assertGreater(wait, 0)
                clock.advance(wait)
                self.assertEqual(0, rate.take("alice"))
            allowed = burst + (clock.seconds() - began + 1e-3) * per_second
            self.assertLessEqual(total, allowed)
