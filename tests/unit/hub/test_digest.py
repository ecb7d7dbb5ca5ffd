"""
Digests of a log; ``test_behind`` tests what subscribers get from them.
"""

from twisted.internet.defer import Deferred

from ssetwist import View
from ssetwist.hub._digest import Digest
from ssetwist.hub._log_walk import Gap, LogWalk
from ssetwist.hub._view import ViewHistory
from tests.unit.hub.case import THIRD, HubTestCase

TOPICS = ["a", "b", "c"]


class DigestTests(HubTestCase):
    """
    A digest of three topics with two events each.
    """

    def setUp(self) -> None:
        super().setUp()
        self.hub = self.make_hub(log=self.make_log(max_count=6))
        self.walk = LogWalk(self.hub._replay, 0)
        self.digest = Digest(self.walk, ViewHistory(View.of(TOPICS)))

    def fill(self, topics: str) -> None:
        """
        Publish large events to these topics.
        """
        for topic in topics:
            self.publish("x" * THIRD, to=topic)

    def read(self) -> list[int] | Gap:
        """
        Return the positions in the next piece, or the gap.
        """
        reading = Deferred.fromCoroutine(self.digest.read())
        self.settle()
        found = self.successResultOf(reading)
        return found if isinstance(found, Gap) else [entry.position for entry in found]

    def test_newest(self) -> None:
        """
        A digest has the newest event of each topic that is seen, piece by piece.
        """
        self.fill("aabacx")
        self.assertEqual([[], [3, 4], [5]], [self.read() for _ in range(3)])
        self.assertTrue(self.walk.is_at_live_end)

    def test_position(self) -> None:
        """
        The first reading of a digest does not move the walk.
        """
        self.fill("aaabc")
        self.assertEqual(([], 2), (self.read(), self.walk.position))

    def test_published_after_the_first_reading(self) -> None:
        """
        Events that are published after the first reading are in another digest, after this one.
        """
        self.fill("ab")
        self.assertEqual([1, 2], self.read())
        self.fill("bb")
        self.assertEqual([4], self.read())

    def test_gap(self) -> None:
        """
        A digest of which the first piece is forgotten is a gap.
        """
        self.fill("abcabcabc")
        self.assertEqual(Gap(3, False), self.read())

    def test_gap_after_the_first_reading(self) -> None:
        """
        After a gap, the digest looks for the newest events again.
        """
        self.fill("aabbcc")
        self.assertEqual([2], self.read())
        self.fill("aaaa")
        self.assertEqual(Gap(4, False), self.read())
        self.walk.position = 4
        self.assertEqual([[6], [], [10]], [self.read() for _ in range(3)])
