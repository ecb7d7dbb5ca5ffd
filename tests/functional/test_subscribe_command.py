"""
``python -m ssetwist subscribe`` as a process.
"""

import re
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.functional.commands import command, events_in, run
from tests.functional.mercure_process import (
    TOPIC,
    access_token,
    legacy_token,
    mercure_hub,
    publish,
    url_of,
)
from tests.functional.support import PATIENCE, ROOT, free_port, hub, require


class SubscribeTests(SynchronousTestCase):
    """
    Subscribing.
    """

    def test_pipe(self) -> None:
        """
        In a pipe, each event is a JSON object on a line, as it comes; --count ends the command.
        """
        with (
            mercure_hub() as process,
            command("subscribe", url_of(process), "--topic", TOPIC, "--count", "2") as running,
        ):
            running.wait_for("errors", "open\n")
            first = publish(process, "one\nmore")
            running.wait_for("output", "\n")
            self.assertEqual(
                [{"type": "message", "id": first, "data": "one\nmore"}], events_in(running.output)
            )
            publish(process, "two")
            self.assertEqual(0, running.wait())
            self.assertEqual("two", events_in(running.output)[1]["data"])
            self.assertRegex(running.errors, r"\Aconnecting to http://127\S+/mercure\nopen\n\Z")

    def test_dialects_and_tokens(self) -> None:
        """
        In both dialects, a token from the environment or from a file shows private updates; without
        a token they are not shown.
        """
        with mercure_hub() as process, tempfile.TemporaryDirectory() as folder:
            publish(process, "psst", private=True)
            publish(process, "all")
            file = Path(folder, "token")
            for options, token, sources in (
                (("--legacy",), legacy_token(), ["env:HUB_TOKEN"]),
                ((), access_token(), [f"file:{file}", str(file)]),
            ):
                file.write_text(f"{token}\n")
                for source in sources:
                    with self.subTest(options=options, source=source):
                        status, output, errors = run(
                            *("subscribe", url_of(process), "--topic", TOPIC, *options),
                            *("--since", "earliest", "--count", "2", "--token", source),
                            HUB_TOKEN=token,
                        )
                        data = [event["data"] for event in events_in(output)]
                        self.assertEqual((0, ["psst", "all"]), (status, data))
                        self.assertNotIn(token, errors)
            status, output, _ = run(
                *("subscribe", url_of(process), "--topic", TOPIC),
                *("--since", "earliest", "--count", "1"),
            )
            self.assertEqual((0, "all"), (status, events_in(output)[0]["data"]))

    def test_pattern(self) -> None:
        """
        A pattern of topics is read as its dialect defines.
        """
        with mercure_hub() as process:
            publish(process, "x")
            for pattern in (
                ("--pattern", "https://example.com/:name"),
                ("--legacy", "--pattern", "https://example.com/{name}"),
            ):
                status, output, _ = run(
                    *("subscribe", url_of(process), *pattern, "--since=earliest", "--count=1")
                )
                self.assertEqual((0, "x"), (status, events_in(output)[0]["data"]))

    def test_plain_stream(self) -> None:
        """
        The command reads any event stream.
        """
        with hub("--tick", "0.05") as process:
            status, output, errors = run("subscribe", f"{process.url}sse", "--count=2", "--quiet")
        self.assertEqual((0, ""), (status, errors))
        self.assertEqual(["tick", "tick"], [event["type"] for event in events_in(output)])
        [id] = {event["id"] for event in events_in(output)}  # it was printed at the start
        self.assertTrue(id.endswith(".0"), id)

    def test_terminal(self) -> None:
        """
        On a terminal, events are easy to read, in colours, and control characters in them have no
        effect.
        """
        with mercure_hub() as process:
            id = publish(process, "one\x1b[2J\x9b1m\r\ntwo\u202e")
            arguments = ("subscribe", url_of(process), "--topic", TOPIC, "--since=earliest")
            for environment, colour, end in (
                ({}, "\x1b[1;36m", "\x1b[0m"),
                ({"NO_COLOR": "1"}, "", ""),
            ):
                with command(
                    *arguments, "--count=1", terminal="output errors", **environment
                ) as running:
                    self.assertEqual(0, running.wait())
                expected = f"{colour}message  {id}{end}\none\\x1b[2J\\x9b1m\ntwo\\u202e\n\n"
                self.assertEqual(expected, running.output.replace("\r\n", "\n"))
                self.assertEqual(bool(colour), "\x1b[2m" in running.errors)
            with command(*arguments, "--count=1", "--json", terminal="output") as running:
                self.assertEqual(0, running.wait())
            self.assertNotRegex(running.output, "[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]")
            self.assertEqual("one\x1b[2J\x9b1m\ntwo\u202e", events_in(running.output)[0]["data"])
            status, output, _ = run(*arguments, "--count=1", "--text")
            self.assertEqual((0, f"message  {id}"), (status, output.splitlines()[0]))

    def test_restart(self) -> None:
        """
        If the hub goes away, the command says so, waits, reconnects, and reports missed events.
        """
        stack = ExitStack()
        self.addCleanup(stack.close)
        port = stack.enter_context(free_port())
        with mercure_hub(port=port) as process:
            running = command("subscribe", url_of(process), "--topic", TOPIC, "--count=3")
            subscriber = stack.enter_context(running)
            subscriber.wait_for("errors", "open\n")
            publish(process, "before")
            subscriber.wait_for("output", "before")
            last = events_in(subscriber.output)[0]["id"]
            process.stop()
        subscriber.wait_for("errors", r"interrupted: [^\n]+; next attempt in [\d.]+ s\n")
        with mercure_hub(port=port) as process:
            subscriber.wait_for("errors", "events were missed: [^\n]*" + re.escape(last))
            publish(process, "after")
            self.assertEqual(0, subscriber.wait())
        types = [event["type"] for event in events_in(subscriber.output)]
        self.assertEqual(["message", "gap", "message"], types)
        self.assertEqual(1, subscriber.errors.count("events were missed"))

    def test_plain_gap(self) -> None:
        """
        The command also reports a gap in a plain stream of this hub.
        """
        with hub() as process:
            status, _, errors = run("subscribe", f"{process.url}sse", "--since=x", "--count=1")
        self.assertEqual(0, status)
        self.assertIn("events were missed", errors)

    def test_refused(self) -> None:
        """
        If the server refuses the request, the command ends with status 1 and the server's words.
        """
        with mercure_hub() as process:
            for arguments, said in (
                ((url_of(process), "--pattern", "(("), "400"),
                ((url_of(process), "--topic", TOPIC, "--token", "env:BAD"), "401"),
                ((process.url,), "text/html"),
                ((f"{process.url}nothing",), "404"),
            ):
                with self.subTest(said=said):
                    status, output, errors = run("subscribe", *arguments, BAD="bad." * 20 + "bad")
                    self.assertEqual((1, ""), (status, output))
                    self.assertIn(said, errors.splitlines()[1])
                    self.assertNotIn("Traceback", errors)
                    self.assertNotIn("bad.bad", errors)

    def test_once_and_attempts(self) -> None:
        """
        With --once the command ends with the stream; with --attempts, after this many failed
        attempts.
        """
        with hub() as process:
            url = f"{process.url}sse"
            with command("subscribe", url, "--once") as once:
                once.wait_for("errors", "open\n")
                process.stop()
                self.assertEqual(0, once.wait())
        status, _, errors = run("subscribe", url, "--attempts=2")
        self.assertEqual((1, 1), (status, errors.count("next attempt")))
        status, _, errors = run("subscribe", url, "--once", "--quiet")
        self.assertEqual((1, 1), (status, len(errors.splitlines())))

    def test_interrupted(self) -> None:
        """
        Ctrl-C or SIGTERM ends the command without a message, with the status of a process that this
        signal has killed.
        """
        with hub() as process:
            for number in (signal.SIGINT, signal.SIGTERM):
                with command("subscribe", f"{process.url}sse") as running:
                    running.wait_for("errors", "open\n")
                    running.process.send_signal(number)
                    self.assertEqual(-number, running.wait())
                self.assertEqual(2, len(running.errors.splitlines()), running.errors)

    def test_broken_pipe(self) -> None:
        """
        When the reader of a pipe has gone, the command ends without a message, even if no event
        comes.
        """
        with mercure_hub() as process:
            for is_quiet in (True, False):
                with command("subscribe", url_of(process), "--topic", TOPIC) as running:
                    running.wait_for("errors", "open\n")
                    publish(process, "x")
                    running.wait_for("output", "x")
                    running.stop_reading("output")
                    if not is_quiet:
                        publish(process, "x")
                    self.assertEqual(-signal.SIGPIPE, running.wait())
                self.assertEqual(2, len(running.errors.splitlines()), running.errors)

    def test_stderr_gone(self) -> None:
        """
        If output and errors go to one reader, and it has gone, the command ends quietly.
        """
        with hub("--tick", "0.05") as process:
            shell = f"{sys.executable} -m ssetwist subscribe {process.url}sse 2>&1 | head -1"
            done = subprocess.run(
                ["bash", "-c", f"{shell}; echo ${{PIPESTATUS[0]}}"],
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                cwd=ROOT,
            )
        self.assertEqual("", done.stderr)
        self.assertEqual(
            ["connecting", "141"], [line.split()[0] for line in done.stdout.splitlines()]
        )

    def test_disk_full(self) -> None:
        """
        If the output cannot be written, the command ends with status 1, and says why.
        """
        require(Path("/dev/full").exists(), "/dev/full")
        with hub("--tick", "0.05") as process, open("/dev/full", "w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "ssetwist", "subscribe", f"{process.url}sse", "--quiet"],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=PATIENCE,
                cwd=ROOT,
            )
        self.assertEqual(1, done.returncode)
        self.assertRegex(done.stderr, r"\Apython -m ssetwist subscribe: [^\n]*No space[^\n]*\n\Z")

    def test_slow_reader(self) -> None:
        """
        A slow reader misses nothing: the command waits, and the hub keeps the unread events.
        """
        with mercure_hub() as process:
            lines = "".join(f"{number} {'x' * 1000}\n" for number in range(5000))
            with command("subscribe", url_of(process), "--topic", TOPIC) as running:
                running.wait_for("errors", "open\n")
                status, _, errors = run(
                    *("publish", url_of(process), "--topic", TOPIC, "--token", "env:T"),
                    input=lines,
                    T=access_token(),
                )
                self.assertEqual(0, status, errors)
                running.wait_for("output", '"4999 ')
                numbers = [int(event["data"].split()[0]) for event in events_in(running.output)]
                self.assertEqual(list(range(5000)), numbers)

    def test_command_line_with_a_mistake(self) -> None:
        """
        A command line with a mistake has status 2, and an error that says why.
        """
        cases = (
            (("ftp://x/",), "http"),
            (("http://me:secret@x/",), "password"),
            (("http://x/", "--legacy"), "--legacy"),
            (("http://x/", "--count", "0"), "--count"),
            (("http://x/", "--token", "env:NOT_SET"), "NOT_SET"),
            (("http://x/", "--token", "abc.secret"), "--token"),
            (("http://x/", "--once", "--attempts=1"), "--once"),
            (("http://x/", "http://y/"), "unrecognized"),
        )
        found = [run("subscribe", *case) for case, _ in cases]
        for (arguments, said), (status, output, errors) in zip(cases, found, strict=True):
            with self.subTest(arguments=arguments):
                self.assertEqual((2, ""), (status, output))
                self.assertIn(said, errors.splitlines()[-1])
                self.assertNotIn("secret", errors)

    def test_help(self) -> None:
        """
        The help explains each status.
        """
        for name in ("subscribe", "publish"):
            status, output, errors = run(name, "--help")
            self.assertEqual((0, ""), (status, errors))
            for number in ("0", "1", "2", "130"):
                self.assertRegex(output, rf"\n  {number} +\w")
