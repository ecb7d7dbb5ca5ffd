"""
The ``Retry-After`` header.
"""

from math import inf

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client.source import retry_after

#: 1994-11-06 08:49:37 UTC, the date of RFC 9110, 5.6.7, in seconds since 1970.
THEN = 784111777.0


class RetryAfterTests(SynchronousTestCase):
    """
    ``Retry-After`` (RFC 9110, 10.2.3).
    """

    def asked(self, value: str, **others: str) -> float | None:
        return retry_after({"retry-after": value, **others}, THEN)

    def test_none(self) -> None:
        """
        A response without the header asks for nothing.
        """
        self.assertIsNone(retry_after({}, THEN))

    def test_seconds(self) -> None:
        """
        A number of seconds may have any number of digits.
        """
        self.assertEqual(120, self.asked("120"))
        self.assertEqual(0, self.asked(" 0 "))
        self.assertEqual(inf, self.asked("9" * 400))

    def test_dates(self) -> None:
        """
        A date has one of three forms.
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
        A date in the past asks for no delay.
        """
        self.assertEqual(0, self.asked("Sun, 06 Nov 1994 08:00:00 GMT"))

    def test_server_clock(self) -> None:
        """
        A date is compared with the ``Date`` of the response, if the response has one.
        """
        until, date = "Sun, 06 Nov 2095 08:50:37 GMT", "Sun, 06 Nov 2095 08:50:27 GMT"
        self.assertEqual(10, self.asked(until, date=date))
        self.assertEqual(60, self.asked("Sun, 06 Nov 1994 08:50:37 GMT", date="yesterday"))

    def test_unreadable(self) -> None:
        """
        A value that cannot be read asks for nothing.
        """
        for value in ("", "soon", "-1", "1.5", "²", "1, 1", "Sun, 99 Nov 1994 08:50:37 GMT"):
            with self.subTest(value):
                self.assertIsNone(self.asked(value))

    @given(
        st.text()
        | st.from_regex(
            r"\w{3}, \d+ (Nov|Feb) \d+ \d+:\d+:\d+ (GMT|[+-]\d{4,9})",
            alphabet=st.characters(max_codepoint=0x6FF),  # includes digits of other scripts
        )
    )
    def test_anything(self, value: str) -> None:
        """
        Any value is a number of seconds, 0 or more, or asks for nothing.
        """
        asked = self.asked(value)
        self.assertTrue(asked is None or asked >= 0)
