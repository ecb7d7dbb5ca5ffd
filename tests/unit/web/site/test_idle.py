"""
The idle state of a site, in which nothing of a connection is held.
"""

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from ssetwist.hub import Streams
from ssetwist.web import Site
from tests.clock import Clock
from tests.memory import Client, MemoryTransport


class IdleTests(SynchronousTestCase):
    """
    Answers of ``Site.is_idle``.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.site = Site(Resource(), streams=Streams(self.clock))

    def test_connection(self) -> None:
        """
        A site is idle once its last connection has gone.
        """
        self.assertTrue(self.site.is_idle)
        clients = [Client(self.site, self.clock) for _ in range(2)]
        self.assertFalse(self.site.is_idle)
        for client in clients:
            self.assertFalse(self.site.is_idle)
            client.close()
        self.assertTrue(self.site.is_idle)

    def test_address(self) -> None:
        """
        A site that remembers the address of a connection is not idle.
        """
        transport = MemoryTransport(self.clock, IPv4Address("TCP", "192.0.2.1", 50000))
        self.site.host_of(transport)
        self.assertFalse(self.site.is_idle)
