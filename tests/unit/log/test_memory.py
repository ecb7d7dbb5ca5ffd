"""
The log in memory, compared with a plain list.
"""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event
from ssetwist.eventstream import encode_event
from ssetwist.log import MAX_ID, Entry, MemoryLog, render_id
from tests.clock import Clock, TwoClocks


class MemoryLogCase(SynchronousTestCase):
    """
    A log with a known epoch.
    """

    def make(self, **bounds: float) -> MemoryLog:
        self.clock = Clock()
        return MemoryLog(self.clock, epoch="a1", **bounds)  # type: ignore[arg-type]

    def append(self, log: MemoryLog, *data: str, **fields: str) -> list[Entry]:
        return [
            self.successResultOf(log.append(("t",), Event(each, **fields)))  # type: ignore[arg-type]
            for each in data
        ]

    def read(self, log: MemoryLog, after: int, most_bytes: int = 10**9) -> list[str]:
        return [entry.event.data for entry in self.successResultOf(log.read(after, most_bytes))]

    def find(self, log: MemoryLog, id: str) -> int | None:
        return self.successResultOf(log.find(id))


class AppendTests(MemoryLogCase):
    """
    Appending.
    """

    def test_positions_and_ids(self) -> None:
        """
        Each event gets its place, and an id if it lacks one.
        """
        log = self.make()
        self.assertEqual((0, 1), (log.head, log.oldest))
        first, second = self.append(log, "1", "2")
        (third,) = self.append(log, "3", id="mine")
        self.assertEqual([1, 2, 3], [entry.position for entry in (first, second, third)])
        self.assertEqual(
            ["#a1.1", "#a1.2", "mine"], [entry.event.id for entry in (first, second, third)]
        )
        self.assertEqual((3, 1), (log.head, log.oldest))

    def test_wrong_bound(self) -> None:
        """
        A negative bound is refused.
        """
        for bound in ("max_count", "max_bytes", "max_age"):
            error = self.assertRaises(ValueError, self.make, **{bound: -1})
            self.assertEqual(f"{bound} -1 must be 0 or more", str(error))
        self.assertRaises(ValueError, self.make, max_age=float("nan"))

    def test_entry(self) -> None:
        """
        An entry has everything that was published with an event, and its bytes.
        """
        log = self.make()
        self.clock.advance(5)
        entry = self.successResultOf(log.append(("a", "b"), Event("x", type="t"), is_private=True))
        self.assertEqual((("a", "b"), True, 5), (entry.topics, entry.is_private, entry.at))
        self.assertEqual(encode_event(Event("x", type="t", id="#a1.1")), entry.encoded)

    def test_follow(self) -> None:
        """
        A follower gets each new entry, in order, as soon as the log has it, until it stops
        following.
        """
        log = self.make()
        heard: list[tuple[int, int]] = []
        self.append(log, "1")
        unfollow = log.follow(lambda entry: heard.append((entry.position, log.head)))
        self.append(log, "2", "3")
        unfollow()
        self.append(log, "4")
        self.assertEqual([(2, 2), (3, 3)], heard)


class ReadTests(MemoryLogCase):
    """
    Reading forward.
    """

    def test_from_a_position(self) -> None:
        """
        The entries after a position are read, oldest first.
        """
        log = self.make()
        self.append(log, "1", "2", "3")
        self.assertEqual(["1", "2", "3"], self.read(log, 0))
        self.assertEqual(["3"], self.read(log, 2))
        self.assertEqual([], self.read(log, 3))

    def test_bounded(self) -> None:
        """
        A batch is bounded, but never empty while there is something to read.
        """
        log = self.make()
        size = len(self.append(log, "1", "2", "3")[0].encoded)
        self.assertEqual(["1", "2"], self.read(log, 0, 2 * size))
        self.assertEqual(["1"], self.read(log, 0, 1))

    def test_forgotten(self) -> None:
        """
        If the beginning is forgotten, reading begins with the oldest entry that is kept.
        """
        log = self.make(max_count=2)
        self.append(log, "1", "2", "3")
        self.assertEqual(["2", "3"], self.read(log, 0))


