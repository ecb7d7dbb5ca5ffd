"""
Lines that wait to be written.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.server._line_queue import MAX_WAITING, PIECE, Gap, LineQueue

UNREAD = "nobody read them in time"


class LineQueueTests(SynchronousTestCase):
    """
    A queue of lines.
    """

    def test_order(self) -> None:
        """
        Lines are taken in their order, and then there is no news.
        """
        queue = LineQueue()
        self.assertFalse(queue.has_news)
        queue.put(b"one\n")
        queue.put(b"two\n")
        self.assertTrue(queue.has_news)
        self.assertEqual([b"one\n", b"two\n"], queue.take())
        self.assertEqual((False, []), (queue.has_news, queue.take()))

    def test_full(self) -> None:
        """
        A line that finds no room leaves a gap in its place; so do all lines after it until half of
        the room is free.
        """
        queue = LineQueue(max_waiting=2 * PIECE)
        full = b"x" * PIECE
        for line in (full, full, b"1", b"2", b"3"):
            queue.put(line)
        self.assertEqual([full], queue.take())
        queue.put(b"4")
        self.assertEqual([full], queue.take())
        queue.put(b"5")
        self.assertEqual([Gap(4, UNREAD), b"5"], queue.take())

    def test_gap_is_news(self) -> None:
        """
        A gap at the end is news: it is reported when all before it is written, and does not wait
        for another line.
        """
        queue = LineQueue(max_waiting=PIECE)
        queue.put(b"x" * PIECE)
        queue.put(b"no room")
        queue.take()
        self.assertTrue(queue.has_news)
        self.assertEqual([Gap(1, UNREAD)], queue.take())

    def test_too_long(self) -> None:
        """
        A line that is longer than the room is dropped, even if nothing waits.
        """
        queue = LineQueue()
        queue.put(b"x" * (MAX_WAITING + 1))
        self.assertEqual([Gap(1, UNREAD)], queue.take())

    def test_lost(self) -> None:
        """
        Lines that could not be written become a gap before the next line.  The gap is not news by
        itself, and later losses are added to it.
        """
        queue = LineQueue()
        for line in (b"1", b"2"):
            queue.put(line)
        queue.lose(queue.take(), "the disk is full")
        self.assertFalse(queue.has_news)
        queue.put(b"3")
        queue.lose(queue.take(), "the disk is full")
        queue.put(b"4")
        self.assertEqual([Gap(3, "the disk is full"), b"4"], queue.take())

    def test_lost_before_others(self) -> None:
        """
        Lines that are lost leave a gap before lines that came meanwhile.
        """
        queue = LineQueue()
        queue.put(b"1")
        taken = queue.take()
        queue.put(b"2")
        queue.lose(taken, "the disk is full")
        self.assertEqual([Gap(1, "the disk is full"), b"2"], queue.take())

    def test_lost_before_a_gap(self) -> None:
        """
        Two gaps without a line between them become one.
        """
        queue = LineQueue(max_waiting=PIECE)
        queue.put(b"x" * PIECE)
        queue.put(b"no room")
        queue.lose(queue.take(), "the pipe is broken")
        self.assertEqual([Gap(2, "the pipe is broken")], queue.take())

    def test_dropped_after_lost(self) -> None:
        """
        A line that finds no room is added to a gap before it, which keeps its reason.
        """
        queue = LineQueue(max_waiting=4)
        queue.put(b"1")
        queue.lose(queue.take(), "the disk is full")
        queue.put(b"too long")
        self.assertEqual([Gap(2, "the disk is full")], queue.take())

    @given(st.lists(st.one_of(st.integers(1, 40_000), st.none(), st.just("lose"))))
    def test_count(self, steps: list[int | str | None]) -> None:
        """
        Every line is taken or counted, and the bytes that wait are bounded.
        """
        queue = LineQueue(max_waiting=100_000)
        put = seen = waiting = 0

        def count(taken: list[bytes | Gap]) -> int:
            return sum(one.count if isinstance(one, Gap) else 1 for one in taken)

        for step in steps:
            if isinstance(step, int):
                queue.put(b"x" * step)
                put += 1
            else:
                taken = queue.take()
                if step == "lose" and taken:
                    queue.lose(taken, "broken")
                else:
                    seen += count(taken)
        while taken := queue.take():
            waiting += sum(len(one) for one in taken if isinstance(one, bytes))
            seen += count(taken)
        self.assertEqual(put, seen)
        self.assertLessEqual(waiting, 100_000)
