"""
Clients that send several requests at once, and clients that do not read the responses.
"""

from twisted.protocols.policies import WrappingFactory
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from ssetwist.hub import Streams
from ssetwist.hub._turns import MAX_TURN
from ssetwist.web import Site
from ssetwist.web.site._insides import READ_SIZE
from tests.memory import Client, SocketClient
from tests.unit.hub.fake import TurnClock

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"


class Counting(Resource):
    """
    A resource that counts its requests.

    :ivar size: Bytes of each response.
    :ivar seconds: Seconds that each takes.
    :ivar waiting: Requests to ``/wait``, which are answered later.
    """

    isLeaf = True

    def __init__(self, clock: TurnClock) -> None:
        super().__init__()
        self.clock = clock
        self.count = 0
        self.size = 10
        self.seconds = 0.0
        self.waiting: list[Request] = []

    def render(self, request: Request) -> bytes | int:
        self.count += 1
        self.clock.busy(self.seconds)
        if request.path == b"/wait":
            self.waiting.append(request)
            return NOT_DONE_YET
        return b"x" * self.size


class PipeliningCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = TurnClock()
        self.resource = Counting(self.clock)
        self.site = Site(self.resource, streams=Streams(self.clock))
        self.addCleanup(self.assert_nothing_left)

    def client(self, kind: type[Client] = Client) -> Client:
        client = kind(self.site, self.clock)
        self.addCleanup(self.clock.turn)
        self.addCleanup(client.close)
        return client

    def assert_nothing_left(self) -> None:
        self.assertTrue(self.site.is_idle)
        self.assertTrue(self.site.streams.is_idle)
        self.assertEqual([], self.clock.getDelayedCalls())


class TurnTests(PipeliningCase):
    """
    Requests of one connection that have come together.
    """

    def test_one_in_a_turn(self) -> None:
        """
        One request is answered in each turn of the reactor, in their order, with a body or without.
        """
        for requests in ([GET] * 4, [POST] * 4, [GET, POST, POST, GET]):
            self.resource.count = 0
            client = self.client()
            client.send(b"".join(requests))
            for count in range(1, 5):
                self.assertEqual(count, self.resource.count)
                self.assertEqual(count, client.received.count(b"HTTP/1.1 200 OK"))
                self.clock.turn()
            self.assertEqual(4, self.resource.count)

    def test_in_pieces(self) -> None:
        """
        Bytes that come while requests wait are kept, whatever pieces they come in.
        """
        client = self.client()
        stream = GET + POST + GET
        for begin in range(0, len(stream), 7):
            client.send(stream[begin : begin + 7])
        for _ in range(3):
            self.clock.turn()
        self.assertEqual(3, self.resource.count)

    def test_after_a_later_answer(self) -> None:
        """
        Requests behind one that is answered later wait for it, and then for their own turns.
        """
        client = self.client()
        client.send(GET.replace(b"/", b"/wait", 1) + GET + GET)
        self.clock.turn()
        self.assertEqual(1, self.resource.count)
        self.resource.waiting[0].write(b"done")
        self.resource.waiting[0].finish()
        for count in (1, 2, 3):
            self.assertEqual(count, self.resource.count)
            self.clock.turn()

    def test_one_by_one(self) -> None:
        """
        Requests that a wrapper, such as TLS, gives to the connection one by one have a turn each.
        """
        factory = WrappingFactory(self.site)
        client = Client(factory, self.clock)
        for _ in range(4):
            client.send(GET)
        for count in (1, 2, 3, 4):
            self.assertEqual(count, self.resource.count)
            self.clock.turn()
        client.close()

    def test_fails(self) -> None:
        """
        A request that fails in its turn costs its connection, as one that fails at once does.
        """
        client = self.client()
        client.send(GET * 2)
        client.transport.protocol.requestFactory = lambda *_: 1 / 0
        self.clock.turn()
        self.clock.turn()
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertFalse(client.transport.is_connected)

    def test_several_connections(self) -> None:
        """
        However many connections send several requests, the later ones together take only a part of
        a turn, and all have their turns.
        """
        clients = [self.client() for _ in range(10)]
        for client in clients:
            client.send(GET * 3)
        self.assertEqual(10, self.resource.count)
        self.resource.seconds = MAX_TURN / 2
        self.clock.turn()
        self.assertEqual(12, self.resource.count)
        for _ in range(20):
            self.clock.turn()
        self.assertEqual(30, self.resource.count)

    def test_closes_while_requests_wait(self) -> None:
        """
        If the connection ends while requests wait, they are forgotten.
        """
        client = self.client()
        client.send(GET * 3)
        client.close()
        self.clock.turn()
        self.assertEqual(1, self.resource.count)

    def test_last_request(self) -> None:
        """
        Nothing is read after a request that ends the connection.
        """
        client = self.client()
        client.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + GET)
        for _ in range(3):
            self.clock.turn()
        self.assertEqual(1, self.resource.count)
        self.assertFalse(client.transport.is_connected)

    def test_drain(self) -> None:
        """
        A drain closes a connection whose requests wait.
        """
        client = self.client()
        client.send(GET * 100)
        drained = self.site.drain(5)
        for _ in range(5):
            self.clock.turn(0.1)
        self.successResultOf(drained)
        self.assertFalse(client.transport.is_connected)

    def test_deadline(self) -> None:
        """
        A client has the usual time for each request, also for one that came in part with others.
        """
        client = self.client()
        client.send(GET * 2 + b"GET / HT")
        for _ in range(3):
            self.clock.turn()
        self.assertEqual(2, self.resource.count)
        self.clock.turn(29)
        self.assertTrue(client.transport.is_connected)
        self.clock.turn(1)
        self.clock.turn()
        self.assertFalse(client.transport.is_connected)


