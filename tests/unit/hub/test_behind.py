"""
Subscribers whose connections do not take everything.
"""

import gc
import json

from ssetwist import EndReason, View, WhenBehind
from ssetwist.hub import EARLIEST
from ssetwist.hub.outlets import PIECE
from ssetwist.log import Entry
from tests.unit.hub.case import HubTestCase, id_of, shown
from tests.unit.hub.fake import Broken, FakeListener, fail


class BehindTests(HubTestCase):
    """
    One subscriber stops reading while another goes on.
    """

    def setUp(self) -> None:
        super().setUp()
        self.slow, self.other = self.subscribe(), self.subscribe()
        self.slow.stop_reading()

    def hand_out(self, *data: str) -> None:
        for one in data:
            self.publish(one)
            self.settle()

    def test_nobody_waits(self) -> None:
        """
        Other subscribers do not wait for one that is behind; this one gets everything later.
        """
        self.hand_out("a", "b", "c")
        self.assertEqual(([], ["a", "b", "c"]), (self.slow.data, self.other.data))
        self.slow.read()
        self.assertEqual(["a", "b", "c"], self.slow.data)

    def test_nothing_is_queued(self) -> None:
        """
        Events for a subscriber that is behind stay in the log: its connection is given nothing
        more.
        """
        self.hand_out(*"abcdefgh")
        self.assertEqual(1, len(self.slow.writes))
        self.slow.read()
        self.assertEqual(2, len(self.slow.writes))

    def test_live_again(self) -> None:
        """
        A subscriber that has caught up gets live events like other subscribers.
        """
        self.hand_out("a", "b")
        self.slow.read()
        self.hand_out("c")
        self.assertIs(self.slow.given[-1], self.other.given[-1])
        self.assertEqual(["a", "b", "c"], self.slow.data)

    def test_nothing_missed(self) -> None:
        """
        A subscriber whose connection has room again before the next event stays live.
        """
        self.hand_out("a")
        self.slow.read()
        self.assertEqual(["a"], self.slow.data)
        self.hand_out("b")
        self.assertEqual((["a", "b"], 2), (self.slow.data, len(self.slow.writes)))

    def test_room_without_need(self) -> None:
        """
        A subscriber that keeps up ignores a report that there is room.
        """
        self.publish("a")
        self.other.writer.has_room()
        self.publish("b")
        self.settle()
        self.assertEqual(["a", "b"], self.other.data)

    def test_published_in_the_same_turn(self) -> None:
        """
        An event that has been published but not handed out when the connection has room comes once.
        """
        self.hand_out("a")
        self.publish("b")
        self.slow.read()
        self.publish("c")
        self.settle()
        self.assertEqual(["a", "b", "c"], self.slow.data)

    def test_again_and_again(self) -> None:
        """
        A subscriber may fall behind any number of times, even while it catches up.
        """
        long = [str(number) * (PIECE // 3) for number in range(10)]
        self.hand_out(*long)
        for _ in range(10):
            self.slow.read()
            self.slow.stop_reading()
            self.settle()
        self.hand_out("a", "b")
        self.slow.read()
        self.hand_out("c")
        self.assertEqual([*long, "a", "b", "c"], self.slow.data)
        self.assertEqual(self.other.received, self.slow.received)

    def test_what_it_sees(self) -> None:
        """
        A subscriber gets the same events from the log as it would have received live.
        """
        view = View.of("t", grants="t", filter=lambda topics, event: event.data != "x")
        slow = self.subscribe(view=view)
        slow.stop_reading()
        self.publish("a")
        self.settle()
        self.publish("b", to="u")
        self.publish("c", to="t", private=True)
        self.publish("d", to=["u", "t"])
        self.publish("x")
        slow.read()
        self.settle()
        self.assertEqual(["a", "c", "d"], slow.data)

    def test_ephemeral(self) -> None:
        """
        An ephemeral event does not reach a subscriber that is behind.
        """
        self.hand_out("a")
        self.publish("b", ephemeral=True)
        self.settle()
        self.slow.read()
        self.hand_out("c")
        self.assertEqual((["a", "c"], ["a", "b", "c"]), (self.slow.data, self.other.data))

    def test_number_of_events_behind(self) -> None:
        """
        ``behind`` is the number of events that were not sent; 0 for a subscriber that keeps up.
        """
        self.hand_out("a")
        self.assertEqual(0, self.slow.subscriber.behind)
        self.publish("b", "c", to="u")
        self.assertEqual((2, 0), (self.slow.subscriber.behind, self.other.subscriber.behind))
        self.slow.read()
        self.assertEqual(0, self.slow.subscriber.behind)

    def test_leave(self) -> None:
        """
        A subscriber that leaves while it is behind leaves nothing in the hub.
        """
        self.hand_out("a", "b")
        self.slow.leave()
        self.assertEqual(EndReason.CLIENT_CLOSED, self.slow.end_reason)
        self.assertEqual(1, self.hub.subscriber_count)
        self.slow.read()
        self.assertEqual(1, len(self.slow.writes))

    def test_end(self) -> None:
        """
        A subscriber that is ended properly while it is behind gets only the bytes that its
        connection holds already, because the log is read only when there is room.
        """
        self.hand_out("a", "b")
        self.slow.subscriber.end()
        self.slow.read()
        self.assertEqual((["a"], False), (self.slow.data, self.slow.is_cut))

    def test_broken(self) -> None:
        """
        A subscriber that breaks while it catches up is logged and cut.
        """
        self.hand_out("a", "b")
        self.slow.during_write = fail
        self.slow.read()
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))
        self.assertEqual(
            (EndReason.CATCH_UP_FAILED, True), (self.slow.end_reason, self.slow.is_cut)
        )

    def test_cut_by_its_connection(self) -> None:
        """
        A connection for which too much waits cuts its subscriber, in any write, and the hub forgets
        it.
        """
        for published in ("a", "ab"):
            slow = self.subscribe()
            slow.stop_reading()
            last = len(published) - 1
            slow.during_write = lambda slow=slow, last=last: (
                len(slow.given) < last or slow.leave(EndReason.FELL_BEHIND)
            )
            self.hand_out(*published)
            slow.read()
            self.settle()
            self.assertEqual(EndReason.FELL_BEHIND, slow.end_reason)
        self.assertEqual(2, self.hub.subscriber_count)


