"""
A client in this process, on the real reactor, and a server for it.
"""

from collections.abc import Callable

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from ssetwist.client import Backoff, EventSource
from tests.functional.scripted_server import Script, ScriptedServer
from tests.functional.support import PATIENCE, until


class ClientCase(TestCase):
    """
    A server that plays scripts, and event sources that do not wait between their attempts.

    If a test leaves a socket or a delayed call behind, trial reports an error.
    """

    timeout = 2 * PATIENCE  # trial's own name; in seconds

    async def serve(self, *scripts: Script) -> ScriptedServer:
        """
        Run a server; its first connection plays the first script, and so on.
        """
        server = ScriptedServer(*scripts)
        await server.listen()
        self.addCleanup(server.stop)
        return server

    def open(self, url: str, **options: object) -> EventSource:
        """
        Open an event source.
        """
        defaults = {"reactor": reactor, "backoff": Backoff(first=0.0)}
        source = EventSource(url, **{**defaults, **options})
        self.addCleanup(source.close)
        return source

    async def until(self, is_so: Callable[[], object], what: str) -> None:
        """
        Run the reactor until a condition is true.
        """
        await until(is_so, what)
