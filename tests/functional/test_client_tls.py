"""
The client over TLS, where a polite close alone does not end a connection.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.web.client import Agent

from ssetwist.client import Interruption, ReadyState, stream_events
from ssetwist.errors import Disconnected
from ssetwist.eventstream import Event
from tests.functional.client_case import ClientCase
from tests.functional.scripted_server import (
    HEAD,
    Script,
    ScriptedServer,
    answers_and_stays,
    floods_with,
)
from tests.functional.support import make_certificate

EVENT = b"data: " + b"x" * 4096 + b"\n\n"


class TLSTests(ClientCase):
    """
    A server with its own self-signed certificate.
    """

    async def serve_with_tls(self, script: Script, *, is_trusted: bool = True) -> ScriptedServer:
        temporary = TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        folder = Path(temporary.name)
        make_certificate(folder)
        server = ScriptedServer(script)
        await server.listen_with_tls(folder)
        self.addCleanup(server.stop)
        if is_trusted:
            # OpenSSL reads it whenever it looks for trusted certificates.
            before = dict(os.environ)
            self.addCleanup(os.environ.update, before)
            self.addCleanup(os.environ.clear)
            os.environ["SSL_CERT_FILE"] = str(folder / "cert.pem")
        return server

    async def test_close(self) -> None:
        """
        ``close()`` closes the connection at once.
        """
        server = await self.serve_with_tls(answers_and_stays(HEAD + b"data: here\n\n"))
        source = self.open(server.url())
        self.assertEqual(Event("here"), await source.next())
        await source.close()
        await self.until(lambda: server.connections[0].is_lost, "the connection is closed")

    async def test_close_while_blocked(self) -> None:
        """
        ``close()`` closes the connection at once, even if the server is still sending and the
        client no longer reads.
        """
        server = await self.serve_with_tls(floods_with(HEAD, lambda: iter(lambda: EVENT, None)))
        source = self.open(server.url())
        await source.next()
        await self.until(lambda: server.connections[0].is_blocked, "the server is blocked")
        await source.close()
        await self.until(lambda: server.connections[0].is_lost, "the connection is closed")

    async def test_leave_while_blocked(self) -> None:
        """
        Leaving the loop over one response closes the connection at once.
        """
        server = await self.serve_with_tls(floods_with(HEAD, lambda: iter(lambda: EVENT, None)))
        response = await Agent(reactor).request(b"GET", server.url().encode())
        async for _ in stream_events(response):
            await self.until(lambda: server.connections[0].is_blocked, "the server is blocked")
            break
        await self.until(lambda: server.connections[0].is_lost, "the connection is closed")

    async def test_not_trusted(self) -> None:
        """
        A certificate that no trusted authority has signed counts as a failure of the network.
        """
        interrupted: Deferred[Interruption] = Deferred()
        server = await self.serve_with_tls(answers_and_stays(HEAD), is_trusted=False)
        source = self.open(
            server.url(),
            on_interruption=lambda one: interrupted.called or interrupted.callback(one),
        )
        interruption = await interrupted
        self.assertIsInstance(interruption.problem, Disconnected)
        self.assertIn("certificate", str(interruption.problem))
        self.assertIs(ReadyState.CONNECTING, source.state)
        await source.close()
        self.assertEqual([], server.requests)
