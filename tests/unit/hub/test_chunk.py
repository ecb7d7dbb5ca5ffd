"""
Chunks: bytes on their way to many clients.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.hub._chunk import Joining
from ssetwist.hub.outlets import Chunk


class ChunkTests(SynchronousTestCase):
    """
    Joining events.
    """

    def test_one(self) -> None:
        """
        A single event is not copied.
        """
        data = b"data: a\n\n" * 100
        self.assertIs(data, Chunk.joined([data]).data)

    def test_several(self) -> None:
        """
        Several events are joined in order, and each of them is counted.
        """
        chunk = Chunk.joined([b"a", b"b", b"c"])
        self.assertEqual((b"abc", 3), (chunk.data, chunk.events))

    def test_not_an_event(self) -> None:
        """
        Bytes that are not an event count as 0 events by default.
        """
        self.assertEqual(0, Chunk(b":\n").events)

    def test_on_wire(self) -> None:
        """
        A new chunk has no framing around its bytes.
        """
        self.assertIsNone(Chunk.joined([b"a"]).on_wire)


class JoiningTests(SynchronousTestCase):
    """
    Joining very many events in steps.
    """

    def test_steps(self) -> None:
        """
        Every event is there once, in order, however many there are.
        """
        for count in (0, 1, 1023, 1024, 1025, 5000):
            encoded = [b"%d," % number for number in range(count)]
            expected = b"".join(encoded)
            joining, steps = Joining(list(encoded)), 1
            while (chunk := joining.step()) is None:
                steps += 1
            self.assertEqual((expected, count), (chunk.data, chunk.events))
            self.assertEqual(max(1, -(-count // 1024)), steps)
            self.assertEqual(expected, Joining(encoded).finish().data)
