"""
Event sources without a network: their connections are in memory, and a ``Clock`` drives them.
"""

from collections.abc import Iterable

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from ssetwist.client import Backoff, EventSource, ReadyState
from ssetwist.eventstream import Event
from tests.memory import MemoryTransport

URL = "http://example.com/events?token=secret"

#: Head of an event stream without chunks, which ends with its connection.
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

#: Head of an event stream in chunks, which ends with the last chunk.
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)

#: Last chunk of a body.
LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """
    Return one chunk.
    """
    return b"%x\r\n%b\r\n" % (len(data), data)


def response(status: str, body: bytes = b"", **headers: str) -> bytes:
    """
    Return a whole response.
    """
    fields = {"Content-Length": str(len(body))} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + body


class Wire(MemoryTransport):
    """
    Server's end of a connection.

    :ivar waiting: Bytes that were sent while the client did not read.
    """

    def __init__(self, reactor: MemoryReactorClock, host: str, port: int) -> None:
        super().__init__(reactor, IPv4Address("TCP", host, port))
        self.waiting = b""

    @property
    def request(self) -> bytes:
        """
        All bytes that the client has sent.
        """
        return self.value()

    def header(self, name: str) -> str | None:
        """
        Return the value of a header of the request.
        """
        head = self.request.partition(b"\r\n\r\n")[0].decode()
        for line in head.split("\r\n")[1:]:
            one, _, value = line.partition(": ")
            if one.lower() == name.lower():
                return value
        return None

    @property
    def is_paused(self) -> bool:
        """
        True if the client does not read.
        """
        return self.producerState == "paused"

    def setTcpNoDelay(self, enabled: bool) -> None:  # noqa: N802 (Twisted's name)
        """
        Do nothing: memory has no delay.
        """

    def send(self, data: bytes) -> None:
        """
        Send some bytes as one piece.  The client gets them when it reads.
        """
        self.waiting += data
        self._deliver()

    def resumeProducing(self) -> None:
        super().resumeProducing()
        self._clock.callLater(0, self._deliver)

    def _deliver(self) -> None:
        if self.waiting and not self.is_paused and self.is_connected and not self.is_aborted:
            data, self.waiting = self.waiting, b""
            self.protocol.dataReceived(data)

    def finish(self) -> None:
        """
        Close the connection.
        """
        self.lose(ConnectionDone())

    def reset(self) -> None:
        """
        Break the connection.
        """
        self.lose(ConnectionLost())


