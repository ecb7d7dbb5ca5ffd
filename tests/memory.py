"""
A real Site over memory transports and a ``Clock``: no sockets, no sleeps.
"""

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
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
        fields = {"Host": "example.org", **(headers or {})}
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
