"""
Searches for audiences that take longer than a turn may: whatever happens meanwhile, every
subscriber gets every event after its own beginning, once and in order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from twisted.internet.defer import CancelledError

from ssetwist import EndReason, Event, View
from ssetwist.hub import _fan_out
from ssetwist.hub._subscriber import END_ID
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
        self.assertGreaterEqual(turns, 3)
        self.settle()
        self.assert_heard(self.exact, "a")
        for listener in self.slow:
            self.assert_heard(listener)

    def test_matching(self) -> None:
        """
        A search also goes on in later turns if every matcher matches.
        """
        for listener in self.slow:
            listener.leave()
        asked = []
        listeners = [
            self.subscribe(view=View.of(Slow("t", lambda: asked.append(self.clock.busy(MAX_TURN)))))
            for _ in range(4)
        ]
        self.publish("a")
        for count in range(1, 5):
            self.assertLessEqual(len(asked), count)
            self.clock.turn()
        self.settle()
        for listener in listeners:
            self.assert_heard(listener, "a")

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
        Topics that are changed during a search do not hold for events that were published before,
        and hold for those that are published later.  The subscriber names the new ones at once.
        """
        self.publish("a")
        self.clock.turn()
        self.publish("b")
        self.exact.subscriber.change_topics("u")
        self.slow[0].subscriber.change_topics("t")
        self.assertEqual(("u",), self.exact.subscriber.topics)
        self.publish("c")
        self.publish("d", to="u")
        self.settle()
        self.assert_heard(self.exact, "a", "b", "d")
        self.assert_heard(self.slow[0], "c")

    def test_changes_twice_meanwhile(self) -> None:
        """
        Each of several changes during a search holds for the events that follow it, and keeps what
        the one before has granted.
        """
        self.publish("a")
        self.clock.turn()
        self.exact.subscriber.change_topics("u", grants="u")
        self.publish("b", to="u")
        self.exact.subscriber.change_topics(("u", "v"))
        self.publish("c", to="u", private=True)
        self.publish("d", to="v", private=True)
        self.publish("e", to="v")
        while not self.exact.data:
            self.assertEqual({"u", "v"}, {*self.exact.subscriber.topics})
            self.clock.turn()
        self.assertEqual({"u", "v"}, {*self.exact.subscriber.topics})
        self.settle()
        self.assert_heard(self.exact, "a", "b", "c", "e")
        self.assertIsNone(self.exact.subscriber._asked)  # its view is the one of its audience

    def test_changes_while_it_catches_up(self) -> None:
        """
        A subscriber that is behind, and changes its topics during a search, also gets earlier
        events by its earlier topics.
        """
        self.exact.stop_reading()
        self.publish("a")
        self.settle()
        self.publish("b")
        self.clock.turn()
        self.exact.subscriber.change_topics("u")
        self.publish("c")
        self.publish("d", to="u")
        self.settle()
        self.exact.read()
        self.settle()
        self.assert_heard(self.exact, "a", "b", "d")

    def test_ends_meanwhile(self) -> None:
        """
        A subscriber that is ended for good during a search gets what was published before, also
        an ephemeral event, and nothing that was published later; then it is told not to come back.
        """
        self.publish("bye")
        self.clock.turn()
        self.publish("bye bye", ephemeral=True)
        self.exact.subscriber.end(for_good=True)
        self.exact.subscriber.end()
        self.publish("late")
        self.assertIsNone(self.exact.end_reason)
        self.settle()
        self.assertEqual(EndReason.ENDED_BY_APPLICATION, self.exact.end_reason)
        self.assertEqual(["bye", "bye bye", ""], [event.data for event in self.exact.events])
        self.assertEqual(END_ID, self.exact.events[-1].id)
        self.assert_heard(self.all, "bye", "bye bye", "late")

    def test_leaves_after_a_change(self) -> None:
        """
        A subscriber that has left before the change of its topics is due stays away.
        """
        self.publish("a")
        self.clock.turn()
        self.exact.subscriber.change_topics("u")
        self.exact.leave()
        self.publish("b", to="u")
        self.settle()
        self.assert_heard(self.exact)
        self.assertEqual(7, self.hub.subscriber_count)

    def test_cannot_be_ended(self) -> None:
        """
        A subscriber whose end fails after a search is cut, and the others get the next event.
        """
        self.publish("a")
        self.clock.turn()
        self.exact.during_end = fail
        self.exact.subscriber.end()
        self.publish("b")
        self.settle()
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))
        self.assertTrue(self.exact.is_cut)
        self.assert_heard(self.all, "a", "b")

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

    def test_beside_a_crowd(self) -> None:
        """
        A search goes on in each turn, however many replays wait for theirs.
        """
        turns = self.hub.streams.turns

        def replay(_: object) -> None:
            self.clock.busy(MAX_TURN)
            replays.append(turns.next().addCallback(replay))

        replays = [turns.next().addCallback(replay) for _ in range(100)]
        self.publish("a")
        for _ in range(10):
            self.clock.turn()
        self.assert_heard(self.all, "a")
        for waiting in replays:
            waiting.addErrback(lambda problem: problem.trap(CancelledError)).cancel()

    def test_crowd_comes_and_goes(self) -> None:
        """
        A search ends, however many subscribers with other matchers come and go meanwhile.
        """
        self.publish("a")
        present = []
        for number in range(20):
            self.clock.turn()
            present.append(self.subscribe(view=View.of(self.matcher(f"x{number}"))))
            if number % 2:
                present.pop().leave()
        self.assert_heard(self.all, "a")

    def test_gone_are_not_asked(self) -> None:
        """
        The matchers of subscribers that have come during a search, and have gone, are not asked.
        """
        asked: list[str] = []
        self.publish("a")
        self.clock.turn()
        view = View.of(Slow("t", lambda: asked.append("gone")))
        self.subscribe(view=view).leave()
        self.settle()
        self.assert_heard(self.all, "a")
        self.assertEqual([], asked)

    def test_joins_at_the_end(self) -> None:
        """
        A subscriber that joins when all others are found is after the event, whether or not there
        are others like it; and the subscribers that are asked last get it.
        """
        self.publish("a")
        self.clock.turn()
        views = [View.of(self.matcher(name)) for name in ("x", "xx", "xxx", "t", "tt", "xxxx")]
        late = [self.subscribe(view=view) for view in views]
        while self.hub.resume_id == id_of(0):
            self.assert_heard(self.all)
            self.clock.turn()
        new = View.of(("t", self.matcher("y")))
        later = [self.subscribe(view=view) for view in (*views[2:4], new)]
        self.subscribe(view=views[3]).leave()
        self.settle()
        self.publish("b", to=("t", "xxx"))
        self.settle()
        heard = [["b"], ["b"], ["b"], ["a", "b"], [], []]
        self.assertEqual(heard, [one.data for one in late])
        self.assertEqual([["b"]] * 3, [one.data for one in later])
        self.assert_heard(self.all, "a", "b")

    def test_leave_at_the_end(self) -> None:
        """
        A subscriber that is about to be asked may leave, and is not asked then; as may one that is
        being asked.
        """
        asked: list[int] = []

        def take(number: int) -> None:
            asked.append(number)
            self.clock.busy(MAX_TURN)
            if number == 0:
                late[0].leave()

        self.publish("a")
        self.clock.turn()
        late = [
            self.subscribe(view=View.of(Slow("t", partial(take, number)))) for number in range(9)
        ]
        while not asked:
            self.clock.turn()
        for listener in late[1:]:
            listener.leave()
        self.settle()
        self.assertLess(len(asked), 4)
        self.assertEqual([[]] * 9, [one.data for one in late])
        self.assert_heard(self.all, "a")

    def test_many_in_one_turn(self) -> None:
        """
        All events of one turn together take the time of one, and the rest follows in later turns.
        """
        asked: list[float] = []

        def slow(topics: tuple[str, ...], event: Event) -> bool:
            self.clock.busy(MAX_TURN * 0.4)
            asked.append(self.clock.seconds())
            return True

        listener = self.subscribe(view=View.of("x", filter=slow))
        for one in (*self.slow, self.all):
            one.leave()
        names = [str(number) for number in range(10)]
        self.publish(*names, to="x")
        self.assertEqual(3, len(asked))
        self.clock.turn()
        self.assertEqual(6, len(asked))
        self.publish("late", to="x")
        self.settle()
        self.assert_heard(listener, *names, "late")


