"""
Limit on the connections of a Site.
"""

import socket
from typing import Any

from OpenSSL.SSL import TLS_METHOD, Context
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory
from twisted.internet.ssl import ContextFactory
from twisted.internet.tcp import Server
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel, capturedLogs
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from ssetwist.eventstream import Event
from ssetwist.web import Site
from ssetwist.web.site._connection_limit import MAX_SLOW, WARN_EVERY
from tests.memory import Client, NoReactor
from tests.unit.web.site.case import SiteCase


class LimitTests(SiteCase):
    """
    A Site with room for three connections.
    """

    def setUp(self) -> None:
        super().setUp()
        self.site = Site(self.site.resource, streams=self.hub.streams, max_connections=3)
        self.addCleanup(self.site.abort)

    def turn(self) -> None:
        """
        Let a turn of the reactor pass.
        """
        self.clock.pump([0, 0])

    def are_open(self, *clients: Client) -> list[bool]:
        self.turn()
        return [client.transport.is_connected for client in clients]

    def silent(self, count: int) -> list[Client]:
        """
        Open connections without a request, one after the other.
        """
        clients = []
        for _ in range(count):
            clients.append(self.client())
            self.clock.advance(0.5)
        return clients

    def on_socket(self, sent: bytes = b"") -> tuple[Any, Any]:
        """
        Connect by a plain socket; return the connection and its transport.

        :param sent: Bytes that no turn of the reactor has read yet.
        """
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        theirs.send(sent)
        connection = self.site.buildProtocol(None)
        transport = Server(ours, connection, ("192.0.2.1", 50000), None, 1, NoReactor())
        connection.makeConnection(transport)
        return connection, transport

    def test_oldest_makes_room(self) -> None:
        """
        The connection that has waited the longest for its request makes room for a new one.
        """
        first, second, third = self.silent(3)
        first.request()  # so that it begins to wait anew
        (fourth,) = self.silent(1)
        self.assertEqual([True, False, True, True], self.are_open(first, second, third, fourth))
        fourth.request()
        self.assertEqual(b"plain", fourth.body)

    def test_half_a_request_makes_room(self) -> None:
        """
        A connection whose request does not arrive makes room, too.
        """
        slow, *others = self.silent(3)
        slow.send(b"GET / HT")
        more = self.silent(3)
        self.assertEqual([False] * 3, self.are_open(slow, *others))
        self.assertEqual([True] * 3, self.are_open(*more))

    def test_many_in_one_turn(self) -> None:
        """
        Of many that connect in one turn of the reactor, each takes the place of another one.
        """
        clients = [self.client() for _ in range(10)]
        self.assertEqual([False] * 7 + [True] * 3, self.are_open(*clients))
        self.assertEqual(3, len(self.site.connections))

    def test_leaving(self) -> None:
        """
        A connection that makes room, and has not gone yet, takes no place: if another one goes
        first, a new one takes that place, and no other makes room.
        """
        leaving, going, third = self.silent(3)
        fourth = self.client()
        going.close()
        self.assertTrue(leaving.transport.is_connected)
        fifth = self.client()
        self.assertEqual([False, True, True, True], self.are_open(leaving, third, fourth, fifth))

    def test_streams_stay(self) -> None:
        """
        Streams, and requests that are being answered, never make room: the new connection is
        refused.
        """
        streams = self.silent(3)
        for stream in streams[1:]:
            stream.request("/sse")
        streams[0].request("/wait")
        new = self.silent(2)
        self.assertEqual([True] * 3, self.are_open(*streams))
        self.assertEqual([False] * 2, self.are_open(*new))
        self.hub.publish("news", Event("hello"))
        self.turn()
        self.assertIn(b"hello", streams[1].body)
        streams[1].close()
        self.assertEqual([True], self.are_open(*self.silent(1)))

    def test_closing_makes_room(self) -> None:
        """
        A connection that the server closes, and whose client does not, makes room after those that
        wait for a request.
        """
        closing, waiting, _ = self.silent(3)
        closing.transport.loseConnection = lambda: None  # as TLS does: it waits for the client
        closing.request(headers={"Connection": "close"})
        self.assertEqual(b"plain", closing.body)
        self.silent(1)
        self.assertEqual([True, False], self.are_open(closing, waiting))
        for connection in tuple(self.site.connections - self.site.closing.keys()):
            connection.dataReceived(b"GET /sse HTTP/1.1\r\nHost: a\r\n\r\n")
        self.silent(1)
        self.assertEqual([False], self.are_open(closing))

    def test_each_makes_room_once(self) -> None:
        """
        Of two that connect in one turn, only one takes the place of a connection that closes.
        """
        closing, *others = self.silent(3)
        closing.transport.loseConnection = lambda: None
        closing.request(headers={"Connection": "close"})
        for stream in others:
            stream.request("/sse")
        first = self.client()
        first.request("/sse")
        self.assertEqual([True, False], self.are_open(first, self.client()))
        self.assertEqual([False, True, True], self.are_open(closing, *others))

    def test_unsent(self) -> None:
        """
        A client that does not take its responses is cut, for it would never let the server close;
        but it makes room after those that take them, and would lose what it has not taken.
        """
        stuck = self.client()
        stuck.request()
        stuck.stop_reading()
        first, second = self.silent(2)
        new = self.client()
        self.assertEqual([True, False, True], self.are_open(stuck, first, second))
        for stream in (second, new):
            stream.request("/sse")
        self.silent(1)
        self.assertEqual([False], self.are_open(stuck))
        self.assertTrue(stuck.transport.is_aborted)

    def test_unread_and_unsent(self) -> None:
        """
        However many clients send requests and do not take the responses, they make room.
        """
        self.site = Site(self.site.resource, streams=self.hub.streams, max_connections=100)
        connections = [self.on_socket(b"GET / HTTP/1.1\r\n\r\n") for _ in range(100)]
        for connection, _ in connections:
            connection.pauseProducing()
        self.assertEqual([True], self.are_open(*self.silent(1)))
        self.assertTrue(connections[0][1]._aborting)
        for connection, _ in connections:
            connection.connectionLost(Failure(ConnectionDone()))

    def test_few_are_looked_at(self) -> None:
        """
        However many wait, only some of them are looked at to find one that makes room: each look is
        a call of the kernel.
        """
        self.site = Site(self.site.resource, streams=self.hub.streams, max_connections=100)
        connections = [self.on_socket(b"GET / HTTP/1.1\r\n\r\n")[0] for _ in range(100)]
        looked_at: list[int] = []
        for number, connection in enumerate(connections):
            connection.has_unread = lambda number=number: looked_at.append(number) or True
        self.assertEqual([False], self.are_open(*self.silent(1)))
        self.assertEqual(list(range(64)), looked_at)
        for connection in connections:
            connection.connectionLost(Failure(ConnectionDone()))

    def test_plain_socket(self) -> None:
        """
        A connection on a plain socket that has taken everything is closed without a reset, so that
        its client has not lost the end of the last response.
        """
        connection, transport = self.on_socket()
        self.silent(3)
        self.assertEqual((1, False), (transport.disconnecting, transport._aborting))
        connection.connectionLost(Failure(ConnectionDone()))

    def test_crowd_on_plain_sockets(self) -> None:
        """
        However many connect before those that make room are closed, only few descriptors are taken
        beyond the limit: the others are gone in the next turn.
        """
        clients = [self.on_socket() for _ in range(3 + MAX_SLOW + 50)]
        aborting = [transport._aborting for _, transport in clients]
        self.assertEqual([False] * MAX_SLOW + [True] * 50 + [False] * 3, aborting)
        for connection, _ in clients:
            connection.connectionLost(Failure(ConnectionDone()))

    def test_request_on_its_way(self) -> None:
        """
        A connection whose request has arrived, and is read in the next turn, does not make room.
        """
        connection, transport = self.on_socket(b"GET / HTTP/1.1")
        _, second, *_ = self.silent(3)
        self.assertFalse(transport.disconnecting)
        self.assertEqual([True], self.are_open(second))
        connection.connectionLost(Failure(ConnectionDone()))

    def test_warning(self) -> None:
        """
        A warning tells of the limit at once, and then once a minute, with what has happened since.
        """
        with capturedLogs() as events:
            clients = self.silent(6)
            for client in clients[3:]:
                client.request("/sse")
            self.silent(2)
            self.clock.advance(WARN_EVERY)
            self.silent(1)
        warnings = [event for event in events if event["log_level"] is LogLevel.warn]
        self.assertEqual(
            [(3, 1, 0), (3, 2, 3)], [(w["most"], w["closed"], w["refused"]) for w in warnings]
        )

    def test_no_limit(self) -> None:
        """
        By default there is no limit.
        """
        self.site = Site(self.plain, streams=self.hub.streams)
        clients = self.silent(20)
        self.assertEqual([True] * 20, self.are_open(*clients))
        self.site.abort()
        self.turn()

    def test_nothing_is_left(self) -> None:
        """
        When all have gone, the limit remembers nothing.
        """
        self.silent(5)
        self.site.abort()
        self.turn()
        self.assertTrue(self.site.is_idle)
        self.assertEqual((set(), {}), (self.site._limit.leaving, self.site.closing))


class RefusalTests(SiteCase):
    """
    Connections that are refused.
    """

    def test_under_tls(self) -> None:
        """
        A refusal works below TLS, where ``None`` instead of a protocol does not.
        """
        site = Site(self.site.resource, streams=self.hub.streams, max_connections=1)
        stream = Client(site, self.clock)
        stream.request("/sse")
        self.addCleanup(stream.close)

        class Contexts(ContextFactory):
            def getContext(self) -> Context:  # noqa: N802 (Twisted's name)
                return Context(TLS_METHOD)

        factory: Factory = TLSMemoryBIOFactory(Contexts(), False, site, self.clock)
        transport = StringTransport()
        factory.buildProtocol(None).makeConnection(transport)
        self.assertTrue(transport.disconnected or transport.disconnecting)
