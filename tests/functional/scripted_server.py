"""
A server that follows a script, byte for byte, however wrong: no real server can be made to fail at
exactly the moment that a test needs.

A script is a coroutine with a :class:`Connection` as its argument; the first connection plays the
first script, and so on.  The module also has the scripts that many tests use.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint
from twisted.internet.interfaces import IOpenSSLContextFactory, IPushProducer
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

#: The head of a valid response with a body that lasts until the connection ends.
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

#: The head of a valid response with a body in chunks.
CHUNKED_HEAD = HEAD[:-2] + b"Transfer-Encoding: chunked\r\n\r\n"

#: The end of a body in chunks.
LAST_CHUNK = b"0\r\n\r\n"

#: Seconds between two pieces that must not be read as one.
APART = 0.002


def chunk(data: bytes) -> bytes:
    """
    Return some bytes as one chunk of a body.
    """
    return b"%x\r\n%b\r\n" % (len(data), data)


def head(status: str, **headers: object) -> bytes:
    """
    Return the head of a response; ``content_type`` is the name of ``Content-Type``.

    It announces an empty body, unless a length is given.
    """
    fields = {"content_length": 0, **headers}
    lines = [f"{name.replace('_', '-').title()}: {value}" for name, value in fields.items()]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()


@dataclass(frozen=True)
class ReceivedRequest:
    """
    A request as it came.

    :ivar headers: By name, in any case; Latin-1, as on the wire.
    :ivar connection: The number of its connection, from 0.
    """

    method: str
    target: str
    headers: "Message[str, str]"
    body: bytes
    connection: int


@implementer(IPushProducer)
class Connection(Protocol):
    """
    One connection of a client, for its script.

    :ivar number: Number of connections before it.
    :ivar requests: Requests on it so far.
    :ivar reason: The reason for its loss; ``None`` while it is there.
    :ivar flooded: Bytes of a flood that the transport has accepted.
    :ivar is_blocked: True if the transport accepts no more, because the client does not read.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.requests: list[ReceivedRequest] = []
        self.reason: Failure | None = None
        self.flooded = 0
        self.is_blocked = False
        self._received = b""
        self._waiting: list[Deferred[None]] = []

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)  # pieces that are sent apart arrive apart

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        self._tell()

    def connectionLost(self, reason: Failure) -> None:
        self.reason = reason
        self._tell()

    @property
    def is_lost(self) -> bool:
        return self.reason is not None

    async def request(self) -> ReceivedRequest:
        """
        Wait for the next request, with its body.

        :raises ConnectionError: If the client leaves instead.
        """
        while (found := self._take()) is None:
            if self.is_lost:
                raise ConnectionError("gone without a request")
            await self._something()
        self.requests.append(found)
        return found

    def send(self, *pieces: bytes) -> None:
        """
        Send bytes at once.
        """
        self.transport.writeSequence(pieces)

    async def send_apart(self, pieces: Iterable[bytes]) -> None:
        """
        Send pieces so that each is read alone.
        """
        for piece in pieces:
            if self.is_lost:
                return
            self.transport.write(piece)
            await deferLater(reactor, APART)

    async def dribble(self, data: bytes) -> None:
        """
        Send bytes one by one.
        """
        await self.send_apart(data[place : place + 1] for place in range(len(data)))

    async def flood(self, pieces: Iterable[bytes]) -> None:
        """
        Send pieces as fast as the client reads, and no faster.
        """
        self.transport.registerProducer(self, True)
        for piece in pieces:
            self.transport.write(piece)
            self.flooded += len(piece)
            # The transport reports that it is full from within a turn of the reactor.
            await deferLater(reactor, 0)
            while self.is_blocked and not self.is_lost:
                await self._something()
            if self.is_lost:
                return
        self.transport.unregisterProducer()

    def pauseProducing(self) -> None:
        self.is_blocked = True

    def resumeProducing(self) -> None:
        self.is_blocked = False
        self._tell()

    def stopProducing(self) -> None:
        pass  # connectionLost comes next

    def end(self) -> None:
        """
        Close the connection, once all bytes have left.
        """
        self.transport.loseConnection()

    def reset(self) -> None:
        """
        Reset the connection: the client sees RST, not FIN.
        """
        # Twisted does this with a linger of zero seconds.
        self.transport.abortConnection()

    async def gone(self) -> None:
        """
        Wait until the connection is gone.
        """
        while not self.is_lost:
            await self._something()

    def _take(self) -> ReceivedRequest | None:
        lines, found, rest = self._received.partition(b"\r\n\r\n")
        if not found:
            return None
        line, _, fields = lines.decode("latin-1").partition("\r\n")
        method, target, _ = line.split(" ")
        headers = Parser().parsestr(fields)
        length = int(headers.get("Content-Length", "0"))
        if headers.get("Transfer-Encoding"):
            if not rest.endswith(LAST_CHUNK):
                return None
            body, self._received = _dechunk(rest), b""
        elif len(rest) < length:
            return None
        else:
            body, self._received = rest[:length], rest[length:]
        return ReceivedRequest(method, target, headers, body, self.number)

    def _something(self) -> Deferred[None]:
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)


