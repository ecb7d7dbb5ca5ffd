"""
Position that passes from each stream of a source to the next.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client.source import SourceOptions
from ssetwist.client.source._resumption import Resumption
from ssetwist.errors import EventTooLarge
from ssetwist.eventstream import Event


class ResumptionTests(SynchronousTestCase):
    """
    One stream after another.
    """

    def setUp(self) -> None:
        self.comments: list[str] = []
        options = SourceOptions(url="http://a/", last_event_id="0", max_line=20)
        self.resumption = Resumption(options, self.comments.append)

    def test_beginning(self) -> None:
        """
        Before the first stream the position is the one that was given.
        """
        self.assertEqual("0", self.resumption.last_event_id)
        self.assertIsNone(self.resumption.reconnection_time)

    def test_kept(self) -> None:
        """
        A stream that brings neither an id nor a reconnection time keeps the earlier ones.
        """
        self.resumption.next_parser().feed(b"id: 1\nretry: 7000\ndata: x\n\n")
        for _ in range(2):
            self.assertEqual(
                [Event("y", id="1")], self.resumption.next_parser().feed(b"data: y\n\n")
            )
        self.assertEqual(
            ("1", 7), (self.resumption.last_event_id, self.resumption.reconnection_time)
        )

    def test_unfinished(self) -> None:
        """
        An unfinished event at the end of a stream changes nothing; its id is dropped with it.
        """
        self.resumption.next_parser().feed(b"id: 1\ndata: x\n")
        self.assertEqual([Event("y", id="0")], self.resumption.next_parser().feed(b"data: y\n\n"))

    def test_id_after(self) -> None:
        """
        The id after an event is the id of this event; before the first event, it is the given id.
        """
        self.assertEqual("0", self.resumption.id_after(None))
        self.assertEqual("5", self.resumption.id_after(Event("x", id="5")))
        self.assertEqual("", self.resumption.id_after(Event("x")))

    def test_options(self) -> None:
        """
        Each parser has the limits of the source, and passes comments on.
        """
        for _ in range(2):
            parser = self.resumption.next_parser()
            parser.feed(b": hello\n")
            self.assertRaises(EventTooLarge, parser.feed, b"data: " + b"x" * 20)
        self.assertEqual(["hello"] * 2, self.comments)

    def test_size_of_an_event(self) -> None:
        """
        Each parser has the source's limit on an event of several lines.
        """
        options = SourceOptions(url="http://a/", max_event=20)
        for _ in range(2):
            parser = Resumption(options, None).next_parser()
            self.assertRaises(EventTooLarge, parser.feed, b"data: 123456789\n" * 3)