class TooFarBehindTests(HubTestCase):
    """
    The log, which keeps two events here, no longer holds everything that a subscriber has missed.
    """

    def make(self, when_behind: WhenBehind, **options: object) -> None:
        """
        Return a hub with a subscriber that is behind at the first event.
        """
        log = self.make_log(max_count=2)
        self.hub = self.make_hub(when_behind=when_behind, log=log, **options)
        self.slow = self.subscribe()
        self.slow.stop_reading()
        self.publish("a")
        self.settle()

    def hand_out(self, *data: str) -> None:
        self.publish(*data)
        self.settle()
        self.slow.read()
        self.settle()

    def gap(self) -> tuple[str | None, dict[str, object]]:
        (event,) = (event for event in self.slow.events if event.type == "gap")
        return event.id, json.loads(event.data)

    def test_everything_is_kept(self) -> None:
        """
        A subscriber that has missed only events that are kept gets them all, with any policy.
        """
        for when_behind in WhenBehind:
            self.make(when_behind)
            self.publish("b", to="u")
            self.hand_out("c")
            self.assertEqual(["a", "b", "c"], shown(self.slow))

    def test_default(self) -> None:
        """
        By default, a subscriber that is too far behind is disconnected properly, without an event
        about the gap; its client comes back with its last id, and is then told about the gap.
        """
        self.hub = self.make_hub(log=self.make_log(max_count=2))
        self.slow = self.subscribe()
        self.slow.stop_reading()
        self.hand_out("a")
        self.slow.stop_reading()
        self.publish("b")
        self.settle()
        self.hand_out("c", "d", "e")
        self.assertEqual(["a", "b"], shown(self.slow))
        self.assertEqual((EndReason.FELL_BEHIND, False), (self.slow.end_reason, self.slow.is_cut))
        back = self.subscribe(last_event_id=self.slow.events[-1].id)
        self.assertEqual(["gap"], shown(back))

    def test_disconnect(self) -> None:
        """
        With the policy DISCONNECT, a subscriber that is too far behind is disconnected; other
        subscribers are not affected.
        """
        self.make(WhenBehind.DISCONNECT)
        other = self.subscribe()
        self.hand_out("b", "c", "d")
        self.assertEqual(EndReason.FELL_BEHIND, self.slow.end_reason)
        self.assertEqual((["b", "c", "d"], None), (other.data, other.end_reason))

    def test_not_before_there_is_room(self) -> None:
        """
        A subscriber that takes nothing is not disconnected before it has room.
        """
        self.make(WhenBehind.DISCONNECT)
        self.publish("b", "c", "d")
        self.settle()
        self.assertIsNone(self.slow.end_reason)

    def test_skip(self) -> None:
        """
        With the policy SKIP, a subscriber that is too far behind is told about the gap and
        continues with new events.
        """
        self.make(WhenBehind.SKIP)
        self.hand_out("b", "c", "d")
        self.assertEqual(["a", "gap"], shown(self.slow))
        self.assertEqual(
            (id_of(4), {"asked": id_of(1), "oldest": id_of(3), "newest": id_of(4)}), self.gap()
        )
        self.hand_out("e")
        self.assertEqual(["a", "gap", "e"], shown(self.slow))

    def test_latest(self) -> None:
        """
        With the policy LATEST, a subscriber that is too far behind is told about the gap and
        continues with the events that are left.
        """
        self.make(WhenBehind.LATEST)
        self.publish("b", "c")
        self.publish("d", to="u")
        self.hand_out("e")
        self.assertEqual(["a", "gap", "d", "e"], shown(self.slow))
        self.assertEqual(
            (id_of(3), {"asked": id_of(1), "oldest": id_of(4), "newest": id_of(5)}), self.gap()
        )
        self.hand_out("f")
        self.assertEqual(["a", "gap", "d", "e", "f"], shown(self.slow))

    def test_nothing_left(self) -> None:
        """
        With the policy LATEST, a subscriber that is too far behind continues even if the log keeps
        nothing at all.
        """
        for when_behind, expected in (
            (WhenBehind.DISCONNECT, ["a"]),
            (WhenBehind.SKIP, ["a", "gap", "c"]),
            (WhenBehind.LATEST, ["a", "gap", "c"]),
        ):
            self.hub = self.make_hub(when_behind=when_behind, log=self.make_log(max_age=10))
            slow = self.subscribe()
            slow.stop_reading()
            self.publish("a")
            self.settle()
            self.publish("b")
            self.clock.advance(10)
            slow.read()
            self.publish("c")
            self.settle()
            self.assertEqual(expected, shown(slow))

    def test_no_gap(self) -> None:
        """
        Without an event for gaps, a subscriber that is too far behind gets everything else.
        """
        for when_behind, expected in (
            (WhenBehind.SKIP, ["a", "e"]),
            (WhenBehind.LATEST, ["a", "d", "e"]),
        ):
            self.make(when_behind, gap=None)
            self.hand_out("b", "c", "d")
            self.hand_out("e")
            self.assertEqual(expected, shown(self.slow))


