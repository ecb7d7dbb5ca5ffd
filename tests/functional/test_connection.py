"""
Requests over real sockets: addresses of a connection, the end of a refused request, and fairness
between connections.
"""

import socket

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Request

from ssetwist import Site, Streams
from ssetwist.web.site._connection import MAX_DISCARDED
from ssetwist.web.site._insides import READ_SIZE
from tests.functional.support import PATIENCE, read_to_end


class Addresses(Resource):
    """
    A resource that answers with both addresses of the connection.
    """

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        host, peer = request.getHost(), request.getClientAddress()
        return f"{host.host} {host.port} {peer.host} {peer.port}".encode()


class AddressTests(TestCase):
    """
    The local address is looked up once if all connections have the same.
    """

    timeout = 2 * PATIENCE

    async def asked(self, interface: str, *hosts: str) -> None:
        """
        Ask twice at each of these addresses, and check the answers.
        """
        site = Site(Addresses(), streams=Streams(reactor))
        listening = reactor.listenTCP(0, site, interface=interface)
        port = listening.getHost().port

        def ask(host: str) -> tuple[str, tuple[str, int]]:
            with socket.create_connection((host, port), PATIENCE) as connection:
                here = connection.getsockname()
                connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                return read_to_end(connection).rpartition(b"\r\n")[2].decode(), here

        try:
            for host in hosts * 2:
                answer, (address, number) = await deferToThread(ask, host)
                self.assertEqual(f"{host} {port} {address} {number}", answer)
        finally:
            await listening.stopListening()
            await site.drain(5)
            await deferLater(reactor, 0)
        self.assertTrue(site.is_idle)

    async def test_listener_with_one_address(self) -> None:
        """
        A listener with one address looks it up once.
        """
        await self.asked("127.0.0.1", "127.0.0.1")

    async def test_listener_on_all_addresses(self) -> None:
        """
        A listener on all addresses of the machine looks them up for each connection.
        """
        await self.asked("", "127.0.0.1", "127.0.0.2")


class RefusedTests(TestCase):
    """
    A client whose body is too large, and that reads the answer only after it has sent everything.
    """

    timeout = 2 * PATIENCE

    async def send(self, size: int) -> bytes:
        """
        Send this many bytes, then read; return the answer.
        """
        site = Site(Addresses(), streams=Streams(reactor), max_body=10)
        listening = reactor.listenTCP(0, site, interface="127.0.0.1")
        port = listening.getHost().port

        def ask() -> bytes:
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
                head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n"
                connection.sendall(head.encode())
                for _ in range(size // 65536):
                    connection.sendall(bytes(65536))
                return read_to_end(connection)

        try:
            return await deferToThread(ask)
        finally:
            await listening.stopListening()
            await site.drain(5)
            self.assertEqual(set(), site.connections)

    async def test_answer_arrives(self) -> None:
        """
        The client gets the answer, without a reset.
        """
        self.assertTrue((await self.send(MAX_DISCARDED // 2)).startswith(b"HTTP/1.1 413 "))

    async def test_endless_body(self) -> None:
        """
        A client that sends without end gets a reset.
        """
        with self.assertRaises(ConnectionError):
            await self.send(MAX_DISCARDED * 8)


class Counted(Resource):
    """
    Counts the requests that are answered in each turn of the reactor.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.of_turns: list[int] = []

    def render_GET(self, request: Request) -> bytes:
        if not self.of_turns or self.of_turns[-1] == 0:
            reactor.callLater(0, self.of_turns.append, 0)
        if not self.of_turns:
            self.of_turns.append(0)
        self.of_turns[-1] += 1
        return b"x"


class PipeliningTests(TestCase):
    """
    A client that sends many requests without waiting for their answers.
    """

    timeout = 2 * PATIENCE

    async def test_other_clients_get_their_turn(self) -> None:
        """
        Other clients get their turn after a hundred or two of these requests, not after thousands,
        and every request is answered.
        """
        resource = Counted()
        site = Site(resource, streams=Streams(reactor))
        listening = reactor.listenTCP(0, site, interface="127.0.0.1")
        address = ("127.0.0.1", listening.getHost().port)
        request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"

        def ask() -> bytes:
            with socket.create_connection(address, PATIENCE) as connection:
                last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
                connection.sendall(request * 3000 + last)
                return read_to_end(connection)

        try:
            answer = await deferToThread(ask)
        finally:
            await listening.stopListening()
            await site.drain(5)
            await deferLater(reactor, 0)
        self.assertEqual(3001, answer.count(b"HTTP/1.1 200 OK"))
        self.assertEqual(3001, sum(resource.of_turns))
        self.assertLess(max(resource.of_turns), 3 * READ_SIZE // len(request))