class UnreadTests(PipeliningCase):
    """
    Responses that a client does not take.
    """

    def held(self, client: SocketClient) -> int:
        """
        Return the bytes that the transport holds for a client.
        """
        transport = client.transport
        return len(transport.dataBuffer) - transport.offset + transport._tempDataLen

    def test_no_more_than_one(self) -> None:
        """
        While responses wait for the client, no other request is answered, whether they have come
        already or come later; and nothing is read.
        """
        for size in (10, READ_SIZE, 100_000):
            for at_once in (True, False):
                self.resource.size, self.resource.count = size, 0
                client = self.client(SocketClient)
                assert isinstance(client, SocketClient)
                reading: list[bool] = []
                client.transport.startReading = lambda reading=reading: reading.append(True)
                client.transport.stopReading = lambda reading=reading: reading.append(False)
                client.stop_reading()
                for _ in range(100):  # more than the limit with the smallest answers, too
                    if at_once or not reading or reading[-1]:
                        client.send(GET * (20 if at_once else 1))
                    self.clock.turn()
                self.assertTrue(reading, "it always read on")
                most = 2 * READ_SIZE + size + 1000
                self.assertLess(self.held(client), most, (size, at_once))
                self.assertFalse(reading[-1])

    def test_reads_again(self) -> None:
        """
        A client that takes the responses late gets all of them.
        """
        self.resource.size = READ_SIZE
        client = self.client(SocketClient)
        client.stop_reading()
        client.send(GET * 20)
        self.clock.turn()
        client.read_again()
        for _ in range(60):
            self.clock.turn()
            client.transport.work()
        self.assertEqual(20, client.received.count(b"HTTP/1.1 200 OK"))

    def test_reads_again_after_a_later_answer(self) -> None:
        """
        The same counts for requests behind an answer that is made later.
        """
        for size in (10, READ_SIZE + 1000, 100_000):
            for is_late in (True, False):
                self.resource.size, self.resource.count = 10, 0
                client = self.client(SocketClient)
                client.send(GET.replace(b"/", b"/wait", 1) + GET)
                if is_late:
                    client.stop_reading()
                request = self.resource.waiting.pop()
                request.write(b"x" * size)
                request.finish()
                self.clock.turn()
                client.read_again()
                for _ in range(60):
                    self.clock.turn()
                    client.transport.work()
                self.assertEqual(2, self.resource.count, (size, is_late))
                self.assertEqual(2, client.received.count(b"HTTP/1.1 200 OK"))

    def test_more_behind_an_answer(self) -> None:
        """
        While an answer goes on, and its client does not take it, only a few more bytes are read.
        """
        client = self.client(SocketClient)
        assert isinstance(client, SocketClient)
        client.send(GET.replace(b"/", b"/wait", 1))
        client.stop_reading()
        reading = [True]
        client.transport.startReading = lambda: reading.append(True)
        client.transport.stopReading = lambda: reading.append(False)
        self.resource.waiting[0].write(b"x" * 100_000)
        sent = 0
        while reading[-1]:
            client.send(GET)
            sent += 1
            self.assertLess(sent * len(GET), 2 * READ_SIZE)
            self.clock.turn()
        client.read_again()
        self.resource.waiting[0].finish()
        for _ in range(2 * sent):
            self.clock.turn()
            client.transport.work()
        self.assertEqual(1 + sent, self.resource.count)
        self.assertTrue(reading[-1])

    def test_never_reads(self) -> None:
        """
        A client that never takes its responses is cut.
        """
        self.resource.size = 100_000
        client = self.client(SocketClient)
        client.stop_reading()
        client.send(GET * 2)
        for _ in range(60):
            self.clock.turn(1)
        self.assertFalse(client.transport.is_connected)
