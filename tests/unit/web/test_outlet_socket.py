"""
One stream on a socket: bytes that go straight to the socket, and bytes that go through the
transport.
"""

import socket
import sys
from math import inf

from twisted.logger import capturedLogs
from twisted.web.server import Site as TwistedSite

from ssetwist.hub import EndReason
from ssetwist.hub.outlets import NOT_SENT, PIECE, Chunk
from ssetwist.web._outlet import RequestOutlet
from ssetwist.web._waiting import MAX_WAITING
from ssetwist.web.site._peer import USER_TIMEOUT_FACTOR
from tests.memory import SocketClient, dechunk
from tests.unit.web.case import ONE, TWO, SocketCase, take_short_cut


class BeginTests(SocketCase):
    """
    The beginning of a stream, on a socket.
    """

    def test_head_leaves_at_once(self) -> None:
        """
        The kernel has the head and the first bytes before ``render`` returns.
        """
        client, outlet = self.connect()
        self.assertEqual(b":\n", client.body)
        self.assertFalse(outlet.is_behind)

    def test_head_leaves_at_once_after_another_response(self) -> None:
        """
        The head also leaves at once on a connection that has carried another response.
        """
        client = SocketClient(self.site, self.clock)
        self.addCleanup(client.close)
        client.request("/plain")
        client.transport.work()
        client.request()
        self.assertEqual(b":\n", client.body)
        self.assertFalse(self.resource.outlets[-1].is_behind)

    def test_head_is_refused(self) -> None:
        """
        If the kernel does not take the head at once, nothing overtakes the head.
        """
        for room in (0, 10, 100):
            client = SocketClient(self.site, self.clock)
            self.addCleanup(client.close)
            client.socket.room = room
            client.request()
            outlet = self.resource.outlets[-1]
            self.assertTrue(outlet.is_behind, room)
            self.assertFalse(outlet.write(Chunk(ONE, 1)))
            self.assertEqual(NOT_SENT, take_short_cut(outlet, Chunk(TWO, 1)))
            client.read_again()
            self.assertTrue(client.received.startswith(b"HTTP/1.1 200 OK\r\n"), room)
            self.assertEqual(b":\n" + ONE, client.body)
            self.assertFalse(outlet.is_behind)
            self.assertEqual(["has room"], self.resource.writers[-1].told)
            self.assertGreater(take_short_cut(outlet, Chunk(TWO, 1)), 0)  # again past the transport

    def test_room_before_the_rest_of_the_head(self) -> None:
        """
        When the kernel has room again, but the transport still holds a part of the head, nothing
        overtakes it.
        """
        client = SocketClient(self.site, self.clock)
        self.addCleanup(client.close)
        client.socket.room = 10
        client.request()
        client.socket.room = inf
        self.assertFalse(self.resource.outlets[-1].write(Chunk(ONE, 1)))
        client.transport.work()
        self.assertTrue(client.received.startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertEqual(b":\n" + ONE, client.body)

    def test_head_in_the_transport(self) -> None:
        """
        On each way on which the head goes through the transport, a stream is behind until the whole
        head has left, and nothing overtakes it.
        """
        ways: tuple[tuple[bool, dict[str, object]], ...] = (
            (True, {}),
            (False, {"headers": {"Expect": "100-continue"}}),
            (False, {"version": "1.0"}),
        )
        for has_answered, request in ways:
            client = SocketClient(self.site, self.clock)
            self.addCleanup(client.close)
            if has_answered:
                client.request("/plain")
                client.transport.work()
            client.socket.room = 40
            client.request(**request)  # type: ignore[arg-type]  # the options of request
            outlet = self.resource.outlets[-1]
            self.assertTrue(outlet.is_behind, request)
            client.socket.room = inf
            self.assertFalse(outlet.write(Chunk(ONE, 1)))
            for _ in range(2):  # first the head, then the event of HTTP/1.0
                client.transport.work()
            self.assertEqual(b":\n" + ONE, client.body)
            self.assertFalse(outlet.is_behind)

    def test_after_another_response(self) -> None:
        """
        Nothing overtakes the rest of the responses before the stream.
        """
        client = SocketClient(self.site, self.clock)
        self.addCleanup(client.close)
        client.socket.room = 20
        client.request("/plain")
        client.request("/plain")
        client.request()
        outlet = self.resource.outlets[-1]
        outlet.write(Chunk(ONE, 1))
        client.read_again()
        first, second, third = client.received.split(b"HTTP/1.1 200 OK\r\n")[1:]
        self.assertTrue(first.endswith(b"plain") and second.endswith(b"plain"))
        self.assertTrue(third.endswith(b"\r\n\r\n2\r\n:\n\r\n9\r\n" + ONE + b"\r\n"), third)

    def test_continue(self) -> None:
        """
        A response 100 (Continue) to the request comes before the head of the stream.
        """
        client, _ = self.connect(headers={"Expect": "100-continue"})
        self.assertTrue(client.received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"))

    def test_same_head(self) -> None:
        """
        The head is the same, whether it goes straight to the socket or through the transport.
        """
        straight, _ = self.connect()
        other, _ = self.connect(headers={"Expect": "100-continue"})
        self.assertEqual(*(sorted(client.head.split(b"\r\n")) for client in (straight, other)))

    def test_client_that_has_gone(self) -> None:
        """
        If the socket of a client breaks before its stream begins, the stream is gone in the next
        turn.
        """
        client = SocketClient(self.site, self.clock)
        client.socket.error = ConnectionResetError()
        client.request()
        client.transport.work()
        self.assert_ended(EndReason.CONNECTION_LOST, self.resource.outlets[0])


class OtherSiteTests(SocketCase):
    """
    Streams under a Site of Twisted.
    """

    def test_peer_is_watched(self) -> None:
        """
        The socket of a stream gets the options that tell if its peer has vanished, which our own
        Site sets for each connection.
        """
        self.streams.stall_timeout = 60.0
        site = TwistedSite(self.resource, reactor=self.clock)
        client = SocketClient(site, self.clock)
        self.addCleanup(self.clock.advance, 0)
        self.addCleanup(client.close)
        options: dict[tuple[int, int], int] = {}

        def set_option(level: int, name: int, value: int) -> None:
            options[level, name] = value

        client.socket.getsockopt = lambda *option: 0  # type: ignore[attr-defined]
        client.socket.setsockopt = set_option  # type: ignore[attr-defined]
        client.request()
        self.assertEqual(1, options[socket.SOL_SOCKET, socket.SO_KEEPALIVE])
        if sys.platform == "linux":
            user_timeout = options[socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT]
            self.assertEqual(60.0 * USER_TIMEOUT_FACTOR * 1000, user_timeout)


class SendTests(SocketCase):
    """
    Bytes that go straight to the socket: by write, or by send and settle.
    """

    def by_write(self, outlet: RequestOutlet, chunk: Chunk) -> bool:
        return outlet.write(chunk)

    def by_send(self, outlet: RequestOutlet, chunk: Chunk) -> bool:
        return outlet.settle(chunk, take_short_cut(outlet, chunk))

    def both_ways(self) -> list[tuple[SocketClient, RequestOutlet, object]]:
        return [(*self.connect(), put) for put in (self.by_write, self.by_send)]

    def test_at_once(self) -> None:
        """
        Bytes that the kernel takes have left before write returns, as one chunk.
        """
        for client, outlet, put in self.both_ways():
            before = len(client.received)
            self.assertTrue(put(outlet, Chunk(ONE, 1)))
            self.assertEqual(b"9\r\n" + ONE + b"\r\n", client.received[before:])
            self.assertFalse(outlet.is_behind)

    def test_framed_once(self) -> None:
        """
        The bytes of an HTTP chunk are made once for some events, and all clients are sent the same
        object.
        """
        chunk = Chunk(ONE, 1)
        clients = [*self.both_ways(), *self.both_ways()]
        for _, outlet, put in clients:
            put(outlet, chunk)
        self.assertEqual(b"9\r\n" + ONE + b"\r\n", chunk.on_wire)
        for client, _, _ in clients:
            self.assertIs(chunk.on_wire, client.socket.sends[-1])

    def test_part(self) -> None:
        """
        If the kernel takes a part of a chunk, the rest follows, and later chunks follow after that.
        """
        for room in range(1, 14):
            for client, outlet, put in self.both_ways():
                client.socket.room = room
                self.assertFalse(put(outlet, Chunk(ONE, 1)), room)
                self.assertTrue(outlet.is_behind)
                self.assertFalse(put(outlet, Chunk(TWO, 1)))
                client.read_again()
                self.assertEqual(b":\n" + ONE + TWO, client.body)
                self.assertTrue(put(outlet, Chunk(ONE, 1)), "it keeps up again")

    def test_room_before_the_transport(self) -> None:
        """
        When the kernel has room again, but the transport still holds bytes, nothing overtakes them.
        """
        for room in (0, 5):
            for client, outlet, put in self.both_ways():
                client.socket.room = room
                put(outlet, Chunk(ONE, 1))
                client.socket.room = inf
                self.assertFalse(put(outlet, Chunk(TWO, 1)))
                client.transport.work()
                self.assertEqual(b":\n" + ONE + TWO, client.body)

    def test_nothing(self) -> None:
        """
        If the kernel takes nothing, the chunk waits, and the stream is behind until the chunk has
        left.
        """
        for client, outlet, put in self.both_ways():
            client.stop_reading()
            self.assertFalse(put(outlet, Chunk(ONE, 1)))
            self.assertEqual(self.clock.seconds(), outlet.behind_since)
            client.read_again()
            self.assertEqual(b":\n" + ONE, client.body)
            self.assertIsNone(outlet.behind_since)

    def test_error(self) -> None:
        """
        A write to a broken connection raises nothing; the reactor finds the error in the next turn.
        """
        for client, outlet, put in self.both_ways():
            client.socket.error = BrokenPipeError()
            self.assertFalse(put(outlet, Chunk(ONE, 1)))
            self.assertTrue(outlet.is_open)
            client.transport.work()
            self.assertFalse(outlet.is_open)
        self.assertEqual([EndReason.CONNECTION_LOST] * 2, self.resource.ended)

    def test_after_the_end(self) -> None:
        """
        A write to a stream that has ended is dropped, and never asks the writer to wait.
        """
        for client, outlet, put in self.both_ways():
            client.close()
            before = client.received
            self.assertEqual(NOT_SENT, take_short_cut(outlet, Chunk(ONE, 1)))
            self.assertTrue(put(outlet, Chunk(ONE, 1)))
            self.assertEqual(before, client.received)

    def test_ended_between(self) -> None:
        """
        A stream that is cut between a send and its settling ends once.
        """
        client, outlet = self.connect()
        client.socket.room = 5
        chunk = Chunk(ONE, 1)
        sent = take_short_cut(outlet, chunk)
        self.assertEqual(5, sent)
        client.socket.room = 0
        self.assertFalse(outlet.settle(chunk, sent))
        outlet.abort(EndReason.STALLED)
        self.assert_ended(EndReason.STALLED, outlet)
        self.clock.advance(0)

    def test_send_alone(self) -> None:
        """
        A send changes no count and calls nothing; ``settle`` does, in the reactor's thread.
        """
        client, outlet = self.connect()
        client.socket.room = 5
        self.clock.advance(1)
        chunk = Chunk(ONE, 1)
        take_short_cut(outlet, chunk)
        self.assertEqual((0.0, 0), (outlet.last_write, outlet._events))
        self.assertFalse(outlet.is_behind)
        outlet.settle(chunk, 5)
        self.assertEqual((1.0, 1), (outlet.last_write, outlet._events))
        self.assertTrue(outlet.is_behind)

    def test_large(self) -> None:
        """
        Large events go in pieces, and arrive whole, even if the kernel takes them in smaller parts.
        """
        data = bytes(range(256)) * (3 * PIECE // 256) + b"\n\n"
        for client, outlet, put in self.both_ways():
            client.socket.room = PIECE // 3
            chunk = Chunk(data, 1)
            self.assertEqual(NOT_SENT, take_short_cut(outlet, chunk))
            self.assertFalse(put(outlet, chunk))
            while outlet.is_behind:
                client.socket.room = PIECE // 3
                client.transport.work()
            self.assertEqual(b":\n" + data, client.body)
            self.assertLessEqual(max(map(len, client.socket.sends)), PIECE + 100)

    def test_large_and_not_behind(self) -> None:
        """
        A client that takes a large chunk at once is never behind.
        """
        for client, outlet, put in self.both_ways():
            self.assertTrue(put(outlet, Chunk(b"x" * (2 * MAX_WAITING), 1)))
            self.assertEqual(2 + 2 * MAX_WAITING, len(client.body))
            self.assertTrue(outlet.is_open)

    def test_end(self) -> None:
        """
        The end follows the bytes that the kernel has refused, and then the connection is closed.
        """
        for client, outlet, put in self.both_ways():
            client.socket.room = 7
            put(outlet, Chunk(ONE, 1))
            outlet.end(EndReason.FINISHED, last_words=TWO)
            self.assertFalse(client.is_complete)
            client.read_again()
            self.assertTrue(client.is_complete)
            self.assertEqual(b":\n" + ONE + TWO, dechunk(client.received.partition(b"\r\n\r\n")[2]))
            self.clock.advance(0)
            self.assertFalse(client.transport.is_connected)
            self.assertFalse(client.transport.is_aborted)

    def test_last_chunk_is_refused(self) -> None:
        """
        A client that does not take the last chunk is cut at the stall time-out.
        """
        client, outlet = self.connect()
        client.stop_reading()
        outlet.end(EndReason.FINISHED)
        self.pass_time(24)
        self.assertTrue(client.transport.is_aborted)
        self.assert_ended(EndReason.FINISHED, outlet)

    def test_accounts(self) -> None:
        """
        The log line counts events and bytes of the stream, without HTTP's chunks, for each way of
        writing.
        """
        for client, outlet, put in self.both_ways():
            put(outlet, Chunk(ONE + TWO, 2))
            client.socket.room = 5
            put(outlet, Chunk(ONE, 1))
            with capturedLogs() as logged:
                client.close()
            self.assertEqual(
                [(3, 29)],
                [(each["events"], each["bytes"]) for each in logged if "reason" in each],
            )

    def test_http_1_0(self) -> None:
        """
        A stream over HTTP/1.0 has no short cut, and its bytes are the same.
        """
        for put in (self.by_write, self.by_send):
            client, outlet = self.connect(version="1.0")
            self.assertEqual(NOT_SENT, take_short_cut(outlet, Chunk(ONE, 1)))
            put(outlet, Chunk(ONE, 1))
            client.transport.work()
            self.assertEqual(b":\n" + ONE, client.body)

    def test_heartbeat(self) -> None:
        """
        After an event, a client gets its next comment when its own silence has lasted long enough,
        and not earlier.
        """
        client, outlet = self.connect()
        self.pass_time(6)
        self.by_send(outlet, Chunk(ONE, 1))
        self.pass_time(11)
        self.assertEqual(b":\n" + ONE, client.body)
        self.pass_time(4)
        self.assertEqual(b":\n" + ONE + b":\n", client.body)


class LifetimeTests(SocketCase):
    """
    Streams that end because they have lasted long enough.
    """

    def test_lifetime(self) -> None:
        """
        A stream ends properly when its lifetime is over, after its writer could write once more.
        """
        client, outlet = self.connect()
        (writer,) = self.resource.writers
        outlet.expires = 10.0
        self.pass_time(9)
        self.assertTrue(outlet.is_open)
        self.pass_time(4)
        self.assertEqual(["before the end", EndReason.LIFETIME_OVER], writer.told)
        self.assertTrue(client.is_complete)
        self.clock.advance(0)
