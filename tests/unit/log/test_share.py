"""
Shares of a log in memory: the share of announcements, beside a plain list of everything.
"""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event
from ssetwist.log import Entry, MemoryLog
from ssetwist.log._share import _MOST_OLD
from tests.clock import Clock


class ShareCase(SynchronousTestCase):
    """
    A log that keeps eight events, and two announcements besides.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.log = self.make(max_count=8)

    def make(self, **bounds: int) -> MemoryLog:
        return MemoryLog(self.clock, max_age=100, epoch="a1", **bounds)

    def publish(self, count: int, size: int = 1) -> None:
        for _ in range(count):
            self.log.append(("t",), Event("x" * size))

    def announce(self, count: int, size: int = 1) -> None:
        for _ in range(count):
            self.log.append(("a",), Event("x" * size), is_announcement=True)

    def read(self, after: int = 0, most_bytes: int = 10**6) -> list[int]:
        entries = self.successResultOf(self.log.read(after, most_bytes))
        return [entry.position for entry in entries]


class AnnouncementTests(ShareCase):
    """
    Announcements and other events in one log.
    """

    def test_announcements_push_out_announcements(self) -> None:
        """
        However many announcements come, all other events stay; only the newest announcements are
        kept, and each entry has its position.
        """
        self.publish(3)
        self.announce(1000)
        self.publish(5)
        self.assertEqual([1, 2, 3, 1002, 1003, *range(1004, 1009)], self.read())
        self.assertEqual((1, 1002), (self.log.oldest, self.log.oldest_announcement))

    def test_events_push_out_events(self) -> None:
        """
        Announcements do not count when other events push out others.  Announcements from before the
        oldest other event are forgotten, because nobody can read them.
        """
        self.publish(2)
        self.announce(1)
        self.publish(7)
        self.assertEqual([2, 3, *range(4, 11)], self.read())
        self.publish(2)
        self.assertEqual((5, 5), (self.log.oldest, self.log.oldest_announcement))
        self.assertEqual(list(range(5, 13)), self.read())

    def test_bytes(self) -> None:
        """
        Announcements have at most a quarter of the bytes, whatever their number.
        """
        size = len(self.log_of(100).encoded)
        self.log = self.make(max_bytes=8 * (size + 1))  # for ids of two digits
        self.publish(8, 100)
        self.announce(3, 100)
        self.assertEqual([*range(1, 9), 10, 11], self.read())
        self.announce(1, 300)
        self.assertEqual(list(range(1, 9)), self.read())

    def log_of(self, size: int) -> Entry:
        return self.successResultOf(self.make().append(("t",), Event("x" * size)))

    def test_small_log(self) -> None:
        """
        A log that keeps a single event also keeps an announcement; a log that keeps nothing keeps
        none.
        """
        for count, kept in ((1, [1, 3]), (0, [])):
            self.log = self.make(max_count=count)
            self.publish(1)
            self.announce(2)
            self.assertEqual(kept, self.read())

    def test_age(self) -> None:
        """
        Announcements are forgotten at the age of other events.
        """
        self.announce(1)
        self.clock.advance(60)
        self.publish(1)
        self.announce(1)
        self.clock.advance(40)
        self.assertEqual(([2, 3], 1), (self.read(), self.log.oldest))
        self.assertEqual(2, self.log.oldest_announcement)

    def test_many_are_old(self) -> None:
        """
        A look forgets only some thousands of events that are too old, so that none takes long; the
        other bounds hold at once.
        """
        self.log = self.make(max_count=4 * _MOST_OLD)
        self.publish(3 * _MOST_OLD)
        self.clock.advance(101)
        self.publish(1)
        for part in (2, 3):
            self.assertEqual(part * _MOST_OLD + 1, self.log.oldest)
        self.assertEqual([3 * _MOST_OLD + 1], self.read())
        self.publish(4 * _MOST_OLD - 1)
        self.clock.advance(101)
        self.publish(_MOST_OLD + 1000)
        self.assertEqual(self.log.head, self.log.oldest + _MOST_OLD + 1000 - 1)

    def test_many_are_too_many(self) -> None:
        """
        An event that needs the room of very many others pushes all of them out at once.
        """
        self.log = self.make(max_count=8 * _MOST_OLD, max_bytes=2**20)
        self.publish(6 * _MOST_OLD)
        self.publish(1, size=2**20 - 30)
        self.assertEqual(self.log.head, self.log.oldest)

    def test_found(self) -> None:
        """
        The id of a forgotten announcement is found while all other events after it are kept.
        """
        self.publish(1)
        self.announce(5)
        self.assertEqual(2, self.successResultOf(self.log.find("#a1.2")))
        self.publish(9)
        self.assertIsNone(self.successResultOf(self.log.find("#a1.2")))

    def test_nothing_left(self) -> None:
        """
        After many announcements, most of them forgotten, nothing is held for these.
        """
        self.publish(1)
        self.announce(5000)
        share = self.log._announcements
        self.assertLess(len(share._entries), 1100)
        self.assertLess(len(share._offsets), 1100)

    def test_id(self) -> None:
        """
        An announcement has no id of its own.
        """
        problem = self.assertRaises(
            ValueError, self.log.append, ("a",), Event("x", id="mine"), is_announcement=True
        )
        self.assertEqual("an announcement gets its id from the log; it has 'mine'", str(problem))
        self.assertEqual(0, self.log.head)

    @given(st.lists(st.tuples(st.booleans(), st.integers(0, 60)), max_size=30), st.integers(1, 300))
    def test_batches(self, kinds: list[tuple[bool, int]], most_bytes: int) -> None:
        """
        Batches of both kinds follow each other without a gap, each within its bytes or with a
        single entry.
        """
        self.log = self.make()
        for is_announcement, size in kinds:
            (self.announce if is_announcement else self.publish)(1, size)
        seen: list[int] = []
        while entries := self.successResultOf(self.log.read(seen[-1] if seen else 0, most_bytes)):
            size = sum(len(entry.encoded) for entry in entries)
            self.assertTrue(size <= most_bytes or len(entries) == 1)
            seen += [entry.position for entry in entries]
        expected = [one.position for one in self.successResultOf(self.log.read(0, 10**9))]
        self.assertEqual(expected, seen)


class PlainShares(RuleBasedStateMachine):
    """
    A log beside two lists of everything.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.log = MemoryLog(self.clock, max_count=6, max_bytes=300, max_age=10, epoch="a1")
        self.all: list[Entry] = []
        self.announcements: set[int] = set()
        self.oldest = 1

    def kept(self, *, are_announcements: bool, part: int) -> list[Entry]:
        kept: list[Entry] = []
        size = 0
        for entry in reversed(self.all):
            if (entry.position in self.announcements) != are_announcements:
                continue
            size += len(entry.encoded)
            is_full = len(kept) == -(-6 // part) or size > 300 / part
            if is_full or entry.at + 10 <= self.clock.seconds():
                break
            kept.insert(0, entry)
        return kept

    @rule(data=st.text("ab", max_size=60), is_announcement=st.booleans())
    def append(self, data: str, is_announcement: bool) -> None:
        appended = self.log.append(("t",), Event(data), is_announcement=is_announcement)
        appended.addCallback(self.all.append)
        if is_announcement:
            self.announcements.add(len(self.all))

    @rule(seconds=st.integers(0, 6))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @invariant()
    def same(self) -> None:
        events = self.kept(are_announcements=False, part=1)
        forgotten = [
            entry.position
            for entry in self.all
            if entry.position not in self.announcements and entry not in events
        ]
        oldest = max(forgotten, default=0) + 1
        assert self.log.oldest == oldest
        announcements = [
            entry for entry in self.kept(are_announcements=True, part=4) if entry.position >= oldest
        ]
        lost = [
            position
            for position in self.announcements
            if position not in [entry.position for entry in announcements]
        ]
        assert self.log.oldest_announcement == max(oldest, max(lost, default=0) + 1)
        kept = sorted(events + announcements, key=lambda entry: entry.position)
        for after in range(len(self.all) + 1):
            read: list[list[Entry]] = []
            self.log.read(after, 10**6).addCallback(read.append)
            assert list(read[0]) == [entry for entry in kept if entry.position > after]


class ModelTests(SynchronousTestCase):
    """
    Any order of steps.
    """

    def test_plain(self) -> None:
        """
        The log keeps exactly the same as two lists with bounds of their own.
        """
        run_state_machine_as_test(PlainShares)
