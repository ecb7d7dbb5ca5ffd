"""
The live end: published events reach the subscribers that keep up.
"""

from ssetwist import EndReason, Event, Everything, Pattern, Subscriber, View
from tests.unit.hub.case import HubTestCase, id_of
from tests.unit.hub.fake import Broken, FakeListener, fail


class HandOutTests(HubTestCase):
    """
    The subscribers that get an event.
    """

    def test_nobody(self) -> None:
        """
        An event that no subscriber sees leaves nothing to do.
        """
        self.subscribe(view="u")
        self.publish("a")
        self.clock.turn()
        self.assertTrue(self.hub.streams.turns.is_idle)

    def test_everybody(self) -> None:
        """
        Every subscriber gets the event, with its id.
        """
        listeners = [self.subscribe() for _ in range(3)]
        self.publish("a")
        self.clock.turn()
        self.assertEqual([[Event("a", id=id_of(1))]] * 3, [one.events for one in listeners])

    def test_topics(self) -> None:
        """
        Each subscriber gets the topics that it asked for, and each event once.
        """
        topics = ("/a", ["/b", "/a"], Pattern("/:any"), Everything(), "/c")
        listeners = [self.subscribe(view=one) for one in topics]
        self.publish("1", to="/a")
        self.publish("2", to=["/b", "/a"])
        self.publish("3", to="/b")
        self.settle()
        expected = [["1", "2"], ["1", "2", "3"], ["1", "2", "3"], ["1", "2", "3"], []]
        self.assertEqual(expected, [one.data for one in listeners])

    def test_private(self) -> None:
        """
        A private event reaches only subscribers with a grant for it.
        """
        views = (View.of("t"), View.of("t", grants="u"), View.of("t", grants="v"))
        listeners = [self.subscribe(view=one) for one in views]
        self.publish("a", to=["t", "u"], private=True)
        self.settle()
        self.assertEqual([[], ["a"], []], [one.data for one in listeners])

    def test_filter(self) -> None:
        """
        An event that a filter refuses, or fails on, does not reach its subscriber.
        """
        view = View.of("t", filter=lambda topics, event: event.data == "b" or fail())
        filtered, other = self.subscribe(view=view), self.subscribe()
        self.publish("a", "b")
        self.settle()
        self.assertEqual((["b"], ["a", "b"]), (filtered.data, other.data))
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))

    def test_filter_is_asked_once(self) -> None:
        """
        A filter that several subscribers share is called once for an event.
        """
        asked = []
        view = View.of("t", filter=lambda topics, event: not asked.append(event.data))
        listeners = [self.subscribe(view=view) for _ in range(3)]
        self.publish("a")
        self.settle()
        self.assertEqual((["a"], [["a"]] * 3), (asked, [one.data for one in listeners]))

    def test_order(self) -> None:
        """
        Events come in the order of publishing.
        """
        listener = self.subscribe()
        data = [str(number) for number in range(100)]
        for one in data:
            self.publish(one)
            if int(one) % 3:
                self.clock.turn()
        self.settle()
        self.assertEqual(data, listener.data)

    def test_from_now_on(self) -> None:
        """
        A subscriber gets only events that are published after it came, even if earlier ones have
        not been handed out and its audience is the same.
        """
        first = self.subscribe()
        self.publish("a")
        listener = self.subscribe()
        self.publish("b")
        self.settle()
        self.assertEqual((["a", "b"], ["b"]), (first.data, listener.data))

    def test_after_all_others_have_left(self) -> None:
        """
        A subscriber that comes after all members of its audience have left gets nothing that waited
        for them.
        """
        first = self.subscribe()
        self.publish("a")
        first.leave()
        listener = self.subscribe()
        self.settle()
        self.assertEqual([], listener.data)

    def test_until_the_end(self) -> None:
        """
        A subscriber that has ended gets nothing more, and other subscribers do.
        """
        listener, other = self.subscribe(), self.subscribe()
        self.publish("a")
        self.settle()
        listener.leave()
        self.publish("b")
        self.settle()
        self.assertEqual((["a"], ["a", "b"]), (listener.data, other.data))

    def test_subscribers_in_order(self) -> None:
        """
        Subscribers are served in the order in which they came.
        """
        heard: list[int] = []
        for number in range(10):
            self.subscribe().during_write = lambda number=number: heard.append(number)
        self.publish("a")
        self.settle()
        self.assertEqual(list(range(10)), heard)

    def test_private_ephemeral(self) -> None:
        """
        A private ephemeral event reaches only subscribers with a grant.
        """
        other, granted = self.subscribe(), self.subscribe(view=View.of("t", grants="t"))
        self.publish("b", ephemeral=True, private=True)
        self.settle()
        self.assertEqual(([], ["b"]), (other.data, granted.data))

    def test_ephemeral(self) -> None:
        """
        An ephemeral event is handed out in its place, without an id.
        """
        listener = self.subscribe()
        self.publish("a")
        self.publish("b", ephemeral=True)
        self.publish("c")
        self.settle()
        self.assertEqual(
            [Event("a", id=id_of(1)), Event("b"), Event("c", id=id_of(2))], listener.events
        )


