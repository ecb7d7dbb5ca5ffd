"""
Threads of a hub: its own, and others from which it is called by mistake.
"""

import os
import threading
from collections.abc import Callable
from threading import get_ident

from twisted.internet.selectreactor import SelectReactor
from twisted.python import threadable

from ssetwist import Event, Hub
from ssetwist.hub._hub import usable_cores
from ssetwist.testing import MemoryOutlet
from tests.unit.hub.case import HubTestCase


class OtherThreadTests(HubTestCase):
    """
    Calls from another thread than the reactor's.
    """

    def setUp(self) -> None:
        super().setUp()
        self.patch(threadable, "ioThread", get_ident())

    def call(self, function: Callable[[], object]) -> Exception | None:
        """
        Call something in another thread, and return what it raised.
        """
        raised: list[Exception] = []

        def run() -> None:
            try:
                function()
            except Exception as problem:
                raised.append(problem)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return raised[0] if raised else None

    def make_real_hub(self) -> Hub:
        """
        Make a hub on the reactor that there really is; nothing is scheduled on it.
        """
        from twisted.internet import reactor

        hub = Hub(clock=reactor, flush_threads=1)
        self.addCleanup(hub.close)
        return hub

    def test_publish(self) -> None:
        """
        Who publishes is told what to do instead, and nothing is published.
        """
        hub = self.make_real_hub()
        error = self.call(lambda: hub.publish("t", Event("a")))
        self.assertIsInstance(error, RuntimeError)
        for advice in ("reactor.callFromThread(hub.publish, ...)", "blockingCallFromThread"):
            self.assertIn(advice, str(error))
        self.assertEqual(0, hub.log.head)

    def test_subscribe(self) -> None:
        """
        So is who subscribes, and nobody is subscribed.
        """
        hub = self.make_real_hub()
        outlet = MemoryOutlet(self.hub.streams)
        error = self.call(lambda: hub.subscribe(outlet))
        self.assertIsInstance(error, RuntimeError)
        self.assertIn("hub.subscribe", str(error))
        self.assertEqual((0, None), (hub.subscriber_count, outlet.writer))

    def test_own_thread(self) -> None:
        """
        The reactor's own thread may do both.
        """
        hub = self.make_hub()
        for one in (hub, self.make_real_hub()):
            self.successResultOf(one.publish("t", Event("a")))

    def test_before_the_reactor_runs(self) -> None:
        """
        As long as no reactor runs, there is no other thread than its own.
        """
        self.patch(threadable, "ioThread", None)
        self.assertIsNone(self.call(lambda: self.make_real_hub().publish("t", Event("a"))))

    def test_other_reactor(self) -> None:
        """
        A reactor that runs beside the installed one has a thread that Twisted does not know.
        """
        other = SelectReactor()
        self.addCleanup(other.disconnectAll)
        hub = Hub(clock=other, flush_threads=1)
        self.assertIsNone(self.call(lambda: hub.publish("t", Event("a"))))

    def test_clock(self) -> None:
        """
        A clock has no thread of its own: tests may run wherever they like.
        """
        self.assertIsNone(self.call(lambda: self.hub.publish("t", Event("a"))))


class ThreadsTests(HubTestCase):
    """
    How many threads there are.
    """

    def test_cores(self) -> None:
        """
        Unless told otherwise, as many as there are cores that this process may use.
        """
        hub = Hub(clock=self.clock)
        expected = len(os.sched_getaffinity(0))
        self.assertEqual(expected, usable_cores())
        senders = hub._live._senders
        self.assertEqual(expected, 1 if senders is None else senders._threads)

    def test_without_affinity(self) -> None:
        """
        Where it is not known which these are, as many as there are at all.
        """
        self.addCleanup(setattr, os, "sched_getaffinity", os.sched_getaffinity)
        del os.sched_getaffinity
        self.assertEqual(os.cpu_count(), usable_cores())
        self.patch(os, "cpu_count", lambda: None)
        self.assertEqual(1, usable_cores())
