"""
The process of ``python -m ssetwist``: its version, how it reads a command line, and what ends it.
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
    Its version.
    """

    def test_version(self) -> None:
        """
        It is that of the package.
        """
        with contextlib.redirect_stdout(io.StringIO()) as output:
            ended = self.assertRaises(SystemExit, parse, ["--version"])
        self.assertEqual((0, f"ssetwist {__version__}\n"), (ended.code, output.getvalue()))


class ParseTests(SynchronousTestCase):
    """
    Reading a command line.
    """

    def test_no_abbreviations(self) -> None:
        """
        No command takes the beginning of an option for the whole: a new one would change what it
        means.
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
    The status of a command that fails.
    """

    def test_status(self) -> None:
        """
        What makes no sense has status 2; what goes wrong nevertheless, as on a disk that is full,
        has 1.  Each is told in one line.
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
    A clock that runs, so that signals are taken.
    """

    def callWhenRunning(self, call: Callable[..., object], *args: object) -> None:
        call(*args)

    def callFromThread(  # noqa: N802 (Twisted's name)
        self, call: Callable[..., object], *args: object
    ) -> None:
        self.callLater(0, call, *args)


class SignalTests(SynchronousTestCase):
    """
    Commands that a signal ends.
    """

    def setUp(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        self.reactor = Reactor()
        self.gate: Deferred[None] = Deferred()
        self.is_ending = False

    async def command(self, *_: object) -> int:
        """
        Wait for ever; when cancelled, clean up, which takes its time.
        """
        try:
            await Deferred()
        finally:
            self.is_ending = True
            await self.gate
        return 0

    def start(self) -> "Deferred[None]":
        """
        Run it.
        """
        terminal = Terminal(io.StringIO(), io.StringIO(), io.StringIO())
        return run_until_signal(self.reactor, Namespace(run=self.command), terminal)

    def test_first(self) -> None:
        """
        The first signal ends the command properly, in a turn of the reactor; its status is that of
        the signal.
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
        From the first signal on, either of them ends the process at once, as if nobody took them:
        who insists need not wait for the command to end properly.
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
