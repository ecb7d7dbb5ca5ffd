"""
A client's own connections, as an agent reuses them.
"""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import capturedLogs
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import URI, BrowserLikePolicyForHTTPS
from twisted.web.iweb import IResponse

from ssetwist.client.http import BoundedBody, connection_of, describe
from ssetwist.client.http._connections import KEPT_FOR, MAX_HEAD, Connections, _Factory
from ssetwist.clock import SteadyReactor
from tests.clock import Clock
from tests.unit.client.case import SourceCase, Wire, response

#: Header fields of more than half the limit of a head.
LARGE = {f"X_{number}": "x" * 10_000 for number in range(MAX_HEAD // 20_000 + 1)}


class KeptTests(SourceCase):
    """
    Several requests over one connection.
    """

    def setUp(self) -> None:
        super().setUp()
        self.connections = Connections(self.reactor, kept=1)

    def tearDown(self) -> None:
        closed = self.connections.close()
        self.turn()
        self.successResultOf(closed)
        super().tearDown()

    def exchange(self, wire: Wire | None = None) -> tuple[Wire, bytes]:
        """
        Send a request, over a kept connection if there is one, and answer with a large head.
        """
        waiting = self.connections.agent.request(b"GET", b"http://127.0.0.1/")
        waiting.addCallback(self.read)
        self.turn()
        wire = self.accept() if wire is None else wire
        for line in response("200 OK", b"body", **LARGE).splitlines(keepends=True):
            wire.send(line)
        self.turn()
        return wire, self.successResultOf(waiting)

    def read(self, answer: IResponse) -> "Deferred[bytes]":
        body = BoundedBody(100)
        answer.deliverBody(body)
        return body.done

    def test_announced(self) -> None:
        """
        Without kept connections, each request says that its connection is not used again.
        """
        wire, _ = self.exchange()
        self.assertIsNone(wire.header("Connection"))
        self.connections.close()
        self.connections = Connections(self.reactor)
        wire, _ = self.exchange()
        self.assertEqual("close", wire.header("Connection"))

    def test_no_time_of_its_own(self) -> None:
        """
        Twisted does not limit the time of connecting: the caller does, for the whole request.
        """
        self.connections.agent.request(b"GET", b"http://127.0.0.1/").addErrback(lambda _: None)
        self.turn()
        [(_, _, _, timeout, _)] = self.reactor.tcpClients
        self.assertGreater(timeout, 1e8)
        self.accept()

    def test_cut(self) -> None:
        """
        A connection knows after its end if the peer closed it, or if it was cut: a body without a
        length does not tell.
        """
        for end, was_cut in ((Wire.finish, False), (Wire.reset, True)):
            made: list[Any] = []

            class Body(Protocol):
                def connectionMade(self) -> None:
                    made.append(connection_of(self.transport))  # noqa: B023  # in this round only

            waiting = self.connections.agent.request(b"GET", b"http://127.0.0.1/")
            waiting.addCallback(lambda answer: answer.deliverBody(Body()))
            self.turn()
            wire = self.accept(b"HTTP/1.1 200 OK\r\n\r\n")
            self.assertFalse(made[0].was_cut)
            end(wire)
            self.assertIs(was_cut, made[0].was_cut)

    def test_kept_for(self) -> None:
        """
        A connection that is not used again is closed after a few seconds, before a server does it.
        """
        wire, _ = self.exchange()
        self.reactor.advance(KEPT_FOR - 0.1)
        self.turn()
        self.assertTrue(wire.is_connected)
        self.reactor.advance(0.1)
        self.turn()
        self.assertFalse(wire.is_connected)

    def test_not_sent_again(self) -> None:
        """
        A request on a kept connection that breaks is not sent again: that is for the caller.
        """
        wire, _ = self.exchange()
        again = self.connections.agent.request(b"GET", b"http://127.0.0.1/")
        self.turn()
        wire.reset()
        self.turn()
        self.failureResultOf(again)
        self.assertEqual(0, self.asked())

    def test_quiet(self) -> None:
        """
        Connections have no lines in the log: each attempt has its own.
        """
        with capturedLogs() as logged:
            wire, _ = self.exchange()
            wire.finish()
        self.assertEqual([], logged)

    def test_certificate(self) -> None:
        """
        TLS asks for the certificate of the host in the URL, at any port.
        """
        asked: list[tuple[bytes, int]] = []

        class Policy:
            def creatorForNetloc(self, host: bytes, port: int) -> object:  # noqa: N802
                asked.append((host, port))
                return BrowserLikePolicyForHTTPS().creatorForNetloc(host, port)

        self.connections._tls = Policy()  # type: ignore[assignment]
        for url in (b"https://a.example/", b"https://b.example:8443/", b"http://c.example/"):
            self.connections.endpointForURI(URI.fromBytes(url))
        self.assertEqual([(b"a.example", 443), (b"b.example", 8443)], asked)

    def test_longest_head(self) -> None:
        """
        A head without its end may have as many bytes as the limit says, and not one more.
        """
        begin = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
        for size in (MAX_HEAD, MAX_HEAD + 1):
            waiting = self.connections.agent.request(b"GET", b"http://127.0.0.1/")
            self.turn()
            wire = self.accept(begin)
            room = size - len(begin)
            for length in (*[room // 20] * 19, room - room // 20 * 19):
                self.assertFalse(wire.is_aborted)
                wire.send(b"X: ".ljust(length - 2, b"x") + b"\r\n")
            self.assertEqual(size > MAX_HEAD, wire.is_aborted)
            wire.finish()
            self.turn()
            said = describe(self.failureResultOf(waiting).value)
            told = f"its head has more than {MAX_HEAD} bytes" in said
            self.assertEqual(size > MAX_HEAD, told, said)

    def test_heads_do_not_add_up(self) -> None:
        """
        Each response on a connection may have a head of the full length.
        """
        wire, first = self.exchange()
        _, second = self.exchange(wire)
        self.assertEqual((b"body", b"body"), (first, second))
        self.assertEqual(2, wire.request.count(b"GET / "))


class SteadyTests(SynchronousTestCase):
    """
    Connections of a program, on a reactor that measures by the time of day.
    """

    def test_tls(self) -> None:
        """
        Small writes over TLS wait by the steady reactor.
        """
        reactor, timers = MemoryReactorClock(), Clock()
        connections = Connections(SteadyReactor(reactor, timers))
        http = _Factory(Factory.forProtocol(Protocol), connections)
        factory = TLSMemoryBIOFactory(CertificateOptions(), True, http, clock=reactor)
        connection: Any = factory.buildProtocol(None)
        connection.makeConnection(StringTransport())
        connection.write(b"a")
        self.assertEqual(1, len(timers.getDelayedCalls()))
        self.assertEqual([], reactor.getDelayedCalls())
