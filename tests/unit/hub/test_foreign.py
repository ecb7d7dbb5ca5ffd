"""
Matchers and filters of the application that fail when they are hashed or compared, and searches
that fail.
"""

from collections.abc import Callable

from ssetwist import EndReason, Event, Pattern, View
from ssetwist.hub import EVERYTHING
from ssetwist.hub._audience import Index
from ssetwist.hub._foreign import key_of
from tests.unit.hub.case import HubTestCase, id_of
from tests.unit.hub.fake import Broken, FakeListener, fail


class Unsound:
    """
    A matcher of every topic, and a filter of every event, with a hash that may fail.
    """

    def __init__(self) -> None:
        self.during_hash: Callable[[], object] = lambda: None

    def __hash__(self) -> int:
        self.during_hash()
        return id(self)

    def matches(self, topic: str) -> bool:
        return True

    def __call__(self, topics: tuple[str, ...], event: Event) -> bool:
        return True


class Incomparable(Unsound):
    """
    A matcher that cannot be compared with others of its kind, of which all have one hash.
    """

    def __hash__(self) -> int:
        return 7

    def __eq__(self, other: object) -> bool:
        raise Broken


class UnsoundTests(HubTestCase):
    """
    Subscribers with matchers or filters that cannot be hashed or compared.
    """

    def setUp(self) -> None:
        super().setUp()
        self.unsound = Unsound()
        self.view = View.of(("u", self.unsound))
        self.other = self.subscribe()

    def test_own(self) -> None:
        """
        Matchers of this package are keys themselves.
        """
        for matcher in (EVERYTHING, Pattern("/:x"), Pattern("/{a}?")):
            self.assertIs(matcher, key_of(matcher))

    def test_fails_later(self) -> None:
        """
        A hash that fails after the beginning keeps no event from anyone, no publisher from
        preparing an event, and no subscriber from leaving without a trace.
        """
        unsound, heard = self.unsound, list[str]()
        for view in (self.view, View.of("t", filter=unsound), View.of("t", grants=unsound)):
            reasons: list[EndReason] = []
            listener = self.subscribe(view=view, on_end=lambda _, why: reasons.append(why))  # noqa: B023
            self.unsound.during_hash = fail
            for options in ({}, {"private": True}, {"ephemeral": True}):
                self.successResultOf(self.hub.prepare("t", private="private" in options))
                self.publish("a", **options)
            self.settle()
            expected = ["a", "a", "a"] if view.grants.others else ["a", "a"]
            self.assertEqual(expected, listener.data)
            heard += ["a", "a"]
            self.assertEqual(heard, self.other.data)
            listener.leave()
            self.assertEqual([EndReason.CLIENT_CLOSED], reasons)
            self.assertEqual(1, self.hub.subscriber_count)
            self.assertEqual(1, len(self.hub._live._audiences))
            self.unsound.during_hash = lambda: None

    def test_cannot_be_compared(self) -> None:
        """
        Matchers that cannot be compared are each asked, and are forgotten with their subscribers.
        """
        views = [View.of((topic, Incomparable())) for topic in "uvw"]
        listeners = [self.subscribe(view=view) for view in views]
        self.publish("a")
        self.settle()
        self.assertEqual([["a"]] * 3, [one.data for one in listeners])
        self.assertTrue(self.flushLoggedErrors(Broken))
        for listener in listeners:
            listener.leave()
        self.flushLoggedErrors(Broken)
        self.assertEqual(1, len(self.hub._live._index._others), "that of the other subscriber")

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
        A subscriber that cannot be added to the index is forgotten, and its view may be used again.
        """
        self.unsound.during_hash = fail
        self.assertRaises(Broken, self.subscribe, view=self.view, address="192.0.2.1")
        self.unsound.during_hash = lambda: None
        self.assertEqual((1, 0), (self.hub.subscriber_count, self.hub._per_address["192.0.2.1"]))
        listener = self.subscribe(view=self.view)
        self.publish("a")
        self.settle()
        self.assertEqual(["a"], listener.data)

    def test_joins_again(self) -> None:
        """
        A subscriber that was behind, and cannot be added to the index again, is cut.
        """
        listener = self.subscribe(view=self.view)
        listener.stop_reading()
        self.publish("a")
        self.settle()
        self.unsound.during_hash = fail
        listener.read()
        self.assertEqual((True, EndReason.CATCH_UP_FAILED), (listener.is_cut, listener.end_reason))
        self.assertEqual((self.other.subscriber,), self.hub.subscribers)
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))

    def test_changes(self) -> None:
        """
        A subscriber that cannot be added to the index with other topics is cut: it had left its
        audience, and would be silent.
        """
        listener = self.subscribe(view="t")
        topics = View.of(("u", self.unsound)).matchers
        self.unsound.during_hash = fail
        self.assertRaises(Broken, listener.subscriber.change_topics, topics)
        self.assertTrue(listener.is_cut)
        self.assertEqual((self.other.subscriber,), self.hub.subscribers)


class FailedSearchTests(HubTestCase):
    """
    Searches for the subscribers of an event that fail.
    """

    def publish_in_vain(self, *data: str, **options: bool) -> None:
        patch = self.patch(Index, "find", fail)
        self.publish(*data, **options)
        patch.restore()

    def test_next(self) -> None:
        """
        A search that fails is logged, and the next events are handed out.
        """
        listener = self.subscribe()
        self.publish_in_vain("a", "b")
        self.publish("c")
        self.settle()
        self.assertEqual(["c"], listener.data)
        self.assertEqual(id_of(3), self.hub.resume_id)
        self.assertEqual(2, len(self.flushLoggedErrors(Broken)))

    def test_ephemeral(self) -> None:
        """
        After an ephemeral event with a failed search, the newest position and its id are the same.
        """
        listener: FakeListener = self.subscribe()
        self.publish("a")
        self.settle()
        self.publish_in_vain("b", ephemeral=True)
        self.settle()
        self.assertEqual(["a"], listener.data)
        self.assertEqual(id_of(1), self.hub.resume_id)
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))
