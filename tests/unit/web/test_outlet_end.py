"""
The last bytes of a stream: nothing overtakes them, and a client that does not take them is watched.
"""

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.protocols.policies import WrappingFactory
from twisted.web.server import Site

from ssetwist.hub import EndReason
from ssetwist.hub.outlets import NOT_SENT, Chunk
from ssetwist.web._outlet import RequestOutlet
from tests.memory import MemoryDescriptor, SocketClient, dechunk
from tests.unit.web.test_outlet import ONE, TWO, OutletCase, SocketCase, take_short_cut


class WriteAfterEndTests(SocketCase):
    """
    Writing to a stream whose end is on its way.
    """

    def test_goes_nowhere(self) -> None:
        """
        A write after the end, first of all one in the callback that tells of it, goes nowhere,
        and nobody need wait for it; the client gets the last words and the end of the response.
        """
        for room in (0, 1, 20, 1000):
            with self.subTest(room=room):
                client, outlet = self.connect()
                writes: list[object] = []

                def write(outlet: RequestOutlet = outlet, writes: list[object] = writes) -> None:
                    writes.append(outlet.write(Chunk(b"data: late\n\n", 1)))
                    frames = Chunk(b"data: late\n\n", 1)
                    writes.append(take_short_cut(outlet, frames))
                    writes.append(outlet.settle(frames, NOT_SENT))

                self.resource.writers[-1].on_end = lambda reason, write=write: write()
                outlet.write(Chunk(ONE, 1))
                client.socket.room = room
                outlet.end(EndReason.FINISHED, last_words=TWO)
                write()
                client.read_again()
                write()
                self.assertEqual([True, NOT_SENT, True] * 3, writes)
                _, _, body = client.received.partition(b"\r\n\r\n")
                self.assertTrue(body.endswith(b"\r\n0\r\n\r\n"), body)
                self.assertEqual(b":\n" + ONE + TWO, dechunk(body))


class WrappedClient(SocketClient):
    """
    One connection with a protocol between the socket transport and HTTP, as with TLS; here it
    passes on what it gets.
    """

    def __init__(self, site: Site, clock: Clock, *, address: str = "192.0.2.1") -> None:
        peer = IPv4Address("TCP", address, 50000)
        self.clock = clock
        self.transport = MemoryDescriptor(clock, peer)
        self.transport.protocol = WrappingFactory(site).buildProtocol(peer)
        self.transport.protocol.makeConnection(self.transport)


class LastChunkTests(OutletCase):
    """
    The last chunk of a stream that does not write to the socket itself.
    """

    make_client = WrappedClient

    def test_is_waited_for(self) -> None:
        """
        A client that does not take it is still looked after, cut at the stall time-out, and held by
        nobody after that.
        """
        client, outlet = self.connect()
        client.stop_reading()
        outlet.end(EndReason.FINISHED)
        self.assertEqual(([EndReason.FINISHED], 1), (self.resource.ended, len(self.streams)))
        self.pass_time(19)
        self.assertEqual((False, 1), (client.transport.is_aborted, len(self.streams)))
        self.pass_time(5)
        self.assertTrue(client.transport.is_aborted)
        self.assert_ended(EndReason.FINISHED, outlet)

    def test_slow_client(self) -> None:
        """
        A client that takes it late gets all of it, and then the connection is closed.
        """
        client, outlet = self.connect()
        client.stop_reading()
        outlet.write(Chunk(ONE, 1))
        outlet.end(EndReason.FINISHED, last_words=TWO)
        self.pass_time(10)
        client.read_again()
        client.transport.work()
        _, _, body = client.received.partition(b"\r\n\r\n")
        self.assertTrue(body.endswith(b"\r\n0\r\n\r\n"), body)
        self.assertEqual(b":\n" + ONE + TWO, dechunk(body))
        self.clock.advance(0)
        self.assertEqual(
            (False, False), (client.transport.is_connected, client.transport.is_aborted)
        )
        self.assert_ended(EndReason.FINISHED, outlet)
