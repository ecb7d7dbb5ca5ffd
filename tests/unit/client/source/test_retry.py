"""
Decision after a failure: the delay before another attempt, or the end.
"""

from math import inf, nan

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client import Backoff, is_worth_another_try
from ssetwist.client.source._retry import RetryPolicy
from ssetwist.errors import (
    Disconnected,
    EventTooLarge,
    HeadersUnavailable,
    NotAnEventStream,
    RedirectRefused,
    SSETwistError,
)

CLEAN, BROKEN = Disconnected("", is_clean=True), Disconnected("")


def largest() -> float:
    """
    Return the largest jitter.
    """
    return 1.0


def refused(status: int, **headers: str) -> NotAnEventStream:
    """
    Return the failure of an attempt that got this answer.
    """
    return NotAnEventStream("", url="", status=status, headers=headers)


class DefaultPolicyTests(SynchronousTestCase):
    """
    The default policy.
    """

    def test_network(self) -> None:
        """
        Failures of the network, and of the hook for fresh headers, are worth another try.
        """
        for problem in (CLEAN, BROKEN, HeadersUnavailable("")):
            self.assertTrue(is_worth_another_try(problem))

    def test_statuses(self) -> None:
        """
        Of all statuses, 429 and 5xx are worth another try.
        """
        worth = [status for status in range(100, 700) if is_worth_another_try(refused(status))]
        self.assertEqual([429, *range(500, 600)], worth)

    def test_others(self) -> None:
        """
        A refused redirection and an event that is too large are not worth another try, because they
        would come again.
        """
        self.assertFalse(
            is_worth_another_try(RedirectRefused("", url="", status=302, headers={}, location=""))
        )
        self.assertFalse(is_worth_another_try(EventTooLarge("line", 1)))


class RetryPolicyTests(SynchronousTestCase):
    """
    The whole decision.
    """

    def delay(
        self, problem: SSETwistError, failures: int = 1, asked: float | None = None
    ) -> float | None:
        """
        Return the delay after a failure, without jitter.
        """
        policy = RetryPolicy("", Backoff(), is_worth_another_try, lambda: 0.0)
        return policy.delay(problem, failures, reconnection_time=asked, now=0)

    def test_end(self) -> None:
        """
        A failure that is not worth another try is the end.
        """
        self.assertIsNone(self.delay(refused(404)))

    def test_asked(self) -> None:
        """
        ``Retry-After`` wins over the reconnection time; without both, the server asks for 0 s.
        """
        self.assertEqual(0, self.delay(BROKEN))
        self.assertEqual(7, self.delay(BROKEN, asked=7))
        self.assertEqual(7, self.delay(refused(503), asked=7))
        self.assertEqual(9, self.delay(refused(503, **{"retry-after": "9"}), asked=7))
        self.assertEqual(0, self.delay(refused(503, **{"retry-after": "0"}), asked=7))

    def test_failures(self) -> None:
        """
        The delay grows with the failures, as ``Backoff`` says.
        """
        policy = RetryPolicy("", Backoff(first=1), lambda _: True, largest)
        delays = [policy.delay(BROKEN, n, reconnection_time=None, now=0) for n in (1, 2, 3)]
        self.assertEqual([1, 2, 4], delays)

    def test_healthy(self) -> None:
        """
        A stream was healthy if it lasted, or if it brought events and ended properly.
        """
        policy = RetryPolicy("", Backoff(healthy_after=60), is_worth_another_try, largest)
        for problem, lasted, has_delivered, expected in (
            (BROKEN, 60, False, True),
            (BROKEN, 59, True, False),
            (CLEAN, 0, True, True),
            (CLEAN, 59, False, False),
            (EventTooLarge("line", 1), 0, True, False),
        ):
            with self.subTest(problem, lasted=lasted, has_delivered=has_delivered):
                healthy = policy.was_healthy(problem, lasted=lasted, has_delivered=has_delivered)
                self.assertIs(expected, healthy)


class BackoffTests(SynchronousTestCase):
    """
    Full jitter, below a ceiling that doubles.
    """

    def test_doubles(self) -> None:
        """
        The longest delay doubles with each failure, up to the ceiling.
        """
        backoff = Backoff(first=1, ceiling=30)
        delays = [backoff.delay(failures, 0, largest) for failures in range(1, 8)]
        self.assertEqual([1, 2, 4, 8, 16, 30, 30], delays)

    def test_full_jitter(self) -> None:
        """
        The delay is a random part of the longest delay, from 0 on.
        """
        backoff = Backoff(first=1, ceiling=30)
        self.assertEqual([0, 2, 6], [backoff.delay(4, 0, lambda c=c: c) for c in (0, 0.25, 0.75)])

    def test_asked(self) -> None:
        """
        The jitter is added to the server's seconds, so that clients with the same seconds do not
        come back together.
        """
        self.assertEqual(5 + 2, Backoff(first=1).delay(2, 5, largest))

    def test_max_server_delay(self) -> None:
        """
        A server cannot ask for a delay above the limit.
        """
        self.assertEqual(3600 + 1, Backoff().delay(1, inf, largest))
        self.assertEqual(60 + 1, Backoff(max_server_delay=60).delay(1, 61, largest))

    def test_nonsense(self) -> None:
        """
        A negative number of seconds, or NaN, is refused.
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
        The delay is at least the server's limited delay, and at most that delay plus the ceiling.
        """
        backoff = Backoff(first=first, ceiling=ceiling)
        least = min(asked, 3600)
        delay = backoff.delay(failures, asked, lambda: jitter)
        self.assertTrue(least <= delay <= least + ceiling)
