"""
Media types of responses: which are event streams.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client.http._response_head import is_event_stream


class MediaTypeTests(SynchronousTestCase):
    """
    Which content types are event streams.
    """

    def test_event_stream(self) -> None:
        """
        Case and parameters do not matter, not even another charset: it is read as UTF-8.
        """
        for value in (
            "text/event-stream",
            "Text/Event-Stream",
            " text/event-stream\t;charset=utf-8",
            'text/event-stream; charset="iso-8859-1"',
            "text/event-stream;",
        ):
            with self.subTest(value):
                self.assertTrue(is_event_stream(value))

    def test_other(self) -> None:
        """
        Whatever else comes, or nothing, is none.
        """
        for value in ("", "text/html", "text/event-streams", "application/json", "event-stream"):
            with self.subTest(value):
                self.assertFalse(is_event_stream(value))

    def test_several(self) -> None:
        """
        Of several the last counts that is a type (WHATWG Fetch, "extract a MIME type").
        """
        self.assertTrue(is_event_stream("text/html, text/event-stream"))
        self.assertTrue(is_event_stream("text/event-stream, */*, nothing, "))
        self.assertFalse(is_event_stream("text/event-stream, text/html"))
        self.assertTrue(is_event_stream('text/event-stream; note="a, b/c"'))
