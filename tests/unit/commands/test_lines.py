"""
Lines of an input that may be faster or slower than the consumer.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.commands._lines import Lines


class Pieces:
    """
    A reader that returns these pieces.
    """

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.count = 0

    def read(self) -> "Deferred[bytes]":
        """
        Read a piece.
        """
        self.count += 1
        return succeed(self.pieces.pop(0) if self.pieces else b"")


class Slow:
    """
    A reader that waits until the test has a piece.
    """

    def __init__(self) -> None:
        self.waiting: list[Deferred[bytes]] = []

    def read(self) -> "Deferred[bytes]":
        """
        Wait for the test.
        """
        self.waiting.append(Deferred())
        return self.waiting[-1]


class LinesTests(SynchronousTestCase):
    """
    Cutting lines.
    """

    def take(self, lines: Lines, most: int = 1000) -> list[tuple[int, bytes | None]]:
        """
        Take the lines that are there.
        """
        return self.successResultOf(Deferred.fromCoroutine(lines.take(most)))

    def take_all(self, lines: Lines) -> list[tuple[int, bytes | None]]:
        """
        Take all lines.
        """
        result = []
        while taken := self.take(lines):
            result += taken
        return result

    def test_cut(self) -> None:
        """
        LF and CRLF end a line; a line may be empty, and the last one may have no end.
        """
        cases: dict[bytes, list[bytes]] = {
            b"": [],
            b"\n": [b""],
            b"a": [b"a"],
            b"a\n": [b"a"],
            b"a\r\n\r\nb\rc\n": [b"a", b"", b"b\rc"],
            b"a\r\r\n\r": [b"a\r", b""],
        }
        for text, expected in cases.items():
            with self.subTest(text=text):
                found = self.take_all(Lines(Pieces(text)))
                self.assertEqual(list(enumerate(expected, 1)), found)

    @given(st.lists(st.sampled_from([b"a", b"\n", b"\r", b"bc\r\nd", b"\n\n"])))
    def test_however_cut(self, pieces: list[bytes]) -> None:
        """
        The lines are the same for all pieces in which the input may come.
        """
        whole = self.take_all(Lines(Pieces(b"".join(pieces))))
        self.assertEqual(whole, self.take_all(Lines(Pieces(*pieces))))

    def test_too_long(self) -> None:
        """
        A line that is too long is not kept; the lines around it are.
        """
        pieces = (b"ab", b"c\n123", b"4", b"5678", b"9\nxyz\n123", b"45")
        found = self.take_all(Lines(Pieces(*pieces), max_line=4))
        self.assertEqual([(1, b"abc"), (2, None), (3, b"xyz"), (4, None)], found)

    def test_longest(self) -> None:
        """
        A line may be exactly as long as the limit, with an end and without one.
        """
        found = self.take_all(Lines(Pieces(b"1234\n12", b"34"), max_line=4))
        self.assertEqual([(1, b"1234"), (2, b"1234")], found)

    def test_most(self) -> None:
        """
        No more lines are taken than were asked for.
        """
        lines = Lines(Pieces(b"a\nb\nc\n"))
        self.assertEqual([(1, b"a"), (2, b"b")], self.take(lines, 2))
        self.assertEqual([(3, b"c")], self.take(lines, 2))

    def test_has_more(self) -> None:
        """
        There are more lines until the last one has been taken.
        """
        lines = Lines(Pieces(b"a\nb\nc\n"))
        for most, expected in ((2, True), (1, False), (1, False)):
            self.take(lines, most)
            self.assertIs(expected, lines.has_more)

    def test_has_more_of_an_open_input(self) -> None:
        """
        While the input may go on, there are more lines only if one has come or has begun.
        """
        slow = Slow()
        lines = Lines(slow, max_line=4)
        self.assertFalse(lines.has_more)
        for piece, expected in (
            (b"a\n", False),
            (b"b\nc\n", True),
            (b"", False),
            (b"d\ne", True),
            (b"\n", False),
            (b"f\ntoo long", True),
        ):
            if piece:
                taking = Deferred.fromCoroutine(lines.take(1))
                if slow.waiting:
                    slow.waiting.pop().callback(piece)
                self.successResultOf(taking)
            else:
                self.take(lines)
            self.assertIs(expected, lines.has_more, piece)

    def test_bounded(self) -> None:
        """
        Only some lines are read before they are taken, and all lines in the end.
        """
        for piece, count in ((b"\n" * 100, 300), (b"x" * 65_535 + b"\n", 300)):
            with self.subTest(piece=piece[:1]):
                pieces = Pieces(*[piece] * count)
                lines = Lines(pieces)
                first = self.take(lines, 1)
                self.assertLess(pieces.count, 50)
                rest = self.take_all(lines)
                self.assertEqual(count * piece.count(b"\n"), len(first + rest))

    def test_ahead(self) -> None:
        """
        Reading goes on as soon as lines are taken, and not only when none is left.
        """
        pieces = Pieces(*[b"\n" * 100] * 300)
        lines = Lines(pieces)
        self.take(lines, 1)
        before = pieces.count
        self.take(lines, 1000)
        self.assertGreater(pieces.count, before)

    def test_waiting(self) -> None:
        """
        A consumer waits until there is a line, and then takes all lines that are there.
        """
        slow = Slow()
        lines = Lines(slow)
        taking = Deferred.fromCoroutine(lines.take(10))
        self.assertNoResult(taking)
        slow.waiting[0].callback(b"a")
        self.assertNoResult(taking)
        slow.waiting[1].callback(b"b\nc\nd")
        self.assertEqual([(1, b"ab"), (2, b"c")], self.successResultOf(taking))

    def test_stopped(self) -> None:
        """
        After a stop no line comes, and nothing is read.
        """
        slow = Slow()
        lines = Lines(slow)
        taking = Deferred.fromCoroutine(lines.take(10))
        lines.stop()
        self.assertEqual([], self.successResultOf(taking))
        self.assertEqual([], self.take(lines))
        self.assertTrue(slow.waiting[0].called)
        self.assertEqual(1, len(slow.waiting))
        Lines(slow).stop()

    def test_stopped_by_the_consumer(self) -> None:
        """
        A consumer that has its lines may stop the input at once: what is read then is not kept.
        """
        slow = Slow()
        lines = Lines(slow)
        taking = Deferred.fromCoroutine(lines.take(10))
        taking.addCallback(lambda _: lines.stop())
        slow.waiting[0].callback(b"a\n")
        self.assertIsNone(self.successResultOf(taking))
        for later in slow.waiting[1:]:
            if not later.called:
                later.callback(b"b\n")
        self.assertEqual(([], False), (self.take(lines), lines.has_more))