class FlushTests(HubTestCase):
    """
    Flushes: one in each turn.
    """

    def test_next_turn(self) -> None:
        """
        A published event is handed out in the next turn, not at once.
        """
        listener = self.subscribe()
        self.publish("a")
        self.assertEqual([], listener.writes)
        self.clock.turn()
        self.assertEqual(["a"], listener.data)

    def test_joined(self) -> None:
        """
        Events of one turn leave in one write, and each is counted.
        """
        listener = self.subscribe()
        self.publish("a", "b", "c")
        self.clock.turn()
        self.assertEqual((1, 3), (len(listener.writes), listener.event_count))
        self.assertEqual(["a", "b", "c"], listener.data)

    def test_one_call(self) -> None:
        """
        Any number of events for any number of subscribers takes one call of the clock.
        """
        for topic in "tuv":
            self.subscribe(view=topic)
        before = len(self.clock.getDelayedCalls())
        self.publish("a", "b", to=["t", "u"])
        self.publish("c", to="v")
        self.assertEqual(before + 1, len(self.clock.getDelayedCalls()))
        self.clock.turn()
        self.assertEqual(before, len(self.clock.getDelayedCalls()))

    def test_turns(self) -> None:
        """
        Events of two turns leave in two writes.
        """
        listener = self.subscribe()
        self.publish("a")
        self.clock.turn()
        self.publish("b")
        self.clock.turn()
        self.assertEqual(2, len(listener.writes))

    def test_last_one_leaves(self) -> None:
        """
        When the last subscriber for which something waits has gone, nothing is left to do.
        """
        listener, other = self.subscribe(), self.subscribe(view="u")
        self.publish("a")
        self.assertFalse(self.hub.streams.turns.is_idle)
        other.leave()
        self.assertFalse(self.hub.streams.turns.is_idle)
        listener.leave()
        self.assertTrue(self.hub.streams.turns.is_idle)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_encoded_once(self) -> None:
        """
        All subscribers get the very same bytes of an event, whatever their views.
        """
        seen = ("t", "t", Everything(), ["t", "u"])
        listeners = [self.subscribe(view=one) for one in seen]
        self.publish("a" * 1000)
        self.settle()
        self.assertEqual(1, len({id(one.writes[0]) for one in listeners}))

    def test_joined_once(self) -> None:
        """
        Subscribers with one view get the very same chunk, so that an outlet frames it once.
        """
        listeners = [self.subscribe(view=["t", "u"]) for _ in range(3)]
        self.publish("a", "b")
        self.settle()
        self.assertEqual(1, len({id(one.given[0]) for one in listeners}))

    def test_one_audience(self) -> None:
        """
        Subscribers with equal views are one audience; others are in other audiences.
        """
        view = View.of("t", filter=lambda topics, event: True)
        for seen in (["t", "u"], ["u", "t"], View.of(["t", "u"]), "t", view, view):
            self.subscribe(view=seen)
        sizes = sorted(len(audience) for audience in self.hub._live._audiences.values())
        self.assertEqual([1, 2, 3], sizes)

    def test_one_view(self) -> None:
        """
        Subscribers with equal views share one view, however many they are.
        """
        subscribers = [self.subscribe(view=["t", "u"]).subscriber for _ in range(3)]
        self.assertEqual(1, len({id(one.view) for one in subscribers}))
        subscribers.append(self.subscribe(view="v").subscriber)
        subscribers[-1].change_topics(["u", "t"])
        self.assertEqual(1, len({id(one.view) for one in subscribers}))