Script = Callable[[Connection], Awaitable[object]]


class ScriptedServer(Factory):
    """
    Plays a script on each connection, on a port of 127.0.0.1.

    :ivar connections: All connections that ever came.
    """

    noisy = False

    def __init__(self, *scripts: Script) -> None:
        self.connections: list[Connection] = []
        self._scripts = scripts
        self._failures: list[Failure] = []
        self._playing: list[Deferred[object]] = []

    @property
    def requests(self) -> list[ReceivedRequest]:
        """
        Requests so far.
        """
        return [request for one in self.connections for request in one.requests]

    def url(self, path: str = "/") -> str:
        return f"{self._scheme}://{self._host}:{self._port.getHost().port}{path}"

    async def listen(self, at: str = "http://127.0.0.1:0/") -> None:
        """
        Listen on a free port, or on the port of a URL.
        """
        number = int(at.split(":")[2].partition("/")[0])
        self._scheme, self._host = "http", "127.0.0.1"
        self._port = await TCP4ServerEndpoint(reactor, number, interface="127.0.0.1").listen(self)

    async def listen_with_tls(self, folder: Path) -> None:
        """
        Listen on a free port, with the certificate for ``localhost`` in a folder.
        """
        self._scheme, self._host = "https", "localhost"
        endpoint = SSL4ServerEndpoint(reactor, 0, _Contexts(folder), interface="127.0.0.1")
        self._port = await endpoint.listen(self)

    async def stop(self) -> None:
        """
        Cut all connections, and raise the first error of a script.
        """
        await self._port.stopListening()
        for connection in self.connections:
            if not connection.is_lost:
                connection.reset()
            await connection.gone()
        for playing in self._playing:
            await playing
        for failure in self._failures:
            failure.raiseException()

    def buildProtocol(self, address: object) -> Connection:
        connection = Connection(len(self.connections))
        self.connections.append(connection)
        # Connections beyond the last script play the last script again.
        script = self._scripts[min(connection.number, len(self._scripts) - 1)]
        # Start the script only when it is connected.
        playing: Deferred[object] = succeed(None)
        playing.addCallback(lambda _: deferLater(reactor, 0))
        playing.addCallback(lambda _: Deferred.fromCoroutine(_play(script, connection)))
        playing.addErrback(self._failed, connection)
        self._playing.append(playing)
        return connection

    def _failed(self, failure: Failure, connection: Connection) -> None:
        self._failures.append(failure)
        connection.reset()  # the test need not wait for a request that will not come


@implementer(IOpenSSLContextFactory)
class _Contexts:
    """
    Makes contexts for TLS.  Twisted's own use functions that pyOpenSSL has deprecated.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def getContext(self) -> SSL.Context:  # noqa: N802 (as Twisted calls it)
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.use_privatekey_file(str(self._folder / "key.pem"))
        context.use_certificate_file(str(self._folder / "cert.pem"))
        return context


async def _play(script: Script, connection: Connection) -> None:
    with suppress(ConnectionError):  # a client may leave without a request
        await script(connection)
    if not connection.is_lost:
        connection.end()


def _dechunk(body: bytes) -> bytes:
    pieces = []
    while (found := re.match(rb"([0-9a-fA-F]+)\r\n", body)) and (size := int(found[1], 16)):
        pieces.append(body[found.end() : found.end() + size])
        body = body[found.end() + size + 2 :]
    return b"".join(pieces)


def answers(*pieces: bytes) -> Script:
    """
    Return a script that waits for a request, sends these pieces apart, and closes.
    """

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send_apart(pieces)

    return script


def answers_and_stays(*pieces: bytes) -> Script:
    """
    Return a script that waits for a request, sends these pieces apart, and is silent until the
    client leaves.
    """

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send_apart(pieces)
        await connection.gone()

    return script


def dribbles(data: bytes) -> Script:
    """
    Return a script that waits for a request, sends the answer byte by byte, and closes.
    """

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.dribble(data)

    return script


def resets_after(*pieces: bytes) -> Script:
    """
    Return a script that waits for a request, sends these pieces apart, and resets the connection.
    """

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send_apart(pieces)
        connection.reset()

    return script


def floods_with(first: bytes, pieces: Callable[[], Iterable[bytes]]) -> Script:
    """
    Return a script that waits for a request, sends this, and then sends pieces as fast as the
    client reads.
    """

    async def script(connection: Connection) -> None:
        await connection.request()
        connection.send(first)
        await connection.flood(pieces())

    return script
