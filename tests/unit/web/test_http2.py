"""
Streams over Twisted's HTTP/2, in memory.
"""

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, ResponseReceived, StreamEnded, StreamReset
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.web._http2 import H2Connection as ServerConnection
from twisted.web.server import Site

from ssetwist.hub import EndReason
from ssetwist.hub.outlets import NOT_SENT, PIECE, Chunk
from ssetwist.web._http2 import Http2Outlet
from ssetwist.web._outlet import MOST_AT_ONCE
from tests.memory import MemoryTransport
from tests.unit.web.case import ONE, TWO, OutletCase, take_short_cut

FIELDS = [(":method", "GET"), (":path", "/"), (":scheme", "https"), (":authority", "h")]


class Http2Tests(OutletCase):
    """
    One stream on a connection.
    """

    def setUp(self) -> None:
        super().setUp()
        peer = IPv4Address("TCP", "192.0.2.1", 50000)
        self.transport = MemoryTransport(self.clock, peer)
        # As a Site of Twisted makes one, but on this clock.
        self.transport.protocol = server = ServerConnection(reactor=self.clock)
        server.site = server.factory = Site(self.resource, reactor=self.clock)
        server.requestFactory = server.site.requestFactory
        server.callLater = self.clock.callLater
        server.makeConnection(self.transport)
        self.addCleanup(self.clock.advance, 0)
        self.addCleanup(self.transport.lose, ConnectionLost())
        self.h2 = H2Connection(H2Configuration(client_side=True))
        self.h2.initiate_connection()
        self.h2.send_headers(1, FIELDS, end_stream=True)
        self.send()
        [self.outlet] = self.resource.outlets

    def send(self) -> None:
        """
        Send the bytes that the client's library has made.
        """
        self.transport.protocol.dataReceived(self.h2.data_to_send())

    def received(self) -> list[Event]:
        """
        Return what the client has received since the last call.
        """
        data = self.transport.value()
        self.transport.clear()
        return self.h2.receive_data(data)

    def body(self) -> bytes:
        """
        Return the bytes of the stream that have come since the last call.
        """
        return b"".join(event.data for event in self.received() if isinstance(event, DataReceived))

    def test_kind(self) -> None:
        """
        A request over HTTP/2 gets an outlet of its own kind, without a short cut.
        """
        self.assertIsInstance(self.outlet, Http2Outlet)
        self.assertEqual(NOT_SENT, take_short_cut(self.outlet, Chunk(ONE, 1)))

    def test_head(self) -> None:
        """
        The head has the status and the fields of a stream, and none that HTTP/2 forbids.
        """
        self.clock.advance(0)
        [head] = [event for event in self.received() if isinstance(event, ResponseReceived)]
        told = {name.decode(): value.decode() for name, value in head.headers}
        self.assertIsNotNone(told.pop("date", None))
        self.assertIsNotNone(told.pop("server", None))
        self.assertEqual(
            {
                ":status": "200",
                "cache-control": "no-store, no-transform",
                "content-type": "text/event-stream",
                "x-accel-buffering": "no",
                "x-content-type-options": "nosniff",
            },
            told,
        )

    def test_next_turn(self) -> None:
        """
        Every write leaves in the next turn, and several leave together.
        """
        self.assertEqual(b"", self.body())
        self.clock.advance(0)
        self.assertEqual(b":\n", self.body())
        self.assertFalse(self.outlet.write(Chunk(ONE, 1)))
        self.assertFalse(self.outlet.write(Chunk(TWO, 1)))
        self.assertEqual(b"", self.body())
        self.clock.advance(0)
        self.assertEqual(ONE + TWO, self.body())
        self.assertFalse(self.outlet.is_behind)

    def test_large(self) -> None:
        """
        No turn sends more of a large event than it does over HTTP/1.
        """
        self.clock.advance(0)
        for stream in (None, 1):
            self.h2.increment_flow_control_window(10_000_000, stream)
        self.send()
        turns: list[int] = []
        write, go_on = self.outlet._request.write, Http2Outlet._go_on_now

        def count(data: bytes) -> None:
            turns[-1] += len(data)
            write(data)

        def turn(outlet: Http2Outlet, *most: int) -> None:
            turns.append(0)
            go_on(outlet, *most)

        self.outlet._request.write = count
        self.patch(Http2Outlet, "_go_on_now", turn)
        self.outlet.write(Chunk(b"x" * 30 * PIECE))
        self.clock.advance(0)
        first, *later = filter(None, turns)
        self.assertEqual(MOST_AT_ONCE, first)
        self.assertEqual([MOST_AT_ONCE / 4] * 3, later[:3])
        self.assertEqual(30 * PIECE, sum(turns))

    def test_reset(self) -> None:
        """
        A client that resets a stream has closed it, even while bytes wait for the next turn.
        """
        self.outlet.write(Chunk(ONE, 1))
        self.h2.reset_stream(1)
        self.send()
        self.assert_ended(EndReason.CLIENT_CLOSED, self.outlet)

    def test_connection_lost(self) -> None:
        """
        When a connection breaks, its streams end with the reason of a lost connection.
        """
        self.transport.lose(ConnectionLost())
        self.assert_ended(EndReason.CONNECTION_LOST, self.outlet)

    def test_connection_lost_and_others_aborted(self) -> None:
        """
        When a connection breaks, the end of one stream may abort the others of that connection.
        """
        for stream in (3, 5):
            self.h2.send_headers(stream, FIELDS, end_stream=True)
        self.send()
        outlets = self.resource.outlets
        for writer in self.resource.writers:
            writer.on_end = lambda reason: outlets[1].abort(EndReason.ENDED_BY_APPLICATION)
        self.transport.lose(ConnectionLost())
        self.clock.advance(0)
        lost, aborted = EndReason.CONNECTION_LOST, EndReason.ENDED_BY_APPLICATION
        self.assertEqual([lost, aborted, lost], self.resource.ended)
        self.assertEqual(0, len(self.streams))

    def test_end(self) -> None:
        """
        The end of a stream follows everything that was written.
        """
        self.outlet.write(Chunk(ONE, 1))
        self.outlet.end(EndReason.FINISHED, last_words=TWO)
        self.assertEqual([EndReason.FINISHED], self.resource.ended)
        self.clock.advance(0)
        events = self.received()
        data = b"".join(event.data for event in events if isinstance(event, DataReceived))
        self.assertEqual(b":\n" + ONE + TWO, data)
        self.assertTrue(any(isinstance(event, StreamEnded) for event in events))
        self.assert_ended(EndReason.FINISHED, self.outlet)

    def test_broken_off(self) -> None:
        """
        A stream that is broken off is reset, and its connection stays open.
        """
        self.outlet.end(EndReason.SOURCE_FAILED, is_complete=False)
        self.clock.advance(0)
        self.assertTrue(any(isinstance(event, StreamReset) for event in self.received()))
        self.assertTrue(self.transport.is_connected)
        self.assert_ended(EndReason.SOURCE_FAILED, self.outlet)
