"""
Duties of ``twistd ssetwist`` for its process, besides running the hub.
"""

import gc
import signal

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import HubConfig, HubService
from ssetwist.server.tap import _TwistdService, _wanted_descriptors
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


class DescriptorTests(SynchronousTestCase):
    """
    Descriptors that the process asks for.
    """

    def test_all(self) -> None:
        """
        The process asks for all descriptors that it may have; without a limit for 65,536, and
        never for fewer than it has.
        """
        self.assertEqual(4096, _wanted_descriptors(1024, 4096))
        self.assertEqual(65536, _wanted_descriptors(256, None))
        self.assertEqual(100_000, _wanted_descriptors(100_000, None))


class SignalTests(ServiceTestCase):
    """
    Signals to the process.
    """

    def setUp(self) -> None:
        super().setUp()
        for number in (signal.SIGINT, signal.SIGTERM):
            self.addCleanup(signal.signal, number, signal.getsignal(number))

    def test_second_cuts(self) -> None:
        """
        The first signal stops the reactor; the second disconnects clients that are still there.
        """
        service = _TwistdService(self.reactor, HubConfig(listen=["tcp:80:interface=127.0.0.1"]))
        service.privilegedStartService()
        service.startService()
        client = self.connect()
        self.reactor.hasStopped = False
        signal.raise_signal(signal.SIGINT)
        self.pass_time(0.25)
        self.assertTrue(self.reactor.hasStopped)
        self.assertTrue(client.transport.is_connected)
        signal.raise_signal(signal.SIGTERM)
        self.pass_time(0.25)
        self.assertFalse(client.transport.is_connected)
        self.stop(service)
