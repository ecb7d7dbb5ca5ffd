"""
The process of ``python -m ssetwist``: version, command line, and ends.
"""

import contextlib
import errno
import io
import signal
from argparse import Namespace
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import __version__
from ssetwist.__main__ import parse, run, run_until_signal
from ssetwist.commands._terminal import Terminal


class VersionTests(SynchronousTestCase):
    """
    The version of the command.
    """

    def test_version(self) -> None:
        """
        The version is that of the package.
        """
        with contextlib.redirect_stdout(io.StringIO()) as output:
            ended = self.assertRaises(SystemExit, parse, ["--version"])
        self.assertEqual((0, f"ssetwist {__version__}\n"), (ended.code, output.getvalue()))


class ParseTests(SynchronousTestCase):
    """
    Parsing of command lines.
    """

    def test_no_abbreviations(self) -> None:
        """
        Abbreviated options are refused: a new option would change their meaning.
        """
        for arguments in (
            ("publish", "http://hub.example/", "x", "--quie"),
            ("subscribe", "http://hub.example/", "--quie"),
            ("token", "check", "x", "--audienc=x"),
            ("token", "mint", "--audienc=x"),
        ):
            with contextlib.redirect_stderr(io.StringIO()) as errors:
                ended = self.assertRaises(SystemExit, parse, arguments)
            self.assertEqual(2, ended.code)
            self.assertIn(f"unrecognized arguments: {arguments[-1]}\n", errors.getvalue())


class StatusTests(SynchronousTestCase):
    """
    Statuses of failed commands.
    """

    def test_status(self) -> None:
        """
        A wrong command line leads to status 2, and another failure, such as a full disk, to status
        1. Each has a message of one line.
        """
        for problem, expected in (
            (ValueError("--topic: it is missing"), 2),
            (OSError(errno.ENOSPC, "no space"), 1),
        ):
            arguments = parse(["publish", "http://hub.example/", "x"])

            async def fail(*_: object, problem: Exception = problem) -> int:
                raise problem

            arguments.run = fail
            with contextlib.redirect_stderr(io.StringIO()) as errors:
                terminal = Terminal(io.StringIO(), io.StringIO(), io.StringIO())
                running = run(Clock(), arguments, terminal)
            self.assertEqual(expected, self.failureResultOf(running, SystemExit).value.code)
            self.assertEqual(f"python -m ssetwist publish: {problem}\n", errors.getvalue())


class Reactor(Clock):
    """
    A running clock, so that signals are handled.
    """

    def callWhenRunning(self, call: Callable[..., object], *args: object) -> None:
        call(*args)

    def callFromThread(  # noqa: N802 (Twisted's name)
        self, call: Callable[..., object], *args: object
    ) -> None:
        self.callLater(0, call, *args)


class SignalTests(SynchronousTestCase):
    """
    Commands ended by signals.
    """

    def setUp(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        self.reactor = Reactor()
        self.gate: Deferred[None] = Deferred()
        self.is_ending = False

    async def command(self, *_: object) -> int:
        """
        Wait for ever; when cancelled, clean up slowly.
        """
        try:
            await Deferred()
        finally:
            self.is_ending = True
            await self.gate
        return 0

    def start(self) -> "Deferred[None]":
        """
        Run the command.
        """
        terminal = Terminal(io.StringIO(), io.StringIO(), io.StringIO())
        return run_until_signal(self.reactor, Namespace(run=self.command), terminal)

    def test_first(self) -> None:
        """
        The first signal cancels the command in a turn of the reactor, and sets its status.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            self.gate, self.is_ending = Deferred(), False
            running = self.start()
            signal.raise_signal(number)
            self.assertFalse(self.is_ending, "not in the middle of whatever it does")
            self.reactor.advance(0)
            self.assertTrue(self.is_ending)
            self.assertNoResult(running)
            self.gate.callback(None)
            status = self.failureResultOf(running, SystemExit).value.code
            self.assertEqual(128 + number, status)

    def test_second(self) -> None:
        """
        After the first signal a second one ends the process at once, without waiting for the
        cleanup of the command.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            self.gate = Deferred()
            running = self.start()
            taken = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
            self.assertNotIn(signal.SIG_DFL, taken)
            signal.raise_signal(number)
            taken = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
            self.assertEqual([signal.SIG_DFL, signal.SIG_DFL], taken)
            self.reactor.advance(0)
            self.gate.callback(None)
            self.failureResultOf(running, SystemExit)
