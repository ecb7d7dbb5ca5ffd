"""
An audience: the members that get the same waiting events.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import View
from ssetwist.hub._audience import Audience


class Someone:
    """
    A member that does nothing here.
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
        Hand out events to this many members, or until the round is over; return the events of each
        member.
        """
        got = []
        while len(got) < most and (batch := self.audience.next_batch(head)) is not None:
            chunk, members = batch
            got.append((members.popitem()[0].name, chunk.data))
        return got

    def test_length(self) -> None:
        """
        The length of an audience is the number of its members.
        """
        self.audience.leave(self.members[0])
        self.assertEqual(2, len(self.audience))

    def test_no_work(self) -> None:
        """
        Before an event is published, an audience has nothing to do.
        """
        self.assertFalse(self.audience.has_work)
        self.assertEqual([], self.hand_out())

    def test_work(self) -> None:
        """
        There is work from the first event until the last member has it.
        """
        self.expect(b"1")
        self.assertTrue(self.audience.has_work)
        self.hand_out(2)
        self.assertTrue(self.audience.has_work)
        self.hand_out()
        self.assertFalse(self.audience.has_work)

    def test_no_members(self) -> None:
        """
        An audience without members has nothing to do, even if events wait.
        """
        self.expect(b"1")
        for member in self.members:
            self.audience.leave(member)
        self.assertFalse(self.audience.has_work)
        self.assertEqual([], self.hand_out())

    def test_round(self) -> None:
        """
        Each member gets everything that waits in one piece, the oldest member first; then the round
        is over.
        """
        self.expect(b"1", b"2")
        self.assertEqual([("A", b"12"), ("B", b"12"), ("C", b"12")], self.hand_out())
        self.assertIsNone(self.audience.next_batch(0))

    def test_same_bytes(self) -> None:
        """
        All members get the very same bytes.
        """
        self.expect(b"1", b"2")
        chunk, members = self.audience.next_batch(0)
        members.popitem()
        self.assertIs(chunk, self.audience.next_batch(0)[0])
        self.assertEqual(2, chunk.events)

    def test_next_round(self) -> None:
        """
        An event that is published during a round waits for the next round.
        """
        self.expect(b"1")
        self.hand_out(1)
        self.expect(b"2")
        self.assertEqual([("B", b"1"), ("C", b"1")], self.hand_out())
        self.assertEqual([("A", b"2"), ("B", b"2"), ("C", b"2")], self.hand_out())

    def test_round_head(self) -> None:
        """
        The head of a round is the newest position at its beginning, however long the round takes.
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
        A member that joins while events wait gets only later events; each member is served once.
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
        Members that joined between the same two events get the same bytes, the oldest member first.
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
        If all members joined after the waiting events, the round is over at once.
        """
        for member in self.members:
            self.audience.leave(member)
        self.expect(b"1")
        self.join("D")
        self.assertEqual([], self.hand_out())
        self.assertFalse(self.audience.has_work)

    def test_joined_during_a_round(self) -> None:
        """
        A member that joins during a round gets nothing from it and nothing that was published
        before.
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
        Let a member leave, and return the events that it missed.
        """
        chunk = self.audience.due_to(member)
        self.audience.leave(member)
        return None if chunk is None else (chunk.data, chunk.events)

    def test_leave(self) -> None:
        """
        A member that leaves misses the waiting events, or nothing if no event waits.
        """
        self.assertIsNone(self.missed(self.members[0]))
        self.expect(b"1", b"2")
        self.assertEqual((b"12", 2), self.missed(self.members[1]))
        self.assertEqual([("C", b"12")], self.hand_out())

    def test_leave_during_a_round(self) -> None:
        """
        A member that leaves during a round misses its chunk, unless it has got it, and the events
        that were published meanwhile.
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
        A member that joined late and leaves misses only events that were published after it joined.
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
        A member that joined late and leaves during a round, before its batch begins, misses only
        events that were published after it joined.
        """
        self.expect(b"1")
        late = self.join("D")
        self.expect(b"2")
        self.hand_out(1)
        self.expect(b"3")
        self.assertEqual((b"23", 2), self.missed(late))

    def test_all_leave_during_a_round(self) -> None:
        """
        If all members leave during a round, the round is over, and the next one serves members that
        have joined since.
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
        A member that leaves and joins again is a new member.
        """
        self.expect(b"1")
        self.assertEqual((b"1", 1), self.missed(self.members[0]))
        self.audience.join(self.members[0])
        self.expect(b"2")
        self.assertEqual([("B", b"12"), ("C", b"12"), ("A", b"2")], self.hand_out())

    def test_reserved(self) -> None:
        """
        An event that is waited for is for those that were members before, and may not come.
        """
        self.audience.reserve()
        self.join("D")
        self.assertFalse(self.audience.has_work)
        self.assertIsNone(self.missed(self.members.pop()))
        self.audience.settle(b"1")
        self.expect(b"2")
        self.assertEqual([("A", b"12"), ("B", b"12"), ("D", b"2")], self.hand_out())
        self.audience.reserve()
        self.join("E")
        self.audience.settle(None)
        self.expect(b"3")
        self.assertEqual([(name, b"3") for name in "ABDE"], self.hand_out())


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
    All members of a large audience leave together, for example because the server stops.
    """

    def test_during_a_round(self) -> None:
        """
        Leaving during a round does not search through all members that are still to be served.
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
                self.assertEqual(b"1", audience.due_to(member).data)
                audience.leave(member)
            self.assertLess(len(comparisons), 10 * len(members))
