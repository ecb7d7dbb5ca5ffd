"""
Bytes that wait for one connection.
"""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.web._waiting import Waiting


class Strict(bytes):
    """
    Bytes that refuse to give an empty piece.
    """

    def __getitem__(self, place: Any) -> Any:  # as bytes do
        piece = super().__getitem__(place)
        if piece == b"":
            raise AssertionError(f"{place} takes nothing")
        return piece


#: Sizes of chunks: small ones are joined, large ones are not.
SIZES = st.integers(1, 9000)


def numbers(size: int) -> bytes:
    """
    Return this many bytes; no part of them is like another.
    """
    return b"".join(number.to_bytes(2, "big") for number in range(size))[:size]


class WaitingTests(SynchronousTestCase):
    """
    Bytes go in, and the same bytes come out.
    """

    @given(st.lists(SIZES.map(numbers) | SIZES))
    @example([numbers(5000), numbers(5000), 10_000])  # one piece of several chunks
    def test_plain(self, steps: list[bytes | int]) -> None:
        """
        Bytes that are put in and taken out in any pieces stay the same, as with a bytearray.
        """
        waiting, plain = Waiting(), bytearray()
        for step in steps:
            if isinstance(step, bytes):
                waiting.append(step)
                plain += step
            else:
                self.assertEqual(bytes(plain[:step]), waiting.take(step))
                del plain[:step]
            self.assertEqual(len(plain), len(waiting))

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

    def test_one_piece_after_another(self) -> None:
        """
        Pieces of one event follow each other, and each of them takes something: a piece without
        bytes would be asked for without end.
        """
        waiting = Waiting()
        waiting.append(Strict(b"abcdefgh"))
        self.assertEqual([b"abc", b"de", b"fgh"], [waiting.take(size) for size in (3, 2, 9)])
        self.assertEqual(0, len(waiting))
