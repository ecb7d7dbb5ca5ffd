"""
Who gets which event.
"""

import random

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import EndReason, Event, Hub, HubClosed, SSETwistError, Subscriber

from .fake import Broken, FakeOutlet, fail


def frames(*data: str) -> bytes:
    """
    Return the frames of events with nothing but this data.
    """
    return b"".join(f"data: {one}\n\n".encode() for one in data)


class HubTestCase(SynchronousTestCase):
    """
    A hub, and a clock that ends empty.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.hubs: list[Hub] = []
        self.addCleanup(self.check_nothing_is_left)
        self.hub = self.make_hub()

    def make_hub(self, **options: float) -> Hub:
        """
        Make a hub.
        """
        hub = Hub(clock=self.clock, **options)
        self.hubs.append(hub)
        return hub

    def check_nothing_is_left(self) -> None:
        """
        Check that every trace of a subscriber goes with its stream, the timer too.
        """
        for hub in self.hubs:
            hub.streams.abort()
            self.assertEqual(0, hub.subscriber_count)
            self.assertEqual(0, len(hub.streams))
        self.assertEqual([], self.clock.getDelayedCalls())

    def subscribe(self, hub: Hub | None = None, **options: object) -> FakeOutlet:
        """
        Subscribe a new outlet and return it.
        """
        hub = self.hub if hub is None else hub  # an empty hub is false
        outlet = FakeOutlet(hub.streams)
        hub.subscribe(outlet, **options)
        return outlet


class PublishTests(HubTestCase):
    """
    Handing out events.
    """

    def test_nobody(self) -> None:
        """
        Publishing to nobody is no error.
        """
        self.hub.publish(Event("a"))

    def test_everybody(self) -> None:
        """
        Everyone who is subscribed gets the event.
        """
        outlets = [self.subscribe() for _ in range(3)]
        self.hub.publish(Event("a"))
        self.assertEqual([frames("a")] * 3, [outlet.received for outlet in outlets])

    def test_at_once(self) -> None:
        """
        Publishing does not wait for another turn of the reactor.
        """
        self.hub.publish(Event("a"))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_counted(self) -> None:
        """
        Each event is counted as one.
        """
        outlet = self.subscribe()
        self.hub.publish(Event("a"))
        self.hub.publish(Event("b"))
        self.assertEqual(2, outlet.events)

    def test_encoded_once(self) -> None:
        """
        All get the very same bytes, not a copy for each.
        """
        outlets = [self.subscribe() for _ in range(3)]
        self.hub.publish(Event("a" * 1000))
        self.assertEqual(1, len({id(outlet.writes[0]) for outlet in outlets}))

    def test_order(self) -> None:
        """
        Events come in the order of publishing.
        """
        outlet = self.subscribe()
        data = [str(number) for number in range(100)]
        for one in data:
            self.hub.publish(Event(one))
        self.assertEqual(frames(*data), outlet.received)

    def test_from_now_on(self) -> None:
        """
        A subscriber gets what is published after it came, and nothing from before.
        """
        self.hub.publish(Event("a"))
        outlet = self.subscribe()
        self.hub.publish(Event("b"))
        self.assertEqual(frames("b"), outlet.received)

    def test_until_the_end(self) -> None:
        """
        A subscriber that has gone gets nothing more, and the others do.
        """
        outlet, other = self.subscribe(), self.subscribe()
        self.hub.publish(Event("a"))
        outlet.leave()
        self.hub.publish(Event("b"))
        self.assertEqual((frames("a"), frames("a", "b")), (outlet.received, other.received))

    def test_behind(self) -> None:
        """
        Nobody waits for a subscriber that is behind, and it gets everything later.
        """
        slow, other = self.subscribe(), self.subscribe()
        slow.stop_reading()
        self.hub.publish(Event("a"))
        self.hub.publish(Event("b"))
        self.assertEqual((b"", frames("a", "b")), (slow.received, other.received))
        slow.read_all()
        self.assertEqual(frames("a", "b"), slow.received)

    def test_subscribers_in_order(self) -> None:
        """
        Who came first hears first.
        """
        heard: list[int] = []
        for number in range(10):
            self.subscribe().during_write = lambda number=number: heard.append(number)
        self.hub.publish(Event("a"))
        self.assertEqual(list(range(10)), heard)


class FromCallbacksTests(HubTestCase):
    """
    What may be done while an event is being handed out.
    """

    def test_publish(self) -> None:
        """
        What is published meanwhile comes after it, for everyone.
        """
        outlets = [self.subscribe() for _ in range(3)]
        more = [Event("b"), Event("c")]

        def publish_more() -> None:
            if more:
                self.hub.publish(more.pop(0))

        outlets[1].during_write = publish_more
        self.hub.publish(Event("a"))
        self.assertEqual([frames("a", "b", "c")] * 3, [outlet.received for outlet in outlets])

    def test_publish_from_on_end(self) -> None:
        """
        The end of one may be told to the others by publishing it.
        """

        def on_end(subscriber: Subscriber, reason: EndReason) -> None:
            self.hub.publish(Event("gone"))

        leaver, other = self.subscribe(on_end=on_end), self.subscribe()
        leaver.during_write = leaver.leave
        self.hub.publish(Event("a"))
        self.assertEqual((b"", frames("a", "gone")), (leaver.received, other.received))

    def test_publish_without_end(self) -> None:
        """
        An event published for each event is no recursion, however many there are.
        """
        outlet = self.subscribe()
        left = iter(range(5000))
        outlet.during_write = lambda: next(left, None) and self.hub.publish(Event("b"))
        next(left)
        self.hub.publish(Event("a"))
        self.assertEqual(5000, outlet.events)

    def test_subscribe(self) -> None:
        """
        Who subscribes meanwhile gets only what is published from then on.
        """
        late: list[FakeOutlet] = []
        outlet = self.subscribe()
        outlet.during_write = lambda: late or late.append(self.subscribe())
        self.hub.publish(Event("a"))
        self.hub.publish(Event("b"))
        self.assertEqual((1, frames("b")), (len(late), late[0].received))

    def test_subscribe_after_publish(self) -> None:
        """
        Who subscribes meanwhile gets nothing that was published before, even if it has not been
        handed out yet.
        """
        late: list[FakeOutlet] = []
        outlet = self.subscribe()

        def publish_and_subscribe() -> None:
            if not late:
                self.hub.publish(Event("b"))
                late.append(self.subscribe())

        outlet.during_write = publish_and_subscribe
        self.hub.publish(Event("a"))
        self.hub.publish(Event("c"))
        self.assertEqual(frames("a", "b", "c"), outlet.received)
        self.assertEqual(frames("c"), late[0].received)

    def test_end_another(self) -> None:
        """
        Who is ended by another one, before its turn has come, gets nothing more.
        """
        first, last = self.subscribe(), self.subscribe()
        first.during_write = self.hub.subscribers[1].end
        self.hub.publish(Event("a"))
        self.assertEqual((frames("a"), b""), (first.received, last.received))
        self.assertEqual(1, self.hub.subscriber_count)

    def test_end_itself(self) -> None:
        """
        Who ends itself leaves the others alone.
        """
        first, last = self.subscribe(), self.subscribe()
        first.during_write = self.hub.subscribers[0].abort
        self.hub.publish(Event("a"))
        self.assertEqual((b"", frames("a")), (first.received, last.received))

    def test_end_all(self) -> None:
        """
        One may end everyone, from the callback of an end too.
        """

        def end_all(*_: object) -> None:
            for subscriber in self.hub.subscribers:
                subscriber.end()

        outlets = [self.subscribe(on_end=end_all) for _ in range(10)]
        outlets[3].leave()
        self.assertEqual(0, self.hub.subscriber_count)

    def test_close(self) -> None:
        """
        Who closes the hub meanwhile keeps nobody from getting that event.
        """
        first, last = self.subscribe(), self.subscribe()
        first.during_write = self.hub.close
        self.hub.publish(Event("a"))
        self.assertEqual([frames("a")] * 2, [first.received, last.received])


class BrokenOutletTests(HubTestCase):
    """
    An outlet that raises what it should not.
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
        The others get the event, and the publisher does not notice.
        """
        self.hub.publish(Event("a"))
        self.assertEqual([frames("a")] * 2, [self.first.received, self.last.received])
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))

    def test_cut(self) -> None:
        """
        It is cut, its subscriber is gone, and that is told.
        """
        broken = self.hub.subscribers[1]
        self.hub.publish(Event("a"))
        self.flushLoggedErrors(Broken)
        self.assertEqual([(broken, EndReason.CONNECTION_LOST)], self.heard)
        self.assertEqual((True, 2), (self.broken.is_cut, self.hub.subscriber_count))

    def test_cannot_be_cut(self) -> None:
        """
        The others get the event, and the publisher does not notice, even if the broken one cannot
        be cut either.
        """
        self.broken.during_abort = fail
        self.hub.publish(Event("a"))
        self.assertEqual([frames("a")] * 2, [self.first.received, self.last.received])
        self.assertTrue(self.flushLoggedErrors(Broken))


class MistakeTests(HubTestCase):
    """
    What cannot be meant.
    """

    def test_no_event(self) -> None:
        """
        Who publishes something else than an event is told what to publish.
        """
        for mistake in ("text", b"bytes", {"some": "object"}, Event):
            error = self.assertRaises(TypeError, self.hub.publish, mistake)
            self.assertIn("Event('text')", str(error))

    def test_limits(self) -> None:
        """
        A limit below 0 is none.
        """
        for limit in ("max_subscribers", "max_per_address"):
            error = self.assertRaises(ValueError, Hub, clock=self.clock, **{limit: -1})
            self.assertIn(limit, str(error))

    def test_times(self) -> None:
        """
        There is no time below 0, and none to stall in is no time at all.
        """
        for option, value in (
            ("heartbeat", -1),
            ("stall_timeout", 0),
            ("stall_timeout", -1),
            ("stall_timeout", float("inf")),
            ("heartbeat", float("nan")),
        ):
            error = self.assertRaises(ValueError, Hub, clock=self.clock, **{option: value})
            self.assertIn(f"{option} {value}", str(error))


class SubscribersTests(HubTestCase):
    """
    Those who are subscribed.
    """

    def test_none(self) -> None:
        """
        At first there is nobody.
        """
        self.assertEqual((0, ()), (self.hub.subscriber_count, self.hub.subscribers))

    def test_in_order(self) -> None:
        """
        The oldest stands first, also after others have gone.
        """
        outlets = [FakeOutlet(self.hub.streams) for _ in range(5)]
        subscribers = [self.hub.subscribe(outlet) for outlet in outlets]
        outlets[0].leave()
        outlets[2].leave()
        subscribers.append(self.hub.subscribe(FakeOutlet(self.hub.streams)))
        expected = [subscribers[number] for number in (1, 3, 4, 5)]
        self.assertEqual(expected, list(self.hub.subscribers))

    def test_snapshot(self) -> None:
        """
        Whoever looks may end them while going through them.
        """
        for _ in range(3):
            self.subscribe()
        for subscriber in self.hub.subscribers:
            subscriber.end()
        self.assertEqual((), self.hub.subscribers)

    def test_churn(self) -> None:
        """
        After many have come and gone, in any order and for any reason, nothing of them is left.
        """
        chance = random.Random(1)
        hub = self.make_hub(max_per_address=1000)
        outlets: list[FakeOutlet] = []
        for number in range(2000):
            outlets.append(self.subscribe(hub, address=f"192.0.2.{number % 7}"))
            if chance.random() < 0.7:
                outlet = outlets.pop(chance.randrange(len(outlets)))
                outlet.abort(chance.choice(list(EndReason)))
            hub.publish(Event("a"))
        self.assertEqual(len(outlets), hub.subscriber_count)
        hub.streams.drain(3.0)
        self.assertEqual(0, hub.subscriber_count)
        self.assertEqual([False] * 7, [hub.is_full(f"192.0.2.{n}") for n in range(7)])

    def test_two_hubs(self) -> None:
        """
        Two hubs side by side share nothing.
        """
        other_hub = self.make_hub(max_subscribers=1)
        outlet, other = self.subscribe(), self.subscribe(other_hub)
        self.hub.publish(Event("a"))
        other_hub.publish(Event("b"))
        self.assertEqual((frames("a"), frames("b")), (outlet.received, other.received))
        self.assertEqual((False, True), (self.hub.is_full(""), other_hub.is_full("")))
        other_hub.close()
        other_hub.streams.abort()
        self.assertEqual((False, True), (self.hub.is_closed, outlet.is_open))


class FullTests(HubTestCase):
    """
    How many there may be.
    """

    def test_no_limit(self) -> None:
        """
        Without a limit there is always room.
        """
        for _ in range(100):
            self.subscribe(address="192.0.2.1")
        self.assertFalse(self.hub.is_full("192.0.2.1"))

    def test_total(self) -> None:
        """
        When as many are here as may be, there is no room for anyone.
        """
        hub = self.make_hub(max_subscribers=2)
        self.subscribe(hub, address="192.0.2.1")
        self.assertFalse(hub.is_full("192.0.2.1"))
        self.subscribe(hub, address="192.0.2.2")
        self.assertTrue(hub.is_full("192.0.2.3"))
        self.assertTrue(hub.is_full(""))

    def test_total_falls(self) -> None:
        """
        When one has gone there is room for another.
        """
        hub = self.make_hub(max_subscribers=1)
        outlet = self.subscribe(hub)
        outlet.leave()
        self.assertFalse(hub.is_full(""))

    def test_per_address(self) -> None:
        """
        When as many are here from one address as may be, there is room for other addresses only.
        """
        hub = self.make_hub(max_per_address=2)
        self.subscribe(hub, address="192.0.2.1")
        self.assertFalse(hub.is_full("192.0.2.1"))
        self.subscribe(hub, address="192.0.2.1")
        self.assertTrue(hub.is_full("192.0.2.1"))
        self.assertFalse(hub.is_full("192.0.2.2"))

    def test_per_address_falls(self) -> None:
        """
        When one has gone, however it ended, there is room for another from its address.
        """
        hub = self.make_hub(max_per_address=2)
        ends = (
            FakeOutlet.leave,
            lambda outlet: outlet.abort(EndReason.STALLED),
            lambda outlet: outlet.end(EndReason.ENDED_BY_APPLICATION),
        )
        self.subscribe(hub, address="192.0.2.1")
        for end in ends:
            outlet = self.subscribe(hub, address="192.0.2.1")
            self.assertTrue(hub.is_full("192.0.2.1"))
            end(outlet)
            self.assertFalse(hub.is_full("192.0.2.1"))

    def test_ending_ones_do_not_count(self) -> None:
        """
        Who still has its last bytes to read takes nobody's place.
        """
        hub = self.make_hub(max_subscribers=1, max_per_address=1)
        outlet = self.subscribe(hub, address="192.0.2.1")
        outlet.stop_reading()
        hub.subscribers[0].end()
        self.assertFalse(hub.is_full("192.0.2.1"))

    def test_no_address(self) -> None:
        """
        Those without an address, as on UNIX sockets, are not counted as if they had the same.
        """
        hub = self.make_hub(max_per_address=1)
        for _ in range(3):
            self.subscribe(hub)
            self.assertFalse(hub.is_full(""))

    def test_asking_changes_nothing(self) -> None:
        """
        An address that was asked for is as free as before.
        """
        hub = self.make_hub(max_per_address=1)
        for _ in range(3):
            self.assertFalse(hub.is_full("192.0.2.1"))


class CloseTests(HubTestCase):
    """
    A hub that takes nothing more.
    """

    def test_open(self) -> None:
        """
        A new hub is open.
        """
        self.assertFalse(self.hub.is_closed)

    def test_closed(self) -> None:
        """
        A hub that was closed stays closed, and may be closed again.
        """
        self.hub.close()
        self.hub.close()
        self.assertTrue(self.hub.is_closed)

    def test_publish(self) -> None:
        """
        Nothing can be published, and nobody gets it.
        """
        outlet = self.subscribe()
        self.hub.close()
        self.assertRaises(HubClosed, self.hub.publish, Event("a"))
        self.assertEqual(b"", outlet.received)

    def test_subscribe(self) -> None:
        """
        Nobody can subscribe.
        """
        self.hub.close()
        outlet = FakeOutlet(self.hub.streams)
        self.assertRaises(HubClosed, self.hub.subscribe, outlet)
        self.assertEqual((0, None), (self.hub.subscriber_count, outlet.on_end))

    def test_error(self) -> None:
        """
        The error is one of ours.
        """
        self.hub.close()
        error = self.assertRaises(HubClosed, self.hub.publish, Event("a"))
        self.assertIsInstance(error, SSETwistError)

    def test_open_streams_stay(self) -> None:
        """
        Open streams stay open until they are drained, and are told as in any other end.
        """
        heard: list[EndReason] = []
        outlet = self.subscribe(on_end=lambda subscriber, reason: heard.append(reason))
        self.hub.close()
        self.assertEqual((True, 1), (outlet.is_open, self.hub.subscriber_count))
        self.hub.streams.drain(3.0)
        self.assertEqual([EndReason.DRAINING], heard)

    def test_heartbeat(self) -> None:
        """
        The hub's heartbeat and stall time-out are those of its streams.
        """
        hub = self.make_hub(heartbeat=1.0, stall_timeout=2.0)
        self.assertEqual((1.0, 2.0), (hub.streams.heartbeat, hub.streams.stall_timeout))
