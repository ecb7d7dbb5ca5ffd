"""
Which failures are worth another try, and how long a server asks to be left alone.
"""

from math import inf

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client import is_worth_another_try
from ssetwist.client.source._retry import retry_after
from ssetwist.errors import (
    Disconnected,
    EventTooLarge,
    HeadersUnavailable,
    NotAnEventStream,
    RedirectRefused,
)

#: 1994-11-06 08:49:37 UTC, the date of RFC 9110, 5.6.7, in seconds since 1970.
THEN = 784111777.0


class PolicyTests(SynchronousTestCase):
    """
    The policy that there is by default.
    """

    def test_network(self) -> None:
        """
        Whatever the network does, and a source of headers that fails.
        """
        self.assertTrue(is_worth_another_try(Disconnected("")))
        self.assertTrue(is_worth_another_try(Disconnected("", is_clean=True)))
        self.assertTrue(is_worth_another_try(HeadersUnavailable("")))

    def test_statuses(self) -> None:
        """
        429 and 5xx, and no other.
        """
        worth = [
            status
            for status in range(100, 700)
            if is_worth_another_try(NotAnEventStream("", url="", status=status, headers={}))
        ]
        self.assertEqual([429, *range(500, 600)], worth)

    def test_others(self) -> None:
        """
        A wrong content type, a refused redirection and what is too large come again as they are.
        """
        self.assertFalse(
            is_worth_another_try(RedirectRefused("", url="", status=302, headers={}, location=""))
        )
        self.assertFalse(is_worth_another_try(EventTooLarge("line", 1)))


class RetryAfterTests(SynchronousTestCase):
    """
    ``Retry-After`` (RFC 9110, 10.2.3).
    """

    def asked(self, value: str, **others: str) -> float | None:
        return retry_after({"retry-after": value, **others}, THEN)

    def test_none(self) -> None:
        """
        Without it nothing is asked for.
        """
        self.assertIsNone(retry_after({}, THEN))

    def test_seconds(self) -> None:
        """
        A number of seconds, of any length.
        """
        self.assertEqual(120, self.asked("120"))
        self.assertEqual(0, self.asked(" 0 "))
        self.assertEqual(inf, self.asked("9" * 400))

    def test_dates(self) -> None:
        """
        All three forms of a date.
        """
        for date in (
            "Sun, 06 Nov 1994 08:50:37 GMT",
            "Sunday, 06-Nov-94 08:50:37 GMT",
            "Sun Nov  6 08:50:37 1994",
            "Sun, 06 Nov 1994 09:50:37 +0100",
        ):
            with self.subTest(date):
                self.assertEqual(60, self.asked(date))

    def test_past(self) -> None:
        """
        A date that is over asks for nothing.
        """
        self.assertEqual(0, self.asked("Sun, 06 Nov 1994 08:00:00 GMT"))

    def test_server_clock(self) -> None:
        """
        The server means its own clock, which it sends along.
        """
        until, date = "Sun, 06 Nov 2095 08:50:37 GMT", "Sun, 06 Nov 2095 08:50:27 GMT"
        self.assertEqual(10, self.asked(until, date=date))
        self.assertEqual(60, self.asked("Sun, 06 Nov 1994 08:50:37 GMT", date="yesterday"))

    def test_unreadable(self) -> None:
        """
        What nobody can read asks for nothing.
        """
        for value in ("", "soon", "-1", "1.5", "²", "1, 1", "Sun, 99 Nov 1994 08:50:37 GMT"):
            with self.subTest(value):
                self.assertIsNone(self.asked(value))

    @given(
        st.text()
        | st.from_regex(
            r"\w{3}, \d+ (Nov|Feb) \d+ \d+:\d+:\d+ (GMT|[+-]\d{4,9})",
            alphabet=st.characters(max_codepoint=0x6FF),  # there are other digits than ours there
        )
    )
    def test_anything(self, value: str) -> None:
        """
        Whatever a server sends, it is a number of seconds or nothing.
        """
        asked = self.asked(value)
        self.assertTrue(asked is None or asked >= 0)
