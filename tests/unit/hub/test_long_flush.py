"""
Flushes that take longer than a turn may, and the order in which they continue.
"""

from ssetwist import EndReason
from ssetwist.hub._fan_out import _BATCH, MAX_FLUSH
from tests.unit.hub.case import HubTestCase, id_of
from tests.unit.hub.fake import Broken, FakeListener, fail


class LongFlushTests(HubTestCase):
    """
    A flush that takes too long goes on in the next turn.  Here the first listener takes so long
    that only its batch is served in the first turn.
    """

    def setUp(self) -> None:
        super().setUp()
        self.listeners = [self.subscribe(view="t") for _ in range(2 * _BATCH + 10)]
        self.served, self.next_one, self.last = (
            self.listeners[number] for number in (1, _BATCH, -1)
        )

    def begin(self, *data: str) -> None:
        """
        Publish, and let one turn pass.
        """
        first = self.listeners[0]
        first.during_write = lambda: len(first.given) or self.clock.busy(MAX_FLUSH)
        self.publish(*data)
        self.clock.turn()
        data_seen = [one.data for one in (first, self.served, self.next_one, self.last)]
        self.assertEqual([[*data], [*data], [], []], data_seen)

    def check_all(self, *data: str, but: tuple[FakeListener, ...] = ()) -> None:
        """
        Let everything happen, and check that all listeners, except some, have exactly these events.
        """
        self.settle()
        others = [one for one in self.listeners if one not in but]
        self.assertEqual([[*data]] * len(others), [one.data for one in others])

    def test_batches(self) -> None:
        """
        A flush looks at the clock after each batch, and continues later with the next one.
        """
        self.begin("a")
        self.assertEqual(_BATCH, sum(bool(one.writes) for one in self.listeners))
        self.check_all("a")
        self.assertEqual([1] * len(self.listeners), [len(one.writes) for one in self.listeners])

    def test_in_order(self) -> None:
        """
        The oldest subscriber is served first, even over several turns.
        """
        heard: list[int] = []
        for number, one in enumerate(self.listeners[1:]):
            one.during_write = lambda number=number: heard.append(number)
        self.begin("a")
        self.settle()
        self.assertEqual(list(range(len(self.listeners) - 1)), heard)

    def test_each_turn_takes_too_long(self) -> None:
        """
        However long a batch takes, each turn serves one.
        """
        self.listeners[_BATCH + 1].during_write = lambda: self.clock.busy(10 * MAX_FLUSH)
        self.begin("a")
        self.clock.turn()
        self.assertEqual(2 * _BATCH, sum(bool(one.writes) for one in self.listeners))
        self.check_all("a")

    def test_took_too_long_for_the_last(self) -> None:
        """
        If the time is over after the last subscriber, the flush is over.
        """
        self.listeners[-1].during_write = lambda: self.clock.busy(10 * MAX_FLUSH)
        self.begin("a")
        self.check_all("a")
        self.assertEqual({}, self.hub._live._marked)

    def test_short(self) -> None:
        """
        While there is time, one batch is served after the other.
        """
        first = self.listeners[0]
        first.during_write = lambda: self.clock.busy(0.9 * MAX_FLUSH)
        self.publish("a")
        self.clock.turn()
        self.assertEqual([["a"]] * len(self.listeners), [one.data for one in self.listeners])

    def test_publish(self) -> None:
        """
        An event that is published between two turns of a flush follows once, for subscribers that
        were served and for others.
        """
        self.begin("a")
        self.publish("b")
        self.clock.turn()
        self.publish("c")
        self.check_all("a", "b", "c")

    def test_join(self) -> None:
        """
        A subscriber that comes between two turns of a flush gets events from then on, each once.
        """
        self.begin("a")
        self.publish("b")
        late = self.subscribe(view="t")
        self.publish("c")
        self.check_all("a", "b", "c")
        self.assertEqual(["c"], late.data)

    def test_replay(self) -> None:
        """
        A subscriber that comes with a last id between two turns of a flush gets the events after
        it, each once.
        """
        self.begin("a", "b")
        late = [self.subscribe(view="t", last_event_id=id_of(number)) for number in range(3)]
        self.publish("c")
        self.check_all("a", "b", "c")
        self.assertEqual([["a", "b", "c"], ["b", "c"], ["c"]], [one.data for one in late])

    def test_leave(self) -> None:
        """
        A subscriber that leaves between two turns of a flush, served or not, gets nothing more;
        other subscribers are not affected.
        """
        self.begin("a")
        for one in (self.served, self.next_one, self.last):
            one.leave()
        self.publish("b")
        gone = (self.served, self.next_one, self.last)
        self.check_all("a", "b", but=gone)
        self.assertEqual([["a"], [], []], [one.data for one in gone])

    def test_all_leave(self) -> None:
        """
        If all subscribers leave between two turns of a flush, nothing is left to do.
        """
        self.begin("a")
        for one in self.listeners:
            one.leave()
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_end(self) -> None:
        """
        A subscriber that is ended between two turns of a flush, served or not, gets its event once.
        """
        self.begin("a")
        self.publish("b")
        for one in (self.served, self.next_one, self.last):
            one.subscriber.end(for_good=True)
            self.assertEqual((["a", "b", ""], False), (one.data, one.is_cut))
        self.check_all("a", "b", but=(self.served, self.next_one, self.last))

    def test_drain(self) -> None:
        """
        If the server stops between two turns of a flush, each subscriber gets its event once.
        """
        self.begin("a")
        self.publish("b")
        self.hub.streams.drain(3.0)
        self.assertEqual({EndReason.DRAINING}, {one.end_reason for one in self.listeners})
        self.check_all("a", "b")

    def test_change_topics(self) -> None:
        """
        A subscriber that changes its topics between two turns of a flush, served or not, gets
        earlier events of the old topics once, and later events of the new topics.
        """
        self.begin("a")
        self.publish("b")
        self.publish("x", to="u")
        changed = (self.served, self.next_one, self.last)
        for one in changed:
            one.subscriber.change_topics(["t", "u"])
        self.publish("c")
        self.publish("y", to="u")
        self.check_all("a", "b", "c", but=changed)
        self.assertEqual([["a", "b", "c", "y"]] * 3, [one.data for one in changed])

    def test_behind(self) -> None:
        """
        A subscriber that falls behind between two turns of a flush gets the rest from the log,
        without a gap and once.
        """
        self.begin("a")
        slow = (self.served, self.next_one, self.last)
        for one in slow:
            one.stop_reading()
        self.publish("b")
        self.check_all("a", "b", but=slow)
        self.assertEqual([["a"], [], []], [one.data for one in slow])
        self.publish("c")
        self.settle()
        for one in slow:
            one.read()
        self.check_all("a", "b", "c")

    def test_behind_and_back(self) -> None:
        """
        A subscriber that falls behind during a flush, and has room again before its end, is in the
        next round.
        """
        self.begin("a")
        self.next_one.stop_reading()
        self.next_one.during_write = lambda: self.clock.busy(MAX_FLUSH)
        self.clock.turn()
        self.assertTrue(self.next_one.is_behind)
        self.publish("b")
        self.next_one.read()
        self.assertEqual(["a", "b"], self.next_one.data)
        self.publish("c")
        self.check_all("a", "b", "c")

    def test_ephemeral(self) -> None:
        """
        Ephemeral events keep their place among the others.
        """
        self.begin("a")
        self.publish("b", ephemeral=True)
        self.publish("c")
        self.check_all("a", "b", "c")

    def test_close(self) -> None:
        """
        If the hub is closed between two turns of a flush, all subscribers still get the event.
        """
        self.begin("a")
        self.hub.close()
        self.check_all("a")

    def test_broken(self) -> None:
        """
        A subscriber that breaks in a later turn is cut, and other subscribers are not affected.
        """
        self.begin("a")
        self.next_one.during_write = fail
        self.check_all("a", but=(self.next_one,))
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))
        self.assertTrue(self.next_one.is_cut)


