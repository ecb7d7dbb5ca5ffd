"""
Bodies of gzip.
"""

import gzip
import zlib
from sys import getrefcount

from hypothesis import given
from hypothesis import strategies as st
from twisted.web.client import ResponseDone

from ssetwist.errors import Disconnected
from tests.unit.client.stream.case import StreamCase, event


class GzipTests(StreamCase):
    """
    Streams of gzip.
    """

    def test_event_by_event(self) -> None:
        """
        Each event arrives when the server has flushed it.
        """
        encoder = zlib.compressobj(wbits=31)
        stream = self.begin(is_gzip=True)
        for number in range(3):
            stream.dataReceived(encoder.compress(event(number)))
            stream.dataReceived(encoder.flush(zlib.Z_SYNC_FLUSH))
            self.assertEqual(number + 1, len(self.arrived))
        stream.close()

    def test_bomb_waits(self) -> None:
        """
        A small gzip of very many events is decoded only as fast as they are taken.
        """
        self.pauses_after = 1
        many = 40_000
        stream = self.begin(is_gzip=True)
        stream.dataReceived(gzip.compress(event(1) * many))
        first = len(self.arrived)
        self.assertLess(first, many / 4)
        stream.resume()
        self.assertLess(len(self.arrived), 2 * first + 10)
        while len(self.arrived) < many:
            stream.resume()
        stream.close()

    def test_holds(self) -> None:
        """
        Pieces of gzip that come during a pause are decoded in their order.
        """
        stream = self.begin(is_gzip=True)
        stream.pause()
        packed = gzip.compress(event(1) + event(2))
        for start in range(0, len(packed), 5):
            stream.dataReceived(packed[start : start + 5])
        stream.resume()
        self.assertEqual(["1", "2"], self.arrived)
        stream.close()

    def test_held_pieces_are_freed(self) -> None:
        """
        Pieces that came during a pause are freed when the stream is closed.
        """
        stream = self.begin(is_gzip=True)
        stream.pause()
        piece = gzip.compress(event(1))
        references = getrefcount(piece)
        stream.dataReceived(piece)
        self.assertGreater(getrefcount(piece), references)
        stream.close()
        self.assertEqual(references, getrefcount(piece))

    def test_not_gzip(self) -> None:
        """
        Bytes that are not gzip end the stream and cut the connection.
        """
        self.begin(is_gzip=True).dataReceived(b"data: 1\n\n")
        self.assert_problem(Disconnected, "the body is not gzip")
        self.assertEqual(["abort"], self.calls)

    @given(st.lists(st.integers(1, 40), max_size=60), st.booleans(), st.lists(st.booleans()))
    def test_any_cut(self, sizes: list[int], is_gzip: bool, pauses: list[bool]) -> None:
        """
        All events arrive once and in order, however the bytes are cut and whenever the stream is
        paused.
        """
        self.setUp()
        body = b"".join(map(event, range(50)))
        data = gzip.compress(body) if is_gzip else body
        stream = self.begin(is_gzip=is_gzip)
        toggles = iter(pauses)
        for size in [*sizes, len(data)]:
            stream.dataReceived(data[:size])
            data = data[size:]
            if next(toggles, False):
                stream.pause()
            else:
                stream.resume()
        self.lose(ResponseDone())
        stream.resume()
        self.assertEqual([str(number) for number in range(50)], self.arrived)
        self.assertEqual(1, len(self.ended))
