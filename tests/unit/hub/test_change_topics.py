"""
Change of topics while a stream is open.
"""

from dataclasses import replace

from ssetwist import EndReason, Everything, Exact, InvalidMatcher, Pattern, View
from ssetwist.hub import EARLIEST
from ssetwist.hub.outlets import PIECE
from ssetwist.matching import Matchers
from tests.unit.hub.case import THIRD, HubTestCase, id_of
from tests.unit.hub.fake import FakeListener


class ChangeTopicsTests(HubTestCase):
    """
    A subscriber to the topic ``t``.
    """

    def setUp(self) -> None:
        super().setUp()
        self.listener = self.subscribe(view="t")

    def change(self, *args: object, of: FakeListener | None = None, **options: object) -> None:
        (of or self.listener).subscriber.change_topics(*args, **options)

    def test_topics(self) -> None:
        """
        A subscriber knows its topics and matchers.
        """
        for topics in (["t"], ["a", "b", Pattern("/p"), Everything()]):
            self.change(topics)
            self.assertEqual({*topics}, {*self.listener.subscriber.topics})
        self.change(Exact("a"))
        self.assertEqual(("a",), self.listener.subscriber.topics)

    def test_from_now_on(self) -> None:
        """
        After a change, a subscriber gets events of the new topics, and no more events of the old
        ones.
        """
        self.publish("a", to="u")
        self.settle()
        self.change("u")
        self.publish("b", to="t")
        self.publish("c", to="u")
        self.settle()
        self.assertEqual(["c"], self.listener.data)

    def test_published_in_the_same_turn(self) -> None:
        """
        An event that was published before the change is matched with the old topics, even if it has
        not been handed out.
        """
        for seen, data in (("u", "1"), (["t", "u"], "2"), ("t", "3"), ("u", "4")):
            self.publish(f"t{data}", to="t")
            self.publish(f"u{data}", to="u")
            self.change(seen)
        self.settle()
        self.assertEqual(["t1", "u2", "t3", "u3", "t4"], self.listener.data)

    def test_joins_others_with_the_same_topics(self) -> None:
        """
        A subscriber that joins others with the same view gets nothing that was published before.
        """
        other = self.subscribe(view="u")
        self.publish("a", to=["t", "u"])
        self.publish("b", to="u")
        self.change("u")
        self.publish("c", to="u")
        self.settle()
        self.assertEqual((["a", "c"], ["a", "b", "c"]), (self.listener.data, other.data))

    def test_same(self) -> None:
        """
        Changing to the same topics changes nothing.
        """
        other = self.subscribe(view="t")
        self.publish("a")
        self.change("t")
        self.publish("b")
        self.settle()
        self.assertEqual([["a", "b"]] * 2, [self.listener.data, other.data])

    def test_nothing(self) -> None:
        """
        A subscriber may have no topics for a while.
        """
        self.change(())
        self.publish("a")
        self.settle()
        self.change("t")
        self.publish("b")
        self.settle()
        self.assertEqual(["b"], self.listener.data)

    def test_others(self) -> None:
        """
        The topics of other subscribers do not change.
        """
        other = self.subscribe(view="t")
        self.change("u")
        self.publish("a")
        self.settle()
        self.assertEqual(([], ["a"]), (self.listener.data, other.data))

    def test_grants_stay(self) -> None:
        """
        By default, a subscriber keeps its grants and its filter.
        """
        view = View.of("t", grants=["t", "u"], filter=lambda topics, event: event.data != "x")
        listener = self.subscribe(view=view)
        self.change("u", of=listener)
        self.publish("a", "x", to="u", private=True)
        self.settle()
        self.assertEqual(["a"], listener.data)

    def test_everything_else_stays(self) -> None:
        """
        Whatever a view says beside its topics holds for the new topics also.
        """
        view = View(
            Matchers.of("t"),
            Matchers.of("t"),
            shows_ephemeral=False,
            may_ask_for_announcements=False,
        )
        listener = self.subscribe(view=view)
        self.change("u", of=listener)
        self.publish("a", to="u", ephemeral=True)
        self.settle()
        self.assertEqual([], listener.data)
        self.assertEqual(replace(view, matchers=Matchers.of("u")), listener.subscriber.view)

    def test_grants(self) -> None:
        """
        A subscriber may get other grants; to have no grants, it needs an empty list.
        """
        self.change("t", grants="t")
        self.publish("a", private=True)
        self.change("t", grants=())
        self.publish("b", private=True)
        self.settle()
        self.assertEqual(["a"], self.listener.data)

    def test_mistakes(self) -> None:
        """
        If a topic is invalid, nothing has changed.
        """
        for mistake, error in (("x" * 16385, InvalidMatcher), ([1], TypeError)):
            self.assertRaises(error, self.change, mistake)
            self.assertRaises(error, self.change, "u", grants=mistake)
        self.publish("a")
        self.settle()
        self.assertEqual((["a"], ("t",)), (self.listener.data, self.listener.subscriber.topics))

    def test_behind(self) -> None:
        """
        A subscriber that is behind gets earlier events by its old topics when it has room.
        """
        self.listener.stop_reading()
        self.publish("a")
        self.settle()
        for seen, data in (("u", "1"), (["t", "u"], "2"), ("t", "3"), ("u", "4")):
            self.publish(f"t{data}", to="t")
            self.publish(f"u{data}", to="u")
            self.change(seen)
        self.settle()
        self.listener.read()
        self.publish("b", to="u")
        self.settle()
        self.assertEqual(["a", "t1", "u2", "t3", "u3", "t4", "b"], self.listener.data)

    def test_behind_with_nothing_missed(self) -> None:
        """
        A subscriber that is behind, but has been sent everything, joins the audience of its new
        topics when it has room.
        """
        self.listener.stop_reading()
        self.publish("a")
        self.settle()
        self.change("u")
        self.listener.read()
        self.publish("b", to="u")
        self.settle()
        self.assertEqual(["a", "b"], self.listener.data)

    def test_while_it_catches_up(self) -> None:
        """
        A change during a long catch-up applies only to events that are published after the change.
        """
        long = [f"{number}{'x' * (PIECE // 3)}" for number in range(9)]
        self.publish(*long[:5])
        self.publish(*long[5:], to="u")
        listener = self.subscribe(view="t", last_event_id=EARLIEST)
        self.clock.turn()
        self.change("u", of=listener)
        self.publish("not seen", to="t")
        self.publish("seen", to="u")
        self.settle()
        self.assertEqual([*long[:5], "seen"], listener.data)

    def test_behind_at_the_change(self) -> None:
        """
        A subscriber that falls behind during the write before the change gets the rest from the
        log.
        """
        self.publish("a")
        self.listener.stop_reading()
        self.change("u")
        self.publish("b", to="t")
        self.publish("c", to="u")
        self.settle()
        self.assertEqual(1, len(self.listener.writes))
        self.listener.read()
        self.publish("d", to="u")
        self.settle()
        self.assertEqual(["a", "c", "d"], self.listener.data)

    def test_ended_at_the_change(self) -> None:
        """
        A subscriber that ends during the write before the change is no longer a subscriber.
        """
        self.publish("a")
        self.listener.during_write = self.listener.leave
        self.change("u")
        self.publish("b", to="u")
        self.settle()
        self.assertEqual(
            ([], EndReason.CLIENT_CLOSED), (self.listener.data, self.listener.end_reason)
        )

    def test_after_the_end(self) -> None:
        """
        Changing the topics of a subscriber that has gone does nothing, and is not an error.
        """
        self.listener.leave()
        self.change("u")
        self.assertEqual(("t",), self.listener.subscriber.topics)
        self.assertTrue(self.hub.is_idle)

    def test_cursor_holds(self) -> None:
        """
        A client that comes back with its last id gets the events that follow.
        """
        self.publish("a")
        self.change("u")
        self.publish("b", to="u")
        self.settle()
        self.publish("c", to="u")
        self.assertEqual(id_of(2), self.listener.events[-1].id)
        back = self.subscribe(view="u", last_event_id=self.listener.events[-1].id)
        self.assertEqual(["c"], back.data)

    def test_forgotten(self) -> None:
        """
        Old topics are forgotten when all events that they apply to have been sent, even if the
        subscriber is still behind.
        """
        self.listener.stop_reading()
        for number in range(20):
            self.publish("x" * THIRD, to=str(number))
            self.settle()
            self.change(str(number + 1))
        for _ in range(3):
            self.listener.read()
            self.listener.stop_reading()
            self.settle()
        catch_up = self.listener.subscriber._place
        kept = [until for until, _ in catch_up._views.earlier]
        self.assertLess(0, self.listener.subscriber.behind)
        self.assertLess(catch_up.walk.position - 3, kept[0])
        self.assertLess(len(kept), 19)
