"""
Announcements, which a log may forget earlier than other events.
"""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import EndReason, Event, MemoryLog, UnknownCursor, View, WhenBehind
from ssetwist.errors import InvalidEvent, LogUnavailable
from ssetwist.hub import EARLIEST, EVERYTHING
from ssetwist.hub._view import ViewHistory
from ssetwist.testing import MemoryHub
from tests.unit.hub.case import THIRD, HubTestCase, id_of, shown
from tests.unit.hub.fake import FakeListener

#: A view of everything, also of announcements.
ALL = View.of(EVERYTHING, grants=EVERYTHING)


class AnnouncementCase(HubTestCase):
    """
    A hub that keeps eight events, and two announcements besides.
    """

    def setUp(self) -> None:
        super().setUp()
        self.hub = self.make_hub(log=self.make_log(max_count=8))

    def announce(self, *data: str, hub: MemoryHub | None = None) -> None:
        """
        Announce events with this data.
        """
        for one in data:
            (self.hub if hub is None else hub).announce("presence", Event(one))

    def replayed(self, view: View = ALL, **options: Any) -> list[str]:
        """
        Return the data of all events that a new listener gets, and ``"gap"`` for a gap.
        """
        listener = self.subscribe(view=view, **options)
        self.settle()
        self.assertIsNone(listener.end_reason)
        listener.subscriber.abort()
        return shown(listener)


class AnnounceTests(AnnouncementCase):
    """
    Announcing.
    """

    def test_private(self) -> None:
        """
        An announcement gets an id, and reaches subscribers with a grant only.
        """
        granted, other = self.subscribe(view=ALL), self.subscribe()
        id = self.successResultOf(self.hub.announce("presence", Event("a")))
        self.settle()
        self.assertEqual((id_of(1), ["a"], []), (id, shown(granted), shown(other)))

    def test_id(self) -> None:
        """
        An announcement has no id of its own.
        """
        error = self.assertRaises(InvalidEvent, self.hub.announce, "t", Event("a", id="mine"))
        self.assertIn("must not be set on an announcement", str(error))
        self.assertEqual(0, self.hub.log.head)


