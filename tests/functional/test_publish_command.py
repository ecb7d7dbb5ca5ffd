"""
``python -m ssetwist publish`` as a process.
"""

import json
import signal
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

from twisted.trial.unittest import SynchronousTestCase

from tests.functional.commands import command, events_in, run, web_server
from tests.functional.mercure_process import (
    OTHER_TOPIC,
    PATH,
    TOPIC,
    access_token,
    mercure_hub,
    url_of,
)
from tests.functional.support import PATIENCE, HubProcess, free_port


class PublishTests(SynchronousTestCase):
    """
    Publishing.
    """

    def heard(self, process: HubProcess, count: int, *options: str) -> list[dict[str, Any]]:
        """
        Return the events that the hub has kept.
        """
        status, output, errors = run(
            *("subscribe", url_of(process), "--topic", TOPIC, "--since=earliest"),
            *(f"--count={count}", "--token=env:HUB_TOKEN", *options),
            HUB_TOKEN=access_token(),
        )
        self.assertEqual(0, status, errors)
        return events_in(output)

    def publish(
        self, url: str, *arguments: str, input: str = "", topic: str = TOPIC
    ) -> tuple[int, str, str]:
        """
        Publish to the topic.
        """
        return run(
            *("publish", url, "--token=env:HUB_TOKEN", "--topic", topic, *arguments),
            input=input,
            HUB_TOKEN=access_token(),
        )

    def test_one(self) -> None:
        """
        The command publishes one event with all its properties, and writes its id.
        """
        with mercure_hub() as process:
            status, output, errors = self.publish(
                url_of(process), "héllo", "--type=greeting", "--id=urn:1", "--private"
            )
            self.assertEqual((0, "urn:1\n", ""), (status, output, errors))
            expected = {"type": "greeting", "id": "urn:1", "data": "héllo"}
            self.assertEqual([expected], self.heard(process, 1))

    def test_lines(self) -> None:
        """
        Each line is an event, in order; with --ids their ids are written in that order.
        """
        with mercure_hub() as process:
            lines = [f"line {number}" for number in range(2500)]
            status, output, errors = self.publish(url_of(process), "--ids", input="\n".join(lines))
            self.assertEqual(0, status, errors)
            self.assertRegex(errors, r"\Apublished 2500 events in [\d.]+ s \(\d+/s\)\n\Z")
            heard = self.heard(process, 2500)
            self.assertEqual(lines, [event["data"] for event in heard])
            self.assertEqual(output.split(), [event["id"] for event in heard])

    def test_many_in_flight(self) -> None:
        """
        With several requests at a time, no event is lost, doubled or out of order.
        """
        with mercure_hub() as process:
            lines = [str(number) for number in range(9000)]
            status, output, errors = self.publish(
                url_of(process), "--ids", "--in-flight=4", input="\n".join(lines)
            )
            self.assertEqual(0, status, errors)
            heard = {event["id"]: event["data"] for event in self.heard(process, 9000)}
            self.assertEqual(lines, [heard[id] for id in output.split()])

    def test_as_they_come(self) -> None:
        """
        A line is published when it comes, not when there are many.
        """
        with (
            mercure_hub() as process,
            command(
                *("publish", url_of(process), "--token=env:T", "--topic", TOPIC, "--ids"),
                T=access_token(),
            ) as running,
        ):
            for number in range(3):
                running.send(f"{number}\n")
                running.wait_for("output", rf"\.{number + 1}\n")
            running.end_input()
            self.assertEqual(0, running.wait())

    def test_some_refused(self) -> None:
        """
        An error in a line is reported with its number; the other lines are published.
        """
        lines = ['{"data":"a"}', "no JSON", '{"data":"b","type":"mercure"}', '{"data":{"c":1}}']
        lines.append(json.dumps({"topic": OTHER_TOPIC, "data": "d"}))
        with mercure_hub() as process:
            status, _, errors = self.publish(url_of(process), "--json", input="\n".join(lines))
            self.assertEqual(1, status)
            self.assertRegex(
                errors,
                r"\Aline 2: it is not JSON\n"
                r"line 3: 400 type must not be 'mercure'[^\n]*\n"
                r"line 5: 403 [^\n]+\n"
                r"published 2 events in [^\n]+, 3 were not\n\Z",
            )
            self.assertEqual(["a", '{"c":1}'], [event["data"] for event in self.heard(process, 2)])

    def test_output_of_subscribe(self) -> None:
        """
        The output of subscribe is valid input for publish.
        """
        with mercure_hub() as process, mercure_hub() as other:
            self.publish(url_of(process), "x\ny", "--type=t")
            _, written, _ = run(
                *("subscribe", url_of(process), "--topic", TOPIC, "--since=earliest", "--count=1")
            )
            status, _, errors = self.publish(url_of(other), "--json", input=written)
            self.assertEqual(0, status, errors)
            (event,) = self.heard(other, 1)
            self.assertEqual(("t", "x\ny"), (event["type"], event["data"]))

    def test_refused(self) -> None:
        """
        If the hub refuses a whole request, the command ends with status 1 and the hub's words, and
        reads no more lines.
        """
        with mercure_hub() as process:
            url = url_of(process)
            status, output, errors = run("publish", url, "--topic", TOPIC, "x")
            self.assertEqual((1, ""), (status, output))
            self.assertRegex(errors, r"\Anot published: 401 [^\n]+\n\Z")
            with command("publish", url, "--topic", TOPIC) as running:
                running.send("a\nb\n")
                running.wait_for("errors", r"lines? 1( to 2)?: 401 ")
                self.assertEqual(1, running.wait())  # its input is still open
                self.assertNotIn("were not sent", running.errors)

    def test_answers_lost(self) -> None:
        """
        If answers are lost, the command repeats the requests, and nothing is published twice.
        """
        lost: list[str] = []

        class Losing(BaseHTTPRequestHandler):
            hub = ""

            def do_POST(self) -> None:  # the base class requires this name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                names = ("Authorization", "Content-Type", "Idempotency-Key")
                headers = {name: self.headers[name] for name in names}
                with urlopen(Request(self.hub, body, headers), timeout=PATIENCE) as response:
                    answer = response.read()
                    media_type = response.headers["Content-Type"]
                key = headers["Idempotency-Key"]
                if lost.count(key) < 2:
                    lost.append(key)
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        with mercure_hub() as process, web_server(Losing) as url:
            Losing.hub = url_of(process)
            status, _, errors = self.publish(url, input="a\nb\nc\n")
            self.assertEqual(0, status, errors)
            self.assertEqual(2, errors.count("next attempt"))
            self.assertEqual(0, self.publish(url, "d")[0])
            self.publish(Losing.hub, "last")
            self.assertEqual([*"abcd", "last"], [one["data"] for one in self.heard(process, 5)])
            status, _, errors = self.publish(url, "e", "--at-most-once")
            self.assertEqual(1, status)
            self.assertIn("may have been published nevertheless", errors)

    def test_waits_for_the_hub(self) -> None:
        """
        The command waits for a hub that is not up yet.
        """
        with (
            free_port() as port,
            command(
                *("publish", f"http://127.0.0.1:{port}{PATH}", "--token=env:T", "--topic", TOPIC),
                *("--attempts=1000", "x"),
                T=access_token(),
            ) as running,
        ):
            running.wait_for("errors", "refused[^\n]+next attempt")
            with mercure_hub(port=port) as process:
                self.assertEqual(0, running.wait(), running.errors)
                self.assertEqual("x", self.heard(process, 1)[0]["data"])

    def test_hub_of_forms(self) -> None:
        """
        A hub that only accepts forms, as other hubs do, gets forms.
        """
        received: list[str] = []

        class Forms(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:  # the base class requires this name
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                fields = parse_qs(body)
                is_there = "topic" in fields
                if is_there:
                    received.append(fields["data"][0])
                answer = b"urn:%d" % len(received) if is_there else b'Missing "topic" parameter\n'
                self.send_response(200 if is_there else 400)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        with web_server(Forms) as url:
            status, output, errors = self.publish(url, "--ids", input="a\nb\nc\n")
            self.assertEqual((0, "urn:1\nurn:2\nurn:3\n"), (status, output), errors)
            self.assertEqual(list("abc"), received)

    def test_progress(self) -> None:
        """
        On a terminal the command shows its progress.
        """
        with (
            mercure_hub() as process,
            command(
                *("publish", url_of(process), "--token=env:T", "--topic", TOPIC),
                terminal="errors",
                T=access_token(),
            ) as running,
        ):
            running.send("a\n")
            running.wait_for("errors", r"\rpublished 1 events in [\d.]+ s \(\d+/s\)")
            running.send("b\n")
            running.wait_for("errors", r"\rpublished 2 events")
            running.end_input()
            self.assertEqual(0, running.wait())
            self.assertEqual("", running.output)

    def test_interrupted(self) -> None:
        """
        Ctrl-C ends the command without a message, with the status of a process that this signal has
        killed.
        """
        with (
            mercure_hub() as process,
            command(
                *("publish", url_of(process), "--token=env:T", "--topic", TOPIC, "--ids"),
                T=access_token(),
            ) as running,
        ):
            running.send("a\n")
            running.wait_for("output", "\n")
            running.interrupt()
            self.assertEqual(-signal.SIGINT, running.wait())
            self.assertEqual("", running.errors)

    def test_key(self) -> None:
        """
        With a key from --key, running the command again publishes nothing more.
        """
        with mercure_hub() as process:
            first = self.publish(url_of(process), "x", "--key=mine")
            self.assertEqual(first, self.publish(url_of(process), "x", "--key=mine"))
            status, _, errors = self.publish(url_of(process), "y", "--key=mine")
            self.assertEqual(1, status)
            self.assertIn("422", errors)

    def test_command_line_with_a_mistake(self) -> None:
        """
        A command line with a mistake has status 2, and an error that says why.
        """
        url = "http://127.0.0.1:1/"
        cases = (
            ((url, "x"), "--topic"),
            ((url, "--topic=a", "--id=1"), "--id"),
            ((url, "--topic=a", "--key=1"), "--key"),
            ((url, "--topic=a", "--json", "x"), "--json"),
            ((url, "--topic=a", "--type=a\nb", "x"), "--type"),
            ((url, "--topic=a", "--retry=-1", "x"), "--retry"),
            ((url, "--topic=", "x"), "topic"),
            ((url, "--topic=a", "--in-flight=0", "x"), "--in-flight"),
            (("hub", "--topic=a", "x"), "URL"),
            ((url, "--topic=a", "x", "y"), "unrecognized"),
        )
        found = [run("publish", *case) for case, _ in cases]
        for (arguments, said), (status, output, errors) in zip(cases, found, strict=True):
            with self.subTest(arguments=arguments):
                self.assertEqual((2, ""), (status, output))
                self.assertIn(said, errors.splitlines()[-1])
