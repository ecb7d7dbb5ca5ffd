"""
Clients on the reactor: they read a stream, may stop reading, and may come back.
"""

import re
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from tests.memory import dechunk

_EVENT = re.compile(rb"(?:event: (\S+)\n)?(?:id: (\S+)\n)?data: (.*)\n\n")


class Hearing(Protocol):
    """
    One connection of a client.

    :ivar received: All bytes so far.
    :ivar ended: Fires when the connection is gone.
    """

    def __init__(self, path: str = "/", last_event_id: str | None = None) -> None:
        self.received = bytearray()
        self.ended: Deferred[None] = Deferred()
        self.on_data: Callable[[], object] = lambda: None
        cursor = "" if last_event_id is None else f"Last-Event-ID: {last_event_id}\r\n"
        self._request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{cursor}\r\n".encode()

    def connectionMade(self) -> None:
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self.on_data()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(None)

    @property
    def body(self) -> bytes:
        """
        The body so far.
        """
        return dechunk(bytes(self.received.partition(b"\r\n\r\n")[2]))

    @property
    def has_begun(self) -> bool:
        """
        True if the first bytes have come.
        """
        return b"retry: " in self.received

    @property
    def events(self) -> list[tuple[str, str, str]]:
        """
        Type, id and data of each event so far.
        """
        return [
            (one[0].decode() or "message", one[1].decode(), one[2].decode())
            for one in _EVENT.findall(self.body)
        ]

    @property
    def data(self) -> list[str]:
        """
        The data of each event so far.
        """
        return [data for _, _, data in self.events]


async def hear(
    endpoint: IStreamClientEndpoint, path: str = "/", last_event_id: str | None = None
) -> Hearing:
    """
    Connect, and request a stream.
    """
    factory = Factory.forProtocol(lambda: Hearing(path, last_event_id))
    factory.noisy = False
    hearing: Hearing = await endpoint.connect(factory)
    return hearing
