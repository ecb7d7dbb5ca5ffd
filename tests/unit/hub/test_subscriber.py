"""
One subscriber, as the application sees it.
"""

from twisted.internet.defer import CancelledError

from ssetwist import EndReason, Pattern, Subscriber
from ssetwist.hub import END, END_ID
from ssetwist.hub._subscriber import _NEXT, State
from ssetwist.testing import MemoryHub
from tests.clock import TwoClocks
from tests.unit.hub.case import HubTestCase
from tests.unit.hub.fake import Broken, fail


class SubscriberTests(HubTestCase):
    """
    A hub with one subscriber.
    """

    def setUp(self) -> None:
        super().setUp()
        self.heard: list[tuple[Subscriber, EndReason]] = []
        self.outlet = self.subscribe(
            address="192.0.2.1", on_end=lambda *heard: self.heard.append(heard)
        )
        self.subscriber = self.outlet.subscriber

    def test_address(self) -> None:
        """
        A subscriber has the address that it connects from.
        """
        self.assertEqual("192.0.2.1", self.subscriber.address)

    def test_since(self) -> None:
        """
        A subscriber has the time when it subscribed.
        """
        self.clock.busy(5.0)
        subscriber = self.subscribe().subscriber
        self.assertEqual((0.0, 5.0), (self.subscriber.since, subscriber.since))

    def test_open(self) -> None:
        """
        While a subscriber is open its ``end_reason`` is ``None``, and callbacks are not called.
        """
        self.assertIsNone(self.subscriber.end_reason)
        self.assertNoResult(self.subscriber.when_ended())
        self.assertEqual([], self.heard)

    def test_client_leaves(self) -> None:
        """
        When the client leaves, the callback gets the subscriber and the reason.
        """
        self.outlet.leave()
        self.assertEqual([(self.subscriber, EndReason.CLIENT_CLOSED)], self.heard)

    def test_end_reason(self) -> None:
        """
        After its end, a subscriber has the reason.
        """
        self.outlet.leave()
        self.assertEqual(EndReason.CLIENT_CLOSED, self.subscriber.end_reason)

    def test_every_reason(self) -> None:
        """
        The reason is the one that ended the stream.
        """
        for reason in EndReason:
            outlet = self.subscribe()
            outlet.abort(reason)
            self.assertEqual(reason, outlet.end_reason)

    def test_when_ended_before(self) -> None:
        """
        A Deferred from ``when_ended()`` before the end fires in the reactor turn of the end.
        """
        waiting = self.subscriber.when_ended()
        self.outlet.leave()
        self.assertEqual(EndReason.CLIENT_CLOSED, self.successResultOf(waiting))

    def test_when_ended_after(self) -> None:
        """
        A Deferred from ``when_ended()`` after the end has already fired.
        """
        self.outlet.leave()
        self.assertEqual(
            EndReason.CLIENT_CLOSED, self.successResultOf(self.subscriber.when_ended())
        )

    def test_cancel_when_ended(self) -> None:
        """
        Cancelling a Deferred from ``when_ended()`` stops only the wait: the stream stays open.
        """
        waiting = self.subscriber.when_ended()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.publish("a")
        self.settle()
        self.assertEqual(["a"], self.outlet.data)

    def test_forgotten_before_callbacks(self) -> None:
        """
        When the end is reported, the hub has forgotten the subscriber.
        """
        lengths: list[int] = []
        outlet = self.subscribe(on_end=lambda *_: lengths.append(self.hub.subscriber_count))
        outlet.subscriber.when_ended().addCallback(
            lambda reason: lengths.append(self.hub.subscriber_count)
        )
        outlet.leave()
        self.assertEqual([1, 1], lengths)

    def test_end(self) -> None:
        """
        The application can end a stream properly; nothing is added to what was written.
        """
        self.publish("a")
        self.settle()
        before = self.outlet.received
        self.subscriber.end()
        self.assertEqual([(self.subscriber, EndReason.ENDED_BY_APPLICATION)], self.heard)
        self.assertEqual((False, before), (self.outlet.is_cut, self.outlet.received))

    def test_end_with_a_reason(self) -> None:
        """
        The application may give a reason for the end.
        """
        self.subscriber.end(reason=EndReason.TOKEN_EXPIRED)
        self.assertEqual(EndReason.TOKEN_EXPIRED, self.subscriber.end_reason)

    def test_end_after_publish(self) -> None:
        """
        An event that was published just before the end, and has not been handed out yet, comes
        before the end.
        """
        self.publish("a")
        self.publish("b", to="u")
        self.subscriber.end(for_good=True)
        self.assertEqual(["a", "b", ""], self.outlet.data)
        self.settle()
        self.assertEqual(["a", "b", ""], self.outlet.data)

    def test_end_after_publish_while_the_client_stops(self) -> None:
        """
        An event that was published just before the end comes before it, even if the connection does
        not take the event at once.
        """
        self.outlet.stop_reading()
        self.publish("a")
        self.subscriber.end(for_good=True)
        self.assertEqual((1, 0), (len(self.heard), self.hub.subscriber_count))
        self.outlet.read()
        self.assertEqual(["a", ""], self.outlet.data)

    def test_end_within_its_last_write(self) -> None:
        """
        If the client goes during the last write before the end, this is the reason of the end.
        """
        self.publish("a")
        self.outlet.during_write = self.outlet.leave
        self.subscriber.end(for_good=True)
        self.assertEqual([(self.subscriber, EndReason.CLIENT_CLOSED)], self.heard)
        self.assertEqual(b"", self.outlet.received)

    def test_end_while_behind(self) -> None:
        """
        A subscriber that is ended while it is behind is gone at once, and the bytes that wait still
        follow.
        """
        self.outlet.stop_reading()
        self.publish("a")
        self.settle()
        self.subscriber.end()
        self.assertEqual(0, self.hub.subscriber_count)
        self.outlet.read()
        self.assertEqual(["a"], self.outlet.data)

    def test_end_for_good(self) -> None:
        """
        A client that is ended for good gets an event; when the client comes back, the server
        recognises the id of this event.
        """
        self.subscriber.end(for_good=True)
        self.assertEqual(b"event: end\nid: #end\ndata: \n\n", self.outlet.received)

    def test_end_id(self) -> None:
        """
        The last event has the id that servers recognise as an end for good.
        """
        self.assertIn(f"id: {END_ID}\n".encode(), END)

    def test_end_twice(self) -> None:
        """
        Ending twice is not an error, and is reported once.
        """
        self.subscriber.end()
        self.subscriber.end(for_good=True)
        self.assertEqual(1, len(self.heard))
        self.assertEqual(b"", self.outlet.received)

    def test_end_after_the_client_left(self) -> None:
        """
        Ending a subscriber that has gone is not an error, and changes nothing.
        """
        self.outlet.leave()
        self.subscriber.end()
        self.subscriber.abort()
        self.assertEqual([(self.subscriber, EndReason.CLIENT_CLOSED)], self.heard)

    def test_abort(self) -> None:
        """
        The application can cut a stream, and the bytes that wait are thrown away.
        """
        self.outlet.stop_reading()
        self.publish("a")
        self.settle()
        self.publish("b")
        self.subscriber.abort()
        self.outlet.read()
        self.assertEqual([(self.subscriber, EndReason.ENDED_BY_APPLICATION)], self.heard)
        self.assertEqual((True, b""), (self.outlet.is_cut, self.outlet.received))

    def test_abort_after_end(self) -> None:
        """
        An end that takes too long can be cut short, and is reported once.
        """
        self.outlet.stop_reading()
        self.publish("a")
        self.subscriber.end()
        self.subscriber.abort()
        self.assertEqual((True, 1), (self.outlet.is_cut, len(self.heard)))

    def test_end_from_on_end(self) -> None:
        """
        Ending a stream from its own callback is not an error.
        """
        heard: list[EndReason] = []

        def on_end(subscriber: Subscriber, reason: EndReason) -> None:
            heard.append(reason)
            subscriber.end()
            subscriber.abort()

        outlet = self.subscribe(on_end=on_end)
        outlet.leave()
        self.assertEqual([EndReason.CLIENT_CLOSED], heard)

    def test_raising_on_end(self) -> None:
        """
        An exception of the callback is logged: the subscriber is gone, and the Deferreds fire.
        """
        outlet = self.subscribe(on_end=fail)
        waiting = outlet.subscriber.when_ended()
        outlet.leave()
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))
        self.assertEqual(1, self.hub.subscriber_count)
        self.assertEqual(EndReason.CLIENT_CLOSED, self.successResultOf(waiting))

    def test_repr(self) -> None:
        """
        ``repr`` has the name or address, the topics and the end of a subscriber.
        """
        listeners = [
            self.subscribe(view="a", who="ann", address="192.0.2.1"),
            self.subscribe(view=["b"], address="192.0.2.1"),
            self.subscribe(view=[Pattern("/c"), "d", "e", "f"]),
        ]
        shown = [repr(listener.subscriber) for listener in listeners]
        self.assertEqual(["<Subscriber ann to a>", "<Subscriber 192.0.2.1 to b>"], shown[:2])
        self.assertTrue(
            shown[2].startswith("<Subscriber local to ") and shown[2].endswith(", ...>")
        )
        listeners[0].leave()
        self.assertEqual("<Subscriber ann to a, client closed>", repr(listeners[0].subscriber))