class FindTests(MemoryLogCase):
    """
    Finding an id.
    """

    def test_ours(self) -> None:
        """
        Ids that the log gave are found, including the id before the first event and the newest id.
        """
        log = self.make()
        self.append(log, "1", "2")
        self.assertEqual([0, 1, 2], [self.find(log, render_id("a1", n)) for n in range(3)])

    def test_publishers(self) -> None:
        """
        Ids that publishers gave are found.
        """
        log = self.make()
        self.append(log, "1")
        self.append(log, "2", id="mine")
        self.append(log, "3")
        self.assertEqual(2, self.find(log, "mine"))

    def test_same_id_twice(self) -> None:
        """
        If several events have the same id, the first is found (Mercure H5), so that no event is
        missed.
        """
        log = self.make()
        self.append(log, "1", "2", "3", id="mine")
        self.assertEqual(1, self.find(log, "mine"))

    def test_same_id_twice_and_forgotten(self) -> None:
        """
        If several events have the same id and the first is forgotten, the first of the others is
        found.
        """
        log = self.make(max_count=3)
        self.append(log, "1", "2", id="mine")
        self.append(log, "3", "4")
        self.assertEqual((2, 2), (log.oldest, self.find(log, "mine")))
        self.append(log, "5", id="mine")
        self.assertEqual((3, 5), (log.oldest, self.find(log, "mine")))

    def test_same_id_again(self) -> None:
        """
        A later event with the same id never hides one that is kept; otherwise a client that has
        seen the first would miss the events in between.
        """
        log = self.make(max_age=10)
        for _ in range(3):
            self.append(log, "1", id="mine")
            self.clock.advance(6)
        self.assertEqual((3, 3), (log.oldest, self.find(log, "mine")))
        self.append(log, "4", id="mine")
        self.assertEqual((3, 3), (log.oldest, self.find(log, "mine")))

    def test_unknown(self) -> None:
        """
        An id of another life or of the future, and garbage, is not found.
        """
        log = self.make()
        self.append(log, "1")
        for id in ("#b2.1", "#a1.2", "garbage", "", "x" * (MAX_ID + 1)):
            self.assertIsNone(self.find(log, id), id)

    def test_too_old(self) -> None:
        """
        The id of a forgotten event is found only while all events after it are kept.
        """
        log = self.make(max_count=2)
        self.append(log, "1", id="one")
        self.append(log, "2", id="two")
        self.append(log, "3", "4")
        self.assertEqual(
            [None, None, None, 2, 3],
            [self.find(log, id) for id in ("one", "two", "#a1.1", "#a1.2", "#a1.3")],
        )


class BoundTests(MemoryLogCase):
    """
    Bounds of the log.
    """

    def test_count(self) -> None:
        """
        The log keeps at most the given number of events.
        """
        log = self.make(max_count=2)
        self.append(log, "1", "2")
        self.assertEqual(1, log.oldest)
        self.append(log, "3")
        self.assertEqual(2, log.oldest)

    def test_none(self) -> None:
        """
        A log with a bound of 0 keeps nothing, but counts the events.
        """
        log = self.make(max_count=0)
        self.append(log, "1", "2")
        self.assertEqual((2, 3), (log.head, log.oldest))
        self.assertEqual(2, self.find(log, "#a1.2"))

    def test_bytes(self) -> None:
        """
        The log keeps at most the given number of bytes, exactly; an event that is larger than that
        is not kept.
        """
        size = len(encode_event(Event("1", id="#a1.1")))
        log = self.make(max_bytes=2 * size)
        self.append(log, "1", "2")
        self.assertEqual(["1", "2"], self.read(log, 0))
        self.append(log, "3")
        self.assertEqual(["2", "3"], self.read(log, 0))
        self.append(log, "x" * 2 * size)
        self.assertEqual([], self.read(log, 0))

    def test_age(self) -> None:
        """
        The log forgets events at the given age, even if nothing is appended.
        """
        log = self.make(max_age=10)
        self.append(log, "1")
        self.clock.advance(9)
        self.append(log, "2")
        self.clock.advance(1)
        self.assertEqual(["2"], self.read(log, 0))
        self.clock.advance(9)
        self.assertEqual((2, 3), (log.head, log.oldest))

    def test_age_whatever_the_date(self) -> None:
        """
        The age of an event does not depend on the date, which may be set.
        """
        clock = TwoClocks()
        log = MemoryLog(clock, epoch="a1", max_age=10)
        self.append(log, "1")
        clock.step(3600)
        self.assertEqual(["1"], self.read(log, 0))
        clock.step(-7200)
        clock.advance(10)
        self.assertEqual([], self.read(log, 0))

    def test_cut_in_pieces(self) -> None:
        """
        The log cuts its list many times, and every position stays the same.
        """
        log = self.make(max_count=10)
        for number in range(1, 5001):
            self.append(log, str(number))
            if number % 500 == 0:
                kept = [str(each) for each in range(number - 9, number + 1)]
                self.assertEqual(kept, self.read(log, 0))
                self.assertEqual(kept[3:], self.read(log, number - 7))
                self.assertLess(len(log._events._entries), 1100)

    def test_forgotten_while_it_is_told(self) -> None:
        """
        A follower also gets an event that is too large to be kept.
        """
        log = self.make(max_bytes=10)
        heard: list[tuple[int, int]] = []
        log.follow(lambda entry: heard.append((entry.position, log.oldest)))
        self.append(log, "x" * 100)
        self.assertEqual([(1, 2)], heard)

    def test_freed(self) -> None:
        """
        Forgotten events are freed together with their ids, even if many are forgotten at once.
        """
        log = self.make(max_count=2000, max_age=10)
        self.append(log, *("x" * 10 for _ in range(2000)))
        self.append(log, "y", id="mine")
        self.assertEqual(1, sum(each is None for each in log._events._entries))
        self.clock.advance(10)
        self.assertEqual(2002, log.oldest)
        self.assertEqual(([], {}), (log._events._entries, log._positions))
        self.assertEqual(1, len(log._events._offsets))

    def test_freed_announcements(self) -> None:
        """
        Announcements from before the oldest event are freed with the events around them: nobody can
        read them any more.
        """
        log = self.make(max_count=10)
        self.append(log, "x")
        for _ in range(2):
            log.append(("t",), Event("a"), is_announcement=True)
        self.assertEqual(2, len(log._announcements.after(0, 10_000)))
        self.append(log, *"0123456789")
        self.assertEqual(2, len(log._announcements.after(0, 10_000)))
        self.append(log, "x")
        self.assertEqual((5, []), (log.oldest, log._announcements.after(0, 10_000)))

    def test_freed_ids(self) -> None:
        """
        After several events with the same id are forgotten, nothing is left of the id.
        """
        log = self.make(max_age=10)
        for data in "123":
            self.append(log, data, id="mine")
        self.clock.advance(10)
        self.assertEqual(4, log.oldest)
        self.assertEqual(({}, {}), (log._positions, log._repeated))


