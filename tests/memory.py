"""
A real Site over memory transports and a ``Clock``: no sockets, no sleeps.
"""

from collections.abc import Callable
from math import inf

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.server import Site

from tests.clock import Clock


class MemoryTransport(StringTransport):
    """
    A transport that ends like a real one: ``loseConnection`` and ``abortConnection`` take effect a
    turn later.
    """

    def __init__(self, clock: Clock, peer: IAddress) -> None:
        super().__init__(peerAddress=peer)
        self.is_connected = True
        self.is_aborted = False
        self._clock = clock

    def loseConnection(self) -> None:
        if not self.disconnecting:
            super().loseConnection()
            self._clock.callLater(0, self.lose, ConnectionDone())

    def abortConnection(self) -> None:
        self.is_aborted = True
        self._clock.callLater(0, self.lose, ConnectionAborted())

    def lose(self, reason: Exception) -> None:
        """
        Lose the connection, for this reason.
        """
        if self.is_connected:
            self.is_connected = False
            if self.producer is not None:
                self.producer.stopProducing()
                self.producer = None
            self.protocol.connectionLost(Failure(reason))


class MemorySocket:
    """
    The kernel's end of a connection.

    :ivar room: Bytes that it accepts before it refuses more.
    :ivar error: An exception that every ``send`` raises, if not ``None``.
    :ivar sends: The bytes of each ``send``; ``taken`` has the bytes that were accepted.
    """

    def __init__(self) -> None:
        self.room: float = inf
        self.error: OSError | None = None
        self.sends: list[bytes] = []
        self.taken = b""

    def send(self, data: bytes) -> int:
        """
        Accept as many bytes as fit.
        """
        if self.error is not None:
            raise self.error
        self.sends.append(data)
        if data and not self.room:
            raise BlockingIOError
        some = data if self.room >= len(data) else data[: int(self.room)]
        self.room -= len(some)
        self.taken += some
        return len(some)


class NoReactor:
    """
    A reactor that watches no descriptor: the test decides when one is writable.
    """

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments: None


class MemoryDescriptor(FileDescriptor):
    """
    Twisted's own socket transport, with its buffer and its flow control, on a socket in memory.
    """

    def __init__(self, clock: Clock, peer: IAddress) -> None:
        super().__init__(NoReactor())
        self.connected = 1
        self.socket = MemorySocket()
        self.is_connected = True
        self.is_aborted = False
        self._clock = clock
        self._peer = peer

    def value(self) -> bytes:
        """
        All bytes that have left.
        """
        return self.socket.taken

    def getPeer(self) -> IAddress:  # noqa: N802 (Twisted's name)
        return self._peer

    def getHost(self) -> IAddress:
        return self._peer

    def writeSomeData(self, data: bytes) -> int | Exception:  # noqa: N802 (Twisted's name)
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            return ConnectionLost()

    def loseConnection(self) -> None:
        self.disconnecting = 1
        self._clock.callLater(0, self.lose, ConnectionDone())

    def abortConnection(self) -> None:
        self.is_aborted = True
        self._clock.callLater(0, self.lose, ConnectionAborted())

    def work(self) -> None:
        """
        Act as a reactor does when the socket becomes writable.
        """
        problem = self.doWrite()
        if problem is not None:
            self.lose(problem)

    def lose(self, reason: Exception) -> None:
        """
        Lose the connection, for this reason.
        """
        if self.is_connected:
            self.is_connected = False
            self.connectionLost(Failure(reason))
            self.protocol.connectionLost(Failure(reason))


def dechunk(chunks: bytes) -> bytes:
    """
    Return the body without its chunks; an incomplete chunk is left out.
    """
    body = b""
    while (end := chunks.find(b"\r\n")) != -1:
        size = int(chunks[:end], 16)
        body += chunks[end + 2 : end + 2 + size]
        chunks = chunks[end + 2 + size + 2 :]
    return body


class Client:
    """
    A connection to a Site.
    """

    make_transport = MemoryTransport

    def __init__(self, site: Site, clock: Clock, *, address: str = "192.0.2.1") -> None:
        peer = IPv4Address("TCP", address, 50000)
        self.clock = clock
        self.transport = self.make_transport(clock, peer)
        self.transport.protocol = site.buildProtocol(peer)
        self.transport.protocol.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        """
        Send bytes to the server.
        """
        self.transport.protocol.dataReceived(data)

    def request(
        self,
        path: str = "/",
        *,
        method: str = "GET",
        version: str = "1.1",
        headers: dict[str, str] | None = None,
    ) -> None:
        """
        Send the head of a request.
        """
        fields = {"Host": "localhost", **(headers or {})}
        lines = [f"{method} {path} HTTP/{version}", *(f"{k}: {v}" for k, v in fields.items())]
        self.send("\r\n".join([*lines, "", ""]).encode())

    @property
    def received(self) -> bytes:
        """
        All bytes that the server has sent.
        """
        return self.transport.value()

    @property
    def head(self) -> bytes:
        """
        The last response's head, in lower case.
        """
        return self.received.rpartition(b"HTTP/1.")[2].partition(b"\r\n\r\n")[0].lower()

    @property
    def body(self) -> bytes:
        """
        The last response's body.
        """
        head, _, rest = self.received.rpartition(b"HTTP/1.")[2].partition(b"\r\n\r\n")
        return dechunk(rest) if b"chunked" in head.lower() else rest

    @property
    def answer(self) -> tuple[str, dict[str, str], str]:
        """
        The only response, whole: its status line, its headers without ``Date`` and ``Server``, and
        its body.
        """
        head, _, body = self.received.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        assert len(headers) == len(lines), f"a header is there twice: {lines}"
        for name in ("Date", "Server"):
            headers.pop(name, None)
        is_chunked = headers.get("Transfer-Encoding") == "chunked"
        return status, headers, (dechunk(body) if is_chunked else body).decode()

    @property
    def is_complete(self) -> bool:
        """
        True if the last chunk has come.
        """
        return self.received.endswith(b"\r\n0\r\n\r\n")

    def stop_reading(self) -> None:
        """
        Tell the server that the transport accepts no more.
        """
        self.transport.producer.pauseProducing()

    def read_again(self) -> None:
        """
        Tell the server that all bytes of the transport have left.
        """
        self.transport.producer.resumeProducing()

    def close(self, reason: Exception | None = None) -> None:
        """
        Close the connection, as a client does.
        """
        self.transport.lose(reason or ConnectionDone())


class SocketClient(Client):
    """
    A connection to a Site, over a socket in memory.
    """

    make_transport = MemoryDescriptor

    @property
    def socket(self) -> MemorySocket:
        """
        The kernel's end of the connection.
        """
        return self.transport.socket

    def stop_reading(self) -> None:
        """
        Make the kernel accept no more bytes.
        """
        self.socket.room = 0

    def read_again(self) -> None:
        """
        Make the kernel accept all bytes again.
        """
        self.socket.room = inf
        self.transport.work()
