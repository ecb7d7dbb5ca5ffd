"""
One subscriber, from the application's point of view.
"""

from twisted.internet.defer import CancelledError

from ssetwist import EndReason, Pattern, Subscriber
from ssetwist.hub import END, END_ID
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
        It knows where it connects from.
        """
        self.assertEqual("192.0.2.1", self.subscriber.address)

    def test_since(self) -> None:
        """
        It knows when it subscribed.
        """
        self.clock.busy(5.0)
        subscriber = self.subscribe().subscriber
        self.assertEqual((0.0, 5.0), (self.subscriber.since, subscriber.since))

    def test_open(self) -> None:
        """
        While it is open there is no reason, and nobody has been told anything.
        """
        self.assertIsNone(self.subscriber.end_reason)
        self.assertNoResult(self.subscriber.when_ended())
        self.assertEqual([], self.heard)

    def test_client_leaves(self) -> None:
        """
        When the client leaves, the callback is told who it was and why.
        """
        self.outlet.leave()
        self.assertEqual([(self.subscriber, EndReason.CLIENT_CLOSED)], self.heard)

    def test_end_reason(self) -> None:
        """
        Once it has ended it says why.
        """
        self.outlet.leave()
        self.assertEqual(EndReason.CLIENT_CLOSED, self.subscriber.end_reason)

    def test_every_reason(self) -> None:
        """
        Whatever ended the stream, that is the reason.
        """
        for reason in EndReason:
            outlet = self.subscribe()
            outlet.abort(reason)
            self.assertEqual(reason, outlet.end_reason)

    def test_when_ended_before(self) -> None:
        """
        Who asks before the end hears in the turn in which it comes.
        """
        waiting = self.subscriber.when_ended()
        self.outlet.leave()
        self.assertEqual(EndReason.CLIENT_CLOSED, self.successResultOf(waiting))

    def test_when_ended_after(self) -> None:
        """
        Who asks after the end hears at once.
        """
        self.outlet.leave()
        self.assertEqual(
            EndReason.CLIENT_CLOSED, self.successResultOf(self.subscriber.when_ended())
        )

    def test_cancel_when_ended(self) -> None:
        """
        Who cancels only stops waiting: the stream stays open.
        """
        waiting = self.subscriber.when_ended()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.publish("a")
        self.settle()
        self.assertEqual(["a"], self.outlet.data)

    def test_gone_before_anyone_hears(self) -> None:
        """
        Who hears of the end finds the hub without that subscriber.
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
        The application can end it: properly, with nothing more than was written.
        """
        self.publish("a")
        self.settle()
        before = self.outlet.received
        self.subscriber.end()
        self.assertEqual([(self.subscriber, EndReason.ENDED_BY_APPLICATION)], self.heard)
        self.assertEqual((False, before), (self.outlet.is_cut, self.outlet.received))

    def test_end_with_a_reason(self) -> None:
        """
        Who ends it may say why.
        """
        self.subscriber.end(reason=EndReason.TOKEN_EXPIRED)
        self.assertEqual(EndReason.TOKEN_EXPIRED, self.subscriber.end_reason)

    def test_end_after_publish(self) -> None:
        """
        What was published for it just before, and has not been handed out yet, comes first.
        """
        self.publish("a")
        self.publish("b", to="u")
        self.subscriber.end(for_good=True)
        self.assertEqual(["a", "b", ""], self.outlet.data)
        self.settle()
        self.assertEqual(["a", "b", ""], self.outlet.data)

    def test_end_after_publish_while_the_client_stops(self) -> None:
        """
        Also if its connection does not take it at once.
        """
        self.outlet.stop_reading()
        self.publish("a")
        self.subscriber.end(for_good=True)
        self.assertEqual((1, 0), (len(self.heard), self.hub.subscriber_count))
        self.outlet.read()
        self.assertEqual(["a", ""], self.outlet.data)

    def test_end_within_its_last_write(self) -> None:
        """
        If its client goes in the middle of that, this is how it ended.
        """
        self.publish("a")
        self.outlet.during_write = self.outlet.leave
        self.subscriber.end(for_good=True)
        self.assertEqual([(self.subscriber, EndReason.CLIENT_CLOSED)], self.heard)
        self.assertEqual(b"", self.outlet.received)

    def test_end_while_behind(self) -> None:
        """
        It is gone at once, and what waits for it still follows.
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
        Who is ended for good reads so, with the id by which it is known when it comes back.
        """
        self.subscriber.end(for_good=True)
        self.assertEqual(b"event: end\nid: #end\ndata: \n\n", self.outlet.received)

    def test_end_id(self) -> None:
        """
        The last event carries the id that a server looks for.
        """
        self.assertIn(f"id: {END_ID}\n".encode(), END)

    def test_end_twice(self) -> None:
        """
        Ending it twice is no error, and nobody is told twice.
        """
        self.subscriber.end()
        self.subscriber.end(for_good=True)
        self.assertEqual(1, len(self.heard))
        self.assertEqual(b"", self.outlet.received)

    def test_end_after_the_client_left(self) -> None:
        """
        Ending who has gone is no error, and changes nothing.
        """
        self.outlet.leave()
        self.subscriber.end()
        self.subscriber.abort()
        self.assertEqual([(self.subscriber, EndReason.CLIENT_CLOSED)], self.heard)

    def test_abort(self) -> None:
        """
        The application can cut it, and what waits is thrown away.
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
        An end that takes too long can be cut short; nobody is told twice.
        """
        self.outlet.stop_reading()
        self.publish("a")
        self.subscriber.end()
        self.subscriber.abort()
        self.assertEqual((True, 1), (self.outlet.is_cut, len(self.heard)))

    def test_end_from_on_end(self) -> None:
        """
        Ending it from its own callback is no error.
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
        A callback that raises is logged and hurts nobody: the subscriber is gone, and those who
        wait hear.
        """
        outlet = self.subscribe(on_end=fail)
        waiting = outlet.subscriber.when_ended()
        outlet.leave()
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))
        self.assertEqual(1, self.hub.subscriber_count)
        self.assertEqual(EndReason.CLIENT_CLOSED, self.successResultOf(waiting))

    def test_repr(self) -> None:
        """
        It says who it is, by whatever is known of it, what it is subscribed to, and whether it has
        ended.
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