class SinceTests(HubTestCase):
    """
    The moment of subscribing.
    """

    def test_date(self) -> None:
        """
        A subscriber has the date when it came.
        """
        clock = TwoClocks()
        hub = MemoryHub(clock=clock)
        for _ in range(2):
            clock.step(3600)
            clock.advance(1)
            self.subscribe(hub)
            self.assertEqual(clock.now(), hub.subscribers[-1].since)
        hub.streams.abort()
        hub.close()


class StateTests(HubTestCase):
    """
    The state machine of a subscriber.
    """

    def test_table(self) -> None:
        """
        The table has every state, and a subscriber that has ended stays so.
        """
        self.assertEqual(list(State), list(_NEXT))
        self.assertEqual((), _NEXT[State.ENDED])

    def test_ways(self) -> None:
        """
        A subscriber becomes live, falls behind, reads, becomes live again and ends.
        """
        listener = self.subscribe()
        subscriber = listener.subscriber
        states = [subscriber._state]
        listener.during_write = lambda: states.append(subscriber._state)
        listener.stop_reading()
        for data in "ab":
            self.publish(data)
            self.settle()
            states.append(subscriber._state)
        listener.read()
        self.settle()
        states.append(subscriber._state)
        listener.leave()
        states.append(subscriber._state)
        live, behind, reading = State.LIVE, State.BEHIND, State.READING
        self.assertEqual([live, live, behind, behind, reading, live, State.ENDED], states)

    def test_impossible_way(self) -> None:
        """
        An assertion fails if a subscriber takes a step that is not in the table.
        """
        subscriber = self.subscribe().subscriber
        self.assertRaises(AssertionError, subscriber._become, State.READING)
        self.assertIs(State.LIVE, subscriber._state)

    def test_behind_twice(self) -> None:
        """
        A subscriber that falls behind twice reads from the later position.
        """
        listener = self.subscribe()
        listener.fall_behind()
        listener.subscriber.begin_catch_up(0)
        self.publish("a", "b")
        listener.subscriber.begin_catch_up(1)
        listener.read()
        self.settle()
        self.assertEqual(["b"], listener.data)
