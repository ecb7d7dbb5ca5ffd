"""
Checks that a hub holds nothing for any client.
"""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event, Pattern
from ssetwist.hub import Streams
from ssetwist.hub._audience import Audience
from ssetwist.hub._fan_out import FanOut
from ssetwist.hub._turns import Turns
from ssetwist.log import Entry
from ssetwist.testing import MemoryOutlet
from tests.unit.hub.case import HubTestCase
from tests.unit.hub.fake import FakeListener, TurnClock


class IdleHubTests(HubTestCase):
    """
    ``Hub.is_idle``: everything that may be left makes it false.
    """

    def test_new_hub(self) -> None:
        """
        A new hub is idle, even after an event that no subscriber sees.
        """
        self.assertTrue(self.hub.is_idle)
        self.publish("a")
        self.assertTrue(self.hub.is_idle)

    def test_subscriber(self) -> None:
        """
        A hub with a subscriber is not idle, and is idle as soon as the last one has gone, even if
        something was on its way.
        """
        first, last = self.subscribe(), self.subscribe(view="u")
        self.publish("a")
        first.leave()
        self.assertFalse(self.hub.is_idle)
        last.leave()
        self.assertTrue(self.hub.is_idle)

    def test_behind(self) -> None:
        """
        A hub is not idle while a subscriber is behind.
        """
        listener = self.subscribe()
        listener.stop_reading()
        self.publish("a", "b")
        self.settle()
        self.assertFalse(self.hub.is_idle)
        listener.leave()
        self.assertTrue(self.hub.is_idle)

    def test_within_end(self) -> None:
        """
        A hub is idle already when the end of the last subscriber is reported.
        """
        told: list[bool] = []
        listener = self.subscribe(on_end=lambda *_: told.append(self.hub.is_idle))
        listener.leave()
        self.assertEqual([True], told)

    def test_stream_without_subscriber(self) -> None:
        """
        A hub is not idle while a stream without a subscriber is open.
        """
        outlet = MemoryOutlet(self.hub.streams)
        self.assertFalse(self.hub.is_idle)
        self.hub.streams.discard(outlet)
        self.assertTrue(self.hub.is_idle)

    def test_left_behind(self) -> None:
        """
        A hub with anything that a mistake in the hub could leave behind is not idle.
        """
        hub = self.hub
        audience = Audience(self.subscribe().subscriber.view)
        hub.streams.abort()
        left = {
            "subscriber": (hub._subscribers, FakeListener(self.make_hub()).subscriber, None),
            "address": (hub._per_address, "192.0.2.1", 1),
            "audience": (hub._live._audiences, audience.view, audience),
            "mark": (hub._live._marked, audience, None),
            "topic": (hub._live._index._exact, "t", {audience: None}),
            "matcher": (hub._live._index._others, Pattern("/:any"), {audience: None}),
        }
        for name, (registry, key, value) in left.items():
            with self.subTest(name):
                self.assertTrue(hub.is_idle)
                registry[key] = value  # type: ignore[index]  # each has keys of its own
                self.assertFalse(hub.is_idle)
                del registry[key]  # type: ignore[attr-defined]


class IdleFanOutTests(SynchronousTestCase):
    """
    ``FanOut.is_idle``.
    """

    def setUp(self) -> None:
        self.clock = TurnClock()
        self.live = FanOut(Turns(self.clock), threads=1, head=0)

    def test_awaited(self) -> None:
        """
        A fan-out is not idle while something waits for a position, until this position is published
        or the wait is cancelled.
        """
        self.assertTrue(self.live.is_idle)
        waiting: Deferred[None] = self.live.when_at(1)
        self.assertFalse(self.live.is_idle)
        self.live.place(Entry(1, ("t",), Event("a", id="1"), False, 0.0, b"data: a\n\n"))
        self.successResultOf(waiting)
        self.assertTrue(self.live.is_idle)
        waiting = self.live.when_at(2)
        waiting.addErrback(lambda _: None)
        waiting.cancel()
        self.assertTrue(self.live.is_idle)

    def test_left_behind(self) -> None:
        """
        A fan-out with an event to place is not idle.
        """
        self.live._to_place.append(Entry(1, ("t",), Event("a"), False, 0.0, b""))
        self.assertFalse(self.live.is_idle)
        self.live._to_place.clear()
        self.assertTrue(self.live.is_idle)


class IdleStreamsTests(SynchronousTestCase):
    """
    ``Streams.is_idle``.
    """

    def test_open(self) -> None:
        """
        Streams are idle while no stream is open; ``in`` is true for open streams.
        """
        streams = Streams(TurnClock())
        self.assertTrue(streams.is_idle)
        outlet, other = MemoryOutlet(streams), MemoryOutlet(streams)
        streams.discard(other)
        self.assertFalse(streams.is_idle)
        self.assertEqual([True, False], [one in streams for one in (outlet, other)])
        streams.discard(outlet)
        self.assertTrue(streams.is_idle)

    def test_left_behind(self) -> None:
        """
        A count that is wrong, or a part that still has a stream, makes the streams busy.
        """
        streams = Streams(TurnClock())
        outlet = MemoryOutlet(streams)
        streams._count = 0
        self.assertFalse(streams.is_idle)
        streams._count = 1
        streams._part_of(outlet).clear()
        self.assertFalse(streams.is_idle)
