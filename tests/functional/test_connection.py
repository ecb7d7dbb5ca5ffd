"""
What a request knows of its connection, over real sockets.
"""

import socket

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Request

from ssetwist import Site, Streams
from tests.functional.support import PATIENCE, read_to_end


class Addresses(Resource):
    """
    Answers with both ends of the connection.
    """

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        host, peer = request.getHost(), request.getClientAddress()
        return f"{host.host} {host.port} {peer.host} {peer.port}".encode()


class AddressTests(TestCase):
    """
    The local address is asked for once where all connections have the same.
    """

    timeout = 2 * PATIENCE

    async def asked(self, interface: str, *hosts: str) -> None:
        """
        Ask twice at each of these addresses, and check what the answers say.
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
        self.assertEqual({}, site._hosts)

    async def test_one(self) -> None:
        """
        Of a listener with one address.
        """
        await self.asked("127.0.0.1", "127.0.0.1")

    async def test_several(self) -> None:
        """
        Of a listener on all addresses of the machine.
        """
        await self.asked("", "127.0.0.1", "127.0.0.2")
