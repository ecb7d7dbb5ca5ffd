"""
Urgency of what a reactor can read from.
"""

from types import SimpleNamespace

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory
from twisted.internet.tcp import Port
from twisted.protocols.policies import WrappingFactory

from ssetwist.web.site import Urgency, urgency_of
from tests.memory import MemoryTransport, NoReactor
from tests.unit.web.site.case import SiteCase


class UrgencyTests(SiteCase):
    """
    Connections and listeners.
    """

    def test_connection(self) -> None:
        """
        A client with its first request is urgent; while it is answered, its end is more urgent;
        after that, it waits behind new clients.
        """
        client = self.client()
        self.assertIs(Urgency.FIRST, urgency_of(client.transport))
        client.send(b"GET /wait HT")
        self.assertIs(Urgency.FIRST, urgency_of(client.transport))
        client.send(b"TP/1.1\r\nHost: a\r\n\r\n")
        self.assertIs(Urgency.STREAM, urgency_of(client.transport))
        assert self.plain.waiting is not None
        self.plain.waiting.finish()
        self.assertIs(Urgency.KNOWN, urgency_of(client.transport))
        client.request("/sse")
        self.assertIs(Urgency.STREAM, urgency_of(client.transport))
        client.close()

    def test_below_tls(self) -> None:
        """
        A connection below TLS, or any other protocol, has the urgency of its HTTP.
        """
        peer = IPv4Address("TCP", "192.0.2.1", 50000)
        for depth in (1, 2):
            factory: Factory = self.site
            for _ in range(depth):
                factory = WrappingFactory(factory)
            transport = MemoryTransport(self.clock, peer)
            transport.protocol = factory.buildProtocol(peer)
            transport.protocol.makeConnection(transport)
            self.assertIs(Urgency.FIRST, urgency_of(transport))
            transport.protocol.dataReceived(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertIs(Urgency.STREAM, urgency_of(transport))
            transport.lose(ConnectionDone())

    def test_others(self) -> None:
        """
        A listener has new clients; anything else is known.
        """
        self.assertIs(Urgency.NEW, urgency_of(Port(0, Factory(), reactor=NoReactor())))
        for other in (object(), SimpleNamespace(protocol=None)):
            self.assertIs(Urgency.KNOWN, urgency_of(other))