class HeldTests(HubTestCase):
    """
    Memory that subscribers hold while they are behind.
    """

    def test_positions(self) -> None:
        """
        A subscriber that is behind holds positions and the piece that is on its way; other events
        that the log forgets are freed.
        """

        def held() -> int:
            gc.collect()
            return sum(isinstance(one, Entry) for one in gc.get_objects())

        others = held()
        for options in ({"last": 100}, {"last_event_id": EARLIEST}, {"last_event_id": id_of(0)}):
            for when_behind in WhenBehind:
                hub = self.make_hub(when_behind=when_behind, log=self.make_log(max_count=10))
                for number in range(10):
                    self.publish("x" * 30_000, to=f"t{number}", hub=hub)
                listener = self.subscribe(hub, **options)
                listener.stop_reading()
                self.settle()
                self.publish(*"0123456789", hub=hub)
                self.settle()
                self.assertLessEqual(held() - others, 10 + 2 * PIECE // 30_000, options)
                hub.streams.abort()
                self.hubs.remove(hub)
                del hub, listener


class LatestTests(HubTestCase):
    """
    Subscribers that catch up with the newest event of each topic only.
    """

    def setUp(self) -> None:
        super().setUp()
        self.hub = self.make_hub(when_behind=WhenBehind.LATEST)

    def make_slow(self, **options: object) -> FakeListener:
        """
        Subscribe a listener that is behind at an event ``0``.
        """
        slow = self.subscribe(**options)
        slow.stop_reading()
        self.publish("0", to="0")
        self.settle()
        return slow

    def test_forgotten_while_it_is_read(self) -> None:
        """
        Events that the log forgets between two pieces are reported as a gap, and no old value
        follows.
        """
        hub = self.make_hub(when_behind=WhenBehind.LATEST, log=self.make_log(max_count=2))
        first, second, third, fourth = (letter * 40_000 for letter in "abcd")
        self.publish(first, second, hub=hub)
        listener = self.subscribe(hub, last_event_id=id_of(0))
        self.publish(third, fourth, to="u", hub=hub)
        self.settle()
        self.assertEqual(["gap", fourth], shown(listener))

    def test_newest_of_each(self) -> None:
        """
        A subscriber gets the newest event of each topic, in their order and without a gap.
        """
        slow = self.make_slow()
        for topic, data in ("t1", "u1", "t2", "v1", "u2", "t3"):
            self.publish(topic + data, to=topic)
        self.settle()
        slow.read()
        self.settle()
        self.assertEqual(["0", "v1", "u2", "t3"], shown(slow))

    def test_last_few(self) -> None:
        """
        A new client that asks for the last few events gets each of them, even if several have the
        same topic: only a client that is behind gets just the newest.
        """
        self.publish("a", "b", "c")
        self.publish("d", to="u")
        listener = self.subscribe(last=3)
        self.settle()
        self.assertEqual(["b", "c", "d"], shown(listener))

    def test_live(self) -> None:
        """
        A subscriber that keeps up gets every event.
        """
        listener = self.subscribe()
        self.publish("a", "b", "c")
        self.settle()
        self.assertEqual(["a", "b", "c"], shown(listener))

    def test_canonical_topic(self) -> None:
        """
        The first topic of an event decides which events it replaces.
        """
        slow = self.make_slow()
        self.publish("a", to=["t", "u"])
        self.publish("b", to=["v", "t"])
        self.publish("c", to=["t"])
        slow.read()
        self.settle()
        self.assertEqual(["0", "b", "c"], shown(slow))

    def test_newest_that_is_seen(self) -> None:
        """
        An event that a subscriber may not see does not replace an older one that it may see.
        """
        slow = self.make_slow(view=View.of(["0", "t"]))
        self.publish("a")
        self.publish("b", private=True)
        slow.read()
        self.settle()
        self.assertEqual(["0", "a"], shown(slow))

    def test_replay(self) -> None:
        """
        A client that comes back with its last id also gets only the newest event of each topic.
        """
        self.publish("a", "b", to="t")
        self.publish("c", to="u")
        self.publish("d", to="t")
        self.assertEqual(["c", "d"], shown(self.subscribe(last_event_id=id_of(1))))

    def test_last(self) -> None:
        """
        A client that asks for the last few events gets all of them, even if several have the same
        topic.
        """
        self.publish("1", "2", "3", to="a", hub=self.hub)
        self.assertEqual(["2", "3"], self.subscribe(self.hub, last=2).data)

    def test_cursors_hold(self) -> None:
        """
        A client that leaves at any moment and comes back with its last id gets all other events.
        """
        slow = self.make_slow()
        for topic in "tuvtuv":
            self.publish(topic * (PIECE // 3), to=topic)
        slow.read()
        while len(slow.events) < 3:
            self.clock.turn()
        cursor = slow.events[-1].id
        slow.leave()
        back = self.subscribe(last_event_id=cursor)
        self.settle()
        seen = [data[0] for data in (*slow.data, *back.data)]
        self.assertEqual(["0", "t", "u", "v"], seen)

    def test_long(self) -> None:
        """
        The log is read one piece in each turn, and written one piece in each turn.
        """
        slow = self.make_slow()
        for number in range(12):
            self.publish(str(number % 4) * (PIECE // 3), to=f"t{number % 4}")
        slow.read()
        slow.stop_reading()
        self.settle()
        self.assertEqual(3, slow.event_count)
        slow.read()
        self.publish("x")
        self.settle()
        self.assertEqual([*"00123x"], [data[0] for data in slow.data])
        self.assertLessEqual(max(map(len, slow.writes)), PIECE)

    def test_published_meanwhile(self) -> None:
        """
        An event that is published during the catch-up also comes: nothing is lost for good.
        """
        slow = self.make_slow()
        for number in range(12):
            self.publish("x" * (PIECE // 3), to=f"t{number % 4}")
        slow.read()
        for number in range(6):
            self.publish(f"new {number}", to=f"t{number % 4}")
            self.clock.turn()
        self.settle()
        newest = {}
        for event in slow.events:
            newest[event.id] = event.data
        self.assertEqual(len(slow.events), len(newest))
        self.assertEqual(["new 4", "new 5"], slow.data[-2:])
        self.assertIn("new 2", slow.data)
        self.assertIn("new 3", slow.data)
