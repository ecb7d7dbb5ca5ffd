"""
Replays from an id, or from the last few events, to the live end.
"""

from dataclasses import dataclass

from ssetwist import EndReason, Event, View
from ssetwist.hub import EARLIEST
from tests.unit.hub.case import THIRD, HubTestCase, id_of, shown
from tests.unit.hub.fake import Broken, FakeListener, TurnClock, fail


@dataclass(frozen=True)
class Slow:
    """
    A matcher of everything that takes a second for each event.
    """

    clock: TurnClock
    asked: list[str]

    def __hash__(self) -> int:
        return id(self.asked)

    def matches(self, topic: str) -> bool:
        self.asked.append(topic)
        self.clock.busy(1.0)
        return True


class ReplayTests(HubTestCase):
    """
    The beginning of a replay.
    """

    def test_no_cursor(self) -> None:
        """
        A client without an id gets nothing that was published before.
        """
        self.publish("a", "b")
        self.assertEqual([], self.subscribe().data)

    def test_id(self) -> None:
        """
        A client with an id gets the events after it at once, and then live events.
        """
        self.publish("a", "b", "c")
        listener = self.subscribe(last_event_id=id_of(1))
        self.assertEqual(["b", "c"], listener.data)
        self.publish("d")
        self.settle()
        self.assertEqual(["b", "c", "d"], listener.data)

    def test_same_bytes(self) -> None:
        """
        Replayed events have the same bytes as live ones.
        """
        live = self.subscribe()
        self.hub.publish("t", Event("a\nb", type="x", id="mine", retry=5))
        self.publish("c")
        self.settle()
        self.assertEqual(live.received, self.subscribe(last_event_id=EARLIEST).received)

    def test_slow_matchers(self) -> None:
        """
        Other things run while slow matchers look at the events; a change of topics meanwhile
        applies to later events.
        """
        for topic in "abcd":
            self.publish(topic, to=topic)
        slow = Slow(self.clock, [])
        listener = self.subscribe(view=slow, last_event_id=EARLIEST)
        for number in range(1, 4):
            self.assertEqual(([*"abcd"[:number]], []), (slow.asked, listener.data))
            self.clock.turn()
            if number == 2:
                listener.subscriber.change_topics("e")
                self.publish("e", "f", to="e")
                self.publish("g", to="a")
        self.settle()
        self.assertEqual([*"abcdef"], listener.data)

    def test_leaves_while_it_is_looked_for(self) -> None:
        """
        A client that leaves while a replay matches events for it is forgotten.
        """
        self.publish("a", "b", "c")
        slow = Slow(self.clock, [])
        listener = self.subscribe(view=slow, last_event_id=EARLIEST)
        listener.subscriber.end()
        self.settle()
        self.assertEqual((["t"], []), (slow.asked, listener.data))

    def test_newest_id(self) -> None:
        """
        A client with the id of the newest event keeps up.
        """
        self.publish("a")
        listener = self.subscribe(last_event_id=id_of(1))
        self.publish("b")
        self.settle()
        self.assertEqual(["b"], shown(listener))

    def test_every_id(self) -> None:
        """
        ``resume_id`` is the id of the newest event, or of position 0.
        """
        for number in range(3):
            self.assertEqual(id_of(number), self.hub.resume_id)
            listener = self.subscribe(last_event_id=self.hub.resume_id)
            self.publish("a")
            self.settle()
            self.assertEqual(["a"], shown(listener))
            listener.leave()

    def test_id_of_a_publisher(self) -> None:
        """
        An id that a publisher gave works like others.
        """
        self.hub.publish("t", Event("a", id="first"))
        self.hub.publish("t", Event("b", id="second"))
        self.assertEqual(["b"], self.subscribe(last_event_id="first").data)

    def test_same_id_twice(self) -> None:
        """
        If two events have the same id, everything after the first follows, also the second.
        """
        for data, id in (("a", "x"), ("b", "y"), ("c", "x"), ("d", "z")):
            self.hub.publish("t", Event(data, id=id))
        self.assertEqual(["b", "c", "d"], self.subscribe(last_event_id="x").data)

    def test_id_of_a_topic_not_seen(self) -> None:
        """
        An id may belong to an event that the subscriber does not see: only the event's position
        counts.
        """
        self.publish("a")
        self.publish("b", to="u")
        self.publish("c")
        self.assertEqual(["c"], self.subscribe(view="t", last_event_id=id_of(2)).data)

    def test_earliest(self) -> None:
        """
        A client that asks for the earliest gets everything that is kept, and is not told about a
        gap.
        """
        hub = self.make_hub(log=self.make_log(max_count=2))
        self.assertEqual([], shown(self.subscribe(hub, last_event_id=EARLIEST)))
        self.publish("a", "b", "c", hub=hub)
        self.assertEqual(["b", "c"], shown(self.subscribe(hub, last_event_id=EARLIEST)))

    def test_earliest_while_more_is_forgotten(self) -> None:
        """
        A client that asks for the earliest while its connection is behind gets everything that is
        kept when it has room; events that were forgotten meanwhile are not a gap.
        """
        hub = self.make_hub(log=self.make_log(max_count=2))
        self.publish("a", "b", hub=hub)
        listener = self.subscribe(hub, last_event_id=EARLIEST, is_behind=True)
        self.publish("c", hub=hub)
        listener.read()
        self.settle()
        self.assertEqual((["b", "c"], None), (shown(listener), listener.end_reason))

    def test_earliest_while_all_is_forgotten(self) -> None:
        """
        If everything is forgotten before a client that asked for the earliest has room, that is not
        a gap: it continues with live events.
        """
        hub = self.make_hub(log=self.make_log(max_age=10))
        self.publish("a", "b", hub=hub)
        listener = self.subscribe(hub, last_event_id=EARLIEST, is_behind=True)
        self.clock.busy(10)
        listener.read()
        self.publish("c", hub=hub)
        self.settle()
        self.assertEqual((["c"], None), (shown(listener), listener.end_reason))

    def test_too_far_behind_after_the_earliest(self) -> None:
        """
        If the log forgets the next event of a client after the client got its first event, that
        event is missing.
        """
        hub = self.make_hub(log=self.make_log(max_count=2))
        self.publish("a", "b", hub=hub)
        listener = self.subscribe(hub, last_event_id=EARLIEST, is_behind=True)
        listener.read()
        listener.stop_reading()
        for data in "cdef":
            self.publish(data, hub=hub)
            self.settle()
        listener.read()
        self.assertEqual(["a", "b", "c"], shown(listener))
        self.assertEqual(EndReason.FELL_BEHIND, listener.end_reason)

    def test_last(self) -> None:
        """
        A client that asks for the last few events gets that many, or as many as there are.
        """
        self.publish("a", "b", "c")
        for count, expected in ((0, []), (1, ["c"]), (2, ["b", "c"]), (10, ["a", "b", "c"])):
            self.assertEqual(expected, self.subscribe(last=count).data)

    def test_last_of_those_seen(self) -> None:
        """
        Only events that the subscriber sees count as the last few.
        """
        self.publish("a", "b", to="t")
        self.publish("c", "d", "e", to="u")
        self.publish("f", to="t", private=True)
        self.assertEqual(["b"], self.subscribe(view="t", last=1).data)

    def test_last_goes_on(self) -> None:
        """
        Live events follow the last few events, each once.
        """
        self.publish("a", "b")
        listener = self.subscribe(last=1)
        self.publish("c")
        self.settle()
        self.assertEqual(["b", "c"], listener.data)

    def test_last_of_nothing(self) -> None:
        """
        If nothing was published, a client that asks for the last few events begins with live
        events.
        """
        listener = self.subscribe(last=5)
        self.publish("a")
        self.settle()
        self.assertEqual(["a"], shown(listener))

    def test_forgotten_after_it_came(self) -> None:
        """
        If the log forgets an event that was published after a client came, before the client has
        read it, that is a gap.
        """
        for options in ({"last_event_id": EARLIEST}, {"last": 10}):
            hub = self.make_hub(log=self.make_log(max_count=30))
            self.publish(*["x" * 30_000] * 30, to="other", hub=hub)
            listener = self.subscribe(hub, "mine", **options)
            self.publish("missed", to="mine", hub=hub)
            self.publish(*["x" * 30_000] * 30, to="other", hub=hub)
            self.settle()
            self.assertEqual(
                ([], EndReason.FELL_BEHIND), (shown(listener), listener.end_reason), options
            )

    def test_negative_last(self) -> None:
        """
        A negative number of last events is refused.
        """
        self.addCleanup(self.flushLoggedErrors, ValueError)
        self.assertRaises(ValueError, self.subscribe, last=-1)

    def test_cursor_wins(self) -> None:
        """
        A client with an id gets the events after it, even if it also asks for the last few.
        """
        self.publish("a", "b", "c")
        self.assertEqual(["c"], self.subscribe(last_event_id=id_of(2), last=3).data)

    def test_cursor_carries_no_rights(self) -> None:
        """
        A replay contains the events that the subscriber may see now.
        """
        self.publish("a", to="t")
        self.publish("b", to="u")
        self.publish("c", to="t", private=True)
        self.publish("d", to="t")
        view = View.of("t", filter=lambda topics, event: event.data != "d")
        listener = self.subscribe(view=view, last_event_id=id_of(0))
        self.assertEqual(["a"], listener.data)
        granted = self.subscribe(view=View.of("t", grants="t"), last_event_id=id_of(0))
        self.assertEqual(["a", "c", "d"], granted.data)

    def test_raising_filter(self) -> None:
        """
        If a filter raises, its subscriber does not get that event; later events are not affected.
        """
        view = View.of("t", filter=lambda topics, event: event.data == "b" or fail())
        self.publish("a", "b")
        listener = self.subscribe(view=view, last_event_id=EARLIEST)
        self.assertEqual((["b"], None), (listener.data, listener.end_reason))
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))

    def test_ephemeral(self) -> None:
        """
        An ephemeral event is not kept.
        """
        self.publish("a")
        self.publish("b", ephemeral=True)
        self.publish("c")
        self.assertEqual(["a", "c"], self.subscribe(last_event_id=EARLIEST).data)

    def test_another_hub_on_the_same_log(self) -> None:
        """
        A new hub on an old log accepts the ids of the hub before it.
        """
        log = self.make_log()
        first = self.make_hub(log=log)
        self.publish("a", "b", hub=first)
        first.close()
        second = self.make_hub(log=log)
        self.assertEqual(id_of(2), second.resume_id)
        listener = self.subscribe(second, last_event_id=id_of(1))
        self.publish("c", hub=second)
        self.settle()
        self.assertEqual(["b", "c"], shown(listener))


