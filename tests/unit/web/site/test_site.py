"""
Limits on requests, and the facts that connections learn from their Site.
"""

import gc
import socket
import weakref

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.tcp import Server
from twisted.python.failure import Failure
from twisted.web.http import datetimeToString
from twisted.web.resource import Resource
from twisted.web.server import Site as TwistedSite
from twisted.web.server import version

from ssetwist.eventstream import Event
from ssetwist.hub import Streams
from ssetwist.web import Site
from ssetwist.web.site._body_limits import FREE_BODY, MAX_BODY
from ssetwist.web.site._site import REQUEST_TIMEOUT, streams_of
from tests.clock import TwoClocks
from tests.memory import Client, NoReactor
from tests.unit.web.site.case import SiteCase


class RequestTests(SiteCase):
    """
    Limits on the time and the size of a request.
    """

    def test_pitfall_K21_slow_head(self) -> None:
        """
        A head that arrives byte by byte is cut after a total time, although the connection is never
        idle.
        """
        client = self.client()
        client.send(b"GET / HT")
        for _ in range(int(REQUEST_TIMEOUT) - 1):
            self.clock.advance(1)
            client.send(b"T")
        self.assertTrue(client.transport.is_connected)
        self.clock.pump([1, 0])
        self.assertFalse(client.transport.is_connected)

    def test_time_of_the_next_request(self) -> None:
        """
        Each request on a connection has the whole time, even if the connection was idle before.
        """
        client = self.client()
        for _ in range(3):
            client.request()
            self.assertEqual(b"plain", client.body)
            self.clock.advance(REQUEST_TIMEOUT - 1)
            client.send(b"GET / HTTP/1.1\r\n")
            self.clock.advance(REQUEST_TIMEOUT - 1)
            client.send(b"Host: a\r\n\r\n")
            self.assertTrue(client.transport.is_connected)
        self.clock.pump([REQUEST_TIMEOUT, 0])
        self.assertFalse(client.transport.is_connected)

    def test_silent_connection(self) -> None:
        """
        A connection on which nothing ever comes is closed.
        """
        client = self.client()
        self.clock.pump([REQUEST_TIMEOUT, 0])
        self.assertFalse(client.transport.is_connected)

    def test_silent_socket(self) -> None:
        """
        A connection on a plain socket, which is set up in our own way, is also closed if nothing
        ever comes.
        """
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        connection = self.site.buildProtocol(None)
        transport = Server(ours, connection, ("192.0.2.1", 50000), None, 1, NoReactor())
        connection.makeConnection(transport)
        self.clock.advance(REQUEST_TIMEOUT - 1)
        self.assertFalse(transport.disconnecting)
        self.clock.advance(1)
        self.assertTrue(transport.disconnecting)
        connection.connectionLost(Failure(ConnectionDone()))

    def test_other_time(self) -> None:
        """
        A Site may have another limit.
        """
        site = Site(self.plain, streams=self.hub.streams, timeout=5)
        client = Client(site, self.clock)
        self.clock.pump([4, 0.5])
        self.assertTrue(client.transport.is_connected)
        self.clock.pump([0.5, 0])
        self.assertFalse(client.transport.is_connected)

    def test_stream_has_no_such_time(self) -> None:
        """
        The limit on the time of a request does not apply to streams, which may be silent for ever.
        """
        client = self.client()
        client.request("/sse")
        self.clock.pump([1.0] * 300)
        self.hub.publish("news", Event("still here"))
        self.clock.advance(0)
        self.assertTrue(client.body.endswith(b"data: still here\n\n"))
        client.close()

    def test_body(self) -> None:
        """
        A body of the maximum size is accepted.
        """
        client = self.client()
        client.request(method="POST", headers={"Content-Length": str(MAX_BODY)})
        client.send(b"x" * MAX_BODY)
        self.assertEqual(b"%d" % MAX_BODY, client.body)
        client.close()

    def test_pitfall_K22_announced_body(self) -> None:
        """
        A body that is announced as too large is refused before it arrives, and never rendered.
        """
        client = self.client()
        client.request(method="POST", headers={"Content-Length": str(MAX_BODY + 1)})
        self.assertTrue(client.head.startswith(b"1 413 content too large"))
        self.assertEqual(b"The body must not have more than 65536 bytes.\n", client.body)
        client.send(b"x" * (MAX_BODY + 1))
        self.assertEqual(1, client.received.count(b"HTTP/1.1"))
        self.clock.advance(0)
        self.assertFalse(client.transport.is_connected)

    def test_pitfall_K22_chunked_body(self) -> None:
        """
        A chunked body is refused as soon as it is too large.
        """
        client = self.client()
        client.request(method="POST", headers={"Transfer-Encoding": "chunked"})
        chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
        client.send(chunk * 16)
        self.assertEqual(b"", client.received)
        client.send(chunk * 2 + b"0\r\n\r\n")
        self.assertTrue(client.head.startswith(b"1 413"))
        self.assertEqual(1, client.received.count(b"HTTP/1.1"))
        self.clock.advance(0)

    def begin_body(self, size: int) -> Client:
        """
        Send a body without its last byte.
        """
        client = self.client()
        client.request(method="POST", headers={"Content-Length": str(size + 1)})
        client.send(b"x" * size)
        return client

    def test_many_bodies(self) -> None:
        """
        All bodies together have a limit: a client whose body exceeds it is told to come again.
        Small bodies are always accepted.
        """
        self.site.body_room.free = MAX_BODY - FREE_BODY
        first = self.begin_body(MAX_BODY - 1)
        second = self.begin_body(MAX_BODY - 1)
        self.assertTrue(second.head.startswith(b"1 503 service unavailable"))
        self.assertIn(b"\r\nretry-after: 10", second.head)
        small = self.begin_body(FREE_BODY - 1)
        small.send(b"x")
        self.assertEqual(b"%d" % FREE_BODY, small.body)
        first.send(b"x")
        self.assertEqual(b"%d" % MAX_BODY, first.body)
        for client in (first, second, small):
            client.close()
        self.clock.advance(0)
        self.assertEqual(MAX_BODY - FREE_BODY, self.site.body_room.free)

    def test_room_is_given_back(self) -> None:
        """
        A body takes room until it is answered or refused, or until its client has gone.
        """
        whole = self.site.body_room.free
        for end in (
            lambda client: client.send(b"x"),
            lambda client: client.close(),
            lambda client: client.send(b"GET / HTTP/1.1"),
        ):
            client = self.begin_body(MAX_BODY - 1)
            self.assertEqual(whole - (MAX_BODY - 1 - FREE_BODY), self.site.body_room.free)
            end(client)
            self.assertEqual(whole, self.site.body_room.free)
            client.close()
        chunked = self.client()
        chunked.request(method="POST", headers={"Transfer-Encoding": "chunked"})
        for _ in range(MAX_BODY // 0x1000 + 1):
            chunked.send(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
        self.assertTrue(chunked.head.startswith(b"1 413"))
        self.assertEqual(whole, self.site.body_room.free)
        self.clock.advance(0)

    def test_sends_on_after_it_was_refused(self) -> None:
        """
        A refused client may send 8 MiB more, because it may read only after it has sent everything;
        a client that does not stop then is cut.
        """
        client = self.client()
        client.request(method="POST", headers={"Content-Length": str(2**40)})
        self.assertTrue(client.head.startswith(b"1 413"))
        piece = b"x" * 1024 * 1024
        for _ in range(8):
            client.send(piece)
        self.assertFalse(client.transport.is_aborted)
        client.send(b"x")
        self.assertTrue(client.transport.is_aborted)
        self.clock.advance(0)

    def test_larger_body(self) -> None:
        """
        A Site can have another limit on bodies.
        """
        self.site.max_body = 2 * MAX_BODY
        client = self.client()
        client.request(method="POST", headers={"Content-Length": str(2 * MAX_BODY)})
        client.send(b"x" * 2 * MAX_BODY)
        self.assertEqual(b"%d" % (2 * MAX_BODY), client.body)
        client.close()

    def test_no_body(self) -> None:
        """
        A Site with a limit of 0 takes no body at all.
        """
        self.site.max_body = 0
        for size, status in ((0, b"200"), (1, b"413")):
            client = self.client()
            client.request(method="POST", headers={"Content-Length": str(size)})
            self.assertTrue(client.head.startswith(b"1 " + status), client.head)
            client.close()
        self.clock.advance(0)

    def test_long_field(self) -> None:
        """
        A field that is too long gets an answer, and the connection is closed.
        """
        client = self.client()
        client.request(headers={"Cookie": "x" * 20_000})
        self.assertTrue(client.head.startswith(b"1 431 request header fields too large"))
        self.assertEqual(b"A field of the head is too long.\n", client.body)
        self.clock.advance(0)
        self.assertFalse(client.transport.is_connected)

    def test_long_url(self) -> None:
        """
        A URL that is too long gets an answer, even if it comes in pieces without end.
        """
        client = self.client()
        for _ in range(30):
            client.send(b"GET /".ljust(1000, b"x"))
        self.assertTrue(client.head.startswith(b"1 414 uri too long"))
        self.assertEqual(1, client.received.count(b"HTTP/1.1"))
        self.clock.advance(0)
        self.assertFalse(client.transport.is_connected)

    def test_date(self) -> None:
        """
        Each response has the date on which it was made.
        """
        for seconds in (0, 0.5, 0.5, 3600):
            self.clock.advance(seconds)
            client = self.client()
            client.request()
            expected = datetimeToString(self.clock.seconds()).lower()
            self.assertIn(b"\r\ndate: " + expected + b"\r\n", client.head)
            client.close()

    def test_server(self) -> None:
        """
        Each response names the server, as Twisted's own do.
        """
        client = self.client()
        client.request()
        self.assertIn(b"\r\nserver: " + version.lower() + b"\r\n", client.head + b"\r\n")
        client.close()

    def test_star(self) -> None:
        """
        ``OPTIONS *`` is answered by the server itself (RFC 9110, 9.3.7).
        """
        client = self.client()
        client.request("*", method="OPTIONS")
        self.assertTrue(client.head.startswith(b"1 200"))
        client.close()

    def test_raises(self) -> None:
        """
        If a resource raises an exception, the client gets 500, and the connection accepts the next
        request.
        """
        self.plain.render_GET = lambda request: 1 / 0  # type: ignore[assignment]
        client = self.client()
        client.request()
        self.assertTrue(client.head.startswith(b"1 500"))
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        client.request("/nothing")
        self.assertTrue(client.head.startswith(b"1 404"))
        client.close()

    def test_streams_are_streams(self) -> None:
        """
        A Site refuses a hub in place of the hub's streams, with a hint.
        """
        error = self.assertRaises(TypeError, Site, Resource(), streams=self.hub)
        self.assertIn("hub.streams", str(error))

    def test_unlogged(self) -> None:
        """
        Paths that are not to be logged have no line in the access log; all others have one.
        """
        lines: list[str] = []
        self.site._logFile = type("Log", (), {"write": staticmethod(lines.append)})
        self.site._logDateTime = ""
        client = self.client()
        for path in ("/", "/quiet"):
            client.request(path)
        client.close()
        self.assertEqual(1, len(lines))
        self.assertIn('"GET / HTTP/1.1" 200', lines[0])

    def test_line_that_fails(self) -> None:
        """
        Whatever a formatter of the application raises, the response is finished, the connection
        goes on, and the log has the error.
        """
        for problem in (ZeroDivisionError, SystemExit):

            def fail(*_: object, problem: type[BaseException] = problem) -> str:
                raise problem("no line")

            site = Site(self.plain, streams=self.hub.streams, logFormatter=fail)
            site._logFile = type("Log", (), {"write": staticmethod(lambda line: None)})
            client = Client(site, self.clock)
            for _ in range(2):
                client.request()
                self.assertEqual(b"plain", client.body)
            self.assertEqual(2, len(self.flushLoggedErrors(problem)))
            client.close()


class Listener:
    """
    A listener at an address.
    """

    def __init__(self, port: int) -> None:
        self.address = IPv4Address("TCP", "192.0.2.1", port)

    def getHost(self) -> IPv4Address:
        return self.address


class HostTests(SiteCase):
    """
    The local address of a connection.
    """

    def host(
        self, client: Client, listener: Listener, address: IPv4Address | None = None
    ) -> IPv4Address:
        """
        Return the address, as the site reports it.

        :param address: The address that the kernel reports; by default, the listener's.
        """
        transport = client.transport
        transport.server = listener  # type: ignore[attr-defined]  # as that of a socket
        transport.hostAddr = address or listener.address
        host = self.site.host_of(transport)
        assert isinstance(host, IPv4Address)
        return host

    def test_own_address(self) -> None:
        """
        A request knows the address that it came to.
        """
        client = self.client()
        client.request("/wait")
        assert self.plain.waiting is not None
        self.assertEqual(client.transport.getHost(), self.plain.waiting.getHost())
        client.close()

    def test_forgotten(self) -> None:
        """
        The local address is the listener's.  The site forgets it after the last connection.
        """
        listener = Listener(80)
        kept = weakref.ref(listener)
        client = self.client()
        self.assertEqual(80, self.host(client, listener).port)
        client.close()
        del listener, client
        gc.collect()
        self.assertIsNone(kept())

    def test_all_addresses(self) -> None:
        """
        A listener on all addresses of the machine has another local address for each connection,
        also while several are open.
        """
        listener = Listener(80)
        listener.address = IPv4Address("TCP", "0.0.0.0", 80)
        for name in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
            client = self.client()
            self.addCleanup(client.close)
            address = IPv4Address("TCP", name, 80)
            self.assertEqual(address, self.host(client, listener, address))


class ClocksTests(SiteCase):
    """
    Dates and durations of a Site while somebody sets the time of day.
    """

    def setUp(self) -> None:
        super().setUp()
        self.clock = TwoClocks(784111777.0)
        self.lines: list[str] = []
        self.site = Site(
            self.plain,
            streams=Streams(self.clock),
            timeout=5,
            logFormatter=lambda timestamp, request: self.lines.append(timestamp) or "",
        )
        self.site._logFile = type("Log", (), {"write": staticmethod(lambda line: None)})

    def test_dates(self) -> None:
        """
        The date of a response, and of its line in the access log, is by the time of day.
        """
        for seconds, date in ((0, "06 Nov 1994 08:49:37"), (3600, "06 Nov 1994 09:49:37")):
            self.clock.step(seconds)
            client = self.client()
            client.request()
            self.assertIn(f"\r\ndate: sun, {date} gmt".lower().encode(), client.head)
            client.close()
        self.assertEqual(
            ["[06/Nov/1994:08:49:37 +0000]", "[06/Nov/1994:09:49:37 +0000]"], self.lines
        )

    def test_date_of_a_long_response(self) -> None:
        """
        A response has the date of its beginning, and its line in the access log that of its end.
        """
        client = self.client()
        client.request("/wait")
        assert self.plain.waiting is not None
        self.plain.waiting.write(b"a")
        self.clock.advance(3600)
        self.plain.waiting.finish()
        self.assertIn(b"\r\ndate: sun, 06 nov 1994 08:49:37 gmt", client.head)
        self.assertEqual(["[06/Nov/1994:09:49:37 +0000]"], self.lines)
        client.close()

    def test_time_of_a_request(self) -> None:
        """
        The time of a request does not depend on the time of day.
        """
        client = self.client()
        self.clock.step(1000)
        self.clock.advance(4.9)
        self.assertTrue(client.transport.is_connected)
        self.clock.step(-2000)
        self.clock.pump([0.1, 0])
        self.assertFalse(client.transport.is_connected)


class ConnectionTests(SiteCase):
    """
    The facts that connections learn from a Site.
    """

    def test_protocol(self) -> None:
        """
        With TLS, the Site agrees upon HTTP/1.1 and nothing else.
        """
        self.assertEqual([b"http/1.1"], self.site.acceptableProtocols())

    def test_clock(self) -> None:
        """
        Twisted's part of a Site also has the clock of the streams, for the dates of its log.
        """
        self.assertIs(self.clock, self.site.reactor)


class StreamsOfTests(SiteCase):
    """
    Streams that a per-request stream belongs to.
    """

    def test_ours(self) -> None:
        """
        Under our Site, these are the Site's streams.
        """
        self.assertIs(self.hub.streams, streams_of(self.site))

    def test_another(self) -> None:
        """
        Under another Site, the streams are made once for that Site, and use its clock.
        """
        site = TwistedSite(Resource(), reactor=self.clock)
        streams = streams_of(site)
        self.assertIs(streams, streams_of(site))
        self.assertIs(self.clock, streams.clock)
        self.assertIsNot(streams, streams_of(TwistedSite(Resource(), reactor=self.clock)))
