"""
The stop of a server.
"""

from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.web.resource import Resource

from ssetwist.hub import EndReason, Streams
from ssetwist.hub._turns import MAX_SWEEP
from ssetwist.web import Site
from ssetwist.web.site._connection import Connection
from tests.memory import Client, SocketClient
from tests.unit.hub.fake import TurnClock
from tests.unit.web.site.case import SiteCase


class DrainTests(SiteCase):
    """
    The stop of a server.
    """

    def test_nobody(self) -> None:
        """
        Without connections a drain is done at once.
        """
        self.assertIsNone(self.successResultOf(self.site.drain(10, reconnection_time=3)))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_streams(self) -> None:
        """
        A drain tells each stream when to come back, ends it and closes its connection.
        """
        clients = [self.client() for _ in range(3)]
        for client in clients:
            client.request("/sse")
        drained = self.site.drain(10, reconnection_time=3)
        self.assertNoResult(drained)
        self.clock.pump([0, 0.1])
        self.successResultOf(drained)
        for client in clients:
            self.assertTrue(client.is_complete)
            self.assertRegex(client.body, rb"^retry: 3000\nretry: 30\d\d\n$")
            self.assertFalse(client.transport.is_connected)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_time_to_come_back(self) -> None:
        """
        Each client is told to come back after the time that the drain was given, which may be
        longer than the default.
        """
        client = self.client()
        client.request("/sse")
        drained = self.site.drain(10, reconnection_time=7)
        self.clock.pump([0, 0.1])
        self.successResultOf(drained)
        self.assertRegex(client.body, rb"\nretry: 70\d\d\n$")

    def test_idle_and_half_a_head(self) -> None:
        """
        A drain closes connections without a request, and with a part of one.
        """
        idle, used, half = self.client(), self.client(), self.client()
        used.request()
        half.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        drained = self.site.drain(10, reconnection_time=3)
        self.clock.pump([0, 0.1])
        self.successResultOf(drained)
        for client in (idle, used, half):
            self.assertFalse(client.transport.is_aborted)

    def test_many(self) -> None:
        """
        Many idle connections are closed in several turns, each of which is short.
        """
        clock = TurnClock()
        site = Site(Resource(), streams=Streams(clock))
        clients = [Client(site, clock) for _ in range(6)]
        close = Connection.close_if_idle

        def slowly(connection: Connection) -> None:
            clock.busy(MAX_SWEEP * 0.6)
            close(connection)

        self.patch(Connection, "close_if_idle", slowly)
        drained = site.drain(10, reconnection_time=3)
        closed = []
        for _ in range(3):
            closed.append(sum(not client.transport.is_connected for client in clients))
            clock.turn()
        self.assertEqual([0, 2, 4], closed)  # each in the turn after its call
        clock.turn(0.1)
        self.successResultOf(drained)
        self.assertEqual([], clock.getDelayedCalls())

    def test_a_response_under_way(self) -> None:
        """
        A drain waits for a request that is being answered.
        """
        client = self.client()
        client.request("/wait")
        drained = self.site.drain(10, reconnection_time=3)
        self.clock.advance(1)
        self.assertNoResult(drained)
        assert self.plain.waiting is not None
        self.plain.waiting.write(b"done")
        self.plain.waiting.finish()
        self.clock.pump([0.1, 0.1])
        self.successResultOf(drained)
        self.assertEqual(b"done", client.body)

    def test_a_response_with_more_behind_it(self) -> None:
        """
        A drain waits for an answer, even if a part of the next request has arrived.
        """
        client = self.client()
        client.request("/wait")
        client.send(b"GET /next HTTP/1.1\r\nHo")
        drained = self.site.drain(10)
        self.clock.pump([0.1] * 5)
        assert self.plain.waiting is not None
        self.plain.waiting.write(b"done")
        self.plain.waiting.finish()
        self.clock.pump([0.1] * 3)
        self.successResultOf(drained)
        self.assertIn(b"done", client.received)
        self.assertTrue(client.is_complete)

    def test_abort(self) -> None:
        """
        ``abort`` cuts every connection; a stream knows that it was the server.
        """
        reasons: list[EndReason] = []
        client, other = self.client(), self.client()
        client.request("/sse")
        self.hub.subscribers[0].when_ended().addCallback(reasons.append)
        self.site.abort()
        self.clock.advance(0)
        for each in (client, other):
            self.assertTrue(each.transport.is_aborted)
        self.assertEqual([EndReason.DRAINING], reasons)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_never_reads(self) -> None:
        """
        A drain ends at the deadline: then it cuts clients that do not read.
        """
        client = self.client()
        client.request("/sse")
        client.stop_reading()
        drained = self.site.drain(5, reconnection_time=3)
        self.clock.pump([1.0] * 4)
        self.assertNoResult(drained)
        self.clock.pump([1.0, 0.1])
        self.successResultOf(drained)
        self.assertTrue(client.transport.is_aborted)
        self.assertEqual([], self.clock.getDelayedCalls())


class RefusedTests(SiteCase):
    """
    Connections with a refused request that wait for their client.
    """

    def test_closed(self) -> None:
        """
        A drain does not wait for such a client, and does not cut it.
        """
        client = SocketClient(self.site, self.clock)
        client.transport.loseWriteConnection = lambda: None  # type: ignore[method-assign]
        client.request(method="POST", headers={"Content-Length": "1000000"})
        self.assertTrue(client.transport.is_connected)
        drained = self.site.drain(10)
        self.clock.pump([0, 0.1])
        self.successResultOf(drained)
        self.assertEqual(
            (False, False), (client.transport.is_connected, client.transport.is_aborted)
        )


class StuckTests(SiteCase):
    """
    Connections that cannot be closed.
    """

    def test_told(self) -> None:
        """
        A drain waits a second for connections that were cut at its deadline; then it is over, and
        an error tells how many are left.
        """
        clients = [self.client() for _ in range(2)]
        for client in clients:
            client.request("/wait")
            client.transport.abortConnection = lambda: None  # type: ignore[method-assign]
        with capturedLogs() as logged:
            drained = self.site.drain(5)
            self.clock.pump([0.5] * 11)
            self.assertNoResult(drained)
            self.clock.pump([0.5] * 2)
            self.successResultOf(drained)
        [line] = [event for event in logged if event["log_level"] is LogLevel.error]
        self.assertEqual("2 connections could not be closed", formatEvent(line))
        for client in clients:
            client.close()

    def test_one_that_raises(self) -> None:
        """
        A transport that raises when it is closed or cut does not keep the others open.
        """

        def fail() -> None:
            raise OSError("a broken transport")

        bad, good = self.client(), self.client()
        for client in (bad, good):
            client.request("/wait")
        bad.transport.abortConnection = fail  # type: ignore[method-assign]
        self.site.abort()
        self.clock.advance(0)
        self.assertFalse(good.transport.is_connected)
        self.assertEqual(1, len(self.flushLoggedErrors(OSError)))
        bad.close()
