"""
Hubs that listen in this process, on the real reactor, and their clients.
"""

import socket
from collections.abc import Callable

from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.trial.unittest import TestCase

from ssetwist import EndReason, EventStreamResource, Hub, Site, Subscriber
from tests.functional.support import PATIENCE, until

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

#: Seconds of a time-out that must not pass, however slow the machine is.
NEVER = 10 * PATIENCE

#: Ends of a client that does not read.  Shortly after the hub, the kernel gives it up by the user
#: time-out; if the hub gets its turn late, the kernel is first.
CUT = frozenset({EndReason.STALLED, EndReason.CONNECTION_LOST})


class HubCase(TestCase):
    """
    A hub that listens on a TCP port.
    """

    timeout = 2 * PATIENCE  # trial's own name; in seconds
    listen = "tcp:0:interface=127.0.0.1:backlog=4096"

    async def start(self, **options: object) -> None:
        """
        Create a hub with these options, and listen.
        """
        self.hub = Hub(clock=reactor, **options)
        self.ended: list[EndReason] = []
        self.subscribers: list[Subscriber] = []
        resource = EventStreamResource(
            self.hub,
            on_start=self.subscribers.append,
            on_end=lambda _, reason: self.ended.append(reason),
        )
        self.site = self.make_site(resource)
        self.addCleanup(self.hub.close)  # at the end, even if that fails
        self.port = await serverFromString(reactor, self.listen).listen(self.site)
        self.addCleanup(self.stop)
        self.connections: list[socket.socket] = []
        self.addCleanup(self.close_connections)

    def make_site(self, resource: EventStreamResource) -> Site:
        return Site(resource, streams=self.hub.streams)

    async def stop(self) -> None:
        await self.port.stopListening()
        self.site.abort()
        await self.site.drain(5, reconnection_time=0)

    def close_connections(self) -> None:
        """
        Close everything that :meth:`connect` has opened.
        """
        for connection in self.connections:
            connection.close()
        self.connections.clear()

    async def until(self, is_so: Callable[[], object], what: str) -> None:
        """
        Run the reactor until a condition is true.
        """
        await until(is_so, what)

    def connect(self, **options: int) -> socket.socket:
        """
        Connect a plain socket that the test itself reads.
        """
        connection = socket.socket()
        self.connections.append(connection)
        if "receive_buffer" in options:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options["receive_buffer"])
        connection.connect(("127.0.0.1", self.port.getHost().port))
        connection.sendall(options.get("request", REQUEST))
        return connection

    async def subscribe(self, count: int = 1, **options: int) -> list[socket.socket]:
        """
        Connect clients, and wait until all are subscribed and have their first bytes.
        """
        wanted = len(self.subscribers) + count
        connections = [self.connect(**options) for _ in range(count)]
        await self.until(lambda: len(self.subscribers) == wanted, "all are subscribed")
        for connection in connections:
            await self.read(connection, b"retry: 3000\n\r\n")
        return connections

    async def read(self, connection: socket.socket, ending: bytes) -> bytes:
        """
        Read until the received bytes end with a text.
        """
        connection.setblocking(False)
        received = bytearray()

        def has_come() -> bool:
            try:
                while some := connection.recv(1 << 20):
                    received.extend(some)
            except BlockingIOError:
                pass
            return received.endswith(ending)

        await self.until(has_come, f"{ending!r}")
        return bytes(received)

    async def end_reason(self) -> EndReason:
        """
        Wait for the first end.
        """
        await self.until(lambda: self.ended, "a stream has ended")
        return self.ended[0]
