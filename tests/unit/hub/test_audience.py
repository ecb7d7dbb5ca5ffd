"""
An audience by itself: who gets what of the events that wait.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import View
from ssetwist.hub._audience import Audience


class Someone:
    """
    A member; it is told nothing here.
    """

    def __init__(self, name: str) -> None:
        self.name = name


class AudienceTests(SynchronousTestCase):
    """
    An audience of three.
    """

    def setUp(self) -> None:
        self.audience = Audience(View.of("t"))
        self.members = [self.join(name) for name in "ABC"]

    def join(self, name: str) -> Someone:
        someone = Someone(name)
        self.audience.join(someone)
        return someone

    def expect(self, *events: bytes) -> None:
        for event in events:
            self.audience.expect(event)

    def hand_out(self, most: int = 1000, head: int = 0) -> list[tuple[str, bytes]]:
        """
        Hand out to so many members, or until the round is over, and return who got what.
        """
        got = []
        while len(got) < most and (batch := self.audience.next_batch(head)) is not None:
            chunk, members = batch
            got.append((members.popitem()[0].name, chunk.data))
        return got

    def test_length(self) -> None:
        """
        Its length is the number of its members.
        """
        self.audience.leave(self.members[0])
        self.assertEqual(2, len(self.audience))

    def test_no_work(self) -> None:
        """
        Where nothing was published there is nothing to do.
        """
        self.assertFalse(self.audience.has_work)
        self.assertEqual([], self.hand_out())

    def test_work(self) -> None:
        """
        There is work from the first event on until the last member has it.
        """
        self.expect(b"1")
        self.assertTrue(self.audience.has_work)
        self.hand_out(2)
        self.assertTrue(self.audience.has_work)
        self.hand_out()
        self.assertFalse(self.audience.has_work)

    def test_no_members(self) -> None:
        """
        For nobody there is no work, even where events wait.
        """
        self.expect(b"1")
        for member in self.members:
            self.audience.leave(member)
        self.assertFalse(self.audience.has_work)
        self.assertEqual([], self.hand_out())

    def test_round(self) -> None:
        """
        Everyone gets all that waits, in one piece, the first to come first; then it is over.
        """
        self.expect(b"1", b"2")
        self.assertEqual([("A", b"12"), ("B", b"12"), ("C", b"12")], self.hand_out())
        self.assertIsNone(self.audience.next_batch(0))

    def test_same_frames(self) -> None:
        """
        All get the very same frames.
        """
        self.expect(b"1", b"2")
        chunk, members = self.audience.next_batch(0)
        members.popitem()
        self.assertIs(chunk, self.audience.next_batch(0)[0])
        self.assertEqual(2, chunk.events)

    def test_next_round(self) -> None:
        """
        What is published during a round is for the next one.
        """
        self.expect(b"1")
        self.hand_out(1)
        self.expect(b"2")
        self.assertEqual([("B", b"1"), ("C", b"1")], self.hand_out())
        self.assertEqual([("A", b"2"), ("B", b"2"), ("C", b"2")], self.hand_out())

    def test_round_head(self) -> None:
        """
        A round leads to what was the newest when it began, however long it takes.
        """
        self.expect(b"1")
        self.hand_out(1, head=7)
        self.expect(b"2")
        self.hand_out(1, head=8)
        self.assertEqual(7, self.audience.round_head)
        self.hand_out(1, head=9)
        self.hand_out(1, head=9)
        self.hand_out(1, head=9)
        self.assertEqual(9, self.audience.round_head)

    def test_joined_late(self) -> None:
        """
        Who joins while events wait gets none of these, but all that follow; each is served once.
        """
        self.expect(b"1")
        self.join("D")
        self.expect(b"2")
        self.join("E")
        self.expect(b"3")
        self.join("F")
        self.assertEqual(
            [("A", b"123"), ("B", b"123"), ("C", b"123"), ("D", b"23"), ("E", b"3")],
            self.hand_out(),
        )
        self.expect(b"4")
        self.assertEqual([(name, b"4") for name in "ABCDEF"], self.hand_out())

    def test_joined_at_the_same_time(self) -> None:
        """
        Those who joined between the same two events get the same frames, the first of them first.
        """
        self.expect(b"1")
        self.join("D")
        self.join("E")
        self.expect(b"2")
        self.hand_out(3)
        chunk, _ = self.audience.next_batch(0)
        self.assertEqual([("D", b"2")], self.hand_out(1))
        self.assertIs(chunk, self.audience.next_batch(0)[0])
        self.assertEqual([("E", b"2")], self.hand_out())

    def test_only_late_ones(self) -> None:
        """
        Where all have joined after what waits, nobody gets anything, and that is it.
        """
        for member in self.members:
            self.audience.leave(member)
        self.expect(b"1")
        self.join("D")
        self.assertEqual([], self.hand_out())
        self.assertFalse(self.audience.has_work)

    def test_joined_during_a_round(self) -> None:
        """
        Who joins during a round gets nothing of it, and nothing that was published before.
        """
        self.expect(b"1")
        self.hand_out(1)
        self.join("D")
        self.expect(b"2")
        self.join("E")
        self.expect(b"3")
        self.assertEqual([("B", b"1"), ("C", b"1")], self.hand_out())
        self.assertEqual(
            [("A", b"23"), ("B", b"23"), ("C", b"23"), ("D", b"23"), ("E", b"3")], self.hand_out()
        )

    def missed(self, member: Someone) -> tuple[bytes, int] | None:
        """
        Let a member leave and return what it missed.
        """
        chunk = self.audience.leave(member)
        return None if chunk is None else (chunk.data, chunk.events)

    def test_leave(self) -> None:
        """
        Who leaves has missed nothing where nothing waited, and what waited otherwise.
        """
        self.assertIsNone(self.missed(self.members[0]))
        self.expect(b"1", b"2")
        self.assertEqual((b"12", 2), self.missed(self.members[1]))
        self.assertEqual([("C", b"12")], self.hand_out())

    def test_leave_during_a_round(self) -> None:
        """
        Who leaves during a round has missed it if its turn had not come, and what has been
        published meanwhile in any case.
        """
        self.expect(b"1", b"2")
        self.hand_out(1)
        self.assertEqual((b"12", 2), self.missed(self.members[2]))
        self.expect(b"3")
        self.assertEqual((b"3", 1), self.missed(self.members[0]))
        self.expect(b"4")
        self.assertEqual((b"1234", 4), self.missed(self.members[1]))
        self.assertEqual([], self.hand_out())

    def test_leave_of_a_late_one(self) -> None:
        """
        Who has joined late misses only what was for it.
        """
        self.expect(b"1")
        late = self.join("D")
        self.assertIsNone(self.missed(late))
        late = self.join("E")
        self.expect(b"2")
        self.assertEqual((b"2", 1), self.missed(late))
        self.assertEqual({}, self.audience._joined_late)

    def test_leave_of_a_late_one_during_a_round(self) -> None:
        """
        The same where its batch has not begun.
        """
        self.expect(b"1")
        late = self.join("D")
        self.expect(b"2")
        self.hand_out(1)
        self.expect(b"3")
        self.assertEqual((b"23", 2), self.missed(late))

    def test_all_leave_during_a_round(self) -> None:
        """
        A round that nobody is left for is over, and the next one is for those who came since.
        """
        self.expect(b"1")
        self.hand_out(1)
        self.join("D")
        for member in self.members:
            self.audience.leave(member)
        self.expect(b"2")
        self.assertEqual([], self.hand_out())
        self.assertEqual([("D", b"2")], self.hand_out())

    def test_come_back(self) -> None:
        """
        Who leaves and joins again is a new member.
        """
        self.expect(b"1")
        self.assertEqual((b"1", 1), self.missed(self.members[0]))
        self.audience.join(self.members[0])
        self.expect(b"2")
        self.assertEqual([("B", b"12"), ("C", b"12"), ("A", b"2")], self.hand_out())


class Counting(Someone):
    """
    A member that counts how often it is compared with another one.
    """

    def __init__(self, comparisons: list[None]) -> None:
        self.comparisons = comparisons

    def __eq__(self, other: object) -> bool:
        self.comparisons.append(None)
        return self is other

    def __hash__(self) -> int:
        return id(self)


class ManyLeaveTests(SynchronousTestCase):
    """
    A large audience that leaves as one, because the server stops for example.
    """

    def test_during_a_round(self) -> None:
        """
        Leaving in the middle of a round is not a search through all who are still to be served.
        """
        for order in (1, -1):
            comparisons: list[None] = []
            audience = Audience(View.of("t"))
            members = [Counting(comparisons) for _ in range(1000)]
            for member in members:
                audience.join(member)
            audience.expect(b"1")
            audience.next_batch(1)
            for member in members[::order]:
                self.assertEqual(b"1", audience.leave(member).data)
            self.assertLess(len(comparisons), 10 * len(members))
