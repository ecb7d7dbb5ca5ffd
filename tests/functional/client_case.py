"""
A client in this process, on the real reactor, and what answers it.
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

    What a test leaves behind, a socket or a delayed call, trial reports as an error.
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
        Let the reactor run until something is so.
        """
        await until(is_so, what)
