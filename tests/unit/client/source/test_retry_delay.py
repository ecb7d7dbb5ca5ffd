"""
How long to wait before the next attempt.
"""

from math import inf, nan

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client import Backoff


def largest() -> float:
    return 1.0


class BackoffTests(SynchronousTestCase):
    """
    Full jitter, below a ceiling that doubles.
    """

    def test_doubles(self) -> None:
        """
        The most that it can be doubles with each failure, up to the ceiling.
        """
        backoff = Backoff(first=1, ceiling=30)
        delays = [backoff.delay(failures, 0, largest) for failures in range(1, 8)]
        self.assertEqual([1, 2, 4, 8, 16, 30, 30], delays)

    def test_full_jitter(self) -> None:
        """
        How long it is exactly is chance, from nothing on.
        """
        backoff = Backoff(first=1, ceiling=30)
        self.assertEqual([0, 2, 6], [backoff.delay(4, 0, lambda c=c: c) for c in (0, 0.25, 0.75)])

    def test_asked(self) -> None:
        """
        What the server asks for is waited, and the jitter in addition, so that not all who were
        told the same come back at once.
        """
        self.assertEqual(5 + 2, Backoff(first=1).delay(2, 5, largest))

    def test_max_server_delay(self) -> None:
        """
        A server can send nobody away for ever.
        """
        self.assertEqual(3600 + 1, Backoff().delay(1, inf, largest))
        self.assertEqual(60 + 1, Backoff(max_server_delay=60).delay(1, 61, largest))

    def test_nonsense(self) -> None:
        """
        No number of seconds is negative, or no number.
        """
        for name in ("first", "ceiling", "healthy_after", "max_server_delay"):
            for value in (-1, nan):
                with self.assertRaises(ValueError) as caught:
                    Backoff(**{name: value})
                self.assertIn(name, str(caught.exception))

    @given(
        st.integers(1, 10**9),
        st.floats(0, allow_nan=False),
        st.floats(0, 1),
        st.floats(0, 1e9),
        st.floats(0, 1e9),
    )
    def test_bounds(
        self, failures: int, asked: float, jitter: float, first: float, ceiling: float
    ) -> None:
        """
        It is never less than what is obeyed, nor more than that and the ceiling.
        """
        backoff = Backoff(first=first, ceiling=ceiling)
        least = min(asked, 3600)
        delay = backoff.delay(failures, asked, lambda: jitter)
        self.assertTrue(least <= delay <= least + ceiling)
