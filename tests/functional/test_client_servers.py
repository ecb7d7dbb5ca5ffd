"""
The event source against popular servers, from npm and PyPI.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec

from ssetwist.client import ReadyState
from ssetwist.eventstream import Event
from tests.functional.client_case import ClientCase
from tests.functional.node_clients import node_folder
from tests.functional.servers import LAST, RETRY, TYPE, text
from tests.functional.support import ROOT, require, require_program


class ServerTests(ClientCase):
    """
    Each server counts, a few numbers per connection, until its client has all of them.
    """

    async def assert_all_is_heard(
        self, command: list[str], cwd: object, read: Callable[[str], str] = str
    ) -> None:
        """
        Check that all numbers arrive, each once and in order, over several connections, and that
        the source then ends.
        """
        process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        assert process.stdout is not None
        port = int(process.stdout.readline())
        source = self.open(f"http://127.0.0.1:{port}/")
        heard = [event async for event in source]
        self.assertEqual(
            [Event(text(number), TYPE, str(number)) for number in range(1, LAST + 1)],
            [Event(read(event.data), event.type, event.id) for event in heard],
        )
        self.assertEqual((ReadyState.CLOSED, str(LAST)), (source.state, source.last_event_id))
        self.assertEqual(RETRY / 1000, source.reconnection_time)

    async def test_node(self) -> None:
        """
        The source reads from node's own ``response.write``, cut anywhere, with resets in between.
        """
        await self.assert_all_is_heard([require_program("node"), "server-http.mjs"], node_folder())

    async def test_better_sse(self) -> None:
        """
        The source reads from better-sse.
        """
        await self.assert_all_is_heard(
            [require_program("node"), "server-better-sse.mjs"], node_folder(), json.loads
        )

    async def assert_python(self, package: str) -> None:
        require(find_spec(package), package)
        module = f"tests.functional.servers.{package}_app"
        await self.assert_all_is_heard([sys.executable, "-m", module], ROOT)

    async def test_aiohttp_sse(self) -> None:
        """
        The source reads from aiohttp-sse.
        """
        await self.assert_python("aiohttp_sse")

    async def test_sse_starlette(self) -> None:
        """
        The source reads from sse-starlette, under uvicorn.
        """
        await self.assert_python("sse_starlette")