class FromCallbacksTests(HubTestCase):
    """
    Calls from callbacks while events are handed out.
    """

    def test_publish(self) -> None:
        """
        An event that is published during a flush follows in the next turn, for every subscriber.
        """
        listeners = [self.subscribe() for _ in range(3)]
        more = ["b", "c"]
        listeners[1].during_write = lambda: more and self.publish(more.pop(0))
        self.publish("a")
        self.clock.turn()
        self.assertEqual([["a"]] * 3, [one.data for one in listeners])
        self.clock.turn()
        self.clock.turn()
        self.assertEqual([["a", "b", "c"]] * 3, [one.data for one in listeners])

    def test_publish_to_another_audience(self) -> None:
        """
        An event that is published during a flush also follows for audiences that have not been
        served in this round.
        """
        first, last = self.subscribe(view="t"), self.subscribe(view=["t", "u"])
        first.during_write = lambda: len(first.given) or self.publish("b", to="u")
        self.publish("a")
        self.settle()
        self.assertEqual((["a"], ["a", "b"]), (first.data, last.data))

    def test_publish_from_on_end(self) -> None:
        """
        A callback may publish the end of its subscriber to the others.
        """

        def on_end(subscriber: Subscriber, reason: EndReason) -> None:
            self.publish("gone")

        leaver, other = self.subscribe(on_end=on_end), self.subscribe()
        leaver.during_write = leaver.leave
        self.publish("a")
        self.settle()
        self.assertEqual(([], ["a", "gone"]), (leaver.data, other.data))

    def test_publish_without_end(self) -> None:
        """
        Publishing an event for each event does not recurse, however often it happens, and lets
        other things run in between.
        """
        listener = self.subscribe()
        left = iter(range(5000))
        listener.during_write = lambda: next(left, None) and self.publish("b")
        next(left)
        self.publish("a")
        self.clock.turn()
        self.assertEqual(1, listener.event_count)
        self.settle()
        self.assertEqual(5000, listener.event_count)

    def test_subscribe(self) -> None:
        """
        A subscriber that comes during a flush gets only events that are published from then on.
        """
        late: list[FakeListener] = []
        listener = self.subscribe()
        listener.during_write = lambda: late or late.append(self.subscribe())
        self.publish("a")
        self.settle()
        self.publish("b")
        self.settle()
        self.assertEqual((1, ["b"]), (len(late), late[0].data))

    def test_subscribe_after_publish(self) -> None:
        """
        A subscriber that comes during a flush gets nothing that was published before, even if it
        has not been handed out.
        """
        late: list[FakeListener] = []
        listener = self.subscribe()

        def publish_and_subscribe() -> None:
            if not late:
                self.publish("b")
                late.append(self.subscribe())

        listener.during_write = publish_and_subscribe
        self.publish("a")
        self.settle()
        self.publish("c")
        self.settle()
        self.assertEqual((["a", "b", "c"], ["c"]), (listener.data, late[0].data))

    def test_end_another(self) -> None:
        """
        A subscriber that another subscriber ends properly, earlier in the same flush, still gets
        its event once, and then ends.
        """
        first, last = self.subscribe(), self.subscribe()
        first.during_write = last.subscriber.end
        self.publish("a")
        self.settle()
        self.assertEqual((["a"], ["a"]), (first.data, last.data))
        self.assertEqual(
            (1, EndReason.ENDED_BY_APPLICATION), (self.hub.subscriber_count, last.end_reason)
        )

    def test_abort_another(self) -> None:
        """
        A subscriber that another subscriber cuts, earlier in the same flush, gets nothing more.
        """
        first, last = self.subscribe(), self.subscribe()
        first.during_write = last.subscriber.abort
        self.publish("a")
        self.settle()
        self.assertEqual((["a"], []), (first.data, last.data))
        self.assertEqual([], last.given)

    def test_end_itself(self) -> None:
        """
        A subscriber that ends itself does not affect the others.
        """
        first, last = self.subscribe(), self.subscribe()
        first.during_write = first.subscriber.abort
        self.publish("a")
        self.settle()
        self.assertEqual(([], ["a"]), (first.data, last.data))

    def test_leave_while_behind(self) -> None:
        """
        A subscriber that ends during a write that its connection does not take completely leaves
        nothing in the hub.
        """
        leaver, other = self.subscribe(), self.subscribe()
        leaver.during_write = lambda: (leaver.fall_behind(), leaver.leave())
        self.publish("a")
        self.settle()
        self.assertEqual((EndReason.CLIENT_CLOSED, ["a"]), (leaver.end_reason, other.data))
        self.assertIsNone(leaver.subscriber._place)

    def test_end_all(self) -> None:
        """
        One callback, even the callback of an end, may end all subscribers.
        """

        def end_all(*_: object) -> None:
            for subscriber in self.hub.subscribers:
                subscriber.end()

        listeners = [self.subscribe(on_end=end_all) for _ in range(10)]
        listeners[3].during_write = listeners[3].leave
        self.publish("a")
        self.settle()
        self.assertEqual(0, self.hub.subscriber_count)
        self.assertEqual([["a"]] * 9, [one.data for one in listeners if one is not listeners[3]])

    def test_change_topics_of_another(self) -> None:
        """
        A subscriber whose topics another subscriber changes, earlier in the same flush, still gets
        its event once.
        """
        first, last = self.subscribe(), self.subscribe()
        first.during_write = lambda: last.subscriber.change_topics("u")
        self.publish("a")
        self.settle()
        self.publish("b")
        self.publish("c", to="u")
        self.settle()
        self.assertEqual((["a", "b", "c"], ["a", "c"]), (first.data, last.data))

    def test_change_own_topics(self) -> None:
        """
        A subscriber that changes its topics during a write gets the event of this write, and then
        events of the new topics.
        """
        listener = self.subscribe(view="t")
        listener.during_write = lambda: listener.subscriber.change_topics("u")
        self.publish("a")
        self.settle()
        self.publish("b")
        self.publish("c", to="u")
        self.settle()
        self.assertEqual(["a", "c"], listener.data)

    def test_close(self) -> None:
        """
        Closing the hub during a flush does not keep the event from any subscriber.
        """
        first, last = self.subscribe(), self.subscribe()
        first.during_write = self.hub.close
        self.publish("a")
        self.settle()
        self.assertEqual([["a"]] * 2, [first.data, last.data])

    def test_filter_ends_its_subscriber(self) -> None:
        """
        A filter may end its subscriber, for example because its rights have expired; other
        subscribers get the event, and the publisher gets no error.
        """

        def filter(topics: tuple[str, ...], event: Event) -> bool:
            expired.subscriber.end()
            return False

        expired = self.subscribe(view=View.of("t", filter=filter))
        other = self.subscribe(view="t")
        self.publish("a")
        self.settle()
        self.assertEqual(([], ["a"]), (expired.data, other.data))
        self.assertEqual(EndReason.ENDED_BY_APPLICATION, expired.end_reason)

    def test_filter_publishes(self) -> None:
        """
        An event that a filter publishes follows the event that the filter looks at, for every
        subscriber.
        """
        asked: list[str] = []

        def filter(topics: tuple[str, ...], event: Event) -> bool:
            asked.append(event.data)
            if event.data == "a":
                self.publish("b")
            return True

        listeners = [self.subscribe(view=View.of("t", filter=filter)), self.subscribe(view="t")]
        self.publish("a")
        self.settle()
        self.assertEqual([["a", "b"]] * 2, [one.data for one in listeners])