class FairnessTests(HubTestCase):
    """
    Audiences take turns.
    """

    def setUp(self) -> None:
        super().setUp()
        self.heard: list[str] = []

    def listen(self, topic: str, count: int = 1) -> list[FakeListener]:
        """
        Subscribe to a topic; the first listener of the topic records each event.
        """
        listeners = [self.subscribe(view=topic) for _ in range(count)]
        listeners[0].during_write = lambda: self.heard.append(topic)
        return listeners

    def test_first_come(self) -> None:
        """
        The audience that was published to first is served first.
        """
        for topic in "abc":
            self.listen(topic)
        for topic in "bca":
            self.publish("1", to=topic)
        self.clock.turn()
        self.assertEqual(["b", "c", "a"], self.heard)

    def test_published_without_end(self) -> None:
        """
        An audience whose events never end delays other audiences by one round at most.
        """
        (busy,) = self.listen("a")
        self.listen("b")
        busy.during_write = lambda: (self.heard.append("a"), self.publish("more", to="a"))
        for topic in "ab":
            self.publish("1", to=topic)
        self.clock.turn()
        self.assertEqual(["a", "b"], self.heard)
        self.publish("2", to="b")
        self.clock.turn()
        self.clock.turn()
        self.assertEqual(["a", "b", "a", "b", "a"], self.heard)

    def test_long_round(self) -> None:
        """
        An audience with a round of several turns finishes this round; then the next audience is
        served, before the second round of the first.
        """
        listeners = self.listen("a", 3 * _BATCH)
        self.listen("b")
        for number in (0, _BATCH, 2 * _BATCH):
            listeners[number].during_write = lambda number=number: (
                self.heard.append(f"a{number // _BATCH}"),
                self.clock.busy(MAX_FLUSH),
            )
        for topic in "ab":
            self.publish("1", to=topic)
        for _ in range(3):
            self.clock.turn()
            self.publish("more", to="a")
        self.assertEqual(["a0", "a1", "a2"], self.heard)
        self.clock.turn()
        self.assertEqual(["a0", "a1", "a2", "b"], self.heard)
        self.settle()
        self.assertEqual(["a0", "a1", "a2", "b", "a0", "a1", "a2"], self.heard)

    def test_many_audiences(self) -> None:
        """
        A flush also looks at the clock between two audiences.
        """
        for topic in "abc":
            (listener,) = self.listen(topic)
            listener.during_write = lambda topic=topic: (
                self.heard.append(topic),
                self.clock.busy(MAX_FLUSH),
            )
            self.publish("1", to=topic)
        for expected in ("a", "ab", "abc"):
            self.clock.turn()
            self.assertEqual([*expected], self.heard)

    def test_gone_before_their_turn(self) -> None:
        """
        An audience that has gone before its turn is skipped.
        """
        (first,) = self.listen("a")
        (gone,) = self.listen("b")
        self.listen("c")
        first.during_write = gone.leave
        for topic in "abc":
            self.publish("1", to=topic)
        self.clock.turn()
        self.assertEqual(["c"], self.heard)
