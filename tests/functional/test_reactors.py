"""
A scenario that must work under every reactor for servers.
"""

import json
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.functional.support import PATIENCE, ROOT, require


class ReactorTests(SynchronousTestCase):
    """
    One scenario, and one process for each reactor.
    """

    def play(self, short_name: str, name: str) -> None:
        said = subprocess.run(
            [sys.executable, "-m", "tests.functional.scenario", short_name],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
        )
        self.assertEqual((0, ""), (said.returncode, said.stderr))
        expected = {
            **dict.fromkeys(("live", "slow", "was behind", "again", "source"), True),
            "ended properly": True,
            "reasons": ["connection lost", *["server stopping"] * 3],
            "delayed calls": 0,
        }
        self.assertEqual({"reactor": name, "result": expected}, json.loads(said.stdout))

    def test_epoll(self) -> None:
        """
        The scenario works under epoll, the default on Linux.
        """
        require(sys.platform == "linux", "epoll")
        self.play("epoll", "EPollReactor")

    def test_select(self) -> None:
        """
        The scenario works under select, which every system has.
        """
        self.play("select", "SelectReactor")

    def test_poll(self) -> None:
        """
        The scenario works under poll.
        """
        require(sys.platform != "win32", "poll")
        self.play("poll", "PollReactor")

    def test_asyncio(self) -> None:
        """
        The scenario works under asyncio's reactor.
        """
        self.play("asyncio", "AsyncioSelectorReactor")
