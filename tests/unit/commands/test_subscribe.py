"""
The command ``python -m ssetwist subscribe``.
"""

import contextlib
import io
import os
from functools import partial
from itertools import product
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost, ConnectionRefusedError
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.__main__ import parse, run
from ssetwist.commands._subscribe import json_line, readable
from ssetwist.commands._terminal import Terminal
from ssetwist.eventstream import Event
from tests.clock import Clock
from tests.unit.client.fake_hub import FakeHub, Response
from tests.unit.commands.test_terminal import OnTerminal
from tests.unit.mercure.fake_tokens import scratch

URL = "https://hub.example/.well-known/mercure"

STREAM = {"Content-Type": "text/event-stream"}


class WritingTests(SynchronousTestCase):
    """
    Formats of events.
    """

    def test_json(self) -> None:
        """
        In JSON an event is one line.
        """
        self.assertEqual(
            '{"type": "message", "id": null, "data": "a\\nb\\u2028é\\u009b"}\n',
            json_line(Event("a\nb\u2028é\x9b")),
        )

    def test_readable(self) -> None:
        """
        As text an event has its type, its id and its data.
        """
        self.assertEqual("t  1\na\n\nb\n\n", readable(Event("a\n\nb", type="t", id="1")))
        self.assertEqual("message\na\\x1b\n\n", readable(Event("a\x1b")))
        self.assertEqual(
            "\x1b[1;36mt\\x1b\x1b[0m\n\n\n", readable(Event(type="t\x1b"), is_coloured=True)
        )


