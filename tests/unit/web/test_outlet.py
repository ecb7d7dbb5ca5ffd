"""
One stream over one request, through a real Site over memory transports.
"""

from collections.abc import Callable

from twisted.internet.address import IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.logger import capturedLogs, formatEvent
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from twisted.web.test.requesthelper import DummyChannel

from ssetwist.hub import EndReason
from ssetwist.hub.outlets import PIECE, Chunk
from ssetwist.web._outlet import _NEXT, MOST_AT_ONCE, State
from ssetwist.web._waiting import MAX_WAITING
from ssetwist.web.opening import RequestOutlet, is_over, outlet_for
from tests.memory import Client, SocketClient
from tests.unit.web.case import ONE, TWO, OutletCase, WrappedClient


class Late(Resource):
    """
    A resource whose requests become streams later.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []

    def render_GET(self, request: Request) -> int:
        self.requests.append(request)
        return NOT_DONE_YET


class OpenTests(OutletCase):
    """
    Opening a stream.
    """

    def test_head_and_first_bytes(self) -> None:
        """
        The head and the first bytes are sent before ``render`` returns.
        """
        client, _ = self.connect()
        self.assertTrue(client.received.startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertIn(b"\r\ncontent-type: text/event-stream", client.head)
        self.assertIn(b"\r\ncache-control: no-store, no-transform", client.head)
        self.assertIn(b"\r\nx-accel-buffering: no", client.head)
        self.assertEqual(b":\n", client.body)

    def test_http_1_0(self) -> None:
        """
        A client of HTTP/1.0 gets the bytes without chunks; its stream ends with the connection.
        """
        client, outlet = self.connect(version="1.0")
        outlet.write(Chunk(ONE, 1))
        outlet.end(EndReason.FINISHED)
        self.assertNotIn(b"chunked", client.head)
        self.assertEqual(b":\ndata: 1\n\n", client.body)
        self.clock.advance(0)
        self.assertFalse(client.transport.is_connected)

    def test_failure(self) -> None:
        """
        If a stream cannot begin, it is not open, and nothing of it is held.
        """
        self.site.resource = late = Late()
        for make_client in (Client, SocketClient, WrappedClient):
            client = make_client(self.site, self.clock)
            self.addCleanup(client.close)
            client.request()
            outlet = outlet_for(late.requests[-1], self.streams)
            self.assertRaises(TypeError, outlet.open, "text")
            self.assertEqual((False, 0), (outlet.is_open, len(self.streams)))
            self.assertFalse(hasattr(outlet, "_request"))
            self.assertIsNone(late.requests[-1].producer)

    def test_not_begun(self) -> None:
        """
        Before its stream has begun, an outlet does nothing when it is ended, cut or written to: the
        request can still be answered.
        """
        for act in (
            lambda outlet: outlet.abort(EndReason.ENDED_BY_APPLICATION),
            lambda outlet: outlet.end(EndReason.ENDED_BY_APPLICATION, last_words=TWO),
            lambda outlet: outlet.write(Chunk(ONE, 1)),
        ):
            made: list[RequestOutlet] = []

            class Answer(Resource):
                isLeaf = True

                def render_GET(inner, request: Request) -> bytes:  # noqa: N805 (self is the test's)
                    made.append(outlet_for(request, self.streams))  # noqa: B023
                    act(made[0])  # noqa: B023  # in this round only
                    return b"plain"

            self.site.resource = Answer()
            client = Client(self.site, self.clock)
            client.request()
            self.assertEqual(b"plain", client.body)
            self.assertFalse(client.transport.is_aborted)
            client.close()

    def test_over(self) -> None:
        """
        A request is over when it has been answered, and when its client has gone.
        """
        request = Request(DummyChannel(), False)
        self.assertFalse(is_over(request))
        request.finished = 1
        self.assertTrue(is_over(request))
        request.finished = 0
        request.channel = None
        self.assertTrue(is_over(request))

    def test_pitfall_K10_request_that_is_over(self) -> None:
        """
        An outlet for a request that has ended before is closed at once, and holds nothing.
        """
        client = Client(self.site, self.clock)
        seen: list[RequestOutlet] = []

        class Late(Resource):
            isLeaf = True

            def render_GET(inner, request: Request) -> int:  # noqa: N805 (self is the test's)
                client.close()
                seen.append(outlet_for(request, self.streams))
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


class StateTests(OutletCase):
    """
    The states of an outlet, and the limit of what it holds.
    """

    def test_next_states(self) -> None:
        """
        A state is followed only by the states that the table names.
        """
        self.assertEqual(set(State), set(_NEXT))
        for state, following in _NEXT.items():
            for other in set(State) - set(following):
                _, outlet = self.connect()
                before, outlet._state = outlet._state, state
                self.assertRaises(AssertionError, outlet._become, other)
                outlet._state = before

    def test_closed_is_the_end(self) -> None:
        """
        Every state leads to ``CLOSED``, which is not followed by another.
        """
        self.assertEqual((), _NEXT[State.CLOSED])
        self.assertEqual(
            {State.CLOSED}, {state for state in State if State.CLOSED not in _NEXT[state]}
        )

    def test_attributes(self) -> None:
        """
        An outlet has few attributes, because each idle stream has one.
        """
        self.assertLessEqual(len(RequestOutlet.__slots__), 10)
        _, outlet = self.connect()
        self.assertFalse(hasattr(outlet, "__dict__"))


class ClientGoesTests(OutletCase):
    """
    A client that goes, for any reason, is forgotten at once.
    """

    def test_closes(self) -> None:
        """
        A FIN ends the stream in the turn in which Twisted learns about it.
        """
        client, outlet = self.connect()
        client.close(ConnectionDone())
        self.assert_ended(EndReason.CLIENT_CLOSED, outlet)

    def test_connection_lost(self) -> None:
        """
        A connection that breaks ends the stream in the turn in which Twisted learns about it.
        """
        client, outlet = self.connect()
        client.close(ConnectionLost())
        self.assert_ended(EndReason.CONNECTION_LOST, outlet)

    def test_goes_while_behind(self) -> None:
        """
        When a client goes while bytes wait for it, these bytes are freed.
        """
        client, outlet = self.connect()
        client.stop_reading()
        outlet.write(Chunk(ONE, 1))
        client.close()
        self.assert_ended(EndReason.CLIENT_CLOSED, outlet)

    def test_goes_while_closing(self) -> None:
        """
        A client that goes while its last bytes wait does not end its stream a second time.
        """
        client, outlet = self.connect()
        client.stop_reading()
        outlet.end(EndReason.FINISHED, last_words=b"retry: 1\n")
        client.close()
        self.assert_ended(EndReason.FINISHED, outlet)

    def test_no_unhandled_error(self) -> None:
        """
        Pitfall K11: a client that goes is not logged as an error.
        """
        client, _ = self.connect()
        client.close(ConnectionLost())
        self.assertEqual([], self.flushLoggedErrors())

    def test_pitfall_K2_K3_bytes_after_the_request(self) -> None:
        """
        Bytes after the request end the stream, and are not kept.
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
        Bytes that arrive together with the request also end the stream.
        """
        client = Client(self.site, self.clock)
        client.send(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n" + b"x" * 20000)
        self.assertTrue(client.transport.is_aborted)
        self.assert_ended(EndReason.UNEXPECTED_BYTES, self.resource.outlets[0])
        self.clock.advance(0)

    def test_bytes_before_a_late_stream(self) -> None:
        """
        Bytes that come between the request and the stream cut the connection; the log has a line,
        and no stream begins.
        """
        client = Client(self.site, self.clock)
        self.site.resource = late = Late()
        client.request()
        client.send(b"x" * 17000)
        self.clock.advance(5)
        with capturedLogs() as logged:
            outlet = outlet_for(late.requests[0], self.streams)
        [line] = [each for each in logged if "reason" in each]
        self.assertEqual((EndReason.UNEXPECTED_BYTES.value, 0), (line["reason"], line["duration"]))
        self.assertFalse(outlet.is_new)
        self.assertTrue(client.transport.is_aborted)
        self.clock.advance(0)

    def test_log_line(self) -> None:
        """
        Pitfall K14: each ended stream has one line with client, path, reason, duration, events,
        bytes.
        """
        client, outlet = self.connect("/a%20b?token=secret")
        outlet.write(Chunk(ONE + TWO, 2))
        self.clock.advance(1.5)
        with capturedLogs() as logged:
            client.close()
        (line,) = [each for each in logged if "reason" in each]
        self.assertEqual(
            "192.0.2.1:50000 /a%20b: client closed after 1.5 s, 2 events, 20 bytes",
            formatEvent(line),
        )
        self.assertEqual(
            ("192.0.2.1:50000", "/a%20b", "client closed", 1.5, 2, 20),
            tuple(line[key] for key in ("peer", "path", "reason", "duration", "events", "bytes")),
        )

    def test_duration(self) -> None:
        """
        The duration is that of the stream, whatever ends it.
        """
        ends: tuple[Callable[[Client, RequestOutlet], object], ...] = (
            lambda client, outlet: client.close(),
            lambda client, outlet: outlet.end(EndReason.FINISHED),
            lambda client, outlet: outlet.abort(EndReason.STALLED),
        )
        for end in ends:
            client, outlet = self.connect()
            self.clock.advance(1.5)
            with capturedLogs() as logged:
                end(client, outlet)
            self.assertEqual([1.5], [each["duration"] for each in logged if "duration" in each])
            client.close()

    def test_log_line_names(self) -> None:
        """
        The log line names a client by its address: IPv6 in brackets, a UNIX socket as "local".
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
        A path with control characters is escaped in the log, so that it cannot change a terminal.
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
        While the transport is full it gets nothing; then everything follows.
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
        A large event goes in pieces, and each piece may fill the transport.
        """
        client, outlet = self.connect()
        client.stop_reading()
        outlet.write(Chunk(b"x" * (PIECE + 1)))
        client.transport.producer.resumeProducing()
        self.clock.advance(0)
        self.assertEqual(2 + PIECE + 1, len(client.body))

    def test_small_chunks(self) -> None:
        """
        On each way a large event is put on the connection in pieces, and the transport never holds
        more than one of them.
        """
        for make_client in (Client, WrappedClient, SocketClient):
            self.make_client = make_client
            client, outlet = self.connect()
            outlet.write(Chunk(b"x" * 3 * PIECE))
            while outlet.is_behind:
                assert isinstance(client, SocketClient)
                client.transport.work()
            rest = client.received.partition(b"\r\n\r\n")[2]
            sizes = []
            while rest:
                size, _, rest = rest.partition(b"\r\n")
                sizes.append(int(size, 16))
                rest = rest[sizes[-1] + 2 :]
            self.assertEqual([2, *[PIECE] * 3], sizes)

    def test_room_for_a_part(self) -> None:
        """
        When a client has room again, it gets one piece at once and the rest in later turns: many
        clients may have room at the same moment.
        """
        client, outlet = self.connect()
        client.stop_reading()
        outlet.write(Chunk(b"x" * 4 * PIECE, 1))
        client.read_again()
        self.assertEqual(2 + PIECE, len(client.body))
        self.clock.advance(0)
        self.assertEqual(2 + 4 * PIECE, len(client.body))

    def test_burst(self) -> None:
        """
        Of an unusually large event, a connection gets a part at once and the rest in later turns of
        the reactor; the writer hears of the room once, and the log line counts all of it.
        """
        client, outlet = self.connect()
        (writer,) = self.resource.writers
        size = MOST_AT_ONCE + 6 * PIECE
        self.assertFalse(outlet.write(Chunk(b"x" * size, 1)))
        self.assertEqual(2 + MOST_AT_ONCE, len(client.body))
        self.assertEqual([], writer.told)
        self.clock.advance(0)
        self.assertEqual(2 + size, len(client.body))
        self.assertEqual(["has room"], writer.told)
        with capturedLogs() as logged:
            client.close()
        self.assertEqual([2 + size], [each["bytes"] for each in logged if "reason" in each])

    def test_burst_of_a_client_that_goes(self) -> None:
        """
        A client that goes, or is cut, while the rest of a burst waits for a turn gives the turn up.
        """
        for is_cut in (False, True):
            self.resource.writers.clear()
            client, outlet = self.connect()
            outlet.write(Chunk(b"x" * 2 * MOST_AT_ONCE, 1))
            self.assertFalse(self.streams.turns.is_idle)
            if is_cut:
                outlet.abort(EndReason.CLIENT_CLOSED)
            else:
                client.close()
            self.assert_ended(EndReason.CLIENT_CLOSED, outlet)

    def test_too_much_waits(self) -> None:
        """
        A client for which more than the limit would wait is cut.
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
        A client that takes nothing for the stall time-out is cut.
        """
        client, outlet = self.connect()
        client.stop_reading()
        self.pass_time(18)
        self.assertTrue(outlet.is_open)
        self.pass_time(6)
        self.assert_ended(EndReason.STALLED, outlet)

    def test_paused_twice(self) -> None:
        """
        A transport that pauses its producer twice does not restart the stall time-out.
        """
        client, outlet = self.connect()
        for _ in range(2):
            client.stop_reading()
            self.pass_time(12)
        self.assert_ended(EndReason.STALLED, outlet)

    def test_progress_is_no_stall(self) -> None:
        """
        Pitfall K7: each piece that leaves restarts the stall time-out.
        """
        client, outlet = self.connect()
        for _ in range(10):
            client.stop_reading()
            self.pass_time(18)
            client.read_again()
        self.assertTrue(outlet.is_open)

    def test_has_room(self) -> None:
        """
        The writer is told once that there is room when everything has been taken, and never while
        the client keeps up.
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
        A writer that fills the connection again when it is told about room is told again later.
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


