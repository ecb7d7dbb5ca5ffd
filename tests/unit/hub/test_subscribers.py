"""
Subscribers of a hub, and limits on their number.
"""

import random

from ssetwist import EndReason, Event
from ssetwist.testing import MemoryOutlet
from tests.unit.hub.case import HubTestCase
from tests.unit.hub.fake import FakeListener


class SubscribersTests(HubTestCase):
    """
    The present subscribers.
    """

    def test_none(self) -> None:
        """
        At first there are no subscribers.
        """
        self.assertEqual((0, ()), (self.hub.subscriber_count, self.hub.subscribers))

    def test_in_order(self) -> None:
        """
        The oldest subscriber comes first, even after others have gone.
        """
        outlets = [MemoryOutlet(self.hub.streams) for _ in range(5)]
        subscribers = [self.hub.subscribe(outlet) for outlet in outlets]
        outlets[0].leave()
        outlets[2].leave()
        subscribers.append(self.hub.subscribe(MemoryOutlet(self.hub.streams)))
        expected = [subscribers[number] for number in (1, 3, 4, 5)]
        self.assertEqual(expected, list(self.hub.subscribers))

    def test_snapshot(self) -> None:
        """
        Subscribers may be ended during a loop over ``subscribers``.
        """
        for _ in range(3):
            self.subscribe()
        for subscriber in self.hub.subscribers:
            subscriber.end()
        self.assertEqual((), self.hub.subscribers)

    def test_churn(self) -> None:
        """
        After many subscribers have come and gone, in any order and for any reason, nothing is left
        of them.
        """
        chance = random.Random(1)
        hub = self.make_hub(max_per_address=1000)
        outlets: list[FakeListener] = []
        for number in range(500):
            outlets.append(self.subscribe(hub, address=f"192.0.2.{number % 7}"))
            if chance.random() < 0.7:
                outlet = outlets.pop(chance.randrange(len(outlets)))
                outlet.abort(chance.choice(list(EndReason)))
            hub.publish("t", Event("a"))
            if number % 3 == 0:
                self.clock.turn()
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
        self.publish("a")
        self.publish("b", hub=other_hub)
        self.settle()
        self.assertEqual((["a"], ["b"]), (outlet.data, other.data))
        self.assertEqual((False, True), (self.hub.is_full(""), other_hub.is_full("")))
        self.assertEqual((1, 1), (self.hub.subscriber_count, other_hub.subscriber_count))
        other_hub.close()
        other_hub.streams.abort()
        self.assertEqual((False, True), (self.hub.is_closed, outlet.is_open))


class FullTests(HubTestCase):
    """
    Limits on the number of subscribers.
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
        A hub with the maximum number of subscribers is full.
        """
        hub = self.make_hub(max_subscribers=2)
        self.subscribe(hub, address="192.0.2.1")
        self.assertFalse(hub.is_full("192.0.2.1"))
        self.subscribe(hub, address="192.0.2.2")
        self.assertTrue(hub.is_full("192.0.2.3"))
        self.assertTrue(hub.is_full(""))

    def test_total_falls(self) -> None:
        """
        When a subscriber of a full hub has gone, there is room for another.
        """
        hub = self.make_hub(max_subscribers=1)
        outlet = self.subscribe(hub)
        outlet.leave()
        self.assertFalse(hub.is_full(""))

    def test_per_address(self) -> None:
        """
        When an address has the maximum number of subscribers, there is room for other addresses
        only.
        """
        hub = self.make_hub(max_per_address=2)
        self.subscribe(hub, address="192.0.2.1")
        self.assertFalse(hub.is_full("192.0.2.1"))
        self.subscribe(hub, address="192.0.2.1")
        self.assertTrue(hub.is_full("192.0.2.1"))
        self.assertFalse(hub.is_full("192.0.2.2"))

    def test_per_address_falls(self) -> None:
        """
        When a subscriber of a full address has gone, for any reason, there is room for another one.
        """
        hub = self.make_hub(max_per_address=2)
        ends = (
            FakeListener.leave,
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
        A subscriber that has ended does not count, even if its client must still read the last
        bytes.
        """
        hub = self.make_hub(max_subscribers=1, max_per_address=1)
        outlet = self.subscribe(hub, address="192.0.2.1")
        outlet.stop_reading()
        hub.subscribers[0].end()
        self.assertFalse(hub.is_full("192.0.2.1"))

    def test_no_address(self) -> None:
        """
        Subscribers without an address, as on UNIX sockets, do not count as one address.
        """
        hub = self.make_hub(max_per_address=1)
        for _ in range(3):
            self.subscribe(hub)
            self.assertFalse(hub.is_full(""))

    def test_asking_changes_nothing(self) -> None:
        """
        Asking about an address changes nothing.
        """
        hub = self.make_hub(max_per_address=1)
        for _ in range(3):
            self.assertFalse(hub.is_full("192.0.2.1"))
