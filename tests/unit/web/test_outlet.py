"""
One stream over one request, driven through a real Site over memory transports.
"""

from twisted.internet.address import IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from ssetwist.hub import EndReason, Streams
from ssetwist.hub._senders import _send
from ssetwist.hub.outlets import NOT_SENT, PIECE, Chunk
from ssetwist.web import Site
from ssetwist.web._outlet import RequestOutlet
from ssetwist.web._waiting import MAX_WAITING
from ssetwist.web.site._connection import CLOSE_TIMEOUT
from tests.memory import Client, SocketClient, dechunk

ONE, TWO = b"data: 1\n\n", b"data: 2\n\n"


def take_short_cut(outlet: RequestOutlet, chunk: Chunk) -> int:
    """
    Do what a thread of a flush does.
    """
    short_cut = outlet.short_cut(chunk)
    [sent] = _send(chunk.on_wire or chunk.data, [short_cut])
    return sent


class Recorder:
    """
    A :class:`ssetwist.hub.Writer` that remembers what it was told.

    :ivar told: In their order, the names of the methods; for an end, the reason.
    :ivar ended_so: The reasons alone.
    :ivar last: What it writes before the end, if anything.
    """

    def __init__(self) -> None:
        self.told: list[object] = []
        self.ended_so: list[EndReason] = []
        self.last = lambda: None
        self.on_end = lambda reason: None
        self.on_room = lambda: None

    def has_room(self) -> None:
        self.told.append("has room")
        self.on_room()

    def before_end(self) -> None:
        self.told.append("before the end")
        self.last()

    def ended(self, reason: EndReason) -> None:
        self.told.append(reason)
        self.ended_so.append(reason)
        self.on_end(reason)


class Streaming(Resource):
    """
    Makes each GET an open outlet, and remembers how it ended.
    """

    isLeaf = True

    def __init__(self, streams: Streams) -> None:
        super().__init__()
        self.streams = streams
        self.outlets: list[RequestOutlet] = []
        self.writers: list[Recorder] = []

    @property
    def ended(self) -> list[EndReason]:
        return [reason for writer in self.writers for reason in writer.ended_so]

    def render_GET(self, request: Request) -> bytes | int:
        if request.path == b"/plain":
            return b"plain"
        outlet = RequestOutlet(request, self.streams)
        self.outlets.append(outlet)
        self.writers.append(Recorder())
        outlet.open(b":\n")
        outlet.writer = self.writers[-1]
        return NOT_DONE_YET


