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
from ssetwist.web import Site
from ssetwist.web._outlet import MAX_WAITING, PIECE, RequestOutlet
from ssetwist.web._site import CLOSE_TIMEOUT
from tests.memory import Client


class Streaming(Resource):
    """
    Makes each GET an open outlet, and remembers how it ended.
    """

    isLeaf = True

    def __init__(self, streams: Streams) -> None:
        super().__init__()
        self.streams = streams
        self.outlets: list[RequestOutlet] = []
        self.ended: list[EndReason] = []

    def render_GET(self, request: Request) -> bytes | int:
        if request.path == b"/plain":
            return b"plain"
        outlet = RequestOutlet(request, self.streams)
        outlet.on_end = self.ended.append
        self.outlets.append(outlet)
        outlet.open(b":\n")
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

    def connect(self, path: str = "/", **request: object) -> tuple[Client, RequestOutlet]:
        client = Client(self.site, self.clock)
        self.addCleanup(self.clock.advance, 0)
        self.addCleanup(client.close)
        client.request(path, **request)  # type: ignore[arg-type]  # the options of request
        return client, self.resource.outlets[-1]

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
        outlet.write(b"data: 1\n\n")
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

    def test_write_before_open_goes_nowhere(self) -> None:
        """
        After the end, writing, ending and aborting do nothing and raise nothing.
        """
        client, outlet = self.connect()
        client.close()
        before = client.received
        outlet.write(b"data: 1\n\n")
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
        outlet.write(b"data: 1\n\n")
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
        channel = client.transport.protocol._channel
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
        Bytes that came between the request and the stream cut the connection: there is no stream.
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
        outlet = RequestOutlet(requests[0], self.streams)
        self.assertFalse(outlet.is_new)
        self.assertTrue(client.transport.is_aborted)
        self.clock.advance(0)

    def test_log_line(self) -> None:
        """
        Pitfall K14: each ended stream has one line with who, reason, duration, events, bytes.
        """
        client, outlet = self.connect("/a%20b?token=secret")
        outlet.write(b"data: 1\n\ndata: 2\n\n", events=2)
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
        outlet.write(b"data: 1\n\n")
        outlet.write(b"data: 2\n\n")
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
        outlet.write(b"x" * (PIECE + 1))
        client.transport.producer.resumeProducing()
        self.assertEqual(2 + PIECE + 1, len(client.body))

    def test_too_much_waits(self) -> None:
        """
        More than may wait cuts the client.
        """
        client, outlet = self.connect()
        client.stop_reading()
        for _ in range(MAX_WAITING // PIECE):
            outlet.write(b"x" * PIECE)
        self.assertTrue(outlet.is_open)
        outlet.write(b"x")
        self.assert_ended(EndReason.FELL_BEHIND, outlet)
        self.assertTrue(client.transport.is_aborted)

    def test_one_large_event(self) -> None:
        """
        A single event larger than the limit is possible.
        """
        client, outlet = self.connect()
        outlet.write(b"x" * (2 * MAX_WAITING))
        self.assertEqual(2 + 2 * MAX_WAITING, len(client.body))
        self.assertTrue(outlet.is_open)

    def test_stalled(self) -> None:
        """
        Who takes nothing for the stall time-out is cut.
        """
        client, outlet = self.connect()
        client.stop_reading()
        self.clock.pump([3.0] * 6)
        self.assertTrue(outlet.is_open)
        self.clock.pump([3.0])
        self.assert_ended(EndReason.STALLED, outlet)

    def test_progress_is_no_stall(self) -> None:
        """
        Pitfall K7: each piece that leaves begins the time anew.
        """
        client, outlet = self.connect()
        for _ in range(10):
            client.stop_reading()
            self.clock.pump([3.0] * 6)
            client.read_again()
        self.assertTrue(outlet.is_open)

    def test_on_room(self) -> None:
        """
        The owner hears when everything has been taken.
        """
        rooms: list[bytes] = []
        client, outlet = self.connect()
        outlet.on_room = lambda: rooms.append(client.body)
        client.stop_reading()
        outlet.write(b"data: 1\n\n")
        client.read_again()
        self.assertEqual([b":\ndata: 1\n\n"], rooms)


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

    def test_bytes_after_the_end(self) -> None:
        """
        What comes after the end of a stream is of no interest, and nothing of it is kept.
        """
        client, outlet = self.connect()
        outlet.end(EndReason.FINISHED)
        client.request("/plain")
        self.assertEqual(1, client.received.count(b"HTTP/1.1"))
        self.assertEqual([], client.transport.protocol._channel._dataBuffer)
        self.assert_ended(EndReason.FINISHED, outlet)

    def test_behind(self) -> None:
        """
        What waits comes before the last words; the owner is told at once, not when all has left.
        """
        client, outlet = self.connect()
        client.stop_reading()
        outlet.write(b"data: 1\n\n")
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
            self.resource.ended.clear()
            client, outlet = self.connect(headers=headers)
            client.stop_reading()
            outlet.end(EndReason.DRAINING)
            self.clock.pump([3.0] * 6)
            self.assertFalse(client.transport.is_aborted)
            self.clock.pump([3.0])
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
        outlet.write(b"data: 1\n\n")
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
        outlet.on_end = lambda reason: outlet.abort(reason)
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
        outlet.write(b"data: 1\n\n")
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
        self.clock.pump([3.0] * 5)
        self.assertEqual(b":\n:\n", client.body)
        self.assertEqual(0, outlet._events)

    def test_not_to_the_behind(self) -> None:
        """
        Who is behind gets none: it could not take it.
        """
        client, _ = self.connect()
        client.stop_reading()
        self.clock.pump([3.0] * 6)
        self.assertEqual(b":\n", client.body)
