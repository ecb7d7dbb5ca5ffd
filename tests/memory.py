"""
A real Site over memory transports and a ``Clock``: no sockets, no sleeps.
"""

from collections.abc import Callable
from math import inf

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.server import Site


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
        The connection is gone, for this reason.
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

    :ivar room: How many bytes it takes before it refuses.
    :ivar error: What every ``send`` raises, if there is such a thing.
    :ivar sends: What was handed to it, each time; of these, ``taken`` are the bytes it took.
    """

    def __init__(self) -> None:
        self.room: float = inf
        self.error: OSError | None = None
        self.sends: list[bytes] = []
        self.taken = b""

    def send(self, data: bytes) -> int:
        """
        Take as much as there is room for.
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
    Watches no descriptor: the test says when one can be written to.
    """

    def __getattr__(self, name: str) -> Callable[[object], None]:
        return lambda descriptor: None


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
        All that has left.
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
        Do what a reactor does that finds the socket ready for more.
        """
        problem = self.doWrite()
        if problem is not None:
            self.lose(problem)

    def lose(self, reason: Exception) -> None:
        """
        The connection is gone, for this reason.
        """
        if self.is_connected:
            self.is_connected = False
            self.connectionLost(Failure(reason))
            self.protocol.connectionLost(Failure(reason))


def dechunk(chunks: bytes) -> bytes:
    """
    Return the body out of its chunks; what is no whole chunk is left out.
    """
    body = b""
    while (end := chunks.find(b"\r\n")) != -1:
        size = int(chunks[:end], 16)
        body += chunks[end + 2 : end + 2 + size]
        chunks = chunks[end + 2 + size + 2 :]
    return body


class Client:
    """
    One connection to a Site.
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
        All that the server has sent.
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
    def is_complete(self) -> bool:
        """
        Whether the last chunk has come.
        """
        return self.received.endswith(b"\r\n0\r\n\r\n")

    def stop_reading(self) -> None:
        """
        The transport can take no more.
        """
        self.transport.producer.pauseProducing()

    def read_again(self) -> None:
        """
        All that the transport held has left.
        """
        self.transport.producer.resumeProducing()

    def close(self, reason: Exception | None = None) -> None:
        """
        The client closes the connection.
        """
        self.transport.lose(reason or ConnectionDone())


class SocketClient(Client):
    """
    One connection to a Site, with a socket in memory under it.
    """

    make_transport = MemoryDescriptor

    @property
    def socket(self) -> MemorySocket:
        """
        The kernel's end.
        """
        return self.transport.socket

    def stop_reading(self) -> None:
        """
        The kernel takes no more.
        """
        self.socket.room = 0

    def read_again(self) -> None:
        """
        The kernel takes everything, from now on.
        """
        self.socket.room = inf
        self.transport.work()
