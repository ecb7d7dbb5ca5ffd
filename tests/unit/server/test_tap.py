"""
Duties of ``twistd ssetwist`` for its process, besides running the hub.
"""

import gc
import signal
from collections.abc import Callable

from twisted.internet import reactor
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.python import runtime
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import HubConfig, HubService
from ssetwist.server import tap
from ssetwist.server._descriptors import Capacity
from ssetwist.server._insides import measure_by
from ssetwist.server.tap import _TwistdService
from ssetwist.testing import MemoryOutlet
from tests.memory import Client
from tests.unit.server.case import ServiceTestCase


class CollectorTests(ServiceTestCase):
    """
    The garbage collector of the process.
    """

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(gc.unfreeze)
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        gc.unfreeze()

    def is_rare(self, service: HubService) -> bool:
        """
        Return True if the collector runs less often once the service has started.
        """
        before = gc.get_threshold()[0]
        service.startService()
        self.addCleanup(self.stop, service)
        is_rare = gc.get_threshold()[0] > before
        self.assertEqual(is_rare, gc.get_freeze_count() > 0)
        return is_rare

    def test_rarely(self) -> None:
        """
        The collector of a ``twistd ssetwist`` process runs rarely.
        """
        self.assertTrue(self.is_rare(_TwistdService(self.reactor, HubConfig())))

    def test_application(self) -> None:
        """
        A service within an application leaves the collector as it is.
        """
        self.assertFalse(self.is_rare(HubService(self.reactor, HubConfig())))


class SignalTests(ServiceTestCase):
    """
    Signals to the process.
    """

    def setUp(self) -> None:
        super().setUp()
        for number in (signal.SIGINT, signal.SIGTERM):
            self.addCleanup(signal.signal, number, signal.getsignal(number))

    def start_process(self) -> tuple[HubService, Client]:
        """
        Start the service of a process, and connect a client.
        """
        service = _TwistdService(self.reactor, HubConfig(listen=["tcp:80:interface=127.0.0.1"]))
        service.privilegedStartService()
        service.startService()
        self.reactor.hasStopped = False
        return service, self.connect()

    def test_second_cuts(self) -> None:
        """
        The first signal stops the reactor in its next turn; each further one disconnects clients
        that are still there.
        """
        for first, second in (
            (signal.SIGINT, signal.SIGTERM),
            (signal.SIGTERM, signal.SIGINT),
            (signal.SIGINT, signal.SIGINT),
            (signal.SIGTERM, signal.SIGTERM),
        ):
            service, client = self.start_process()
            signal.raise_signal(first)
            self.assertFalse(self.reactor.hasStopped, "not in the middle of whatever it does")
            self.assertIn(f"received {first.name}, stopping; ", self.told()[0])
            self.assertTrue(self.reactor.hasStopped)
            self.assertTrue(client.transport.is_connected)
            self.reactor.hasStopped = False
            signal.raise_signal(second)
            self.assertEqual([], self.told())
            self.assertFalse(client.transport.is_connected)
            self.assertFalse(self.reactor.hasStopped, "it stops once")
            signal.raise_signal(second)
            self.stop(service)

    def told(self) -> list[str]:
        """
        Let some turns of the reactor pass, and return the messages about signals.
        """
        told = self.logged(LogLevel.info, lambda: self.pass_time(0.25))
        return [line for line in told if line.startswith("received")]

    def test_started_by_python_m_twisted(self) -> None:
        """
        ``python -m twisted`` only calls ``startService``; signals are taken all the same.
        """
        before = signal.getsignal(signal.SIGTERM)
        service = _TwistdService(self.reactor, HubConfig(listen=["tcp:80:interface=127.0.0.1"]))
        service.startService()
        self.addCleanup(self.stop, service)
        self.assertNotEqual(before, signal.getsignal(signal.SIGTERM))

    def test_once_it_runs(self) -> None:
        """
        Signals are taken when the reactor runs, because it sets handlers of its own at its start.
        """
        later: list[Callable[[], object]] = []
        self.patch(self.reactor, "callWhenRunning", lambda call, *_, **__: later.append(call))
        before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
        service, _ = self.start_process()
        self.addCleanup(self.stop, service)
        self.assertEqual(
            before, [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
        )
        later[0]()
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            self.assertNotEqual(handler, signal.getsignal(number))

    def test_application(self) -> None:
        """
        A service within an application leaves signals to it.
        """
        before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
        self.start()
        self.assertEqual(
            before, [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
        )


class DescriptorsTests(SynchronousTestCase):
    """
    Limits that follow from the descriptors of the process.
    """

    def make(self, descriptors: int, *arguments: str) -> HubService:
        """
        Make the service of a process with these descriptors.
        """
        capacity = Capacity(descriptors, "they are {few}")
        self.patch(tap, "take_descriptors", lambda reactor: capacity)
        self.patch(tap, "never_wait_for_readers", lambda: None)
        self.addCleanup(measure_by, reactor, runtime.seconds)
        options = tap.Options()
        options.parseOptions(arguments)
        return tap.makeService(options)

    def test_subscribers(self) -> None:
        """
        The hub accepts as many subscribers as the descriptors allow.
        """
        hub = self.make(70).hub
        for _ in range(3):
            self.assertFalse(hub.is_full(""))
            outlet = MemoryOutlet(hub.streams)
            self.addCleanup(outlet.leave)
            hub.subscribe(outlet)
        self.assertTrue(hub.is_full(""))

    def test_warning(self) -> None:
        """
        If there are few, a warning says so, once, and in exactly these words.
        """
        with capturedLogs() as events:
            self.make(256)
        self.assertEqual(
            ["192 connections are possible, 160 of them for subscribers: they are {few}"],
            [formatEvent(event) for event in events],
        )
        self.assertEqual([LogLevel.warn], [event["log_level"] for event in events])

    def test_enough(self) -> None:
        """
        If there are many, nothing is said.
        """
        with capturedLogs() as events:
            self.make(65536)
        self.assertEqual([], events)