class OutletCase(SynchronousTestCase):
    """
    A site with a streaming resource.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.streams = Streams(self.clock, heartbeat=15, stall_timeout=20)
        self.resource = Streaming(self.streams)
        self.site = Site(self.resource, streams=self.streams)
        self.addCleanup(lambda: self.assertEqual([], self.clock.getDelayedCalls()))

    make_client = Client

    def connect(self, path: str = "/", **request: object) -> tuple[Client, RequestOutlet]:
        client = self.make_client(self.site, self.clock)
        self.addCleanup(self.clock.advance, 0)
        self.addCleanup(client.close)
        client.request(path, **request)  # type: ignore[arg-type]  # the options of request
        return client, self.resource.outlets[-1]

    def pass_time(self, seconds: float) -> None:
        """
        Let time pass in small steps, as a reactor does.
        """
        self.clock.pump([1 / 16] * round(16 * seconds))

    def assert_ended(self, reason: EndReason, outlet: RequestOutlet) -> None:
        """
        It ended once, for this reason, and nothing of it is held.
        """
        self.assertEqual([reason], self.resource.ended)
        self.assertFalse(outlet.is_open)
        self.assertEqual(0, len(self.streams))
        self.assertFalse(hasattr(outlet, "_request"))
        self.assertIsNone(outlet._waiting)


class OpenTests(OutletCase):
    """
    Opening a stream.
    """

    def test_head_and_first_bytes(self) -> None:
        """
        The head and the first bytes are on the wire when render returns.
        """
        client, _ = self.connect()
        self.assertTrue(client.received.startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertIn(b"\r\ncontent-type: text/event-stream", client.head)
        self.assertIn(b"\r\ncache-control: no-store, no-transform", client.head)
        self.assertIn(b"\r\nx-accel-buffering: no", client.head)
        self.assertEqual(b":\n", client.body)

    def test_http_1_0(self) -> None:
        """
        HTTP/1.0 gets the bytes without chunks, and the end of the connection for the end.
        """
        client, outlet = self.connect(version="1.0")
        outlet.write(Chunk(ONE, 1))
        outlet.end(EndReason.FINISHED)
        self.assertNotIn(b"chunked", client.head)
        self.assertEqual(b":\ndata: 1\n\n", client.body)
        self.clock.advance(0)
        self.assertFalse(client.transport.is_connected)

    def test_pitfall_K10_request_that_is_over(self) -> None:
        """
        Of a request that ended before it was rendered, nothing is held and nothing is waited for.
        """
        client = Client(self.site, self.clock)
        seen: list[RequestOutlet] = []

        class Late(Resource):
            isLeaf = True

            def render_GET(inner, request: Request) -> int:  # noqa: N805 (self is the test's)
                client.close()
                seen.append(RequestOutlet(request, self.streams))
                return NOT_DONE_YET

        self.site.resource = Late()
        client.request()
        self.assertFalse(seen[0].is_new)
        self.assertFalse(seen[0].is_open)

    def test_after_the_end_nothing_happens(self) -> None:
        """
        After the end, writing, ending and aborting do nothing and raise nothing.
        """
        client, outlet = self.connect()
        client.close()
        before = client.received
        outlet.write(Chunk(ONE, 1))
        outlet.end(EndReason.FINISHED)
        outlet.abort(EndReason.FINISHED)
        self.assertEqual(before, client.received)
        self.assert_ended(EndReason.CLIENT_CLOSED, outlet)


class ClientGoesTests(OutletCase):
    """
    The client goes, for whatever reason, and is gone here at once.
    """

    def test_closes(self) -> None:
        """
        A FIN ends the stream in the turn in which Twisted learns of it.
        """
        client, outlet = self.connect()
        client.close(ConnectionDone())
        self.assert_ended(EndReason.CLIENT_CLOSED, outlet)

    def test_connection_lost(self) -> None:
        """
        So does a connection that breaks.
        """
        client, outlet = self.connect()
        client.close(ConnectionLost())
        self.assert_ended(EndReason.CONNECTION_LOST, outlet)

    def test_goes_while_behind(self) -> None:
        """
        What waited for it is freed.
        """
        client, outlet = self.connect()
        client.stop_reading()
        outlet.write(Chunk(ONE, 1))
        client.close()
        self.assert_ended(EndReason.CLIENT_CLOSED, outlet)

    def test_goes_while_closing(self) -> None:
        """
        Who goes while its last bytes wait does not end a second time.
        """
        client, outlet = self.connect()
        client.stop_reading()
        outlet.end(EndReason.FINISHED, last_words=b"retry: 1\n")
        client.close()
        self.assert_ended(EndReason.FINISHED, outlet)

    def test_no_unhandled_error(self) -> None:
        """
        Pitfall K11: nothing is logged as an error because a client went.
        """
        client, _ = self.connect()
        client.close(ConnectionLost())
        self.assertEqual([], self.flushLoggedErrors())

    def test_pitfall_K2_K3_bytes_after_the_request(self) -> None:
        """
        Bytes after the request end the stream, and none of them is kept.
        """
        client, outlet = self.connect()
        client.stop_reading()
        channel = client.transport.protocol
        client.send(b"x" * 65536)
        self.assert_ended(EndReason.UNEXPECTED_BYTES, outlet)
        self.assertTrue(client.transport.is_aborted)
        self.assertEqual([], channel._dataBuffer)

    def test_pitfall_K2_bytes_with_the_request(self) -> None:
        """
        Bytes that arrive together with the request end the stream, too.
        """
        client = Client(self.site, self.clock)
        client.send(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n" + b"x" * 20000)
        self.assertTrue(client.transport.is_aborted)
        self.assert_ended(EndReason.UNEXPECTED_BYTES, self.resource.outlets[0])
        self.clock.advance(0)

    def test_bytes_before_a_late_stream(self) -> None:
        """
        Bytes that came between the request and the stream cut the connection: there is no stream,
        but a line in the log.
        """
        client = Client(self.site, self.clock)
        requests: list[Request] = []

        class Late(Resource):
            isLeaf = True

            def render_GET(self, request: Request) -> int:
                requests.append(request)
                return NOT_DONE_YET

        self.site.resource = Late()
        client.request()
        client.send(b"x" * 17000)
        with capturedLogs() as logged:
            outlet = RequestOutlet(requests[0], self.streams)
        reasons = [each["reason"] for each in logged if "reason" in each]
        self.assertEqual([EndReason.UNEXPECTED_BYTES.value], reasons)
        self.assertFalse(outlet.is_new)
        self.assertTrue(client.transport.is_aborted)
        self.clock.advance(0)

    def test_log_line(self) -> None:
        """
        Pitfall K14: each ended stream has one line with who, reason, duration, events, bytes.
        """
        client, outlet = self.connect("/a%20b?token=secret")
        outlet.write(Chunk(ONE + TWO, 2))
        self.clock.advance(1.5)
        with capturedLogs() as logged:
            client.close()
        (line,) = [each for each in logged if "reason" in each]
        self.assertEqual(
            ("192.0.2.1:50000", "/a%20b", "client closed", 1.5, 2, 20),
            tuple(line[key] for key in ("peer", "path", "reason", "duration", "events", "bytes")),
        )

    def test_log_line_names(self) -> None:
        """
        A client is named by its address, whatever kind that is of.
        """
        for address, name in (
            (IPv6Address("TCP", "2001:db8::1", 50000), "[2001:db8::1]:50000"),
            (UNIXAddress(None), "local"),
        ):
            client, outlet = self.connect()
            outlet._request.client = address
            with capturedLogs() as logged:
                client.close()
            self.assertEqual([name], [each["peer"] for each in logged if "reason" in each])

    def test_log_line_is_harmless(self) -> None:
        """
        A path with control characters cannot write to somebody's terminal.
        """
        client, outlet = self.connect()
        outlet._request.path = b"/\x1b[2J"  # old Twisted takes it so, and HTTP/2 does
        with capturedLogs() as logged:
            client.close()
        self.assertEqual(["/%1B%5B2J"], [each["path"] for each in logged if "path" in each])


class BackpressureTests(OutletCase):
    """
    A client that does not read.
    """

    def test_writes_wait(self) -> None:
        """
        While the transport is full nothing is handed to it; afterwards everything follows.
        """
        client, outlet = self.connect()
        client.stop_reading()
        outlet.write(Chunk(ONE, 1))
        outlet.write(Chunk(TWO, 1))
        self.assertEqual(b":\n", client.body)
        client.read_again()
        self.assertEqual(b":\ndata: 1\n\ndata: 2\n\n", client.body)
        self.assertFalse(outlet.is_behind)

    def test_pieces(self) -> None:
        """
        A large event goes in pieces, each of which may fill the transport.
        """
        client, outlet = self.connect()
        client.stop_reading()
        outlet.write(Chunk(b"x" * (PIECE + 1)))
        client.transport.producer.resumeProducing()
        self.assertEqual(2 + PIECE + 1, len(client.body))

    def test_too_much_waits(self) -> None:
        """
        More than may wait cuts the client.
        """
        client, outlet = self.connect()
        client.stop_reading()
        for _ in range(MAX_WAITING // PIECE):
            outlet.write(Chunk(b"x" * PIECE))
        self.assertTrue(outlet.is_open)
        outlet.write(Chunk(b"x"))
        self.assert_ended(EndReason.FELL_BEHIND, outlet)
        self.assertTrue(client.transport.is_aborted)

    def test_one_large_event(self) -> None:
        """
        A single event larger than the limit is possible.
        """
        client, outlet = self.connect()
        outlet.write(Chunk(b"x" * (2 * MAX_WAITING)))
        self.assertEqual(2 + 2 * MAX_WAITING, len(client.body))
        self.assertTrue(outlet.is_open)

    def test_stalled(self) -> None:
        """
        Who takes nothing for the stall time-out is cut.
        """
        client, outlet = self.connect()
        client.stop_reading()
        self.pass_time(18)
        self.assertTrue(outlet.is_open)
        self.pass_time(6)
        self.assert_ended(EndReason.STALLED, outlet)

    def test_told_again(self) -> None:
        """
        A transport that says once more that it is full does not begin the time anew.
        """
        client, outlet = self.connect()
        for _ in range(2):
            client.stop_reading()
            self.pass_time(12)
        self.assert_ended(EndReason.STALLED, outlet)

    def test_progress_is_no_stall(self) -> None:
        """
        Pitfall K7: each piece that leaves begins the time anew.
        """
        client, outlet = self.connect()
        for _ in range(10):
            client.stop_reading()
            self.pass_time(18)
            client.read_again()
        self.assertTrue(outlet.is_open)

    def test_has_room(self) -> None:
        """
        The writer hears, once, when everything has been taken, and not while it keeps up.
        """
        rooms: list[bytes] = []
        client, outlet = self.connect()
        self.assertTrue(outlet.write(Chunk(ONE, 1)))
        (writer,) = self.resource.writers
        writer.on_room = lambda: rooms.append(client.body)
        client.stop_reading()
        self.assertFalse(outlet.write(Chunk(TWO, 1)))
        self.assertEqual([], rooms)
        client.read_again()
        self.assertEqual([b":\n" + ONE + TWO], rooms)

    def test_writer_fills_it_again(self) -> None:
        """
        A writer that is told of room may write, and be told again.
        """
        client, outlet = self.connect()
        (writer,) = self.resource.writers
        left = [ONE, TWO]

        def write() -> None:
            if left:
                client.stop_reading()
                outlet.write(Chunk(left.pop(0), 1))

        writer.on_room = write
        client.stop_reading()
        for _ in range(3):
            client.read_again()
        self.assertEqual(b":\n" + ONE + TWO, client.body)
        self.assertEqual(["has room"] * 3, writer.told)
        self.assertFalse(outlet.is_behind)


class ServerEndsTests(OutletCase):
    """
    The server ends a stream.
    """

    def test_cleanly(self) -> None:
        """
        The last words and the last chunk are sent, and the connection is closed, as announced.
        """
        client, outlet = self.connect()
        outlet.end(EndReason.DRAINING, last_words=b"retry: 1\n")
        self.assertEqual(b":\nretry: 1\n", client.body)
        self.assertTrue(client.is_complete)
        self.assert_ended(EndReason.DRAINING, outlet)
        self.assertIn(b"\r\nconnection: close", client.head)
        self.clock.advance(0)
        self.assertFalse(client.transport.is_connected)
        self.assertFalse(client.transport.is_aborted)

    def test_before_the_end(self) -> None:
        """
        The writer may write once more: that comes before the last words, and is counted.
        """
        client, outlet = self.connect()
        (writer,) = self.resource.writers
        writer.last = lambda: outlet.write(Chunk(ONE, 1))
        with capturedLogs() as logged:
            outlet.end(EndReason.DRAINING, last_words=b"retry: 1\n")
        self.assertEqual(b":\n" + ONE + b"retry: 1\n", client.body)
        self.assertEqual(["before the end", EndReason.DRAINING], writer.told)
        self.assertEqual([1], [each["events"] for each in logged if "reason" in each])
        self.assertTrue(client.is_complete)

    def test_before_the_end_of_who_is_behind(self) -> None:
        """
        So it is for one that is behind, after what waits already.
        """
        client, outlet = self.connect()
        (writer,) = self.resource.writers
        writer.last = lambda: outlet.write(Chunk(TWO, 1))
        client.stop_reading()
        outlet.write(Chunk(ONE, 1))
        outlet.end(EndReason.DRAINING, last_words=b"retry: 1\n")
        client.read_again()
        self.assertEqual(b":\n" + ONE + TWO + b"retry: 1\n", client.body)

    def test_before_the_end_too_much(self) -> None:
        """
        If what it writes then is too much, the stream is cut, and ends once.
        """
        client, outlet = self.connect()
        (writer,) = self.resource.writers
        client.stop_reading()
        outlet.write(Chunk(ONE, 1))
        writer.last = lambda: outlet.write(Chunk(b"x" * MAX_WAITING, 1))
        outlet.end(EndReason.DRAINING)
        self.assert_ended(EndReason.FELL_BEHIND, outlet)
        self.assertTrue(client.transport.is_aborted)
        self.clock.advance(0)

    def test_no_last_moment(self) -> None:
        """
        Where a stream is cut, or the client has gone, there is no last moment to write.
        """
        _, first = self.connect()
        client, _ = self.connect()
        first.abort(EndReason.STALLED)
        client.close()
        told = [writer.told for writer in self.resource.writers]
        self.assertEqual([[EndReason.STALLED], [EndReason.CLIENT_CLOSED]], told)
        self.clock.advance(0)

    def test_bytes_after_the_end(self) -> None:
        """
        What comes after the end of a stream is of no interest, and nothing of it is kept.
        """
        client, outlet = self.connect()
        outlet.end(EndReason.FINISHED)
        client.request("/plain")
        self.assertEqual(1, client.received.count(b"HTTP/1.1"))
        self.assertEqual([], client.transport.protocol._dataBuffer)
        self.assert_ended(EndReason.FINISHED, outlet)

    def test_behind(self) -> None:
        """
        What waits comes before the last words; the owner is told at once, not when all has left.
        """
        client, outlet = self.connect()
        client.stop_reading()
        outlet.write(Chunk(ONE, 1))
        outlet.end(EndReason.DRAINING, last_words=b"retry: 1\n")
        self.assertEqual([EndReason.DRAINING], self.resource.ended)
        self.assertEqual(b":\n", client.body)
        client.read_again()
        self.assertEqual(b":\ndata: 1\n\nretry: 1\n", client.body)
        self.assertTrue(client.is_complete)
        self.assert_ended(EndReason.DRAINING, outlet)

    def test_pitfall_K12_never_reads_after_the_end(self) -> None:
        """
        Who does not take its last bytes is cut at the stall time-out, and told nothing twice.
        """
        for headers in ({}, {"Connection": "close"}):
            self.resource.writers.clear()
            client, outlet = self.connect(headers=headers)
            client.stop_reading()
            outlet.end(EndReason.DRAINING)
            self.pass_time(18)
            self.assertFalse(client.transport.is_aborted)
            self.pass_time(6)
            self.assertTrue(client.transport.is_aborted)
            self.assert_ended(EndReason.DRAINING, outlet)

    def test_connection_close(self) -> None:
        """
        ``Connection: close`` gets the last chunk, then the end of the connection.
        """
        client, outlet = self.connect(headers={"Connection": "close"})
        outlet.end(EndReason.FINISHED)
        self.assertTrue(client.is_complete)
        self.clock.advance(0)
        self.assertFalse(client.transport.is_connected)

    def test_never_closes(self) -> None:
        """
        Who does not let its connection be closed, as a peer may over TLS, is cut after a time.
        """
        client, outlet = self.connect()
        client.transport.loseConnection = lambda: None  # type: ignore[method-assign]
        outlet.end(EndReason.FINISHED)
        self.clock.advance(CLOSE_TIMEOUT - 1)
        self.assertFalse(client.transport.is_aborted)
        self.clock.advance(1)
        self.assertTrue(client.transport.is_aborted)
        self.clock.advance(0)

    def test_incomplete(self) -> None:
        """
        A response that is not whole ends without the last chunk, after what was written.
        """
        client, outlet = self.connect()
        outlet.write(Chunk(ONE, 1))
        outlet.end(EndReason.SOURCE_FAILED, is_complete=False)
        self.clock.advance(0)
        self.assertFalse(client.transport.is_connected)
        self.assertEqual(b":\ndata: 1\n\n", client.body)
        self.assertFalse(client.is_complete)

    def test_at_once(self) -> None:
        """
        Aborting cuts the connection, and ends the stream in the same turn.
        """
        client, outlet = self.connect()
        outlet.abort(EndReason.ENDED_BY_APPLICATION)
        self.assert_ended(EndReason.ENDED_BY_APPLICATION, outlet)
        self.assertTrue(client.transport.is_aborted)
        self.clock.advance(0)

    def test_abort_while_closing(self) -> None:
        """
        Aborting cuts short an end that is under way.
        """
        client, outlet = self.connect()
        client.stop_reading()
        outlet.end(EndReason.FINISHED)
        outlet.abort(EndReason.STALLED)
        self.assertTrue(client.transport.is_aborted)
        self.assert_ended(EndReason.FINISHED, outlet)
        self.clock.advance(0)

    def test_abort_by_who_is_told(self) -> None:
        """
        Whoever is told of a proper end may still cut the connection.
        """
        client, outlet = self.connect()
        self.resource.writers[0].on_end = lambda reason: outlet.abort(reason)
        outlet.end(EndReason.FINISHED, last_words=b"retry: 1\n")
        self.assertTrue(client.transport.is_aborted)
        self.assertEqual(b":\n", client.body)
        self.clock.advance(0)

    def test_finished_behind_our_back(self) -> None:
        """
        A request that the application finishes itself ends the stream, and hurts nothing.
        """
        _, outlet = self.connect()
        outlet._request.finish()
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))  # Twisted's own, K9
        self.assert_ended(EndReason.ENDED_BY_APPLICATION, outlet)

    def test_access_log(self) -> None:
        """
        A stream that the server ends has its bytes in the access log, like every response.
        """
        logged: list[int] = []
        self.site.log = lambda request: logged.append(request.sentLength)
        _, outlet = self.connect()
        outlet.write(Chunk(ONE, 1))
        outlet.end(EndReason.FINISHED)
        self.assertEqual([11], logged)


class HeartbeatTests(OutletCase):
    """
    Comments in silence.
    """

    def test_comment(self) -> None:
        """
        A silent stream gets one comment line, without a blank line, and it is no event.
        """
        client, outlet = self.connect()
        self.pass_time(15)
        self.assertEqual(b":\n:\n", client.body)
        self.assertEqual(0, outlet._events)

    def test_not_to_the_behind(self) -> None:
        """
        Who is behind gets none: it could not take it.
        """
        client, _ = self.connect()
        client.stop_reading()
        self.pass_time(18)
        self.assertEqual(b":\n", client.body)


class SocketCase(OutletCase):
    """
    Streams on Twisted's socket transport, over a socket in memory.
    """

    make_client = SocketClient

    def connect(self, path: str = "/", **request: object) -> tuple[SocketClient, RequestOutlet]:
        client, outlet = super().connect(path, **request)
        assert isinstance(client, SocketClient)
        return client, outlet

    def tearDown(self) -> None:
        self.assertEqual([], self.flushLoggedErrors())


class BeginTests(SocketCase):
    """
    The beginning of a stream, on a socket.
    """

    def test_head_leaves_at_once(self) -> None:
        """
        The head and the first bytes are with the kernel when render returns, and nothing waits for
        a turn of the reactor.
        """
        client, outlet = self.connect()
        self.assertEqual(b":\n", client.body)
        self.assertFalse(outlet.is_behind)

    def test_head_leaves_at_once_after_another_response(self) -> None:
        """
        So they are on a connection that was used before.
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
        What the kernel takes only later is overtaken by nothing.
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

    def test_after_another_response(self) -> None:
        """
        Nor is what is left of the responses before it.
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
        Nor is the permission to send a body.
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
        A client whose socket is broken when its stream begins is gone in a moment.
        """
        client = SocketClient(self.site, self.clock)
        client.socket.error = ConnectionResetError()
        client.request()
        client.transport.work()
        self.assert_ended(EndReason.CONNECTION_LOST, self.resource.outlets[0])


