"""
Bytes that wait for one connection.
"""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.web._waiting import _JOINED, Waiting


class Strict(bytes):
    """
    Bytes that refuse to give an empty piece.
    """

    def __getitem__(self, place: Any) -> Any:  # as bytes do
        piece = super().__getitem__(place)
        if piece == b"":
            raise AssertionError(f"{place} takes nothing")
        return piece


#: Many bytes; no part of them is like another.
NUMBERS = b"".join(number.to_bytes(4, "big") for number in range(250_000))

PUT, TAKE = True, False


class WaitingTests(SynchronousTestCase):
    """
    Bytes go in, and the same bytes come out.
    """

    @given(st.lists(st.tuples(st.booleans(), st.integers(1, 9000)), max_size=100))
    @example([(PUT, 5000), (PUT, 5000), (TAKE, 10_000)])  # one piece of several chunks
    def test_plain(self, steps: list[tuple[bool, int]]) -> None:
        """
        Bytes that are put in and taken out in any pieces stay the same, and in their order.
        """
        waiting = Waiting()
        begin = end = 0  # of the bytes that wait
        for puts, size in steps:
            if puts:
                waiting.append(NUMBERS[end : end + size])
                end += size
            else:
                piece = NUMBERS[begin : min(begin + size, end)]
                self.assertEqual(piece, waiting.take(size))
                begin += len(piece)
            self.assertEqual(end - begin, len(waiting))

    def test_shared(self) -> None:
        """
        A large event is kept by reference; small ones are joined.
        """
        waiting = Waiting()
        large = bytes(100_000)
        waiting.append(large)
        for _ in range(1000):
            waiting.append(b"data: 1\n\n")
        self.assertIs(large, waiting._chunks[0])
        self.assertLess(len(waiting._chunks), 10)

    def test_joined(self) -> None:
        """
        Small pieces are joined up to 4 KiB.
        """
        waiting = Waiting()
        counts = []
        for size in (_JOINED - 1, 1, 1, _JOINED):
            waiting.append(bytes(size))
            counts.append(len(waiting._chunks))
        self.assertEqual([1, 1, 2, 3], counts)

    def test_one_piece_after_another(self) -> None:
        """
        Pieces of one event follow each other, and each of them takes something: a piece without
        bytes would be asked for without end.
        """
        waiting = Waiting()
        waiting.append(Strict(b"abcdefgh"))
        self.assertEqual([b"abc", b"de", b"fgh"], [waiting.take(size) for size in (3, 2, 9)])
        self.assertEqual(0, len(waiting))
