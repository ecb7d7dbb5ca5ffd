"""
What a client says of media types.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.mercure.updates._content import media_type_of, takes_event_stream


class TakesEventStreamTests(SynchronousTestCase):
    """
    ``Accept``.
    """

    def test_taken(self) -> None:
        """
        An event stream is taken by who names it, or a wildcard of it, or nothing at all.
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
        It is not by who names others only, or refuses it, the more precise name being the one that
        counts.
        """
        for value in (
            b"text/html",
            b"application/json, text/plain",
            b"text/event-stream;q=0",
            b"*/*, text/event-stream; q=0.000",
            b"*/*;q=1, text/*;q=0",
        ):
            self.assertFalse(takes_event_stream([value]), value)

    @given(st.lists(st.binary(max_size=30), max_size=3))
    def test_anything(self, values: list[bytes]) -> None:
        """
        Whatever is sent, there is an answer.
        """
        self.assertIn(takes_event_stream(values), (True, False))


class MediaTypeTests(SynchronousTestCase):
    """
    ``Content-Type``.
    """

    def test_read(self) -> None:
        """
        Parameters, case and blanks do not count.
        """
        for value in (
            b"application/json",
            b" Application/JSON ; charset=utf-8",
            b"application/json;",
        ):
            self.assertEqual("application/json", media_type_of([value]))

    def test_none(self) -> None:
        """
        There may be none; what makes no sense is not the same.
        """
        self.assertIsNone(media_type_of([]))
        for values in ([b""], [b"json"], [b"a/b/c"], [b"a/b", b"a/b"], [b"\xff/\xff"]):
            self.assertEqual("", media_type_of(values))