class SendTests(SocketCase):
    """
    Straight to the socket: by write, or by send and settle.
    """

    def by_write(self, outlet: RequestOutlet, chunk: Chunk) -> bool:
        return outlet.write(chunk)

    def by_send(self, outlet: RequestOutlet, chunk: Chunk) -> bool:
        return outlet.settle(chunk, take_short_cut(outlet, chunk))

    def both_ways(self) -> list[tuple[SocketClient, RequestOutlet, object]]:
        return [(*self.connect(), put) for put in (self.by_write, self.by_send)]

    def test_at_once(self) -> None:
        """
        What the kernel takes is on its way before write returns, in one chunk.
        """
        for client, outlet, put in self.both_ways():
            before = len(client.received)
            self.assertTrue(put(outlet, Chunk(ONE, 1)))
            self.assertEqual(b"9\r\n" + ONE + b"\r\n", client.received[before:])
            self.assertFalse(outlet.is_behind)

    def test_framed_once(self) -> None:
        """
        HTTP's frame is put around events once for all: everyone is sent the same object.
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
        Of what the kernel takes a part of, the rest follows; what comes later comes later.
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

    def test_nothing(self) -> None:
        """
        So it is with what the kernel takes nothing of.
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
        A broken connection raises nothing; the reactor finds out in a moment.
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
        What is written to a stream that has ended goes nowhere, and nobody need wait for it.
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
        A send counts and tells nothing; that is left to settle, in the reactor's thread.
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
        Large frames go in pieces, whatever the kernel takes of them, and arrive whole.
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

    def test_large_and_nobody_behind(self) -> None:
        """
        A client that takes large frames at once is never behind.
        """
        for client, outlet, put in self.both_ways():
            self.assertTrue(put(outlet, Chunk(b"x" * (2 * MAX_WAITING), 1)))
            self.assertEqual(2 + 2 * MAX_WAITING, len(client.body))
            self.assertTrue(outlet.is_open)

    def test_end(self) -> None:
        """
        The end follows what the kernel has refused, and then the connection is closed.
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
        Who does not take the last chunk is still watched, and cut at the stall time-out.
        """
        client, outlet = self.connect()
        client.stop_reading()
        outlet.end(EndReason.FINISHED)
        self.pass_time(24)
        self.assertTrue(client.transport.is_aborted)
        self.assert_ended(EndReason.FINISHED, outlet)

    def test_accounts(self) -> None:
        """
        However it was written, the log line counts events and bytes of the stream, not HTTP's.
        """
        for client, outlet, put in self.both_ways():
            put(outlet, Chunk(ONE + TWO, 2))
            client.socket.room = 3
            put(outlet, Chunk(ONE, 1))
            with capturedLogs() as logged:
                client.close()
            self.assertEqual(
                [(3, 29)],
                [(each["events"], each["bytes"]) for each in logged if "reason" in each],
            )

    def test_http_1_0(self) -> None:
        """
        Where there are no chunks there is no short cut, and the bytes are the same.
        """
        for put in (self.by_write, self.by_send):
            client, outlet = self.connect(version="1.0")
            self.assertEqual(NOT_SENT, take_short_cut(outlet, Chunk(ONE, 1)))
            put(outlet, Chunk(ONE, 1))
            client.transport.work()
            self.assertEqual(b":\n" + ONE, client.body)

    def test_heartbeat(self) -> None:
        """
        Who has had an event gets no comment before its own silence is over.
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
        It ends properly, after its writer had its last moment.
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