class PlainLog(RuleBasedStateMachine):
    """
    A log beside a list of everything.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.log = MemoryLog(self.clock, max_count=5, max_bytes=200, max_age=10, epoch="a1")
        self.all: list[tuple[Entry, float]] = []

    def kept(self) -> list[Entry]:
        kept: list[Entry] = []
        size = 0
        for entry, at in reversed(self.all):
            size += len(entry.encoded)
            if len(kept) == 5 or size > 200 or at + 10 <= self.clock.seconds():
                break
            kept.insert(0, entry)
        return kept

    @rule(data=st.text("ab", max_size=120), id=st.none() | st.sampled_from(["x", "y", "z"]))
    def append(self, data: str, id: str | None) -> None:
        results: list[Entry] = []
        self.log.append(("t",), Event(data, id=id)).addCallback(results.append)
        self.all.append((results[0], self.clock.seconds()))

    @rule(seconds=st.integers(0, 6))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @invariant()
    def same(self) -> None:
        kept = self.kept()
        head = len(self.all)
        assert self.log.head == head
        assert self.log.oldest == head + 1 - len(kept)
        for after in range(head + 1):
            results: list[list[Entry]] = []
            self.log.read(after, 10**6).addCallback(results.append)
            assert results[0] == [entry for entry in kept if entry.position > after]
        for id in ("x", "y", "z"):
            found: list[int | None] = []
            self.log.find(id).addCallback(found.append)
            places = [entry.position for entry in kept if entry.event.id == id]
            assert found == [places[0] if places else None]


class ModelTests(SynchronousTestCase):
    """
    Any order of steps.
    """

    def test_plain(self) -> None:
        """
        The log keeps exactly the same as a list with three bounds.
        """
        run_state_machine_as_test(PlainLog)

    @given(st.integers(0, 30), st.integers(1, 400))
    def test_batches(self, count: int, most_bytes: int) -> None:
        """
        Batches follow each other without a gap, whatever their size.
        """
        log = MemoryLog(Clock())
        for number in range(count):
            log.append(("t",), Event("x" * number))
        after, seen = 0, []
        while after < log.head:
            batch = self.successResultOf(log.read(after, most_bytes))
            seen += [entry.position for entry in batch]
            after = batch[-1].position
        self.assertEqual(list(range(1, count + 1)), seen)