class ReplayTests(AnnouncementCase):
    """
    Coming back to a log that has forgotten announcements.
    """

    def setUp(self) -> None:
        super().setUp()
        self.publish("1")
        self.announce(*"abcdef")  # 2 to 7, of which "e" and "f" are kept
        self.publish("8")

    def test_others_miss_nothing(self) -> None:
        """
        A subscriber that may not see announcements gets all that it may see, and no gap.
        """
        for view in (
            View.of(EVERYTHING),
            View.of("t", grants=()),
            View(ALL.matchers, ALL.grants, may_ask_for_announcements=False),
        ):
            sees = view.grants.match(("presence",))
            expected = ["e", "f", "8"] if sees else ["8"]
            for position in range(1, 6):
                self.assertEqual(expected, self.replayed(view, last_event_id=id_of(position)))

    def test_told(self) -> None:
        """
        A subscriber that may have missed an announcement is told of the gap once, and then gets
        everything that is kept.
        """
        self.assertEqual(["gap", "1", "e", "f", "8"], self.replayed(last_event_id=id_of(0)))
        for position in (1, 2, 4):
            cursor = id_of(position)
            self.assertEqual(["gap", "e", "f", "8"], self.replayed(last_event_id=cursor))

    def test_not_told(self) -> None:
        """
        A subscriber that comes back with a later id, even that of the last announcement that is
        forgotten, has missed nothing.
        """
        self.assertEqual(["e", "f", "8"], self.replayed(last_event_id=id_of(5)))
        self.assertEqual(["8"], self.replayed(last_event_id=id_of(7)))

    def test_gap(self) -> None:
        """
        The event of the gap leaves the client where it was, so that it misses nothing if its stream
        breaks right after it.
        """
        (gap, *_) = self.subscribe(view=ALL, last_event_id=id_of(3)).events
        self.assertEqual(id_of(3), gap.id)
        self.assertEqual(
            {"asked": id_of(3), "oldest": id_of(1), "newest": id_of(8)}, json.loads(gap.data)
        )

    def test_whatever_is_kept(self) -> None:
        """
        A client that asks for whatever is kept has not missed what was forgotten before.
        """
        self.assertEqual(["1", "e", "f", "8"], self.replayed(last_event_id=EARLIEST))
        self.assertEqual(["f", "8"], self.replayed(last=2))
        self.assertEqual(["1", "e", "f", "8"], self.replayed(last=99))

    def test_unknown(self) -> None:
        """
        A client with an unknown id is told of one gap.
        """
        self.hub = self.make_hub(log=self.hub.log, unknown_cursor=UnknownCursor.ALL)
        self.assertEqual(["gap", "1", "e", "f", "8"], self.replayed(last_event_id="unknown"))

    def test_last_is_forgotten(self) -> None:
        """
        If the newest entries are forgotten announcements, the client is live, after a gap if it may
        see them.
        """
        for view, expected in ((View.of("t"), ["4"]), (ALL, ["gap", "4"])):
            self.hub = self.make_hub(log=self.make_log(max_bytes=200))
            self.publish("1")
            self.announce("a", "b" * 100)
            listener = self.subscribe(view=view, last_event_id=id_of(1))
            self.publish("4")
            self.settle()
            self.assertEqual(expected, shown(listener))

    def test_a_client_that_is_behind(self) -> None:
        """
        A client that is behind is not cut because announcements were forgotten, whatever the
        policy; it is told of the gap.
        """
        for policy in WhenBehind:
            self.hub = self.make_hub(log=self.make_log(max_count=8), when_behind=policy)
            listener = self.subscribe(view=ALL, is_behind=True)
            self.publish("1", to="x")
            self.announce(*"abc")
            self.publish("5", to="y")
            listener.read()
            self.settle()
            # Of announcements with one topic, a digest has the last one only.
            kept = ["c"] if policy is WhenBehind.LATEST else ["b", "c"]
            self.assertEqual(["gap", "1", *kept, "5"], shown(listener))

    def test_view_of_its_time(self) -> None:
        """
        A subscriber that may see announcements only since a later moment is not told about earlier
        ones, and one that may no longer see them is.
        """
        for before, after, expected in (
            ((), EVERYTHING, ["1", "b", "c"]),
            (EVERYTHING, (), ["gap", "1"]),
        ):
            self.hub = self.make_hub(log=self.make_log(max_count=8))
            view = View.of(EVERYTHING, grants=before)
            listener = self.subscribe(view=view, is_behind=True)
            self.publish("1")
            self.announce("a")
            listener.subscriber.change_topics(EVERYTHING, grants=after)
            self.announce(*"bc")
            listener.read()
            self.settle()
            self.assertEqual(expected, shown(listener))

    def test_forgotten_during_the_replay(self) -> None:
        """
        A client that asked for whatever is kept is told of announcements that were kept then, and
        forgotten before it could take them.
        """
        self.hub = self.make_hub(log=self.make_log(max_count=8))
        self.publish("x" * 3 * THIRD)
        self.announce("a", "b")
        listener = self.subscribe(view=ALL, last_event_id=EARLIEST)
        listener.fall_behind()
        self.announce("c")
        listener.read()
        self.settle()
        self.assertEqual(["gap", "b", "c"], shown(listener)[1:])

    def test_forgotten_during_a_digest(self) -> None:
        """
        An announcement that is forgotten between the two readings of a digest is a gap.
        """
        self.hub = self.make_hub(log=self.make_log(max_count=8), when_behind=WhenBehind.LATEST)
        listener = self.subscribe(view=ALL, is_behind=True)
        self.publish("x" * 3 * THIRD)
        self.hub.announce("one", Event("a"))
        listener.read()
        listener.fall_behind()
        self.clock.turn()
        self.announce("b", "c")
        listener.read()
        self.settle()
        self.assertEqual(["gap", "c"], shown(listener)[1:])

    def test_forgotten_during_a_search(self) -> None:
        """
        While the newest events are searched for a client, announcements may be forgotten that were
        kept when it came; it is told of the gap, even if nothing else follows.
        """
        for wanted, expected in (("abcd", ["gap", "c", "d"]), ("ab", ["gap"])):
            self.hub = self.make_hub(log=self.make_log(max_count=8))
            self.publish(*["x" * THIRD] * 3)
            self.announce("a", "b")

            def wants(_: object, event: Event, wanted: str = wanted) -> bool:
                return event.data in wanted

            view = View.of(EVERYTHING, grants=EVERYTHING, filter=wants)
            listener = self.subscribe(view=view, last=2)
            self.announce("c", "d")
            self.settle()
            self.assertEqual(expected, shown(listener))

    def test_not_told_in_a_later_piece(self) -> None:
        """
        A client that asked for whatever is kept is not told in a later piece about announcements
        that were forgotten when it came.
        """
        self.hub = self.make_hub(log=self.make_log(max_count=8))
        self.publish(*["x" * THIRD] * 3)
        self.announce(*"abc")
        self.assertEqual(["b", "c"], self.replayed(last_event_id=EARLIEST)[3:])

    def test_earlier_and_later(self) -> None:
        """
        If one piece lacks announcements that were forgotten when a client came, and others that
        were forgotten after that, the client is told of a gap.
        """
        self.hub = self.make_hub(log=self.make_log(max_count=8))
        self.publish("x" * 3 * THIRD)
        self.announce(*"abc")
        listener = self.subscribe(view=ALL, is_behind=True, last_event_id=EARLIEST)
        self.announce("d")
        listener.read()
        self.settle()
        self.assertEqual(["gap", "c", "d"], shown(listener)[1:])


