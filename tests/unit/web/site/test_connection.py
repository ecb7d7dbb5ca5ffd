"""
One connection: its phases, the requests on it and those that it refuses.
"""

from typing import Any

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.internet.ssl import CertificateOptions
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.web.resource import Resource
from twisted.web.server import Request

from ssetwist.clock import SteadyReactor
from ssetwist.hub import Streams
from ssetwist.web import Site
from ssetwist.web.site._connection import CLOSE_TIMEOUT, BoundedRequest
from ssetwist.web.site._site import REQUEST_TIMEOUT
from tests.clock import Clock
from tests.memory import Client, SocketClient
from tests.unit.web.site.case import SiteCase


class PhaseTests(SiteCase):
    """
    Phases of a connection.
    """

    def test_request_after_the_server_closes(self) -> None:
        """
        A request that arrives after the server began to close is thrown away.
        """
        client = self.client()
        client.send(b"GET /".ljust(20_000, b"x"))
        self.assertTrue(client.head.startswith(b"1 414"))
        client.request()
        self.assertEqual(1, client.received.count(b"HTTP/1.1"))
        self.clock.advance(0)

    def test_refused_body_does_not_delay_a_drain(self) -> None:
        """
        A drain closes a connection whose request was refused, even if the whole body has arrived.
        """
        client = self.client()
        client.request(method="POST", headers={"Transfer-Encoding": "chunked"})
        body = b"".join(b"1000\r\n" + b"x" * 0x1000 + b"\r\n" for _ in range(17))
        client.send(body + b"0\r\n\r\n")
        self.assertTrue(client.head.startswith(b"1 413"))
        drained = self.site.drain(10)
        self.clock.pump([0, 0.1])
        self.successResultOf(drained)
        self.assertFalse(client.transport.is_aborted)

    def test_half_closed(self) -> None:
        """
        On a socket, a client that is refused sees the end of the answer at once, although the
        server still takes the rest of the request.
        """
        ended: list[bool] = []
        client = SocketClient(self.site, self.clock)
        client.transport.loseWriteConnection = lambda: ended.append(True)
        client.request(method="POST", headers={"Content-Length": "1000000"})
        self.assertEqual([True], ended)
        self.assertTrue(client.transport.is_connected)
        client.close()

    def test_refused_late(self) -> None:
        """
        The end of the time for a request does not cut a client that was refused just before, and
        may still send: it has its own time.
        """
        client = SocketClient(self.site, self.clock)
        client.transport.loseWriteConnection = lambda: None
        client.send(b"P")
        self.clock.advance(REQUEST_TIMEOUT - 0.1)
        client.send(b"OST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        self.assertEqual([client.transport.protocol], list(self.site.closing))
        self.clock.pump([CLOSE_TIMEOUT - 0.1, 0])
        self.assertTrue(client.transport.is_connected)
        self.clock.pump([0.1, 0])
        self.assertFalse(client.transport.is_connected)
        self.assertEqual({}, self.site.closing)


class RequestTests(SiteCase):
    """
    Requests on one connection.
    """

    def test_next_request(self) -> None:
        """
        A connection that has answered a request takes the next one, in one piece or in two.
        """
        client = self.client()
        client.request()
        client.request()
        client.send(b"GET / HTTP/1.1\r\nHo")
        client.send(b"st: a\r\n\r\n")
        self.assertEqual(3, client.received.count(b"HTTP/1.1 200"))
        client.close()

    def test_head_after_half_a_head(self) -> None:
        """
        A whole head in one piece counts as one only if nothing of another has come before.
        """
        client = self.client()
        client.send(b"GET /wait HTTP/1.1\r\n")
        client.request("/")
        self.assertEqual(b"HTTP/1.1 400 Bad Request\r\n\r\n", client.received)
        self.clock.advance(0)

    def test_class_of_the_application(self) -> None:
        """
        A Site makes requests of the application's class, also of a head in one piece.
        """
        made: list[Request] = []

        class Own(BoundedRequest):
            def process(self) -> None:
                made.append(self)
                super().process()

        client = Client(Site(self.plain, streams=self.hub.streams, requestFactory=Own), self.clock)
        client.request()
        self.assertEqual([Own], [type(request) for request in made])
        self.assertEqual(b"plain", client.body)
        client.close()

    def test_not_asked_for_a_refused_body(self) -> None:
        """
        Nothing follows the refusal of a body, even if the client waits to be asked for it.
        """
        client = self.client()
        headers = {"Content-Length": "1000000", "Expect": "100-continue"}
        client.request(method="POST", headers=headers)
        self.assertIn(b"HTTP/1.1 413 ", client.received)
        self.assertNotIn(b"100 Continue", client.received)
        client.close()

    def test_head_with_a_token(self) -> None:
        """
        The line that Twisted logs for an answer to ``HEAD`` does not have the query.
        """
        with capturedLogs() as logged:
            client = self.client()
            client.request("/?authorization=secret", method="HEAD")
            client.close()
        lines = [formatEvent(event) for event in logged]
        self.assertIn("HEAD request <BoundedRequest 'HEAD' '/'>", "".join(lines))
        self.assertNotIn("secret", "".join(lines))


class RefusalLogTests(SiteCase):
    """
    Lines about requests that no access log mentions.
    """

    def line_of(self, address: IAddress) -> str:
        """
        Return the line about a request that is too large.
        """
        client = Client(self.site, self.clock)
        client.transport.peerAddr = address
        self.addCleanup(client.close)
        with capturedLogs() as logged:
            client.request(method="POST", headers={"Content-Length": "1000000"})
        [line] = [formatEvent(event) for event in logged if event.get("status")]
        return line

    def test_peer(self) -> None:
        """
        The line has the status, the peer and the reason; a UNIX socket does not have an address.
        """
        text = "The body must not have more than 65536 bytes."
        line = self.line_of(IPv4Address("TCP", "192.0.2.7", 50000))
        self.assertEqual(f"413 to 192.0.2.7: {text}", line)
        self.assertEqual(f"413 to local: {text}", self.line_of(UNIXAddress("")))


class SteadyTests(SiteCase):
    """
    Connections to an application, on a reactor that measures by the time of day.
    """

    def test_tls(self) -> None:
        """
        Small writes over TLS wait by the steady reactor.
        """
        reactor, timers = MemoryReactorClock(), Clock()
        site = Site(Resource(), streams=Streams(SteadyReactor(reactor, timers)))
        factory = TLSMemoryBIOFactory(CertificateOptions(), False, site, clock=reactor)
        connection: Any = factory.buildProtocol(None)
        transport: Any = StringTransport()
        transport.setTcpNoDelay = lambda enabled: None
        connection.makeConnection(transport)
        before = len(timers.getDelayedCalls())
        connection.write(b"a")
        self.assertEqual(before + 1, len(timers.getDelayedCalls()))
        self.assertEqual([], reactor.getDelayedCalls())
