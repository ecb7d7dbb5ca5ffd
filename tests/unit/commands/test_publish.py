"""
The command ``python -m ssetwist publish``.
"""

import contextlib
import gc
import io
import json
import os
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost, ConnectionRefusedError
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.__main__ import parse, run
from ssetwist.commands._lines import MAX_LINE
from ssetwist.commands._terminal import Terminal
from tests.clock import Clock
from tests.unit.client.fake_hub import FakeHub, Response, SentRequest
from tests.unit.commands.test_terminal import OnTerminal
from tests.unit.mercure.fake_tokens import scratch

URL = "https://hub.example/.well-known/mercure"

JSON_LINES = {"Content-Type": "application/x-ndjson"}


def take_lines(sent: SentRequest) -> Response:
    """
    Answer each line with its data.
    """
    data = [json.loads(line)["data"] for line in sent.body.splitlines() if line]
    body = "".join(json.dumps({"id": one}) + "\n" for one in data)
    return Response(200, body.encode(), JSON_LINES)


class PublishCommandTests(SynchronousTestCase):
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

    def start(self, *arguments: str, input: str = "") -> "Deferred[None]":
        """
        Run the command.
        """
        found = parse(["publish", URL, *arguments])
        found.run = partial(found.run, client=self.hub)
        terminal = Terminal(io.StringIO(input), self.output, self.errors)
        return run(self.clock, found, terminal)

    def status(self, *arguments: str, input: str = "") -> int:
        """
        Run the command to its end, and return its status.
        """
        with contextlib.redirect_stderr(self.errors):
            try:
                running = self.start(*arguments, input=input)
            except SystemExit as problem:
                return int(str(problem.code))
        status = self.failureResultOf(running, SystemExit).value
        self.assertEqual([], self.clock.getDelayedCalls())
        return int(str(status.code))

    def test_data(self) -> None:
        """
        The argument is published, wherever it stands in the command line, and its id is written.
        """
        for arguments in (("x", "--topic=a"), ("--topic=a", "x"), ("--topic", "a", "--", "x")):
            with self.subTest(arguments=arguments):
                self.hub.answers = [Response(200, b"urn:1\x1b")]
                self.assertEqual(0, self.status(*arguments))
                self.assertEqual(b"topic=a&data=x", self.hub.requests[-1].body)
        self.assertEqual("urn:1\\x1b\n" * 3, self.output.getvalue())
        self.assertEqual("", self.errors.getvalue())

    def test_refused(self) -> None:
        """
        An event that is not published leads to status 1, and the reason is an error message.
        """
        self.hub.answers = [Response(403, b"no")]
        self.assertEqual(1, self.status("x", "--topic=a", "--quiet"))
        self.assertEqual("not published: 403 no\n", self.errors.getvalue())

    def test_again(self) -> None:
        """
        Repeated requests are reported, except with --quiet.
        """
        for options, expected in ((("--quiet",), 0), ((), 1)):
            self.hub.answers = [ConnectionRefusedError("gone."), Response(200, b"1")]
            running = self.start("x", "--topic=a", *options)
            self.clock.advance(5)
            self.failureResultOf(running, SystemExit)
            self.assertEqual(expected, self.errors.getvalue().count("gone; next attempt in 0"))

    def test_at_most_once(self) -> None:
        """
        A request that may have been published is repeated, except with --at-most-once; then it is
        reported.
        """
        for options, count, status in (((), 2, 0), (("--at-most-once",), 1, 1)):
            self.hub.requests.clear()
            self.hub.answers = [ConnectionLost("gone."), Response(200, b"1")]
            running = self.start("x", "--topic=a", *options)
            self.clock.advance(5)
            self.assertEqual(status, self.failureResultOf(running, SystemExit).value.code)
            self.assertEqual(count, len(self.hub.requests))
        self.assertIn("; it may have been published nevertheless\n", self.errors.getvalue())

    def test_lines(self) -> None:
        """
        Lines are published together; a line that is not an update is reported, and not sent.
        """
        self.hub.answers = [take_lines]
        self.assertEqual(
            1,
            self.status(
                "--topic=a",
                "--ids",
                "--json",
                input=(
                    '{"data":"x","topic":["b","c"],"id":"#1","type":"t","retry":3,"private":true}\n'
                    '{"data":[1],"id":"urn:1"}\n[]\n{"data":"x","type":1}\n{"data":"x","id":"a\\nb"}\n'
                ),
            ),
        )
        self.assertEqual("x\n[1]\n", self.output.getvalue())
        self.assertEqual(
            b'{"topic":["b","c"],"data":"x","private":true,"type":"t","retry":3}\n'
            b'{"topic":"a","data":"[1]","id":"urn:1"}\n',
            self.hub.requests[0].body,
        )
        self.assertEqual(
            [
                "line 3: it is not a JSON object",
                "line 4: type must be a string",
                "line 5: id must not contain a line break: it would begin another field",
                "published 2 events in 0.0 s, 3 were not",
            ],
            self.errors.getvalue().splitlines(),
        )

    def test_rate(self) -> None:
        """
        The rate at the end counts the events that were published.
        """

        def take_slowly(sent: SentRequest) -> Response:
            self.clock.advance(2)
            return take_lines(sent)

        self.hub.answers = [take_slowly]
        lines = '{"data":"x"}\n' * 10 + "[]\n" * 4
        self.assertEqual(1, self.status("--topic=a", "--json", input=lines))
        said = self.errors.getvalue().splitlines()[-1]
        self.assertEqual("published 10 events in 2.0 s (5/s), 4 were not", said)

    def test_wrong_option(self) -> None:
        """
        An option that no event may have is told before anything is read.
        """
        for option, text in (("--type=a\nb", "--type: "), ("--retry=-1", "--retry: ")):
            with self.subTest(option=option):
                self.assertEqual(2, self.status("--topic=a", option, input=""))
                self.assertIn(text, self.errors.getvalue())
                self.assertEqual([], self.hub.requests)

    def test_unreadable_lines(self) -> None:
        """
        A line that is not UTF-8, or is too long, is refused.
        """
        self.hub.answers = [take_lines]
        lines = f"x\n\udcff\n{'y' * (MAX_LINE + 1)}\nz"
        self.assertEqual(1, self.status("--topic=a", "--ids", input=lines))
        self.assertEqual("x\nz\n", self.output.getvalue())
        self.assertEqual(
            ["line 2: it is not in UTF-8", f"line 3: it is longer than {MAX_LINE} bytes"],
            self.errors.getvalue().splitlines()[:2],
        )

    def test_at_a_terminal(self) -> None:
        """
        At a terminal a message asks for lines.
        """
        self.hub.answers = [take_lines]
        found = parse(["publish", URL, "--topic=a"])
        found.run = partial(found.run, client=self.hub)
        running = run(self.clock, found, Terminal(OnTerminal("x"), self.output, self.errors))
        self.assertEqual(0, self.failureResultOf(running, SystemExit).value.code)
        self.assertIn("Ctrl-D", self.errors.getvalue())

    def test_no_lines(self) -> None:
        """
        Without lines nothing is published.
        """
        self.assertEqual(0, self.status("--topic=a"))
        self.assertEqual("published 0 events in 0.0 s\n", self.errors.getvalue())
        self.assertEqual([], self.hub.requests)

    def test_topics_in_lines(self) -> None:
        """
        With --json a line may have its own topic; without one the option is needed.
        """
        self.hub.answers = [take_lines]
        self.assertEqual(1, self.status("--json", input='{"topic":"b","data":"x"}\n{"data":"y"}\n'))
        self.assertEqual(b'{"topic":"b","data":"x"}\n', self.hub.requests[0].body)
        self.assertIn("line 2: an update needs a topic", self.errors.getvalue())

    def test_wrong_in_the_middle(self) -> None:
        """
        A line that is not an update does not stop later lines.
        """
        self.hub.answers = [take_lines] * 3
        lines = "x\n" * 999 + "\udcff\n" + "y\n" * 1500
        self.assertEqual(1, self.status("--topic=a", input=lines))
        self.assertIn("published 2499 events in 0.0 s, 1 were not", self.errors.getvalue())

    def test_all_refused(self) -> None:
        """
        When a whole request is refused, no more lines are read, and its lines are reported
        together.
        """
        self.hub.answers = [take_lines, Response(401, b"who are you.")]
        lines = "x\n" * 5000
        self.assertEqual(1, self.status("--topic=a", input=lines))
        self.assertEqual(
            [
                "lines 1001 to 2000: 401 who are you",
                "the lines after line 2000 were not sent",
                "published 1000 events in 0.0 s, 1000 were not",
            ],
            self.errors.getvalue().splitlines(),
        )
        self.assertEqual(2, len(self.hub.requests))

    def test_all_refused_with_several_in_flight(self) -> None:
        """
        When all requests that are under way are refused, the lines that were not sent are
        mentioned, once.
        """
        self.hub.answers = [Response(401, b"who are you.") for _ in range(2)]
        self.assertEqual(1, self.status("--topic=a", "--in-flight=2", input="x\n" * 5000))
        self.assertEqual(
            [
                "lines 1 to 1000: 401 who are you",
                "lines 1001 to 2000: 401 who are you",
                "the lines after line 2000 were not sent",
                "published 0 events in 0.0 s, 2000 were not",
            ],
            self.errors.getvalue().splitlines(),
        )

    def test_refused_together(self) -> None:
        """
        Lines of a request that fail for one reason are reported together: exactly these lines.
        """
        answers = [
            {"id": "1"},
            *2 * [{"error": "not now", "status": 429}],
            {"id": "4"},
            {"error": "no", "status": 400},
        ]
        body = "".join(json.dumps(one) + "\n" for one in answers).encode()
        self.hub.answers = [Response(200, body, JSON_LINES), Response(401, b"who are you.")]
        running = self.start("--topic=a", "--quiet", input="x\n" * 5)
        self.clock.advance(60)
        self.assertEqual(1, self.failureResultOf(running, SystemExit).value.code)
        self.assertEqual(
            ["lines 2 to 3: 401 who are you", "line 5: 400 no"],
            self.errors.getvalue().splitlines(),
        )

    def test_one_refused(self) -> None:
        """
        When the hub refuses one line of a request, the lines after it are published.
        """

        def refuse_first(sent: SentRequest) -> Response:
            answered = take_lines(sent).body.splitlines(keepends=True)
            answered[0] = b'{"error": "no", "status": 400, "line": 1}\n'
            return Response(200, b"".join(answered), JSON_LINES)

        self.hub.answers = [refuse_first, *4 * [take_lines]]
        self.assertEqual(1, self.status("--topic=a", "--in-flight=1", input="x\n" * 4000))
        self.assertEqual(
            ["line 1: 400 no", "published 3999 events in 0.0 s, 1 were not"],
            self.errors.getvalue().splitlines(),
        )

    def test_all_refused_before_the_end(self) -> None:
        """
        Lines that were read, but not sent, are mentioned, even if the input has ended, and also
        with --quiet.
        """
        for options in ((), ("--quiet",)):
            self.hub.answers = [Response(401, b"who are you.")]
            self.errors = io.StringIO()
            self.assertEqual(1, self.status("--topic=a", *options, input="x\n" * 1500))
            self.assertIn("\nthe lines after line 1000 were not sent\n", self.errors.getvalue())

    def test_all_refused_at_the_end(self) -> None:
        """
        When the last request is refused, unsent lines are not mentioned.
        """
        self.hub.answers = [Response(401, b"who are you.")]
        self.assertEqual(1, self.status("--topic=a", input="x\n"))
        self.assertEqual(
            ["line 1: 401 who are you", "published 0 events in 0.0 s, 1 were not"],
            self.errors.getvalue().splitlines(),
        )

    def test_data_is_required(self) -> None:
        """
        An object without data is refused; empty data is published.
        """
        self.hub.answers = [take_lines]
        self.assertEqual(1, self.status("--topic=a", "--json", input='{"date":"x"}\n{"data":""}\n'))
        self.assertEqual(b'{"topic":"a","data":""}\n', self.hub.requests[0].body)
        self.assertIn("line 1: it does not have data\n", self.errors.getvalue())

    def test_deep_json(self) -> None:
        """
        A line with more brackets than Python can read is reported as one that is not JSON; the
        other lines are published.
        """
        self.hub.answers = [take_lines]
        lines = f'{"[" * 200_000}\n{{"data":"x"}}\n'
        self.assertEqual(1, self.status("--topic=a", "--json", input=lines))
        self.assertIn("line 1: it is not JSON\n", self.errors.getvalue())
        self.assertEqual(b'{"topic":"a","data":"x"}\n', self.hub.requests[0].body)

    def test_private_lines(self) -> None:
        """
        An object says itself that it is private; without that the option counts.
        """
        lines = '{"data":"x"}\n{"data":"y","private":false}\n{"data":"z","private":true}\n'
        for options, expected in (
            ((), [False, False, True]),
            (("--private",), [True, False, True]),
        ):
            self.hub.answers = [take_lines]
            self.assertEqual(0, self.status("--topic=a", "--json", *options, input=lines))
            updates = map(json.loads, self.hub.requests[-1].body.splitlines())
            self.assertEqual(expected, [one.get("private", False) for one in updates])

    def test_null_is_missing(self) -> None:
        """
        A field of null counts as missing, so that the option counts; data of null is JSON.
        """
        fields = ("topic", "type", "id", "retry", "private")
        given = dict.fromkeys(fields) | {"data": None}
        expected = {"topic": "a", "data": "null", "private": True, "type": "t", "retry": 5}
        self.hub.answers = [take_lines]
        options = ("--topic=a", "--json", "--private", "--type=t", "--retry=5")
        self.assertEqual(0, self.status(*options, input=json.dumps(given)))
        self.assertEqual(expected, json.loads(self.hub.requests[-1].body))

    def test_wrong_types(self) -> None:
        """
        A field of a wrong type is refused, with the number of its line; no type is guessed.
        """
        topics = "topic must be a string, or an array of strings"
        milliseconds = "retry must be a whole number of milliseconds"
        for field, values, said in (
            ("private", ("false", "", "yes", 0, 1, []), "private must be true or false"),
            ("retry", ("5", "", 1.5, True, []), milliseconds),
            ("type", (1, False, [], {}), "type must be a string"),
            ("id", (1, False, [], {}), "id must be a string"),
            ("topic", (1, 0, False, {"a": 1}, {}, ["a", 1], [None]), topics),
            ("topic", ("", [""]), "a topic must not be empty"),
            ("topic", ([],), "an update needs a topic"),
        ):
            for value in values:
                self.hub.answers = [take_lines]
                lines = '{"data":"x"}\n' + json.dumps({"data": "y", field: value})
                self.assertEqual(1, self.status("--topic=a", "--json", "--private", input=lines))
                self.assertIn(f"line 2: {said}", self.errors.getvalue(), value)
                sent = self.hub.requests[-1].body
                self.assertEqual(b'{"topic":"a","data":"x","private":true}\n', sent)
                self.errors.truncate(0)

    def test_below_zero(self) -> None:
        """
        Data may be a negative number, wherever it stands; other words that begin with a hyphen are
        options.
        """
        for arguments in (("-5", "--topic=a"), ("--topic=a", "-5"), ("--topic=a", "-.5")):
            with self.subTest(arguments=arguments):
                self.hub.answers = [Response(200, b"1")]
                self.assertEqual(0, self.status(*arguments))
                self.assertEqual(b"topic=a&data=-", self.hub.requests[-1].body[:14])
        self.assertEqual(2, self.status("--topic=a", "-5x"))

    def test_wrong_token(self) -> None:
        """
        A file without a token is an error, which names the option and does not show the file's
        text.
        """
        path = str(scratch(self))
        for text, said in (
            ("Bearer secret\n", "--token: give the token without 'Bearer' before it"),
            ("# mine\nsecret\n", "--token: the token has characters that tokens cannot have"),
        ):
            with open(path, "w") as file:
                file.write(text)
            self.assertEqual(2, self.status("--topic=a", "--token", path, "x"))
            self.assertIn(said, self.errors.getvalue())
        self.assertNotIn("secret", self.errors.getvalue())

    def test_url(self) -> None:
        """
        A wrong URL is an error, which names the argument.
        """
        for url, said in (
            ("hub.example", "URL: it does not begin with http:// or https://"),
            ("localhost:8080", "URL: it does not begin with http:// or https://"),
            ("http://a b/", "URL: it is not a URL"),
        ):
            for command in ("publish", "subscribe"):
                found = parse([command, url, "--topic=a"])
                terminal = Terminal(io.StringIO(), self.output, self.errors)
                with contextlib.redirect_stderr(self.errors):
                    running = run(self.clock, found, terminal)
                self.assertEqual(2, self.failureResultOf(running, SystemExit).value.code)
                self.assertTrue(self.errors.getvalue().endswith(f" {command}: {said}\n"))

    def test_progress(self) -> None:
        """
        On a terminal the progress is shown, and messages replace it.
        """
        self.patch(os, "environ", {"TERM": "xterm"})
        self.errors = OnTerminal()
        running = self.start("--topic=a", input="x\n")
        self.clock.advance(0.25)
        self.hub.silent[0].callback(Response(400, b"", {}))
        self.hub.silent[1].callback(Response(200, b"1"))
        self.failureResultOf(running, SystemExit)
        shown = self.errors.getvalue()
        self.assertTrue(shown.startswith("\rpublished 0 events in 0.2 s (0/s)\r"), shown)
        self.assertTrue(
            shown.endswith("\r\x1b[2mpublished 1 events in 0.2 s (4/s)\x1b[0m\n"), shown
        )

    def test_no_progress(self) -> None:
        """
        A file that gets the messages does not get the progress, and neither does a terminal with
        --quiet.
        """
        self.patch(os, "environ", {"TERM": "xterm"})
        for errors, options in ((io.StringIO(), ()), (OnTerminal(), ("--quiet",))):
            self.errors = errors
            running = self.start("--topic=a", *options, input="x\n")
            self.clock.advance(1)
            running.cancel()
            self.failureResultOf(running, SystemExit)
            self.assertEqual("", errors.getvalue())

    def test_no_progress_after_an_interruption(self) -> None:
        """
        Ctrl-C wipes the progress line, so that the shell begins on an empty one.
        """
        self.patch(os, "environ", {"TERM": "xterm"})
        self.errors = OnTerminal()
        running = self.start("--topic=a", input="x\n")
        self.clock.advance(0.25)
        shown = self.errors.getvalue()
        self.assertEqual("\rpublished 0 events in 0.2 s (0/s)", shown)
        running.cancel()
        self.assertEqual(130, self.failureResultOf(running, SystemExit).value.code)
        blanks = " " * len(shown.removeprefix("\r"))
        self.assertEqual(f"{shown}\r{blanks}\r", self.errors.getvalue())

    def test_cancelled(self) -> None:
        """
        Cancelling ends the command with the status of Ctrl-C, and nothing is left.
        """
        for arguments in (("x",), ()):
            running = self.start("--topic=a", *arguments, input="x\n")
            self.assertNoResult(running)
            running.cancel()
            status = self.failureResultOf(running, SystemExit).value
            self.assertEqual(130, status.code)
            self.assertEqual([], self.clock.getDelayedCalls())
            self.assertTrue(self.hub.silent[-1].called)
        self.assertEqual("", self.errors.getvalue())

    def test_cancelled_with_several_in_flight(self) -> None:
        """
        Cancelling drops the answers to all requests that are under way: that nobody reads them any
        more is not an error.
        """
        running = self.start("--topic=a", "--in-flight=3", input="x\n" * 3000)
        self.assertEqual(3, len(self.hub.silent))
        running.cancel()
        self.assertEqual(130, self.failureResultOf(running, SystemExit).value.code)
        del running
        gc.collect()  # an error that nobody has read is logged when it is collected
        self.assertEqual([], self.flushLoggedErrors())

    def test_nobody_reads(self) -> None:
        """
        When nobody reads the ids any more the command ends as by SIGPIPE, and gives up a request
        that waits for its next attempt.
        """

        class Broken(io.StringIO):
            def write(self, text: str) -> int:
                raise BrokenPipeError

        self.output = Broken()
        self.hub.answers = [take_lines, ConnectionRefusedError()]
        running = self.start("--topic=a", "--ids", "--in-flight=2", input="x\n" * 2000)
        self.assertEqual(141, self.failureResultOf(running, SystemExit).value.code)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_token_gone(self) -> None:
        """
        A token that becomes unreadable is an error of the command line.
        """
        path = str(scratch(self))
        with open(path, "w") as file:
            file.write("abc\n")
        found = parse(["publish", URL, "--topic=a", "--token", path])

        def gone(sent: SentRequest) -> Response:
            with open(path, "w"):
                pass
            return take_lines(sent)

        self.hub.answers = [gone] * 3
        found.run = partial(found.run, client=self.hub)
        terminal = Terminal(io.StringIO("x\n" * 3000), self.output, self.errors)
        with contextlib.redirect_stderr(self.errors):
            running = run(self.clock, found, terminal)
        self.assertEqual(2, self.failureResultOf(running, SystemExit).value.code)
        self.assertEqual("Bearer abc", self.hub.requests[0].header("Authorization"))
        self.assertIn("--token: the file is empty", self.errors.getvalue())

    def test_wrong_command_line(self) -> None:
        """
        A wrong command line leads to status 2.
        """
        for arguments, said in (
            (("x",), "--topic: it is missing"),
            (("--topic=a", "--id=1"), "--id: "),
            (("--topic=a", "--id="), "--id: "),
            (("--topic=",), "a topic must not be empty"),
            (("--topic=a", "--key=1"), "--key: "),
            (("--topic=a", "--json", "x"), "--json: "),
            (("--topic=a", "--type=a\nb", "x"), "--type: "),
            (("--topic=a", "--in-flight=0", "x"), "--in-flight"),
            (("--topic=a", "--attempts=0", "x"), "--attempts"),
            (("--topic=a", "--token=env:NOT_SET", "x"), "--token: "),
            (("--topic=a", "x", "-y"), "unrecognized arguments: x -y"),
        ):
            with self.subTest(arguments=arguments):
                self.assertEqual(2, self.status(*arguments))
                self.assertIn(said, self.errors.getvalue().splitlines()[-1])
