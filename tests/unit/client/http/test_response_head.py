"""
Media types of event streams.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client.http._response_head import is_event_stream


class MediaTypeTests(SynchronousTestCase):
    """
    Content types that are event streams, and others.
    """

    def test_event_stream(self) -> None:
        """
        Case and parameters do not matter, not even another charset: the stream is read as UTF-8.
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
        Any other content type, and a missing one, is not an event stream.
        """
        for value in ("", "text/html", "text/event-streams", "application/json", "event-stream"):
            with self.subTest(value):
                self.assertFalse(is_event_stream(value))

    def test_several(self) -> None:
        """
        The last valid type of several counts (WHATWG Fetch, "extract a MIME type").
        """
        self.assertTrue(is_event_stream("text/html, text/event-stream"))
        self.assertTrue(is_event_stream("text/event-stream, */*, nothing, "))
        self.assertFalse(is_event_stream("text/event-stream, text/html"))
        self.assertTrue(is_event_stream('text/event-stream; note="a, b/c"'))