class SubscribeCommandTests(SynchronousTestCase):
    """
    Command lines and their results.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.hub = FakeHub()
        self.output = io.StringIO()
        self.errors = io.StringIO()

    def tearDown(self) -> None:
        self.assertEqual([], self.clock.getDelayedCalls(), "no timer is left")

    def start(self, *arguments: str) -> "Deferred[None]":
        """
        Run the command.
        """
        found = parse(["subscribe", *arguments])
        found.run = partial(found.run, client=self.hub)
        running = run(self.clock, found, Terminal(io.StringIO(), self.output, self.errors))
        self.clock.advance(0)
        return running

    def status(self, *arguments: str) -> int:
        """
        Run the command to its end, and return its status.
        """
        with contextlib.redirect_stderr(self.errors):
            try:
                running = self.start(*arguments)
            except SystemExit as problem:
                return int(str(problem.code))
        self.clock.pump([1.0] * 100)
        status = self.failureResultOf(running, SystemExit).value
        self.assertEqual([], self.clock.getDelayedCalls())
        return int(str(status.code))

    def answer(self, *answers: Any) -> None:
        """
        Set the answers of the hub.
        """
        self.hub.answers = list(answers)

    def test_count(self) -> None:
        """
        The command ends after the wanted number of events.
        """
        self.answer(Response(200, b"data: 1\n\ndata: 2\n\ndata: 3\n\n", STREAM, end=None))
        self.assertEqual(0, self.status(URL, "--topic=a", "--count=2"))
        self.assertEqual(2, len(self.output.getvalue().splitlines()))
        self.assertEqual(f"{URL}?match=a".encode(), self.hub.requests[0].url)
        self.assertEqual(f"connecting to {URL}\nopen\n", self.errors.getvalue())

    def test_plain(self) -> None:
        """
        Any event stream can be read; the query of its URL is not shown, as it may contain secrets.
        A gap is reported.
        """
        gap = b'event: gap\ndata: {"asked":"1","oldest":"2","newest":"3"}\n\n'
        self.answer(Response(200, gap, STREAM, end=None))
        self.assertEqual(0, self.status(f"{URL}?secret", "--since=1", "--count=1", "--quiet"))
        self.assertEqual("1", self.hub.requests[0].header("Last-Event-ID"))
        self.assertIn("events were missed: ", self.errors.getvalue())
        self.answer(Response(404))
        self.assertEqual(1, self.status(f"{URL}?secret"))
        self.assertNotIn("secret", self.errors.getvalue())

    def test_no_content(self) -> None:
        """
        A server that answers 204 ends the command with status 0.
        """
        self.answer(Response(200, b"", STREAM), Response(204))
        self.assertEqual(0, self.status(URL))
        self.assertIn("interrupted: the server has ended the stream;", self.errors.getvalue())

    def test_once(self) -> None:
        """
        With --once the command ends with the stream, with status 0 if the stream ended properly.
        """
        for end, expected in ((Response(200, b"", STREAM), 0), (ConnectionRefusedError(), 1)):
            self.answer(end)
            self.assertEqual(expected, self.status(URL, "--once"))
        self.answer(Response(200, b"", STREAM, end=ConnectionLost()))
        self.assertEqual(1, self.status(URL, "--once"))

    def test_every_end(self) -> None:
        """
        Each end of a stream has its status, for each of the options that limit the attempts.
        """
        again, success, failure = None, 0, 1
        ways = ((), ("--once",), ("--attempts=1",))
        for end, expected in (
            # the server ends the stream
            (lambda: Response(200, b"", STREAM), (again, success, failure)),
            (lambda: Response(204), (success, success, success)),
            # the network does
            (lambda: Response(200, b"", STREAM, end=ConnectionLost()), (again, failure, failure)),
            (ConnectionRefusedError, (again, failure, failure)),
            # the server cannot, or does not want to
            (lambda: Response(503), (again, failure, failure)),
            (lambda: Response(404), (failure, failure, failure)),
            (
                lambda: Response(200, b"", {"Content-Type": "text/html"}),
                (failure, failure, failure),
            ),
            # the command has enough
            (lambda: Response(200, b"data: x\n\n", STREAM, end=None), (success, success, success)),
        ):
            for options, status in zip(ways, expected, strict=True):
                with self.subTest(end=vars(end()), options=options):
                    self.answer(end())
                    running = self.start(URL, "--count=1", *options)
                    if status is again:
                        self.assertNoResult(running)
                        running.cancel()
                        status = 130
                    self.assertEqual(status, self.failureResultOf(running, SystemExit).value.code)

    def test_attempts(self) -> None:
        """
        After the allowed number of failed attempts the command ends; a stream resets the count.
        """
        broken = Response(200, b"", STREAM, end=ConnectionLost())
        self.answer(ConnectionRefusedError(), broken, *[ConnectionRefusedError()] * 5)
        self.assertEqual(1, self.status(URL, "--attempts=2"))
        self.assertEqual(3, len(self.hub.requests))

    def test_refused(self) -> None:
        """
        A refusal ends the command, with the server's own words if they are text: 300 characters of
        them.
        """
        for media_type, body, said in (
            (
                "text/plain",
                b"no\x1b\n",
                "https://hub.example/.well-known/mercure answered 400; expected 200: no\\x1b",
            ),
            (
                "text/html",
                b"<html>",
                "https://hub.example/.well-known/mercure answered 400; expected 200",
            ),
            (
                "application/problem+json",
                b'{"title": "no"}',
                "https://hub.example/.well-known/mercure answered 400; expected 200: "
                '{"title": "no"}',
            ),
            (
                "text/plain",
                b"no \xff" + 400 * "\N{GRINNING FACE}".encode(),
                "https://hub.example/.well-known/mercure answered 400; expected 200: no \ufffd"
                + 296 * "\N{GRINNING FACE}",
            ),
            ("text/plain", b'Missing "topic" parameter', "(a hub of Mercure 0.x needs --legacy)"),
        ):
            self.answer(Response(400, body, {"Content-Type": media_type}))
            self.assertEqual(1, self.status(URL, "--topic=a"))
            self.assertEqual(said, self.errors.getvalue().splitlines()[-1])

    def test_loss(self) -> None:
        """
        Missed events that a Mercure hub reports are an urgent message.
        """
        headers = {**STREAM, "Mercure-Last-Event-ID": "earliest"}
        self.answer(Response(200, b"data: x\n\n", headers, end=None))
        self.assertEqual(0, self.status(URL, "--topic=a", "--since=1", "--count=1", "--quiet"))
        self.assertEqual(
            "events were missed: the hub no longer knew 1; the stream goes on after earliest\n",
            self.errors.getvalue(),
        )

    def test_loss_within(self) -> None:
        """
        A gap within a stream is reported once, with a Mercure hub and without one.
        """
        gap = b'event: gap\ndata: {"asked":"1","oldest":"2","newest":"3"}\n\n'
        for options in (("--topic=a",), ()):
            self.errors = io.StringIO()
            self.answer(Response(200, gap, STREAM, end=None))
            self.assertEqual(0, self.status(URL, *options, "--count=1"))
            self.assertEqual(1, self.errors.getvalue().count("events were missed: "))

    def test_terminal(self) -> None:
        """
        On a terminal output has colours, and events are text, except with --json.
        """
        self.patch(os, "environ", {"TERM": "xterm"})
        self.output, self.errors = OnTerminal(), OnTerminal()
        for options, expected in (
            ((), "\x1b[1;36mmessage\x1b[0m\nx\n\n"),
            (("--json",), '{"type": "message"'),
        ):
            self.answer(Response(200, b"data: x\n\n", STREAM, end=None))
            self.assertEqual(0, self.status(URL, "--count=1", *options))
            self.assertIn(expected, self.output.getvalue())
        self.assertTrue(self.errors.getvalue().startswith("\x1b[2mconnecting"))
        self.answer(Response(404))
        self.assertEqual(1, self.status(URL))
        self.assertIn("\x1b[31mhttps", self.errors.getvalue())

    def test_one_terminal(self) -> None:
        """
        Events have colours if the standard output is a terminal, and messages if the standard error
        is one.
        """
        self.patch(os, "environ", {"TERM": "xterm"})
        kinds = (io.StringIO, OnTerminal)
        for output, errors in product(kinds, kinds):
            self.output, self.errors = output(), errors()
            self.answer(Response(200, b"data: x\n\n", STREAM, end=None))
            self.assertEqual(0, self.status(URL, "--count=1", "--text"))
            for kind, written in ((output, self.output), (errors, self.errors)):
                self.assertEqual(kind is OnTerminal, "\x1b[" in written.getvalue(), written)

    def test_token(self) -> None:
        """
        A token is also sent to a server that is not a hub, and is read again for each attempt.
        """
        path = str(scratch(self))
        for options in (("--topic=a",), ()):
            with open(path, "w") as file:
                file.write("one\n")

            def gone(_: object) -> Response:
                with open(path, "w") as file:
                    file.write("two\n")
                return Response(200, b"", STREAM)

            self.answer(gone, Response(200, b"data: x\n\n", STREAM, end=None))
            self.assertEqual(0, self.status(URL, "--count=1", "--token", path, *options))
            self.assertEqual(
                ["Bearer one", "Bearer two"],
                [sent.header("Authorization") for sent in self.hub.requests[-2:]],
            )

    def test_nobody_reads(self) -> None:
        """
        When nobody reads the output any more the command ends as by SIGPIPE; a gap has been
        reported before.
        """

        class Broken(io.StringIO):
            def write(self, text: str) -> int:
                raise BrokenPipeError

        self.output = Broken()
        gap = b'event: gap\ndata: {"asked":"1","oldest":"2","newest":"3"}\n\n'
        for events, is_told in ((b"data: x\n\n", False), (gap, True)):
            self.answer(Response(200, events, STREAM, end=None))
            self.assertEqual(141, self.status(URL))
            self.assertEqual(is_told, "events were missed: " in self.errors.getvalue())

    def test_nobody_reads_and_nothing_comes(self) -> None:
        """
        The command also ends so if nobody reads the output any more and no event comes.
        """
        reading, writing = os.pipe()
        self.output = open(writing, "w")  # noqa: SIM115  # closed at the end
        self.addCleanup(self.output.close)
        os.close(reading)
        self.answer(Response(200, b":\n", STREAM, end=None))
        self.assertEqual(141, self.status(URL))

    def test_cancelled(self) -> None:
        """
        Cancelling ends the command with the status of Ctrl-C, and nothing is left.
        """
        self.answer(Response(200, b"data: x\n\n", STREAM, end=None))
        running = self.start(URL)
        running.cancel()
        self.assertEqual(130, self.failureResultOf(running, SystemExit).value.code)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_wrong_token(self) -> None:
        """
        A text that cannot be a token is refused before any request, and not shown.
        """
        path = str(scratch(self))
        for content in ("hunter 2", "\n \n", "é"):
            with open(path, "w") as file:
                file.write(content)
            self.assertEqual(2, self.status(URL, "--token", path))
            said = self.errors.getvalue().splitlines()[-1]
            self.assertIn("--token: the token ", said)
            self.assertNotIn(content, said)

    def test_wrong_command_line(self) -> None:
        """
        A wrong command line leads to status 2.
        """
        for arguments, said in (
            (("ftp://x/",), "http"),
            ((URL, "--legacy"), "--legacy: "),
            ((URL, "--count=x"), "--count"),
            ((URL, "--since=a\nb"), "id"),
            ((URL, "--json", "--text"), "not allowed with argument --json"),
            ((URL, "--once", "--attempts=1"), "not allowed with argument --once"),
            ((URL, "--token=env:NOT_SET"), "--token: "),
        ):
            with self.subTest(arguments=arguments):
                self.assertEqual(2, self.status(*arguments))
                self.assertIn(said, self.errors.getvalue().splitlines()[-1])
