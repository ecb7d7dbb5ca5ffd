"""
Last event ids from which a stream cannot resume.
"""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from ssetwist import EndReason, Event, UnknownCursor, View
from ssetwist.hub import EARLIEST, END_ID
from ssetwist.log import MAX_ID, render_id
from tests.unit.hub.case import HubTestCase, id_of, shown
from tests.unit.hub.fake import FakeListener, TurnClock


class GapTests(HubTestCase):
    """
    A client comes back with an id that the log does not know.
    """

    def gap_of(self, listener: FakeListener) -> tuple[str | None, dict[str, object]]:
        """
        Return the id and the data of the first event, which is a gap.
        """
        event = listener.events[0]
        self.assertEqual("gap", event.type)
        return event.id, json.loads(event.data)

    def test_unknown(self) -> None:
        """
        The event about a gap has the client's own id and the range that is kept.  The id of this
        event is the position at which the stream continues: the live end.
        """
        self.publish("a", "b", "c")
        listener = self.subscribe(last_event_id="unknown")
        self.assertEqual(
            (id_of(3), {"asked": "unknown", "oldest": id_of(1), "newest": id_of(3)}),
            self.gap_of(listener),
        )
        self.publish("d")
        self.settle()
        self.assertEqual(["gap", "d"], shown(listener))

    def test_every_kind(self) -> None:
        """
        These ids are unknown: ids of another log, of an earlier life of this log, of forgotten or
        future events, malformed or empty ids, and the id of an end for good.
        """
        hub = self.make_hub(log=self.make_log(max_count=2))
        hub.publish("t", Event("a", id="forgotten"))
        self.publish("b", "c", "d", hub=hub)
        for id in (render_id("f", 3), "forgotten", id_of(1), id_of(5), "#e.03", "", END_ID):
            listener = self.subscribe(hub, last_event_id=id)
            self.assertEqual(
                (id_of(4), {"asked": id, "oldest": id_of(3), "newest": id_of(4)}),
                self.gap_of(listener),
            )

    def test_just_not_forgotten(self) -> None:
        """
        The event with the client's id may be forgotten: as long as all later events are kept, there
        is no gap.
        """
        hub = self.make_hub(log=self.make_log(max_count=2))
        self.publish("a", "b", "c", "d", hub=hub)
        self.assertEqual(["c", "d"], shown(self.subscribe(hub, last_event_id=id_of(2))))

    def test_all(self) -> None:
        """
        With the policy ALL, every event that is kept follows the gap.
        """
        hub = self.make_hub(log=self.make_log(max_count=2), unknown_cursor=UnknownCursor.ALL)
        self.publish("a", "b", "c", hub=hub)
        listener = self.subscribe(hub, last_event_id="unknown")
        self.assertEqual(["gap", "b", "c"], shown(listener))
        self.assertEqual(
            (id_of(1), {"asked": "unknown", "oldest": id_of(2), "newest": id_of(3)}),
            self.gap_of(listener),
        )

    def test_all_while_more_is_forgotten(self) -> None:
        """
        An event that is forgotten after it was reported as kept is another gap.
        """
        hub = self.make_hub(log=self.make_log(max_count=2), unknown_cursor=UnknownCursor.ALL)
        self.publish("a", "b", hub=hub)
        listener = self.subscribe(hub, last_event_id="unknown", is_behind=True)
        self.publish("c", hub=hub)
        listener.read()
        self.settle()
        self.assertEqual((["gap"], EndReason.FELL_BEHIND), (shown(listener), listener.end_reason))

    def test_nothing_kept(self) -> None:
        """
        If nothing is kept, the oldest and the newest id of a gap are null.
        """
        for unknown_cursor in UnknownCursor:
            log = self.make_log(max_count=0)
            hub = self.make_hub(log=log, unknown_cursor=unknown_cursor)
            self.publish("a", hub=hub)
            listener = self.subscribe(hub, last_event_id="unknown")
            self.assertEqual(
                (id_of(1), {"asked": "unknown", "oldest": None, "newest": None}),
                self.gap_of(listener),
            )
            self.publish("b", hub=hub)
            self.settle()
            self.assertEqual(["gap", "b"], shown(listener))

    def test_told_once(self) -> None:
        """
        A client that comes back with the id of a gap is not told again, and gets the events that
        were published since.
        """
        for unknown_cursor in UnknownCursor:
            hub = self.make_hub(unknown_cursor=unknown_cursor)
            self.publish("a", hub=hub)
            (gap, *_) = self.subscribe(hub, last_event_id="unknown").events
            self.publish("b", hub=hub)
            listener = self.subscribe(hub, last_event_id=gap.id)
            self.assertEqual("b", shown(listener)[-1])
            self.assertNotIn("gap", shown(listener))

    def test_any_view(self) -> None:
        """
        A client is told about the gap whatever events it may see.
        """
        self.publish("a")
        view = View.of("u", filter=lambda topics, event: False)
        self.assertEqual(["gap"], shown(self.subscribe(view=view, last_event_id="unknown")))

    def test_no_gap(self) -> None:
        """
        Without an event for gaps, everything else is the same.
        """
        for unknown_cursor, expected in (
            (UnknownCursor.LIVE, ["b"]),
            (UnknownCursor.ALL, ["a", "b"]),
        ):
            hub = self.make_hub(gap=None, unknown_cursor=unknown_cursor)
            self.publish("a", hub=hub)
            listener = self.subscribe(hub, last_event_id="unknown")
            self.publish("b", hub=hub)
            self.settle()
            self.assertEqual(expected, shown(listener))

    def test_nothing_instead_of_a_gap(self) -> None:
        """
        Without an event for gaps nothing is written in its place: over HTTP/1.1 an empty chunk
        would end the stream.
        """
        hub = self.make_hub(gap=None)
        listener = self.subscribe(hub, last_event_id="unknown")
        self.assertEqual([], listener.writes)

    def test_type(self) -> None:
        """
        The operator may choose another type for the event about a gap.
        """
        hub = self.make_hub(gap="lost")
        (event,) = self.subscribe(hub, last_event_id="unknown").events
        self.assertEqual("lost", event.type)

    def test_invalid_type(self) -> None:
        """
        A text that cannot be the type of an event is refused when the hub is made, not when it is
        needed.
        """
        for gap in ("a\nb", "\ud800", "end", "error"):
            problem = self.assertRaises(ValueError, self.make_hub, gap=gap)
            self.assertIn("gap", str(problem))

    def test_behind(self) -> None:
        """
        If the connection is behind, events that are published before it has room follow the gap.
        """
        self.publish("a")
        listener = self.subscribe(last_event_id="unknown", is_behind=True)
        self.publish("b")
        self.settle()
        listener.read()
        self.publish("c")
        self.settle()
        self.assertEqual(["gap", "b", "c"], shown(listener))

    def test_long(self) -> None:
        """
        Only the beginning of an id that is too long is reported.
        """
        listener = self.subscribe(last_event_id="x" * 100_000)
        self.assertEqual("x" * MAX_ID, self.gap_of(listener)[1]["asked"])

    def test_lone_surrogate(self) -> None:
        """
        A lone surrogate, which an event cannot have, is reported as a question mark.
        """
        listener = self.subscribe(last_event_id="a\ud800b\n")
        self.assertEqual("a?b\n", self.gap_of(listener)[1]["asked"])

    @given(st.text(st.characters()))
    @example("#e.1\x00")
    @example("#e.\u0661")
    @example('"}\n\ndata: x')
    def test_any_cursor(self, id: str) -> None:
        """
        Any id of a client is either understood or reported as a gap, and the stream continues.
        """
        listener = self.subscribe(last_event_id=id)
        self.publish("a")
        self.settle()
        expected = ["a"] if id == EARLIEST else ["gap", "a"]
        self.assertEqual(expected, shown(listener)[-len(expected) :])
        self.assertIsNone(listener.end_reason)
        listener.leave()


class GapWhileReplayingTests(HubTestCase):
    """
    Events that the log forgets while a client is on its way to them.
    """

    def test_forgotten_meanwhile(self) -> None:
        """
        A client whose next event the log forgets during the replay is treated like any other that
        is too far behind.
        """
        hub = self.make_hub(log=self.make_log(max_count=2))
        self.publish("a", "b", hub=hub)
        listener = self.subscribe(hub, last_event_id=id_of(0), is_behind=True)
        self.publish("c", hub=hub)
        listener.read()
        self.assertEqual(EndReason.FELL_BEHIND, listener.end_reason)
        self.assertEqual([], shown(listener))

    def test_clock(self) -> None:
        """
        Events that are too old are forgotten even if nothing is published.
        """
        self.assertIsInstance(self.clock, TurnClock)
        hub = self.make_hub(log=self.make_log(max_age=10))
        self.publish("a", hub=hub)
        self.clock.busy(10)
        self.assertEqual(["gap"], shown(self.subscribe(hub, last_event_id=id_of(0))))
        self.assertEqual([], shown(self.subscribe(hub, last_event_id=id_of(1))))
