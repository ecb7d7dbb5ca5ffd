"""
Cursors that cannot be honoured.
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
    Who comes back with an id that the log does not know.
    """

    def gap_of(self, listener: FakeListener) -> tuple[str | None, dict[str, object]]:
        """
        Return the id of the first event, which is a gap, and what it says.
        """
        event = listener.events[0]
        self.assertEqual("gap", event.type)
        return event.id, json.loads(event.data)

    def test_unknown(self) -> None:
        """
        It is told of the gap: what it asked for and what there is.  The gap's id is where it goes
        on, which is at what is published from now on.
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
        It may be of another log, of an earlier life of this one, forgotten, of the future, none of
        ours, empty, or the id with which a stream was ended for good.
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
        An event may itself be forgotten: as long as all that follows it is kept, there is no gap.
        """
        hub = self.make_hub(log=self.make_log(max_count=2))
        self.publish("a", "b", "c", "d", hub=hub)
        self.assertEqual(["c", "d"], shown(self.subscribe(hub, last_event_id=id_of(2))))

    def test_all(self) -> None:
        """
        Where the hub is told so, everything follows that is kept.
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
        What is forgotten after it was told of the gap, in which it was still there, is another one.
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
        Where nothing is kept there is no oldest and no newest.
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
        Who comes back with the id of the gap is told of no other one, and gets what has been
        published since.
        """
        for unknown_cursor in UnknownCursor:
            hub = self.make_hub(unknown_cursor=unknown_cursor)
            self.publish("a", hub=hub)
            (gap, *_) = self.subscribe(hub, last_event_id="unknown").events
            self.publish("b", hub=hub)
            listener = self.subscribe(hub, last_event_id=gap.id)
            self.assertEqual("b", shown(listener)[-1])
            self.assertNotIn("gap", shown(listener))

    def test_whatever_it_sees(self) -> None:
        """
        It is told of the gap whatever it may see.
        """
        self.publish("a")
        view = View.of("u", filter=lambda topics, event: False)
        self.assertEqual(["gap"], shown(self.subscribe(view=view, last_event_id="unknown")))

    def test_no_gap(self) -> None:
        """
        Where the hub is told so, there is no such event; the rest is the same.
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

    def test_type(self) -> None:
        """
        The type of the event may be another one.
        """
        hub = self.make_hub(gap="lost")
        (event,) = self.subscribe(hub, last_event_id="unknown").events
        self.assertEqual("lost", event.type)

    def test_no_type(self) -> None:
        """
        What can be no type of an event is refused when the hub is made, not when it is needed.
        """
        for gap in ("a\nb", "\ud800", "end", "error"):
            problem = self.assertRaises(ValueError, self.make_hub, gap=gap)
            self.assertIn("gap", str(problem))

    def test_behind(self) -> None:
        """
        Where its connection is behind, what is published before it has room follows the gap.
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
        Of a cursor that is longer than an id may be, only the beginning is told.
        """
        listener = self.subscribe(last_event_id="x" * 100_000)
        self.assertEqual("x" * MAX_ID, self.gap_of(listener)[1]["asked"])

    def test_lone_surrogate(self) -> None:
        """
        Half a character, which no event can have, is told as a question mark.
        """
        listener = self.subscribe(last_event_id="a\ud800b\n")
        self.assertEqual("a?b\n", self.gap_of(listener)[1]["asked"])

    @given(st.text(st.characters()))
    @example("#e.1\x00")
    @example("#e.\u0661")
    @example('"}\n\ndata: x')
    def test_any_cursor(self, id: str) -> None:
        """
        Whatever a client sends, it is understood or it is told of the gap; the stream goes on.
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
    What is forgotten while somebody is on its way there.
    """

    def test_forgotten_meanwhile(self) -> None:
        """
        Who is overtaken by the end of the log is treated as any other that is too far behind.
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
        Events that are too old are forgotten also when nothing is published.
        """
        self.assertIsInstance(self.clock, TurnClock)
        hub = self.make_hub(log=self.make_log(max_age=10))
        self.publish("a", hub=hub)
        self.clock.busy(10)
        self.assertEqual(["gap"], shown(self.subscribe(hub, last_event_id=id_of(0))))
        self.assertEqual([], shown(self.subscribe(hub, last_event_id=id_of(1))))
