"""
Examples: each is run once as a reader would run it, and the README shows the same programs.
"""

import re
import socket
import subprocess
import sys
import textwrap
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from urllib.request import Request, urlopen

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from ssetwist import Hub, Refused
from ssetwist.mercure import Action, MercureResource
from ssetwist.mercure.discovery import link
from tests.clock import Clock
from tests.functional.chromium import the_browser
from tests.functional.commands import command, web_server
from tests.functional.mercure_process import PATH, TOPIC, access_token, mercure_hub, publish
from tests.functional.support import (
    PATIENCE,
    ROOT,
    free_port,
    hub,
    read_to_end,
    read_until,
    wait_until,
)

README = (ROOT / "README.rst").read_text()


class ExampleTests(SynchronousTestCase):
    """
    The programs in examples/.
    """

    def run_example(self, name: str, path: str = "/") -> socket.socket:
        """
        Run an example on a free port, and request its stream.
        """
        program = (ROOT / "examples" / name).read_text()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.assertIn("listenTCP(8000,", program)
        process = subprocess.Popen(
            [sys.executable, "-c", program.replace("listenTCP(8000,", f"listenTCP({port},")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        connections: list[socket.socket] = []

        def listens() -> bool:
            self.assertIsNone(process.poll(), "the example has ended by itself")
            try:
                connections.append(socket.create_connection(("127.0.0.1", port), PATIENCE))
            except ConnectionRefusedError:
                return False
            return True

        wait_until(listens, "the example listens")
        self.addCleanup(connections[0].close)
        connections[0].sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.process = process
        return connections[0]

    def test_clock(self) -> None:
        """
        The clock ticks.
        """
        received = read_until(self.run_example("clock.py"), b"\n\n")
        self.assertIn(b"data: it is ", received)

    def test_countdown(self) -> None:
        """
        The countdown counts, and notices when its client has left.
        """
        connection = self.run_example("countdown.py")
        self.assertIn(b'data: {"number":10}\n\n', read_until(connection, b"\n\n"))
        connection.close()
        self.process.terminate()
        output, errors = self.process.communicate()
        self.assertEqual((b"over, or the client has gone\n", b""), (output, errors))

    def test_embedded(self) -> None:
        """
        A POST reaches the stream; the stream ends properly when the process is told to stop.
        """
        connection = self.run_example("embedded.py", "/events")
        read_until(connection, b"retry: ")
        host, port = connection.getpeername()
        with urlopen(f"http://{host}:{port}/say", data=b"text=hello") as response:
            self.assertEqual(b"said\n", response.read())
        received = read_until(connection, b'data: {"text":"hello"}\n\n')
        self.assertRegex(received, rb"event: said\nid: #\w+\.1\ndata: ")
        self.process.terminate()
        self.assertTrue(read_to_end(connection).endswith(b"\r\n0\r\n\r\n"))
        output, _ = self.process.communicate()
        self.assertIn(b"/events: server stopping after", output)
        self.assertIn(b"EndReason.DRAINING\n", output)

    def test_rooms(self) -> None:
        """
        A message reaches its room and no other, and can be requested later.
        """
        connection = self.run_example("rooms.py", "/rooms/kitchen")
        read_until(connection, b"retry: ")
        host, port = connection.getpeername()
        ids = []
        for room, text in (("bath", b"free"), ("kitchen", b"dinner"), ("kitchen", b"tea")):
            with urlopen(f"http://{host}:{port}/rooms/{room}", data=text) as response:
                ids.append(response.read().strip())
        received = read_until(connection, b"data: tea\n\n")
        self.assertIn(b"id: " + ids[1] + b"\ndata: dinner\n\n", received)
        self.assertNotIn(b"free", received)
        with urlopen(f"http://{host}:{port}/rooms/kitchen?from=-1") as response:
            lines = [response.readline() for _ in range(3)]
        self.assertEqual([b"retry: 3000\n", b"id: " + ids[2] + b"\n", b"data: tea\n"], lines)

    def test_authorize(self) -> None:
        """
        A hub that asks the application sends each visitor only the visitor's own updates.
        """
        connection = self.run_example("authorize.py", "/authorize")
        self.assertIn(b" 401 ", read_until(connection, b"\r\n\r\n"))
        host, port = connection.getpeername()
        cookies = {}
        for name in ("ann", "bob"):
            with urlopen(f"http://{host}:{port}/login/{name}") as response:
                cookies[name] = response.headers["Set-Cookie"].partition(";")[0]
        with hub("--authorize-url", f"http://{host}:{port}/authorize") as process:
            heard = {}
            for name, cookie in {"nobody": "session=x", **cookies}.items():
                heard[name] = process.connect()
                self.addCleanup(heard[name].close)
                heard[name].sendall(
                    b"GET /.well-known/mercure?match=* HTTP/1.1\r\nHost: hub\r\n"
                    + f"Cookie: {cookie}\r\n\r\n".encode()
                )
            self.assertIn(b" 401 ", read_until(heard["nobody"], b"\r\n\r\n"))
            for name in cookies:
                read_until(heard[name], b"retry: ")
            for update in (b"topic=/users/ann&private=on&data=dear", b"topic=/news&data=all"):
                said = Request(f"{process.url}.well-known/mercure", update)
                said.add_header("Cookie", cookies["ann"])
                said.add_header("Origin", process.url.rstrip("/"))
                urlopen(said).close()
            self.assertIn(b"data: dear\n", read_until(heard["ann"], b"data: all\n"))
            self.assertNotIn(b"dear", read_until(heard["bob"], b"data: all\n"))
            # The requests of the hub are not logged; otherwise each visitor would be several lines.
            self.assertNotIn("factory _HTTP11ClientFactory", process.read_log())

    def test_language_model(self) -> None:
        """
        A model's answer comes word by word, and the model stops when the reader leaves.
        """
        connection = self.run_example("language_model.py", "/answer?q=hello")
        self.assertIn(b'data: "You "\n\n', read_until(connection, b"data: \"'hello'. \"\n\n"))
        connection.close()
        assert self.process.stdout is not None
        self.assertEqual(b"the model stops: connection lost\n", self.process.stdout.readline())
        self.process.terminate()
        self.assertEqual((b"", b""), self.process.communicate())

    def test_language_model_page(self) -> None:
        """
        The page shows the answer as it comes, and the model stops when the visitor goes elsewhere.
        """
        connection = self.run_example("language_model.py")
        self.assertIn(b"<form>", read_until(connection, b"</script>"))
        host, port = connection.getpeername()
        browser = the_browser()
        browser.get(f"http://{host}:{port}/?q=gr%C3%BCezi")
        answer = browser.find_element("id", "answer")
        wait_until(lambda: answer.text.startswith("You said 'grüezi'. Why"), "the answer is shown")
        browser.get("about:blank")
        assert self.process.stdout is not None
        self.assertEqual(b"the model stops: connection lost\n", self.process.stdout.readline())

    def test_listen(self) -> None:
        """
        The listener prints the events of the clock.
        """
        connection = self.run_example("clock.py")
        port = connection.getpeername()[1]
        program = (ROOT / "examples" / "listen.py").read_text()
        self.assertIn("127.0.0.1:8000", program)
        program = program.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
        with command(program=("-u", "-c", program)) as running:
            running.wait_for("output", r"it is \d+\n")

    def test_mercure_subscription(self) -> None:
        """
        A resource is shown as it is, then as its hub updates it; after a gap it is loaded again.
        """
        hub_url = last_event_id = ""
        state = b"new"

        class Book(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the base class requires this name
                self.send_response(200)
                self.send_header("Link", link(hub_url, last_event_id=last_event_id))
                self.send_header("Link", f'<{TOPIC}>; rel="self"')
                self.end_headers()
                self.wfile.write(state)

            def log_message(self, *_: object) -> None:
                pass

        program = (str(ROOT / "examples" / "mercure_subscription.py"),)
        with ExitStack() as stack:
            port = stack.enter_context(free_port())
            process = stack.enter_context(mercure_hub(port=port))
            hub_url = f"{process.url.rstrip('/')}{PATH}"
            last_event_id = publish(process, "old")
            publish(process, "sold", private=True)
            url = stack.enter_context(web_server(Book))
            running = stack.enter_context(
                command(url, program=program, HUB=hub_url, HUB_TOKEN=access_token())
            )
            running.wait_for("output", "becomes: sold\n")
            publish(process, "back")
            running.wait_for("output", "becomes: back\n")
            self.assertEqual("is: new\nbecomes: sold\nbecomes: back\n", running.output)
            process.stop()
            state = b"lost"
            last_event_id = ""
            again = stack.enter_context(mercure_hub(port=port))
            running.wait_for("output", "missed: [^\n]+\nis: lost\n")
            wait_until(lambda: again.subscribers() == 1, "the example has subscribed again")
            publish(again, "found")
            running.wait_for("output", "becomes: found\n")


class ReadmeTests(SynchronousTestCase):
    """
    The README.
    """

    def test_authorizer(self) -> None:
        """
        The README's Authorizer lets users that it knows act on their own topics, and refuses all
        others.
        """
        blocks = re.findall(r"\.\. code-block:: python\n\n((?:   .*\n|\n)+)", README)
        (block,) = (block for block in blocks if "an Authorizer" in block)
        root = Resource()
        names = {
            "hub": Hub(clock=Clock()),
            "my_sessions": {b"s": SimpleNamespace(id=42, name="ann")},
            "root": root,
        }
        exec(textwrap.dedent(block), names)
        sessions = names["Sessions"]()
        self.assertIsInstance(root.children[b"mercure"], MercureResource)
        for action in Action:
            self.assertTrue(sessions.can_allow(action))
            request = SimpleNamespace(getCookie=lambda name: b"s")
            rights = self.successResultOf(sessions.authorize(request, action))
            self.assertEqual(("ann", ["/users/42"]), (rights.identity, list(rights.publish.exact)))
        request = SimpleNamespace(getCookie=lambda name: None)
        refused = self.failureResultOf(sessions.authorize(request, Action.PUBLISH), Refused)
        self.assertEqual(401, refused.value.status)

    def test_programs(self) -> None:
        """
        The README's programs, which are the blocks that run a reactor, are the examples, to the
        letter.
        """
        blocks = re.findall(r"\.\. code-block:: python\n\n((?:   .*\n|\n)+)", README)
        shown = [textwrap.dedent(block).strip() for block in blocks]
        shown = [block for block in shown if re.search(r"^react", block, re.MULTILINE)]
        programs = [
            (ROOT / "examples" / name).read_text().partition('"""\n\n')[2].strip()
            for name in ("clock.py", "countdown.py", "listen.py")
        ]
        self.assertEqual(programs, shown)

    def test_mercure(self) -> None:
        """
        The README's program for a Mercure hub works.
        """
        found = re.search(r"For a Mercure.*\n\n.*python\n\n((?:   .*\n|\n)+)", README)
        assert found is not None
        program = (
            "from ssetwist.client import Publisher, Update, discover, subscribe\n"
            "from twisted.internet.task import react\n\n"
            "async def main(reactor, token, topic):\n"
            "    load_anew, many = print, [(topic, 'a'), (topic, 'b')]\n"
            # A client that has not subscribed yet would miss the publications.
            + textwrap.indent(textwrap.dedent(found[1]), "    ").replace(
                "    async with Publisher", "    await source.when_open()\n    async with Publisher"
            )
            + "    print(id, *results, (await source.next()).data)\n"
            "    await source.close()\n\n"
            "import sys; react(main, sys.argv[1:])\n"
        )
        hub_url = ""

        class Book(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the base class requires this name
                self.send_response(200)
                self.send_header("Link", f"{link(hub_url)}, <{TOPIC}>; rel=self")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with mercure_hub() as process, web_server(Book) as url:
            hub_url = f"{process.url.rstrip('/')}{PATH}"
            program = program.replace('"https://example.com/books/1"', f'"{url}"', 1)
            program = program.replace('"https://example.com/books/1"', f'"{TOPIC}"')
            done = subprocess.run(
                [sys.executable, "-c", program, access_token(), TOPIC],
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                cwd=ROOT,
            )
        self.assertEqual("", done.stderr)
        self.assertRegex(done.stdout, r"\A#\w+\.1 #\w+\.2 #\w+\.3 (sold|a|b)\n\Z")

    def test_commands(self) -> None:
        """
        The README's commands subscribe, publish and receive.
        """
        found = re.search(r"\.\. commands:\n\n.*?shell\n\n((?:   .*\n|\n)+)", README)
        assert found is not None
        lines = [line for line in textwrap.dedent(found[1]).splitlines() if " -m " in line]
        with ExitStack() as stack:
            process = stack.enter_context(hub())
            python, url = ".venv/bin/python", "http://127.0.0.1:8080/"
            lines = [
                line.replace(python, sys.executable).replace(url, process.url) for line in lines
            ]
            arguments = lines[0].split()
            self.assertEqual([sys.executable, "-m", "ssetwist", "subscribe"], arguments[:4])
            running = stack.enter_context(command(*arguments[3:]))
            running.wait_for("errors", "open\n")
            for line in lines[1:]:
                subprocess.run(
                    line, shell=True, check=True, cwd=ROOT, timeout=PATIENCE, capture_output=True
                )
            running.wait_for("output", '"data": "hello"')
            running.wait_for("output", '"data": "1000"')