class PendingTests(HubTestCase):
    """
    Events that are published faster than they can be placed.
    """

    def setUp(self) -> None:
        super().setUp()
        self.listener = self.subscribe(view=View.of(Slow("", self.take)))
        self.event = Event("x" * 9_000)
        self.limit, self.limit_unheeded = 100_000, 400_000
        self.patch(_fan_out, "MAX_PENDING", self.limit)
        self.patch(_fan_out, "MAX_PENDING_UNHEEDED", self.limit_unheeded)

    def take(self) -> None:
        self.clock.busy(MAX_TURN)

    def fill(self) -> int:
        """
        Publish as much as a publisher may without waiting; return the number of events.
        """
        count = self.limit // 10_100
        for _ in range(count):
            self.successResultOf(self.hub.publish("t", self.event))
        return count

    def test_publisher_waits(self) -> None:
        """
        A publisher waits while too much is pending, and gets the id when its event has been placed;
        also for an ephemeral event.
        """
        count = self.fill()
        waiting = [self.hub.publish("t", self.event) for _ in range(2)]
        ephemeral = self.hub.publish("t", Event("y"), ephemeral=True)
        announced = self.hub.announce("t", Event("z"))
        for one in (*waiting, ephemeral, announced):
            self.assertNoResult(one)
        self.settle()
        ids = [self.successResultOf(one) for one in (*waiting, ephemeral, announced)]
        self.assertEqual([id_of(count + 1), id_of(count + 2), "", id_of(count + 3)], ids)
        self.assertEqual(count + 3, len(self.listener.events))
        self.assertEqual(0, self.hub._live._pending)
        self.successResultOf(self.hub.publish("t", self.event))
        self.settle()

    def test_publisher_gives_up(self) -> None:
        """
        A publisher that no longer waits does not take its event back.
        """
        count = self.fill()
        last = self.hub.publish("t", self.event)
        again = self.hub.publish("t", self.event)
        again.cancel()
        self.failureResultOf(again, CancelledError)
        self.settle()
        self.assertEqual(id_of(count + 1), self.successResultOf(last))
        self.assertEqual(count + 2, len(self.listener.events))

    def test_publisher_does_not_wait(self) -> None:
        """
        If a publisher goes on nevertheless, its events are placed at once, so that no more are
        pending.
        """
        self.fill()
        for _ in range(100):
            self.hub.publish("t", self.event)
            self.assertLessEqual(self.hub._live._pending, self.limit_unheeded)
        self.settle()
