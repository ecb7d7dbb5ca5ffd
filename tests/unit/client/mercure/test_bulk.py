"""
Batches of updates.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client import Update
from ssetwist.client.mercure._bulk import MAX_BATCH, MAX_LINES, batches_of

#: Bytes that count for a line besides its data and its topic "/a".
EXTRA = 66


def sizes(*data: int) -> list[int]:
    """
    Return the number of updates in each batch of updates with so many bytes of data.
    """
    return [len(batch) for batch in batches_of(iter(Update("/a", "x" * size) for size in data))]


class BatchesTests(SynchronousTestCase):
    """
    The limits of a batch.
    """

    def test_order(self) -> None:
        """
        All updates are there, in their order.
        """
        updates = [Update("/a", str(number)) for number in range(2500)]
        batches = list(batches_of(iter(updates)))
        self.assertEqual(updates, [update for batch in batches for update in batch])

    def test_lines(self) -> None:
        """
        A batch has at most a thousand lines.
        """
        self.assertEqual([MAX_LINES], sizes(*[1] * MAX_LINES))
        self.assertEqual([MAX_LINES, 1], sizes(*[1] * (MAX_LINES + 1)))

    def test_bytes(self) -> None:
        """
        A batch has at most 512 KiB, about; a larger update goes alone.
        """
        half = MAX_BATCH // 2 - EXTRA
        self.assertEqual([2], sizes(half, half))
        self.assertEqual([1, 1], sizes(half, half + 1))
        self.assertEqual([1, 1, 1], sizes(1, MAX_BATCH + 1, 1))

    def test_each_anew(self) -> None:
        """
        Each batch is counted anew: after a large one, small updates go together.
        """
        self.assertEqual([1, 3], sizes(MAX_BATCH, 1, 1, 1))

    def test_all_bytes(self) -> None:
        """
        Data counts as UTF-8, and each topic counts.
        """
        half = MAX_BATCH // 2 - EXTRA
        wide = Update("/a", "é" * (half // 2 + 1))
        many = Update(["/a", "/b" * 10], "x" * half)
        for update in (wide, many):
            batches = batches_of(iter([Update("/a", "x" * half), update]))
            self.assertEqual([1, 1], [len(batch) for batch in batches])

    def test_mistake(self) -> None:
        """
        Anything that is not an update is refused, with its type.
        """
        error = self.assertRaises(TypeError, list, batches_of(iter([("/a", "x")])))
        self.assertIn("tuple", str(error))
