"""
The decoder of gzip.
"""

import gzip
import zlib
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client.http._gzip import PIECE, GzipDecoder


def take_all(decoder: GzipDecoder) -> list[bytes]:
    """
    Take all available bytes.
    """
    return list(iter(decoder.take, b""))


class GzipTests(SynchronousTestCase):
    """
    Decoded bytes, and the moment when they are available.
    """

    def test_flushed(self) -> None:
        """
        Bytes that the server has flushed are available at once, although the stream goes on.
        """
        encoder = zlib.compressobj(wbits=31)
        decoder = GzipDecoder()
        for data in (b"data: 1\n\n", b"data: 2\n\n"):
            decoder.push(encoder.compress(data) + encoder.flush(zlib.Z_SYNC_FLUSH))
            self.assertEqual([data], take_all(decoder))

    def test_bomb(self) -> None:
        """
        Output comes in bounded pieces, one per call, however large it is.
        """
        size = 20 * 2**20
        decoder = GzipDecoder()
        decoder.push(gzip.compress(b"\0" * size))
        pieces = take_all(decoder)
        self.assertEqual(size, sum(map(len, pieces)))
        self.assertLessEqual(max(map(len, pieces)), PIECE)

    def test_exact_piece(self) -> None:
        """
        Output that fills a piece exactly, or by a byte more, is returned completely.
        """
        for size in (PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 100):
            decoder = GzipDecoder()
            encoder = zlib.compressobj(wbits=31)
            decoder.push(encoder.compress(b"a" * size) + encoder.flush(zlib.Z_SYNC_FLUSH))
            self.assertEqual(size, sum(map(len, take_all(decoder))))

    def test_cut_anywhere(self) -> None:
        """
        All output of the received bytes is available at once, wherever they were cut.  This
        includes output that zlib holds because a piece was full.
        """
        whole = gzip.compress(b"a" * (3 * PIECE))
        for end in range(len(whole)):
            decoder = GzipDecoder()
            decoder.push(whole[:end])
            expected = len(zlib.decompressobj(31).decompress(whole[:end]))
            self.assertEqual(expected, sum(map(len, take_all(decoder))), end)

    def test_members(self) -> None:
        """
        Several members are one stream (RFC 1952, 2.2), even with empty members.
        """
        decoder = GzipDecoder()
        decoder.push(gzip.compress(b"") + gzip.compress(b"a") + gzip.compress(b"b"))
        self.assertEqual(b"ab", b"".join(take_all(decoder)))

    def test_not_gzip(self) -> None:
        """
        Bytes that are not gzip raise ``ValueError``.
        """
        decoder = GzipDecoder()
        decoder.push(b"data: 1\n\n")
        self.assertRaises(ValueError, decoder.take)

    @given(st.lists(st.binary(max_size=300), max_size=5), st.lists(st.integers(0, 2000)))
    def test_cuts(self, members: list[bytes], cuts: list[int]) -> None:
        """
        The output does not depend on the cuts of the input.
        """
        data = b"".join(map(gzip.compress, members))
        decoder = GzipDecoder()
        result = b""
        places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
        for start, end in pairwise(places):
            decoder.push(data[start:end])
            result += b"".join(take_all(decoder))
        self.assertEqual(b"".join(members), result)