class HeartbeatTests(OutletCase):
    """
    Comments on silent streams.
    """

    def test_comment(self) -> None:
        """
        A silent stream gets one comment line, without a blank line, which does not count as an
        event.
        """
        client, outlet = self.connect()
        self.pass_time(15)
        self.assertEqual(b":\n:\n", client.body)
        self.assertEqual(0, outlet._events)

    def test_after_an_event(self) -> None:
        """
        An event begins the silence anew, on each way.
        """
        for make_client in (Client, WrappedClient, SocketClient):
            self.make_client = make_client
            client, outlet = self.connect()
            self.pass_time(6)
            outlet.write(Chunk(ONE, 1))
            self.assertEqual(self.clock.seconds(), outlet.last_write, make_client)
            client.close()

    def test_after_bytes_that_waited(self) -> None:
        """
        Silence begins when bytes that had to wait leave, not when they were written.
        """
        client, outlet = self.connect()
        client.stop_reading()
        outlet.write(Chunk(ONE, 1))
        self.pass_time(14)
        client.read_again()
        for seconds, comments in ((9, b""), (7, b":\n")):  # a comment may come a little early
            self.pass_time(seconds)
            self.assertEqual(b":\n" + ONE + comments, client.body)

    def test_no_comment_while_behind(self) -> None:
        """
        A client that is behind gets no comment, because it could not read it.
        """
        client, _ = self.connect()
        client.stop_reading()
        self.pass_time(18)
        self.assertEqual(b":\n", client.body)