class ViewTests(SynchronousTestCase):
    """
    Views, and the announcements that they may show.
    """

    def test_may_show(self) -> None:
        """
        A view without grants shows no announcement, nor does one that cannot ask for any.
        """
        for view, expected in (
            (ALL, True),
            (View.of(EVERYTHING), False),
            (View(ALL.matchers, ALL.grants, may_ask_for_announcements=False), False),
        ):
            self.assertEqual(expected, view.may_show_announcements)

    def test_history(self) -> None:
        """
        Of the views that a subscriber has had, those of the positions in question count.
        """
        views = ViewHistory(View.of("t"))
        views.change(ALL, 2)
        views.change(View.of("t"), 4)
        places = range(7)
        for after in places:
            for until in places[after + 1 :]:
                expected = not {3, 4}.isdisjoint(range(after + 1, until + 1))
                self.assertEqual(expected, views.may_show_announcements(after, until))


class EmptyLog(MemoryLog):
    """
    A log that reads nothing, although it says that it keeps everything.
    """

    def read(self, after: int, most_bytes: int) -> "Deferred[Any]":
        return super().read(self.head, most_bytes)


class BrokenLogTests(HubTestCase):
    """
    A log that contradicts itself.
    """

    def test_reads_nothing(self) -> None:
        """
        If a log reads nothing where it says that it keeps something, the subscriber is cut, and the
        log of the process says why.
        """
        self.hub = self.make_hub(log=EmptyLog(self.clock, epoch="e"))
        self.publish("1", "2")
        listener = self.subscribe(last_event_id=id_of(1))
        self.settle()
        self.assertEqual(EndReason.CATCH_UP_FAILED, listener.end_reason)
        (problem,) = self.flushLoggedErrors(LogUnavailable)
        self.assertIn(
            "gave nothing that follows position 1, though it has 1 to 2", problem.getErrorMessage()
        )


class ModelTests(HubTestCase):
    """
    Any order of publications and announcements.
    """

    @given(
        st.lists(st.sampled_from(["event", "announcement"]), max_size=25),
        st.integers(0, 8),
        st.data(),
    )
    def test_any_order(self, kinds: list[str], max_count: int, data: st.DataObject) -> None:
        """
        From any cursor, a subscriber gets exactly the kept events after it that it may see, in
        their order; first a gap, when and only when one of these was forgotten.
        """
        self.hub = hub = self.make_hub(
            log=self.make_log(max_count=max_count), unknown_cursor=UnknownCursor.ALL
        )
        for number, kind in enumerate(kinds, start=1):
            if kind == "event":
                hub.publish("t", Event(str(number)))
            else:
                hub.announce("presence", Event(str(number)))
        numbered = list(enumerate(kinds, start=1))
        events = [number for number, kind in numbered if kind == "event"]
        lost = events[: max(0, len(events) - max_count)]
        oldest = max(lost, default=0) + 1
        announced = [number for number, kind in numbered if kind != "event"]
        share = -(-max_count // 4)
        kept = (
            {one for one in announced[len(announced) - share :] if one >= oldest}
            if share
            else set()
        )
        cursor = data.draw(st.integers(0, len(kinds)))
        for view, sees in ((View.of("t"), events), (ALL, events + announced)):
            after = {number for number in sees if number > cursor}
            forgotten = {
                one for one in after if one in lost or (one in announced and one not in kept)
            }
            is_gap = bool(forgotten) or oldest > cursor + 1
            listener: FakeListener = self.subscribe(hub, view, last_event_id=id_of(cursor))
            self.settle()
            # After a gap of other events, the hub begins with the oldest.
            expected = [str(one) for one in sorted(after - forgotten) if one >= oldest]
            self.assertEqual(["gap"] * is_gap + expected, shown(listener))
