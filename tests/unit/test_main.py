"""
The process of ``python -m ssetwist``: version, command line, and ends.
"""

import contextlib
import errno
import io
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.selectreactor import SelectReactor
from twisted.trial.unittest import SynchronousTestCase

import ssetwist.__main__ as process
from ssetwist import __version__
from ssetwist.__main__ import parse, run, run_until_signal
from ssetwist.clock import steady
from ssetwist.commands._terminal import Terminal
from ssetwist.errors import InvalidOption
from tests.clock import Clock


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

    def test_unknown_command(self) -> None:
        """
        An unknown command, and a command line without one, lead to status 2.
        """
        for arguments, said in (
            ((), "the following arguments are required: COMMAND"),
            (("token",), "the following arguments are required: COMMAND"),
            (("listen",), "invalid choice: 'listen'"),
            (("token", "make"), "invalid choice: 'make'"),
            (("--versio",), "the following arguments are required: COMMAND"),
            (("token", "--hel"), "the following arguments are required: COMMAND"),
        ):
            with contextlib.redirect_stderr(io.StringIO()) as errors:
                ended = self.assertRaises(SystemExit, parse, arguments)
            self.assertEqual(2, ended.code)
            self.assertIn(said, errors.getvalue())

    def test_data_behind_options(self) -> None:
        """
        One word that is left over is the data; behind two hyphens it may be any word.
        """
        url = "http://hub.example/"
        for arguments, data in (
            (("publish", url, "x", "--topic=a"), "x"),
            (("publish", url, "--topic", "a", "x"), "x"),
            (("publish", url, "--topic", "a", "--", "--x"), "--x"),
            (("publish", url, "--topic=a"), None),
        ):
            self.assertEqual(data, parse(arguments).data, arguments)
        for arguments in (
            ("publish", url, "x", "--topic=a", "y"),
            ("publish", url, "--topic=a", "x", "y"),
            ("publish", url, "--topic=a", "--", "x", "y"),
            ("subscribe", url, "--quiet", "x"),
        ):
            with contextlib.redirect_stderr(io.StringIO()) as errors:
                self.assertEqual(2, self.assertRaises(SystemExit, parse, arguments).code)
            self.assertIn("unrecognized arguments: ", errors.getvalue())

    def test_commands(self) -> None:
        """
        Each command runs its own function, and its parser has its name.
        """
        for arguments, name in (
            (("subscribe", "http://hub.example/"), "run_subscribe"),
            (("publish", "http://hub.example/"), "run_publish"),
            (("token", "check", "x"), "check"),
            (("token", "mint"), "mint"),
        ):
            found = parse(arguments)
            self.assertEqual(name, found.run.__name__)
            words = " ".join(word for word in arguments[:2] if word.isalpha() and word != "x")
            self.assertTrue(found.parser.prog.endswith(words), found.parser.prog)


