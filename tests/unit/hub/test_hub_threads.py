"""
Threads of a hub: its own, and others that call it by mistake.
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
        Call something in another thread, and return the exception.
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
        Make a hub on the installed reactor; nothing is scheduled on it.
        """
        from twisted.internet import reactor

        hub = Hub(clock=reactor, flush_threads=1)
        self.addCleanup(hub.close)
        return hub

    def test_publish(self) -> None:
        """
        Publishing from another thread is refused with a message that says what to do, and nothing
        is published.
        """
        hub = self.make_real_hub()
        error = self.call(lambda: hub.publish("t", Event("a")))
        self.assertIsInstance(error, RuntimeError)
        for advice in ("reactor.callFromThread(hub.publish, ...)", "blockingCallFromThread"):
            self.assertIn(advice, str(error))
        self.assertEqual(0, hub.log.head)

    def test_subscribe(self) -> None:
        """
        Subscribing from another thread is refused, and the message names the call; nothing is
        subscribed.
        """
        hub = self.make_real_hub()
        outlet = MemoryOutlet(self.hub.streams)
        error = self.call(lambda: hub.subscribe(outlet))
        self.assertIsInstance(error, RuntimeError)
        self.assertIn("hub.subscribe", str(error))
        self.assertEqual((0, None), (hub.subscriber_count, outlet.writer))

    def test_own_thread(self) -> None:
        """
        The reactor's own thread may publish and subscribe.
        """
        hub = self.make_hub()
        for one in (hub, self.make_real_hub()):
            self.successResultOf(one.publish("t", Event("a")))

    def test_before_the_reactor_runs(self) -> None:
        """
        Before a reactor runs, every thread may publish and subscribe.
        """
        self.patch(threadable, "ioThread", None)
        self.assertIsNone(self.call(lambda: self.make_real_hub().publish("t", Event("a"))))

    def test_other_reactor(self) -> None:
        """
        A hub on another reactor than the installed one may be called from any thread, because
        Twisted does not know its thread.
        """
        other = SelectReactor()
        self.addCleanup(other.disconnectAll)
        hub = Hub(clock=other, flush_threads=1)
        self.assertIsNone(self.call(lambda: hub.publish("t", Event("a"))))

    def test_clock(self) -> None:
        """
        A hub on a clock may be called from any thread.
        """
        self.assertIsNone(self.call(lambda: self.hub.publish("t", Event("a"))))


class ThreadsTests(HubTestCase):
    """
    The number of threads.
    """

    def test_cores(self) -> None:
        """
        By default, a hub has as many threads as there are cores that this process may use.
        """
        hub = Hub(clock=self.clock)
        expected = len(os.sched_getaffinity(0))
        self.assertEqual(expected, usable_cores())
        senders = hub._live._senders
        self.assertEqual(expected, 1 if senders is None else senders._threads)

    def test_without_affinity(self) -> None:
        """
        If the system does not say which cores this process may use, a hub has as many threads as
        the machine has cores.
        """
        self.addCleanup(setattr, os, "sched_getaffinity", os.sched_getaffinity)
        del os.sched_getaffinity
        self.assertEqual(os.cpu_count(), usable_cores())
        self.patch(os, "cpu_count", lambda: None)
        self.assertEqual(1, usable_cores())