class SourceCase(SynchronousTestCase):
    """
    Event sources and their servers.

    At the end of each test all sources are closed, and no timer and no connection is left.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.sources: list[EventSource] = []
        self.wires: list[Wire] = []
        self.jitter = 1.0

    def tearDown(self) -> None:
        for source in self.sources:
            closed = source.close()
            self.turn()
            self.successResultOf(closed)
            self.assertIs(ReadyState.CLOSED, source.state)
        self.assertEqual([], self.reactor.getDelayedCalls())
        self.assertEqual([], [wire for wire in self.wires if wire.is_connected])

    def source(self, url: str = URL, **options: object) -> EventSource:
        """
        Return a source that has begun to connect.
        """
        source = EventSource(
            url,
            **{
                "reactor": self.reactor,
                "jitter": lambda: self.jitter,
                "backoff": Backoff(first=1, ceiling=8),
                **options,
            },
        )
        self.sources.append(source)
        self.turn()
        return source

    def turn(self) -> None:
        """
        Turn the reactor, so that everything happens that is due now.
        """
        for _ in range(4):
            self.reactor.advance(0)

    def asked(self) -> int:
        """
        Return the number of connections that the client waits for.
        """
        return len(self.reactor.tcpClients)

    def accept(self, data: bytes = b"") -> Wire:
        """
        Make the connection that the client waits for, and send some bytes.
        """
        self.assertEqual(1, self.asked(), "the client waits for one connection")
        host, port, factory, *_ = self.reactor.tcpClients.pop()
        wire = Wire(self.reactor, host, port)
        wire.protocol = factory.buildProtocol(wire.getPeer())
        wire.protocol.makeConnection(wire)
        self.wires.append(wire)
        if data:
            wire.send(data)
        return wire

    def refuse(self, problem: Exception) -> None:
        """
        Refuse the connection that the client waits for.
        """
        self.assertEqual(1, self.asked(), "the client waits for one connection")
        _, _, factory, *_ = self.reactor.tcpClients.pop()
        factory.clientConnectionFailed(None, Failure(problem))
        self.reactor.advance(0.5)  # until the client waits for no other address

    def open(self, data: bytes = b"", **options: object) -> tuple[EventSource, Wire]:
        """
        Return a source with an open stream, and its connection.
        """
        source = self.source(**options)
        wire = self.accept(CHUNKED)
        if data:
            wire.send(chunk(data))
        self.assertIs(ReadyState.OPEN, source.state)
        return source, wire

    def taken(self, source: EventSource, count: int) -> list[Event | None]:
        """
        Take some events that have come.
        """
        return [self.successResultOf(source.next()) for _ in range(count)]

    def assert_waiting(self, source: EventSource, seconds: float) -> None:
        """
        Check that the next attempt is made after these seconds.
        """
        self.assertIs(ReadyState.CONNECTING, source.state)
        self.assertEqual(0, self.asked())
        self.reactor.advance(max(0, seconds - 0.001))
        self.assertEqual(0, self.asked(), "not yet")
        self.reactor.advance(0.002)
        self.assertEqual(1, self.asked(), "now")


@implementer(IAgent)
class FakeAgent:
    """
    Agent that gets its responses from the test.

    :ivar cancelled: Number of requests that were cancelled.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[bytes, bytes, Headers, bytes | None]] = []
        self.answers: list[Deferred[IResponse]] = []
        self.cancelled = 0

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,  # noqa: N803 (Twisted's name)
    ) -> "Deferred[IResponse]":
        """
        Take a request.
        """
        body = None if bodyProducer is None else Written(bodyProducer).body
        assert headers is not None
        self.requests.append((method, uri, headers, body))
        answer: Deferred[IResponse] = Deferred(self._cancel)
        self.answers.append(answer)
        return answer

    def _cancel(self, _: object) -> None:
        self.cancelled += 1


class Written:
    """
    Body that its producer has written at once.
    """

    def __init__(self, producer: IBodyProducer) -> None:
        self.body = b""
        finished = producer.startProducing(self)
        assert finished.called and len(self.body) == producer.length

    def write(self, data: bytes) -> None:
        """
        Take some bytes.
        """
        self.body += data


class FakeTransport:
    """
    Transport of a foreign agent's body.  It can be aborted.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []

    def abortConnection(self) -> None:
        self.calls.append("abort")

    def pauseProducing(self) -> None:
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        self.calls.append("resume")


class PoliteTransport:
    """
    Transport that can be closed, but not aborted.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []

    def loseConnection(self) -> None:
        self.calls.append("lose")

    def pauseProducing(self) -> None:
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        self.calls.append("resume")


class FakeResponse:
    """
    Response with a body that the test gives.
    """

    def __init__(
        self,
        transport: object | None = None,
        *,
        code: int = 200,
        headers: dict[str, str] | None = None,
        first: Iterable[bytes] = (),
    ) -> None:
        self.code = code
        self.headers = Headers()
        for name, value in ({"Content-Type": "text/event-stream"} | (headers or {})).items():
            self.headers.addRawHeader(name, value)
        self.transport = FakeTransport() if transport is None else transport
        self.first = list(first)
        self.protocol = None

    def deliverBody(self, protocol: object) -> None:  # noqa: N802 (Twisted's name)
        """
        Begin as Twisted does: with the first bytes, and then by resuming the transport.
        """
        self.protocol = protocol
        protocol.makeConnection(self.transport)
        for data in self.first:
            protocol.dataReceived(data)
        self.transport.resumeProducing()
