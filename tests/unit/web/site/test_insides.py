"""
Assumptions of :mod:`ssetwist.web.site._insides` about Twisted, each tested with Twisted's own
classes.
"""

from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.internet.tcp import Port as TwistedPort
from twisted.internet.tcp import Server
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import HTTPChannel
from twisted.web.resource import EncodingResourceWrapper, Resource
from twisted.web.server import NOT_DONE_YET, GzipEncoderFactory, Request, Site

from ssetwist.web.site._insides import (
    ACCEPTS,
    READ_SIZE,
    OpenedChannel,
    answer_star,
    choose_encoder,
    has_tls,
    is_plain_socket,
    leave_form,
    limit_turns,
    listener_of,
)
from ssetwist.web.site._request_head import read_plain_head
from tests.clock import Clock
from tests.memory import NoReactor

#: A head with all that our reading treats in its own way.
HEAD = (
    b"GET /path?a=b HTTP/1.1\r\nHost: localhost\r\nX-Some:  spaces \r\nx-some: twice\r\n"
    b"Cookie: a=1; b=2\r\nConnection: close\r\n\r\n"
)


#: A request that leaves its connection open.
PLAIN = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Waiting(Resource):
    """
    Leaves every request unanswered.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []

    def render(self, request: Request) -> int:
        self.requests.append(request)
        return NOT_DONE_YET


class Flow(StringTransport):
    """
    A transport that can be paused, like a socket transport.
    """

    server: object = None


class ChannelCase(SynchronousTestCase):
    """
    Channels of Twisted's own Site.
    """

    def setUp(self) -> None:
        self.resource = Waiting()
        self.site = Site(self.resource, reactor=Clock())

    def channel(self, kind: type[HTTPChannel] = OpenedChannel) -> HTTPChannel:
        """
        Return Twisted's channel, or ours, on a transport in memory.
        """
        channel = kind()
        channel.site = channel.factory = self.site
        channel.requestFactory = Request
        channel.callLater = self.site.reactor.callLater
        channel.timeOut = None
        channel.makeConnection(Flow())
        return channel


class HeadTests(ChannelCase):
    """
    Heads that are taken whole.
    """

    def taken(self, head: bytes, *, at_once: bool) -> tuple[HTTPChannel, Request]:
        """
        Let a channel take a head, line by line as Twisted does, or in one piece as our Site does.
        """
        channel = self.channel()
        if at_once:
            plain = read_plain_head(head, channel.totalHeadersSize, channel.maxHeaders)
            assert plain is not None
            channel.receive_plain(plain, Request(channel, False))
        else:
            channel.dataReceived(head)
        return channel, self.resource.requests[-1]

    def test_same_as_line_by_line(self) -> None:
        """
        A head that is taken in one piece leaves the request and the channel in the same state as
        its single lines, except for names that only reading lines needs.
        """
        states = []
        for at_once in (True, False):
            channel, request = self.taken(HEAD, at_once=at_once)
            of_request, of_channel = dict(vars(request)), dict(vars(channel))
            for name in ("channel", "content", "notifications", "resource", "site", "transport"):
                of_request.pop(name, None)
            # These hold the request itself, the transport, and bytes of the head.
            for name in ("requests", "transport", "_networkProducer", "callLater", "_buffer"):
                of_channel.pop(name, None)
            of_channel.pop("_busyReceiving", None)
            for name in ("requestHeaders", "responseHeaders"):
                of_request[name] = list(of_request[name].getAllRawHeaders())
            self.assertEqual([request], channel.requests)
            states.append((of_request, of_channel))
        self.assertEqual(states[1][0], states[0][0])
        whole, lines = (dict(sorted(state[1].items(), key=lambda one: one[0])) for state in states)
        # Twisted puts these on the instance when it has read a line; they have their first values.
        for name in set(lines) ^ set(whole):
            value = lines.get(name, whole.get(name))
            self.assertEqual(getattr(HTTPChannel, name, value), value, name)
            lines.pop(name, None)
            whole.pop(name, None)
        self.assertEqual(lines, whole)

    def test_next_request(self) -> None:
        """
        After a head in one piece, the next head can be read line by line.
        """
        plain = HEAD.replace(b"Connection: close\r\n", b"")
        channel, request = self.taken(plain, at_once=True)
        request.finish()
        channel.dataReceived(b"GET /other HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertEqual(b"/other", self.resource.requests[1].uri)

    def test_last_request(self) -> None:
        """
        After a head in one piece that asks to close the connection, the connection is closed.
        """
        channel, request = self.taken(HEAD, at_once=True)
        request.finish()
        self.assertTrue(channel.transport.disconnecting)


class FlowTests(ChannelCase):
    """
    Bytes that arrive while a request is answered.
    """

    def test_awaits_request(self) -> None:
        """
        ``line_mode`` and ``persistent`` are both true while a channel reads lines of a head.
        """
        channel = self.channel()
        self.assertTrue(channel.awaits_request())
        channel.dataReceived(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertFalse(channel.awaits_request())
        self.resource.requests[0].finish()
        self.assertTrue(channel.awaits_request())
        channel.dataReceived(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        self.resource.requests[1].finish()
        self.assertFalse(channel.awaits_request())

    def test_is_taken(self) -> None:
        """
        ``_waitingForTransport`` is true while the transport holds bytes that the client does not
        take.
        """
        channel = self.channel()
        self.assertTrue(channel.is_taken())
        channel.pauseProducing()
        self.assertFalse(channel.is_taken())
        channel.resumeProducing()
        self.assertTrue(channel.is_taken())

    def test_target(self) -> None:
        """
        ``_path`` is the target of a request whose body has not arrived yet.
        """
        channel = self.channel()
        channel.dataReceived(b"POST /a?b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n")
        self.assertEqual(b"/a?b", channel.target())

    def test_eager_reads_end(self) -> None:
        """
        While a request is answered, a channel reads ``_optimisticEagerReadSize`` bytes, and then
        pauses the transport in its ``_networkProducer``.
        """
        channel = self.channel()
        told: list[str] = []

        class Transport(Flow):
            def pauseProducing(self) -> None:
                told.append("pause")

            def resumeProducing(self) -> None:
                told.append("resume")

        other = Transport()
        channel.listen_to(other)
        self.assertIs(channel, other.producer)
        channel.dataReceived(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        channel.dataReceived(b"x" * READ_SIZE)
        self.assertEqual([], told)
        channel.dataReceived(b"x")
        self.assertEqual(["pause"], told)

    def test_all_at_once_by_itself(self) -> None:
        """
        Twisted's own channel answers all requests that have come in one turn.
        """
        channel = self.channel(HTTPChannel)
        channel.dataReceived(PLAIN * 3)
        for number in range(3):
            self.resource.requests[number].finish()
        self.assertEqual(3, channel.transport.value().count(b"HTTP/1.1 200"))

    def test_next_request_waits(self) -> None:
        """
        ``paused`` keeps what has come (``_buffer``, ``_dataBuffer``) from being read, and
        ``end_response`` pauses the transport until ``go_on``.
        """
        channel = self.channel()
        ended = []
        channel.requestDone = lambda request: ended.append(channel.end_response(request))
        channel.dataReceived(PLAIN * 2)
        channel.dataReceived(PLAIN[:9])
        for number in range(2):
            self.assertEqual(number + 1, len(self.resource.requests))
            self.resource.requests[number].finish()
            self.assertEqual([True] * (number + 1), ended)
            self.assertTrue(channel.paused)
            self.assertEqual("paused", channel.transport.producerState)
            channel.go_on()
            self.assertFalse(channel.paused)
            self.assertEqual("producing", channel.transport.producerState)
        channel.dataReceived(PLAIN[9:])
        self.assertEqual(3, len(self.resource.requests))

    def test_waits_for_the_client(self) -> None:
        """
        ``_waitingForTransport`` is true while the transport has too much to send; ``go_on`` does
        nothing until then.
        """
        channel = self.channel()
        channel.requestDone = channel.end_response
        channel.dataReceived(PLAIN)
        channel.pauseProducing()
        self.resource.requests[0].finish()
        channel.go_on()
        self.assertTrue(channel.paused)
        channel.resumeProducing()
        self.assertEqual("paused", channel.transport.producerState)
        channel.go_on()
        self.assertEqual("producing", channel.transport.producerState)

    def test_nothing_waits(self) -> None:
        """
        After a response, the next request is read at once if nothing waits.
        """
        channel = self.channel()
        channel.requestDone = channel.end_response
        channel.dataReceived(PLAIN)
        self.resource.requests[0].finish()
        self.assertFalse(channel.paused)
        self.assertEqual("producing", channel.transport.producerState)

    def test_eager_reads_end_for_a_client_that_does_not_read(self) -> None:
        """
        ``rawDataReceived(`` keeps in ``_dataBuffer`` what comes while ``_handlingRequest``, and
        Twisted does not pause the transport while ``_waitingForTransport``.
        """
        for kind, is_paused in ((OpenedChannel, True), (HTTPChannel, False)):
            channel = self.channel(kind)
            channel.dataReceived(PLAIN)
            channel.pauseProducing()
            channel.dataReceived(b"x" * (HTTPChannel._optimisticEagerReadSize + 1))
            self.assertEqual(is_paused, channel.transport.producerState == "paused", kind)

    def test_eager_reads_of_twisted(self) -> None:
        """
        Twisted's own value of ``_optimisticEagerReadSize`` is larger.
        """
        self.assertGreater(HTTPChannel._optimisticEagerReadSize, READ_SIZE)

    def test_listening_is_what_twisted_does(self) -> None:
        """
        ``listen_to`` leaves a channel as Twisted's ``connectionMade`` does.
        """
        theirs, ours = self.channel(HTTPChannel), self.channel()
        self.assertIs(theirs.transport, theirs._networkProducer)
        other = Flow()
        ours.listen_to(other)
        self.assertIs(other, ours._networkProducer)
        self.assertIs(theirs, theirs.transport.producer)
        self.assertEqual(theirs.transport.streaming, other.streaming)


class BodyTests(ChannelCase):
    """
    Bodies that are announced.
    """

    def test_length_without_end(self) -> None:
        """
        A length of thousands of digits is refused; Twisted's own
        ``_maybeChooseTransferDecoder(header, data)`` raises an error.
        """
        head = b"POST / HTTP/1.1\r\nContent-Length: %b\r\n\r\n"
        channel = self.channel()
        channel.dataReceived(head % (b"9" * 5000))
        self.assertEqual(b"HTTP/1.1 400 Bad Request\r\n\r\n", channel.transport.value())
        theirs = self.channel(HTTPChannel)
        self.assertRaises(ValueError, theirs.dataReceived, head % (b"9" * 5000))

    def test_longest_length(self) -> None:
        """
        A length of as many digits as the bound is read.
        """
        channel = self.channel()
        channel.dataReceived(b"POST / HTTP/1.1\r\nContent-Length: %020d\r\n\r\n" % 0)
        self.assertEqual(1, len(self.resource.requests))

    def test_continue(self) -> None:
        """
        A client is asked for a body by ``_send100Continue()``, unless its request has been refused.
        """
        asked = b"HTTP/1.1 100 Continue\r\n\r\n"
        for takes_body, answer in ((True, asked), (False, b"")):
            channel = self.channel()
            channel.takes_body = lambda takes_body=takes_body: takes_body
            channel.dataReceived(
                b"POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"
            )
            self.assertEqual(answer, channel.transport.value())
        self.assertTrue(self.channel().takes_body())

    def test_form(self) -> None:
        """
        Twisted reads the form of a request, until it is told to leave it.
        """
        for is_left, args in ((False, {b"a": [b"b"]}), (True, {})):
            request = Request(self.channel())
            if is_left:
                leave_form(request)
            headers = request.requestHeaders
            headers.setRawHeaders("Content-Type", ["application/x-www-form-urlencoded"])
            request.gotLength(3)
            request.handleContentChunk(b"a=b")
            request.channel.requests = [request]
            request.requestReceived(b"POST", b"/", b"HTTP/1.1")
            self.assertEqual(args, request.args)


class RequestTests(ChannelCase):
    """
    Steps of ``Request.process``.
    """

    def request(self, head: bytes = b"GET / HTTP/1.1\r\nHost: localhost\r\n") -> Request:
        """
        Return a request that waits for its answer.
        """
        self.channel().dataReceived(head + b"Accept-Encoding: gzip\r\n\r\n")
        return self.resource.requests[-1]

    def test_encoder(self) -> None:
        """
        The encoder of a wrapper becomes the request's ``_encoder``, and encodes its response.
        """
        request = self.request()
        transport = request.transport
        choose_encoder(request, EncodingResourceWrapper(self.resource, [GzipEncoderFactory()]))
        request.write(b"as it is")
        request.finish()
        self.assertNotIn(b"as it is", transport.value())

    def test_no_wrapper(self) -> None:
        """
        A resource without a wrapper leaves the request without an encoder.
        """
        request = self.request()
        choose_encoder(request, self.resource)
        self.assertIsNone(request._encoder)

    def test_wrapper_that_does_not_encode(self) -> None:
        """
        A wrapper without an encoder for a request does not change the request's encoder.
        """
        request = self.request()
        wrapper = EncodingResourceWrapper(self.resource, [GzipEncoderFactory()])
        choose_encoder(request, wrapper)
        first = request._encoder
        self.assertIsNotNone(first)
        choose_encoder(request, EncodingResourceWrapper(self.resource, []))
        self.assertIs(first, request._encoder)

    def test_star(self) -> None:
        """
        ``OPTIONS *`` is answered with 200 and a list of methods, any other method with 405.
        """
        for method, status in ((b"OPTIONS", b"200"), (b"GET", b"405")):
            request = self.request()
            transport = request.transport
            request.method = method
            answer_star(request)
            self.assertIn(b"HTTP/1.1 " + status, transport.value())


class Socket:
    """
    The kernel's end of a connection, with one byte to read.

    :ivar asked: Numbers of bytes that were asked for.
    """

    def __init__(self) -> None:
        self.asked: list[int] = []

    def fileno(self) -> int:
        return -1

    def setblocking(self, is_blocking: bool) -> None:
        assert not is_blocking

    def recv(self, size: int) -> bytes:
        self.asked.append(size)
        return b"x"


class Port:
    """
    A listening port, with everything that a connection needs from it.
    """

    _realPortNumber = 80  # noqa: N815  # Twisted's name


class TransportTests(SynchronousTestCase):
    """
    Twisted's own transport for accepted TCP connections.
    """

    def setUp(self) -> None:
        self.port = Port()
        self.socket = Socket()
        self.transport = self.accepted(Server)

    def accepted(self, kind: type[Server]) -> Server:
        """
        Return a transport that is made as a port makes it.
        """
        return kind(self.socket, Protocol(), ("192.0.2.1", 50000), self.port, 1, NoReactor())

    def test_plain(self) -> None:
        """
        A port of Twisted makes a ``tcp.Server`` for each connection, which can be paused.
        """
        self.assertIs(Server, TwistedPort.transport)
        self.assertTrue(is_plain_socket(self.transport))
        self.assertTrue(IPushProducer.providedBy(self.transport))

    def test_not_plain(self) -> None:
        """
        A transport of any other class, even a subclass, is left to Twisted.
        """
        self.assertFalse(is_plain_socket(self.accepted(type("Other", (Server,), {}))))
        self.assertFalse(is_plain_socket(StringTransport()))

    def test_listener(self) -> None:
        """
        A transport's ``server`` is the port that accepted it.
        """
        self.assertIs(self.port, listener_of(self.transport))
        self.assertIsNone(listener_of(StringTransport()))

    def test_tls(self) -> None:
        """
        ``TLS`` of a transport becomes true with ``startTLS``; a transport that cannot have TLS
        lacks the attribute.
        """
        self.assertFalse(has_tls(self.transport))
        self.transport.protocol.makeConnection(self.transport)
        self.transport.startTLS(CertificateOptions())
        self.assertTrue(has_tls(self.transport))
        self.assertFalse(has_tls(FileDescriptor(NoReactor())))

    def test_read_size(self) -> None:
        """
        A transport reads ``bufferSize`` bytes at once.
        """
        limit_turns(self.transport)
        self.transport.doRead()
        self.assertEqual([READ_SIZE], self.socket.asked)

    def test_accepts(self) -> None:
        """
        A port accepts ``numberAccepts`` connections in one turn, which the first of them limits; a
        transport without a port has only a size of reads.
        """
        self.port.numberAccepts = 100
        limit_turns(self.transport)
        self.assertEqual(ACCEPTS, self.port.numberAccepts)
        limit_turns(FileDescriptor(NoReactor()))
