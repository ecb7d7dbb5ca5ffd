"""
Bytes on their way to many.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.hub.outlets import Chunk


class FramesTests(SynchronousTestCase):
    """
    Joining.
    """

    def test_one(self) -> None:
        """
        A single event is not copied.
        """
        data = b"data: a\n\n" * 100
        self.assertIs(data, Chunk.joined([data]).data)

    def test_several(self) -> None:
        """
        Several are one after the other, and each is counted.
        """
        chunk = Chunk.joined([b"a", b"b", b"c"])
        self.assertEqual((b"abc", 3), (chunk.data, chunk.events))

    def test_no_event(self) -> None:
        """
        What is no event is counted as none, unless told otherwise.
        """
        self.assertEqual(0, Chunk(b":\n").events)

    def test_on_wire(self) -> None:
        """
        Nobody has put anything around it at first.
        """
        self.assertIsNone(Chunk.joined([b"a"]).on_wire)
