"""
Media types that a client sends and accepts.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.mercure.updates._content import MAX_ACCEPT, media_type_of, takes_event_stream


class TakesEventStreamTests(SynchronousTestCase):
    """
    ``Accept``.
    """

    def test_taken(self) -> None:
        """
        An event stream is accepted if ``Accept`` names it, has a wildcard for it, or is missing.
        """
        for value in (
            b"text/event-stream",
            b"TEXT/Event-Stream; charset=utf-8",
            b"text/*",
            b"*/*",
            b"text/html, */*;q=0.1",
            b"text/html,text/event-stream;q=0.001",
            b"",
            b"nonsense",
            b"*/*;q=0, text/event-stream",
            b"text/*;q=0, text/event-stream;q=0.5",
        ):
            self.assertTrue(takes_event_stream([value]), value)
        self.assertTrue(takes_event_stream([]))
        self.assertTrue(takes_event_stream([b"text/html", b"text/event-stream"]))

    def test_refused(self) -> None:
        """
        An event stream is not accepted if ``Accept`` names only other types, or if the most precise
        entry for it has quality 0.
        """
        for value in (
            b"text/html",
            b"application/json, text/plain",
            b"text/event-stream;q=0",
            b"*/*, text/event-stream; q=0.000",
            b"*/*;q=1, text/*;q=0",
        ):
            self.assertFalse(takes_event_stream([value]), value)

    def test_long(self) -> None:
        """
        Only the beginning of a long ``Accept`` is read.
        """
        refused = b"text/html," + b" " * MAX_ACCEPT
        self.assertFalse(takes_event_stream([refused + b"*/*"]))
        self.assertTrue(takes_event_stream([refused[: MAX_ACCEPT - 3] + b"*/*"]))

    @given(st.lists(st.binary(max_size=30), max_size=3))
    def test_anything(self, values: list[bytes]) -> None:
        """
        Any value of ``Accept`` is accepted or refused, without an error.
        """
        self.assertIn(takes_event_stream(values), (True, False))


class MediaTypeTests(SynchronousTestCase):
    """
    ``Content-Type``.
    """

    def test_read(self) -> None:
        """
        Parameters, case and blanks are ignored.
        """
        for value in (
            b"application/json",
            b" Application/JSON ; charset=utf-8",
            b"application/json;",
        ):
            self.assertEqual("application/json", media_type_of([value]))

    def test_missing_or_malformed(self) -> None:
        """
        A missing ``Content-Type`` becomes ``None``, and a malformed one becomes an empty text.
        """
        self.assertIsNone(media_type_of([]))
        for values in ([b""], [b"json"], [b"a/b/c"], [b"a/b", b"a/b"], [b"\xff/\xff"]):
            self.assertEqual("", media_type_of(values))