class HandOverTests(HubTestCase):
    """
    The change from replay to live: no gap, and nothing twice.
    """

    def test_published_in_the_same_turn(self) -> None:
        """
        Events that have been published but not handed out come from the log, and only from there.
        """
        live = self.subscribe()
        self.publish("a")
        listener = self.subscribe(last_event_id=EARLIEST)
        self.publish("b")
        self.settle()
        self.assertEqual([["a", "b"]] * 2, [live.data, listener.data])

    def test_published_meanwhile(self) -> None:
        """
        Events that are published during the replay, turn by turn, come once and in their place.
        """
        data = [letter * THIRD for letter in "abcdefghi"]
        self.publish(*data)
        for options in ({"last_event_id": EARLIEST}, {"last": 9}):
            listener = self.subscribe(**options)
            for _ in range(6):
                data.append(str(len(data)))
                self.publish(data[-1])
                self.clock.turn()
            self.settle()
            self.assertEqual(data[-len(listener.data) :], listener.data)
            self.assertGreater(len(listener.data), 9)
            listener.leave()

    def test_published_from_within(self) -> None:
        """
        Events that are published while a piece is written follow it, once.
        """
        self.publish("a", "b")
        listener = FakeListener(self.hub, is_behind=True, last_event_id=EARLIEST)
        listener.during_write = lambda: len(listener.given) > 3 or self.publish("c")
        listener.read()
        self.settle()
        self.assertEqual(["a", "b", "c", "c", "c", "c"], listener.data)
        self.assertEqual(len(listener.events), len({event.id for event in listener.events}))

    def test_live_then(self) -> None:
        """
        A subscriber that has caught up gets the same bytes as subscribers that were live all the
        time.
        """
        self.publish("a")
        listeners = [self.subscribe(), self.subscribe(last_event_id=EARLIEST)]
        self.publish("b")
        self.settle()
        self.assertIs(listeners[0].given[-1], listeners[1].given[-1])

    def test_behind_from_the_beginning(self) -> None:
        """
        A client that subscribes without an id while its connection is behind gets events from then
        on, when there is room.
        """
        self.publish("a")
        listeners = [self.subscribe(is_behind=True) for _ in range(2)]
        listeners[0].read()
        self.publish("b", "c")
        self.settle()
        self.assertEqual([["b", "c"], []], [one.data for one in listeners])
        listeners[1].read()
        self.publish("d")
        self.settle()
        self.assertEqual([["b", "c", "d"]] * 2, [one.data for one in listeners])

    def test_behind_with_a_cursor(self) -> None:
        """
        A client that subscribes with an id while its connection is behind is sent nothing before
        there is room.
        """
        self.publish("a")
        listener = self.subscribe(last_event_id=EARLIEST, is_behind=True)
        self.publish("b")
        self.settle()
        self.assertEqual([], listener.writes)
        listener.read()
        self.settle()
        self.assertEqual(["a", "b"], listener.data)
