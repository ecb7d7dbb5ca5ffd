"""
Searches for audiences that take longer than a turn may: whatever happens meanwhile, every
subscriber gets every event after its own beginning, once and in order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ssetwist import Event, View
from ssetwist.hub._turns import MAX_TURN
from tests.unit.hub.case import HubTestCase, id_of
from tests.unit.hub.fake import Broken, FakeListener, fail


@dataclass(frozen=True)
class Slow:
    """
    A matcher of every topic that begins with its name; each look takes some time.
    """

    name: str
    take: Callable[[], object]

    def __hash__(self) -> int:
        return hash(self.name)

    def matches(self, topic: str) -> bool:
        self.take()
        return topic.startswith(self.name)


class LongSearchTests(HubTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.slow = [self.subscribe(view=View.of(self.matcher(str(number)))) for number in range(6)]
        self.exact = self.subscribe(view="t")
        self.all = self.subscribe(view=View.of(self.matcher("")))

    def matcher(self, name: str) -> Slow:
        return Slow(name, lambda: self.clock.busy(MAX_TURN / 2))

    def assert_heard(self, listener: FakeListener, *data: str) -> None:
        self.assertEqual([*data], listener.data)

    def test_later(self) -> None:
        """
        The search goes on in later turns, and nobody hears of the event before its end.
        """
        self.publish("a")
        turns = 0
        while not self.all.data:
            self.assert_heard(self.exact)
            self.assertFalse(self.hub.is_idle)
            self.clock.turn()
            turns += 1
        self.assertGreater(turns, 3)
        self.settle()
        self.assert_heard(self.exact, "a")
        for listener in self.slow:
            self.assert_heard(listener)

    def test_in_order(self) -> None:
        """
        Events that are published during a search follow it, also ephemeral ones.
        """
        self.publish("a")
        self.clock.turn()
        self.publish("b")
        self.publish("c", ephemeral=True)
        self.settle()
        self.assert_heard(self.all, "a", "b", "c")
        self.assert_heard(self.exact, "a", "b", "c")

    def test_joins_meanwhile(self) -> None:
        """
        A subscriber that joins during a search is at the position before the event, and so gets it:
        with a matcher that is being looked for, with a new one, and with a topic.
        """
        self.publish("a")
        self.clock.turn()
        begin = self.hub.resume_id
        self.assertEqual(id_of(0), begin)
        late = [
            self.subscribe(view=view)
            for view in (View.of(self.matcher("")), View.of(self.matcher("t")), "t")
        ]
        other = self.subscribe(view=View.of(self.matcher("x")))
        self.settle()
        for listener in late:
            self.assert_heard(listener, "a")
        self.assert_heard(other)

    def test_leaves_meanwhile(self) -> None:
        """
        A subscriber that leaves during a search is left out.
        """
        self.publish("a")
        self.clock.turn()
        self.all.leave()
        self.exact.leave()
        self.settle()
        self.assert_heard(self.all)
        self.assert_heard(self.exact)

    def test_changes_meanwhile(self) -> None:
        """
        Topics that are changed during a search hold for the event that is being looked for: it has
        no place among those that were published before.
        """
        self.publish("a")
        self.clock.turn()
        self.exact.subscriber.change_topics("u")
        self.slow[0].subscriber.change_topics("t")
        self.settle()
        self.assert_heard(self.exact)
        self.assert_heard(self.slow[0], "a")

    def test_comes_back_meanwhile(self) -> None:
        """
        A subscriber that comes back during a search gets what it missed, and then the event, once.
        """
        self.publish("a")
        self.settle()
        self.publish("b")
        self.clock.turn()
        back = self.subscribe(view="t", last_event_id=id_of(1))
        first = self.subscribe(view="t", last_event_id=id_of(0))
        self.settle()
        self.assert_heard(back, "b")
        self.assert_heard(first, "a", "b")

    def test_many_wait(self) -> None:
        """
        Events that have waited for a search are placed in several turns, too.
        """
        asked: list[str] = []

        def slow(topics: tuple[str, ...], event: Event) -> bool:
            self.clock.busy(MAX_TURN / 3)
            asked.append(event.data)
            return True

        filtered = self.subscribe(view=View.of("x", filter=slow))
        self.publish("a")
        self.publish(*"012345", to="x")
        for listener in (*self.slow, self.all):
            listener.leave()
        while len(asked) < 6:
            before = len(asked)
            self.clock.turn()
            self.assertLessEqual(len(asked) - before, 4)
        self.settle()
        self.assert_heard(filtered, *"012345")

    def test_filters(self) -> None:
        """
        Filters are asked in several turns, and those of subscribers that join meanwhile, too.
        """
        asked = []

        def slow(topics: tuple[str, ...], event: Event) -> bool:
            self.clock.busy(MAX_TURN / 50)
            asked.append(event)
            return event.data != "b"

        views = [View.of("t", filter=partial(slow)) for _ in range(300)]
        early = [self.subscribe(view=view) for view in views[:200]]
        self.publish("a")
        while not asked:
            self.clock.turn()
        self.assertEqual(id_of(0), self.hub.resume_id)  # the search goes on
        late = [self.subscribe(view=view) for view in views[200:]]
        gone = early.pop(0)  # its filter has been asked already
        gone.leave()
        self.publish("b", "c")
        self.settle()
        self.assert_heard(gone)
        for listener in early + late:
            self.assert_heard(listener, "a", "c")

    def test_closed_meanwhile(self) -> None:
        """
        A hub that is closed during a search still hands the event out.
        """
        self.publish("a")
        self.clock.turn()
        self.hub.close()
        self.settle()
        self.assert_heard(self.all, "a")

    def test_private(self) -> None:
        """
        Grants that take long are also looked at in several turns, and those of a subscriber that
        joins meanwhile count.
        """
        granted = [
            self.subscribe(view=View.of("t", grants=[self.matcher(name)])) for name in ("t", "u")
        ]
        self.publish("a", private=True)
        self.assertEqual(id_of(0), self.hub.resume_id)  # the search goes on
        late = self.subscribe(view=View.of("t", grants=[self.matcher("")]))
        self.settle()
        self.settle()
        self.assert_heard(granted[0], "a")
        self.assert_heard(granted[1])
        self.assert_heard(late, "a")
        self.assert_heard(self.exact)


class Unsound:
    """
    A matcher of every topic whose hash cannot always be computed.
    """

    def __init__(self) -> None:
        self.during_hash: Callable[[], object] = lambda: None

    def __hash__(self) -> int:
        self.during_hash()
        return id(self)

    def matches(self, topic: str) -> bool:
        return True


class FailedSearchTests(HubTestCase):
    """
    Searches that the application's code breaks off.
    """

    def setUp(self) -> None:
        super().setUp()
        self.unsound = Unsound()
        self.view = View.of(("u", self.unsound))
        self.other = self.subscribe()

    def test_next(self) -> None:
        """
        A search that fails is logged, and the next events are handed out.
        """
        listener = self.subscribe(view=self.view)
        self.unsound.during_hash = fail
        self.publish("a", "b")
        self.unsound.during_hash = lambda: None
        self.publish("c")
        self.settle()
        self.assertEqual((["c"], ["c"]), (listener.data, self.other.data))
        self.assertEqual(id_of(3), self.hub.resume_id)
        self.assertEqual(2, len(self.flushLoggedErrors(Broken)))

    def test_caught_up(self) -> None:
        """
        A subscriber that has caught up, and cannot be added to the index then, is cut.
        """
        self.publish("a")
        self.unsound.during_hash = fail
        listener = self.subscribe(view=self.view, last_event_id=id_of(0))
        self.assertTrue(listener.is_cut)
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))

    def test_joins(self) -> None:
        """
        A subscriber that cannot be added to the index leaves nothing behind once its stream is cut,
        and its view may be used again.
        """
        self.unsound.during_hash = fail
        self.assertRaises(Broken, self.subscribe, view=self.view)
        self.unsound.during_hash = lambda: None
        self.hub.streams.abort()
        self.assertTrue(self.hub.is_idle)
        listener = self.subscribe(view=self.view)
        self.publish("a")
        self.settle()
        self.assertEqual(["a"], listener.data)
