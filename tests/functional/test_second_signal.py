"""
Ctrl-C twice, on a process that takes long to end properly.
"""

import signal

from twisted.trial.unittest import SynchronousTestCase

from tests.functional.commands import command

#: A command that never ends.
PROGRAM = """
import sys
from argparse import Namespace

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from ssetwist.__main__ import run_until_signal
from ssetwist.commands._terminal import Terminal


async def work(arguments, reactor, terminal):
    reactor.callLater(0, terminal.write_status, "works")  # after signals are taken
    try:
        await Deferred()
    finally:
        terminal.write_status("cleans up")
        await Deferred()


terminal = Terminal(sys.stdin, sys.stdout, sys.stderr)
react(run_until_signal, (Namespace(run=work), terminal))
"""


class SecondSignalTests(SynchronousTestCase):
    """
    Signals to a process that is ending.
    """

    def test_ends_at_once(self) -> None:
        """
        The second signal, of either kind, ends the process at once.
        """
        for first, second in (
            (signal.SIGINT, signal.SIGINT),
            (signal.SIGINT, signal.SIGTERM),
            (signal.SIGTERM, signal.SIGINT),
        ):
            with self.subTest(first=first, second=second), command(program=("-c", PROGRAM)) as it:
                it.wait_for("errors", "works")
                it.process.send_signal(first)
                it.wait_for("errors", "cleans up")
                it.process.send_signal(second)
                self.assertEqual(-second, it.process.wait(timeout=20))
