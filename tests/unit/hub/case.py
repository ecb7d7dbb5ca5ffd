"""
Test case with a hub that must hold nothing at the end.
"""

import threading
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event, Hub, MemoryLog, View
from ssetwist.clock._alarm import CLOCK_THREAD  # it serves others, which ran earlier
from ssetwist.hub import EVERYTHING, Topics
from ssetwist.hub.outlets import PIECE
from ssetwist.log import render_id
from ssetwist.testing import Listener, MemoryHub
from tests.unit.hub.fake import FakeListener, TurnClock

#: The epoch of the log of every hub here.
EPOCH = "e"

#: The length of data with which an event fills a third of a piece.
THIRD = PIECE // 3


def id_of(position: int) -> str:
    """
    Return the hub's id of the event at a position.
    """
    return render_id(EPOCH, position)


def shown(listener: Listener) -> list[str]:
    """
    Return the data of the events that a listener has read, and ``"gap"`` for a gap.
    """
    return ["gap" if event.type == "gap" else event.data for event in listener.events]


class HubTestCase(SynchronousTestCase):
    """
    A hub and a clock that are empty at the end.
    """

    def setUp(self) -> None:
        self.clock = TurnClock()
        self.hubs: list[MemoryHub] = []
        self.addCleanup(self.check_nothing_is_left)
        self.hub = self.make_hub()

    def make_log(self, **bounds: Any) -> MemoryLog:
        """
        Make a log with a known epoch.
        """
        return MemoryLog(self.clock, epoch=EPOCH, **bounds)

    def make_hub(self, **options: Any) -> MemoryHub:
        """
        Make a hub.
        """
        options.setdefault("log", self.make_log())
        hub = MemoryHub(clock=self.clock, **options)
        self.hubs.append(hub)
        return hub

    def check_nothing_is_left(self) -> None:
        """
        Check that every trace of a subscriber is gone with its stream, including timers and
        threads.
        """
        for hub in self.hubs:
            hub.streams.abort()
            hub.close()
            self.assertEqual((0, ()), (hub.subscriber_count, hub.subscribers))
            self.assertTrue(hub.is_idle)
        self.assertEqual([], self.clock.getDelayedCalls())
        names = {thread.name for thread in threading.enumerate()} - {CLOCK_THREAD}
        self.assertEqual([], [name for name in names if name.startswith("ssetwist")])

    def subscribe(
        self, hub: Hub | None = None, view: Topics | View = EVERYTHING, **options: Any
    ) -> FakeListener:
        """
        Subscribe a new listener and return it.
        """
        return FakeListener(self.hub if hub is None else hub, view, **options)

    def publish(self, *data: str, to: Any = "t", hub: Hub | None = None, **options: Any) -> None:
        """
        Publish events with this data.
        """
        for one in data:
            (self.hub if hub is None else hub).publish(to, Event(one), **options)

    def settle(self) -> None:
        """
        Let everything happen that can happen without waiting.
        """
        self.clock.advance(0)