class StatusTests(SynchronousTestCase):
    """
    Statuses of failed commands.
    """

    def test_status(self) -> None:
        """
        A wrong command line leads to status 2, and another failure, such as a full disk, to status
        1. Each has a message of one line.
        """
        for problem, expected, said in (
            (ValueError("--topic: it is missing"), 2, "--topic: it is missing"),
            (InvalidOption("max_age", "it is too long"), 2, "--max-age: it is too long"),
            (OSError(errno.ENOSPC, "no space"), 1, f"[Errno {errno.ENOSPC}] no space"),
        ):
            arguments = parse(["publish", "http://hub.example/", "x"])

            async def fail(*_: object, problem: Exception = problem) -> int:
                raise problem

            arguments.run = fail
            with contextlib.redirect_stderr(io.StringIO()) as errors:
                terminal = Terminal(io.StringIO(), io.StringIO(), io.StringIO())
                running = run(Clock(), arguments, terminal)
            self.assertEqual(expected, self.failureResultOf(running, SystemExit).value.code)
            self.assertEqual(f"python -m ssetwist publish: {said}\n", errors.getvalue())

    def test_silent(self) -> None:
        """
        A command that ends by itself gives its own status; cancelling one and a broken pipe lead to
        the statuses of shells. None of these has a message.
        """
        for result, expected in (
            (0, 0),
            (1, 1),
            (CancelledError(), 128 + signal.SIGINT),
            (BrokenPipeError(), 128 + signal.SIGPIPE),
        ):

            async def end(*_: object, result: object = result) -> object:
                if isinstance(result, Exception):
                    raise result
                return result

            arguments = Namespace(run=end)
            with contextlib.redirect_stderr(io.StringIO()) as errors:
                terminal = Terminal(io.StringIO(), io.StringIO(), io.StringIO())
                running = run(Clock(), arguments, terminal)
            self.assertEqual(expected, self.failureResultOf(running, SystemExit).value.code)
            self.assertEqual("", errors.getvalue())

    def test_arguments(self) -> None:
        """
        The function of a command gets the options, the reactor and the terminal.
        """
        got: list[object] = []

        async def note(*given: object) -> int:
            got.extend(given)
            return 0

        clock, arguments = Clock(), Namespace(run=note)
        terminal = Terminal(io.StringIO(), io.StringIO(), io.StringIO())
        self.failureResultOf(run(clock, arguments, terminal), SystemExit)
        self.assertEqual([arguments, clock, terminal], got)

    def test_steady(self) -> None:
        """
        The function of a command gets a reactor that measures by a steady clock.
        """
        got: list[object] = []

        async def note(_: Namespace, reactor: object, __: Terminal) -> int:
            got.append(reactor)
            return 0

        reactor = SelectReactor()
        terminal = Terminal(io.StringIO(), io.StringIO(), io.StringIO())
        self.failureResultOf(run(reactor, Namespace(run=note), terminal), SystemExit)
        self.assertEqual([steady(reactor)], got)
        self.assertNotEqual([reactor], got)


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
            self.addCleanup(signal.signal, number, signal.signal(number, signal.SIG_DFL))
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
        running = run_until_signal(self.reactor, Namespace(run=self.command), terminal)
        # Otherwise a signal would end the tests.
        for number in (signal.SIGINT, signal.SIGTERM):
            self.assertNotEqual(signal.SIG_DFL, signal.getsignal(number))
        return running

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

    def test_once_it_runs(self) -> None:
        """
        Signals are taken when the reactor runs, because it sets handlers of its own at its start.
        """
        later: list[Callable[[], object]] = []
        self.patch(self.reactor, "callWhenRunning", later.append)
        terminal = Terminal(io.StringIO(), io.StringIO(), io.StringIO())
        running = run_until_signal(self.reactor, Namespace(run=self.command), terminal)
        for is_taken in (False, True):
            for number in (signal.SIGINT, signal.SIGTERM):
                self.assertEqual(is_taken, signal.getsignal(number) != signal.SIG_DFL)
            later[0]()
        running.cancel()
        self.gate.callback(None)
        self.failureResultOf(running, SystemExit)

    def test_none(self) -> None:
        """
        Without a signal the status is that of the command.
        """

        async def end(*_: object) -> int:
            return 3

        terminal = Terminal(io.StringIO(), io.StringIO(), io.StringIO())
        running = run_until_signal(self.reactor, Namespace(run=end), terminal)
        self.assertEqual(3, self.failureResultOf(running, SystemExit).value.code)


class MainTests(SynchronousTestCase):
    """
    The whole process, up to its end; the reactor is replaced, because it would run only once.
    """

    def setUp(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        self.patch(sys, "argv", ["ssetwist", "publish", "http://hub.example/", "x", "--topic=a"])
        self.patch(os, "kill", lambda *killed: self.killed.append(killed))
        self.patch(os, "open", self.open)  # to close what the end of the process would close
        self.killed: list[tuple[int, int]] = []

    def open(self, path: str, flags: int, open: Callable[[str, int], int] = os.open) -> int:
        descriptor = open(path, flags)
        self.addCleanup(os.close, descriptor)
        return descriptor

    def main(
        self, status: object, while_running: Callable[..., object] = lambda *_: None
    ) -> object:
        """
        Run the process with a command that ends with a status, and return that of the process.
        """

        def react(main: object, arguments: tuple[Namespace, Terminal]) -> None:
            self.assertIs(run_until_signal, main)
            while_running(*arguments)
            raise SystemExit(status)

        self.patch(process, "react", react)
        return self.assertRaises(SystemExit, process.main).code

    def test_status(self) -> None:
        """
        The process ends with the status of the command.
        """
        for status in (0, 1, 2, 128, "a text"):
            self.assertEqual(status, self.main(status))
        self.assertEqual([], self.killed)

    def test_by_signal(self) -> None:
        """
        A process whose command was ended by a signal ends by that signal, although it had a
        handler.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
            self.main(128 + number)
            self.assertEqual((os.getpid(), number), self.killed[-1])
            self.assertEqual(signal.SIG_DFL, signal.getsignal(number))

    def test_before_it_runs(self) -> None:
        """
        Ctrl-C before the command runs ends the process at once, and without a traceback.
        """
        handlers: list[object] = []
        self.main(0, lambda *_: handlers.append(signal.getsignal(signal.SIGINT)))
        self.assertEqual([signal.SIG_DFL], handlers)

    def test_arguments(self) -> None:
        """
        The command gets the options, and the standard streams.
        """

        def look(arguments: Namespace, terminal: Terminal) -> None:
            self.assertEqual(("x", ["a"]), (arguments.data, arguments.topic))
            streams = (sys.stdin, sys.stdout, sys.stderr)
            self.assertEqual(streams, (terminal.input, terminal.output, terminal.errors))

        self.assertEqual(0, self.main(0, look))

    def test_closed_streams(self) -> None:
        """
        A standard stream that is closed is empty, or takes everything.
        """

        def use(_: Namespace, terminal: Terminal) -> None:
            self.assertEqual("", terminal.input.read())
            terminal.say("x")
            terminal.output.flush()
            terminal.write_status("x")

        for name in ("stdin", "stdout", "stderr"):
            self.patch(sys, name, None)
        self.assertEqual(0, self.main(0, use))