class BrokenOutletTests(HubTestCase):
    """
    Outlets that raise although they must not.
    """

    def setUp(self) -> None:
        super().setUp()
        self.heard: list[tuple[Subscriber, EndReason]] = []
        self.first = self.subscribe()
        self.broken = self.subscribe(on_end=lambda *heard: self.heard.append(heard))
        self.last = self.subscribe()
        self.broken.during_write = fail
        self.addCleanup(setattr, self.broken, "during_abort", lambda: None)

    def test_others(self) -> None:
        """
        If an outlet raises, other subscribers get the event, and the publisher gets no error.
        """
        self.publish("a")
        self.settle()
        self.assertEqual([["a"]] * 2, [self.first.data, self.last.data])
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))

    def test_cut(self) -> None:
        """
        An outlet that raises is cut, its subscriber is gone, and the end is reported.
        """
        self.publish("a")
        self.settle()
        self.flushLoggedErrors(Broken)
        self.assertEqual([(self.broken.subscriber, EndReason.CONNECTION_LOST)], self.heard)
        self.assertEqual((True, 2), (self.broken.is_cut, self.hub.subscriber_count))

    def test_cannot_be_cut(self) -> None:
        """
        If a broken outlet cannot even be cut, the subscriber is gone, and other subscribers get the
        event.
        """
        self.broken.during_abort = fail
        self.publish("a")
        self.settle()
        self.assertEqual([["a"]] * 2, [self.first.data, self.last.data])
        self.assertEqual(2, len(self.flushLoggedErrors(Broken)))
        self.assertEqual([(self.broken.subscriber, EndReason.CONNECTION_LOST)], self.heard)
        self.assertEqual(2, self.hub.subscriber_count)

    def test_ended(self) -> None:
        """
        A subscriber is gone even if its outlet breaks in the write before a proper end.
        """
        self.publish("a")
        self.broken.subscriber.end()
        self.flushLoggedErrors(Broken)
        self.assertEqual(2, self.hub.subscriber_count)
        self.assertFalse(self.broken.is_open)

    def test_changed(self) -> None:
        """
        A subscriber is gone even if its outlet breaks in the write before a change of topics.
        """
        self.publish("a")
        self.broken.subscriber.change_topics("u")
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))
        self.assertEqual([(self.broken.subscriber, EndReason.CONNECTION_LOST)], self.heard)

    def test_failed_turn(self) -> None:
        """
        If a turn fails, the next one goes on.
        """
        self.broken.leave()
        patch = self.patch(self.hub._live, "_hand_out", fail)
        self.publish("a")
        self.assertRaises(Broken, self.clock.turn)
        patch.restore()
        self.clock.turn()
        self.assertEqual([["a"]] * 2, [self.first.data, self.last.data])
