"""
Assumptions of :mod:`ssetwist.web._insides` about Twisted, each checked with Twisted's own classes.
"""

from io import BytesIO

from h2.config import H2Configuration
from h2.connection import H2Connection
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import HTTPChannel
from twisted.web.resource import EncodingResourceWrapper, Resource
from twisted.web.server import NOT_DONE_YET, GzipEncoderFactory, Request, Site

from ssetwist.web._insides import (
    begin_chunked,
    count_sent,
    forget_paths,
    has_begun,
    has_early_bytes,
    is_http2,
    leave_last_chunk,
    pause_until_empty,
    socket_of,
    take_off_encoder,
    take_over,
    was_reset,
)
from ssetwist.web._outlet import is_over
from tests.clock import Clock
from tests.memory import Client, MemoryTransport, SocketClient

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Waiting(Resource):
    """
    Resource that leaves every request unanswered.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []

    def render(self, request: Request) -> int:
        self.requests.append(request)
        return NOT_DONE_YET


class Producer:
    """
    A producer that remembers the calls of its transport.
    """

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


class InsidesCase(SynchronousTestCase):
    """
    A request to a Site of Twisted, without any class of ours.
    """

    make_client: type[Client] = Client

    def setUp(self) -> None:
        self.clock = Clock()
        self.resource = Waiting()
        self.site = Site(self.resource, reactor=self.clock)
        self.client = self.make_client(self.site, self.clock)

    def request(self, data: bytes = REQUEST) -> Request:
        """
        Send a request, and return Twisted's object for it.
        """
        self.client.send(data)
        return self.resource.requests[-1]


class RequestTests(InsidesCase):
    """
    A request and its end.
    """

    def test_over_when_answered(self) -> None:
        """
        ``finished`` of a request is true once ``finish()`` was called, and not before.
        """
        request = self.request()
        self.assertFalse(is_over(request))
        request.finish()
        self.assertTrue(is_over(request))

    def test_over_when_the_client_has_gone(self) -> None:
        """
        ``channel`` of a request becomes ``None`` when the connection is lost.
        """
        request = self.request()
        self.client.close()
        self.assertTrue(is_over(request))

    def test_begun_with_the_first_write(self) -> None:
        """
        ``startedWriting`` becomes true with the first write.
        """
        request = self.request()
        self.assertFalse(has_begun(request))
        request.write(b"something")
        self.assertTrue(has_begun(request))

    def test_paths_are_not_needed_any_more(self) -> None:
        """
        A request without its paths can be written to, finished, and logged.
        """
        request = self.request()
        self.assertTrue(hasattr(request, "sitepath"))
        forget_paths(request)
        self.assertEqual([None] * 3, [request.prepath, request.postpath, request.sitepath])
        request.write(b"something")
        with capturedLogs() as logs:
            request.finish()
        self.assertIn(b"something", self.client.body)
        self.assertEqual([], [event for event in logs if "log_failure" in event])

    def test_bytes_sent_are_logged(self) -> None:
        """
        The access log takes the size of a response from ``sentLength``.
        """
        lines: list[str] = []

        def formatter(timestamp: str, request: Request) -> str:
            lines.append(str(request.sentLength))
            return ""

        site = Site(self.resource, reactor=self.clock, logFormatter=formatter)
        site.logFile = BytesIO()
        Client(site, self.clock).send(REQUEST)
        [request] = self.resource.requests
        request.write(b"something")
        count_sent(request, 4711)
        request.finish()
        self.assertEqual(["4711"], lines)

    def test_encoder(self) -> None:
        """
        A response without its ``_encoder`` is sent as it is.
        """
        self.site.resource = EncodingResourceWrapper(self.resource, [GzipEncoderFactory()])
        data = b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n"
        request = self.request(data)
        self.assertTrue(take_off_encoder(request))
        self.assertFalse(take_off_encoder(request))
        request.write(b"as it is")
        request.finish()
        self.assertEqual(b"as it is", self.client.body)

    def test_encoder_would_encode(self) -> None:
        """
        A response that keeps its ``_encoder`` is encoded.
        """
        self.site.resource = EncodingResourceWrapper(self.resource, [GzipEncoderFactory()])
        data = b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n"
        request = self.request(data)
        request.write(b"as it is")
        request.finish()
        self.assertNotIn(b"as it is", self.client.body)


class ChannelTests(InsidesCase):
    """
    Bytes that come after a request, and a head that we write ourselves.
    """

    def test_early_bytes_after_a_request(self) -> None:
        """
        ``_dataBuffer`` of the channel holds bytes that come before a request is answered.
        """
        request = self.request()
        self.assertFalse(has_early_bytes(request))
        self.client.send(b"x")
        self.assertTrue(has_early_bytes(request))

    def test_early_bytes_with_a_request(self) -> None:
        """
        ``_dataBuffer`` also holds bytes that come in one piece with the request.
        """
        seen: list[bool] = []

        class Looking(Waiting):
            def render(self, request: Request) -> int:
                seen.append(has_early_bytes(request))
                return super().render(request)

        self.site.resource = self.resource = Looking()
        self.request(REQUEST + b"x")
        self.assertEqual([False], seen)  # the channel has them only when render has returned
        self.assertTrue(has_early_bytes(self.resource.requests[0]))

    def test_no_early_bytes_after_a_body(self) -> None:
        """
        After a body ``_dataBuffer`` holds nothing but an empty piece.
        """
        request = self.request(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody"
        )
        self.assertFalse(has_early_bytes(request))

    def test_taken_over(self) -> None:
        """
        ``rawDataReceived`` of a channel gets the bytes that come before a request is answered; a
        channel that is not ``persistent`` closes after the response.
        """
        received: list[bytes] = []
        request = self.request()
        self.assertIsInstance(request.channel, HTTPChannel)
        take_over(request.channel, received.append)
        self.client.send(b"more")
        self.assertEqual([b"more"], received)
        self.assertFalse(has_early_bytes(request))
        request.finish()
        self.clock.advance(0)
        self.assertFalse(self.client.transport.is_connected)

    def test_chunked_without_a_head(self) -> None:
        """
        A request whose head counts as written writes chunks without a head, and ends them with the
        last chunk by itself.
        """
        request = self.request()
        begin_chunked(request)
        request.write(b"data")
        request.finish()
        self.assertEqual(b"4\r\ndata\r\n0\r\n\r\n", self.client.received)

    def test_last_chunk_is_left_to_us(self) -> None:
        """
        A response with ``chunked`` set to false ends without the last chunk.
        """
        request = self.request()
        request.write(b"data")
        self.assertTrue(leave_last_chunk(request))
        self.assertFalse(leave_last_chunk(request))
        request.finish()
        self.assertTrue(self.client.received.endswith(b"4\r\ndata\r\n"))

    def test_last_chunk_of_a_response_that_has_none(self) -> None:
        """
        ``chunked`` is false for a response that ends with its connection.
        """
        request = self.request(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
        request.write(b"data")
        self.assertFalse(leave_last_chunk(request))


class TransportTests(InsidesCase):
    """
    Twisted's own socket transport.
    """

    make_client = SocketClient

    def setUp(self) -> None:
        super().setUp()
        self.producer = Producer()
        self.transport = self.client.transport
        self.transport.unregisterProducer()

    def test_socket(self) -> None:
        """
        ``socket`` of a transport is its socket, and bytes that are given to it leave.
        """
        found = socket_of(self.transport)
        assert found is not None
        found.send(b"bytes")
        self.assertEqual(b"bytes", self.transport.value())

    def test_resumed_when_empty(self) -> None:
        """
        If ``producerPaused`` is set, the producer is resumed when the transport is empty, even if
        the transport held only one byte.
        """
        self.transport.registerProducer(self.producer, True)
        self.client.stop_reading()
        self.transport.write(b"x")
        self.assertTrue(pause_until_empty(self.transport))
        self.transport.work()
        self.assertEqual(["pause"], self.producer.told)
        self.client.read_again()
        self.assertEqual(["pause", "resume"], self.producer.told)

    def test_no_producer(self) -> None:
        """
        ``producer`` of a transport is ``None`` before a producer is registered.
        """
        self.assertFalse(pause_until_empty(self.transport))


class Http2Tests(SynchronousTestCase):
    """
    Twisted's HTTP/2, where the channel of a request is a stream.
    """

    def setUp(self) -> None:
        clock = Clock()
        self.resource = Waiting()
        peer = IPv4Address("TCP", "192.0.2.1", 50000)
        self.transport = MemoryTransport(clock, peer)
        self.transport.negotiatedProtocol = b"h2"
        protocol = self.transport.protocol = Site(self.resource, reactor=clock).buildProtocol(peer)
        protocol.makeConnection(self.transport)
        self.h2 = H2Connection(H2Configuration(client_side=True))
        self.h2.initiate_connection()
        fields = [(":method", "GET"), (":path", "/"), (":scheme", "https"), (":authority", "h")]
        self.h2.send_headers(1, fields, end_stream=True)
        self.send()
        [self.request] = self.resource.requests

    def send(self) -> None:
        """
        Send the bytes that the client's library has made.
        """
        self.transport.protocol.dataReceived(self.h2.data_to_send())

    def test_told_apart(self) -> None:
        """
        The channel of a request is an ``HTTPChannel`` over HTTP/1.1, but not over HTTP/2.
        """
        self.assertTrue(is_http2(self.request))
        resource = Waiting()
        clock = Clock()
        Client(Site(resource, reactor=clock), clock).send(REQUEST)
        self.assertFalse(is_http2(resource.requests[0]))

    def test_gone(self) -> None:
        """
        A request over HTTP/2 is over after its stream was reset, and can then not be recognised as
        HTTP/2.
        """
        self.h2.reset_stream(1)
        self.send()
        self.assertTrue(is_over(self.request))
        self.assertFalse(is_http2(self.request))

    def test_reset_by_the_client(self) -> None:
        """
        After its stream was reset, a request fails with a text about the reset.
        """
        failure = self.failure_of(lambda: (self.h2.reset_stream(1), self.send()))
        self.assertEqual(ConnectionLost, failure.type)
        self.assertTrue(was_reset(failure))

    def test_lost_by_the_network(self) -> None:
        """
        After its connection was lost or closed, a request fails with another text.
        """
        failure = self.failure_of(lambda: self.transport.lose(ConnectionLost()))
        self.assertFalse(was_reset(failure))
        self.assertFalse(was_reset(Failure(ConnectionDone())))

    def failure_of(self, end: object) -> Failure:
        """
        Return the failure of the request after something has ended it.
        """
        ended = self.request.notifyFinish()
        end()
        return self.failureResultOf(ended)
