"""
Popular clients, from npm and PyPI, with a Mercure hub that runs as a process.
"""

import json
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from importlib.util import find_spec
from urllib.parse import quote

from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.reference import ReferenceReader
from tests.functional.cutting_proxy import RequestHead, cutting_proxy
from tests.functional.mercure_process import (
    OTHER_TOPIC,
    PATH,
    TOPIC,
    access_token,
    legacy_token,
    mercure_hub,
    publish,
)
from tests.functional.node_clients import node_client
from tests.functional.support import PATIENCE, ROOT, HubProcess, free_port, require

#: Number of times in a row that a client loses its stream.
CUTS = 3

_NAME = quote(TOPIC, safe="")


def url_of(port: int, query: str = f"?match={_NAME}") -> str:
    return f"http://127.0.0.1:{port}{PATH}{query}"


class NodeCases:
    """
    Tests for every client from npm.

    :cvar program: Its program, in the folder ``node``.
    """

    program: str

    def resume_id(self, request: RequestHead) -> str | None:
        """
        Return the id that the client comes back with.
        """
        id = request.headers["Last-Event-ID"]
        return None if id is None else id.encode("latin-1").decode()

    def assert_all_is_heard(self, query: str, token: str) -> None:
        """
        Check that a client that is cut off several times gets every update, once and in order.
        """
        with (
            mercure_hub() as process,
            cutting_proxy((process.host, process.port)) as proxy,
            node_client(self.program, url_of(proxy.port, query), token) as client,
        ):
            client.wait_for_opened(1)
            expected: list[tuple[str, str]] = []
            seen: list[str | None] = [None]

            def one_more(*, private: bool = False, id: str = "") -> None:
                data = str(len(expected))
                expected.append((publish(process, data, private=private, id=id), data))

            one_more(private=True)
            one_more(id="né 1")
            client.wait_for_heard(2)
            for cut in range(1, CUTS + 1):
                proxy.cut()
                seen.append(expected[-1][0])
                one_more()
                one_more(private=True)
                proxy.resume()
                client.wait_for_opened(cut + 1)
                one_more()
                client.wait_for_heard(len(expected))
            self.assertEqual(expected, client.heard)
            self.assertEqual(seen, [self.resume_id(request) for request in proxy.requests()])

    def test_cut_1_0(self) -> None:
        """
        With ``match`` and a token of 1.0, all private and public updates come, once, however often
        the stream is cut.
        """
        self.assert_all_is_heard(f"?match={_NAME}", access_token())

    def test_cut_0_x(self) -> None:
        """
        With ``topic`` and a token of 0.x, all private and public updates come, once, however often
        the stream is cut.
        """
        self.assert_all_is_heard(f"?topic={_NAME}", legacy_token())

    def test_ended(self) -> None:
        """
        When the hub itself ends the stream, again and again, all updates come, once.
        """
        with (
            mercure_hub("--lifetime=1", "--heartbeat=1") as process,
            node_client(self.program, url_of(process.port)) as client,
        ):
            client.wait_for_opened(1)
            published: list[tuple[str, str]] = []
            deadline = time.monotonic() + PATIENCE
            while client.opened <= CUTS:
                self.assertLess(time.monotonic(), deadline, f"opened {client.opened} times")
                data = str(len(published))
                published.append((publish(process, data), data))
                process.read_log()  # a full pipe would keep it waiting
                client.read(0.02)
            client.wait_for_heard(len(published))
            self.assertEqual(published, client.heard)

    def test_restart(self) -> None:
        """
        After the hub was killed and started again without its history, the client receives updates
        again.
        """
        with (
            free_port() as port,
            mercure_hub(port=port) as process,
            node_client(self.program, url_of(port)) as client,
        ):
            client.wait_for_opened(1)
            publish(process, "before")
            client.wait_for_heard(1)
            process.process.send_signal(signal.SIGKILL)
            process.wait()
            with mercure_hub(port=port) as again:
                client.wait_for_opened(2)
                publish(again, "after")
                client.wait_for_heard(2)
                self.assertEqual(["before", "after"], [data for _, data in client.heard])

    def test_private(self) -> None:
        """
        The client receives private updates only with a token for them.
        """
        tokens = {
            "": ["public"],
            access_token(OTHER_TOPIC): ["public"],
            access_token(): ["private", "public"],
        }
        with mercure_hub() as process, ExitStack() as stack:
            url = url_of(process.port)
            clients = [
                (stack.enter_context(node_client(self.program, url, token)), expected)
                for token, expected in tokens.items()
            ]
            for client, _ in clients:
                client.wait_for_opened(1)
            publish(process, "private", private=True)
            publish(process, "public")
            for client, expected in clients:
                client.wait_for_heard(len(expected))
                self.assertEqual(expected, [data for _, data in client.heard])

    def test_expired(self) -> None:
        """
        An invalid token is refused with 401, and the client reports this to its user.
        """
        with (
            mercure_hub() as process,
            node_client(self.program, url_of(process.port), access_token(lifetime=-1)) as client,
        ):
            client.wait_for_complaint("401")
            self.assertEqual(0, client.opened)


class EventsourceTests(NodeCases, SynchronousTestCase):
    """
    ``eventsource`` 5 has the interface of browsers, and a ``fetch`` that adds the token.
    """

    program = "eventsource"


class Eventsource4Tests(NodeCases, SynchronousTestCase):
    """
    ``eventsource`` 4 sends the cursor in Latin-1.
    """

    program = "eventsource-4"

    def resume_id(self, request: RequestHead) -> str | None:
        id: str | None = request.headers["Last-Event-ID"]
        return id


class EventSourcePolyfillTests(NodeCases, SynchronousTestCase):
    """
    ``event-source-polyfill`` sends the cursor in the URL, as ``lastEventId``.
    """

    program = "event-source-polyfill"

    def resume_id(self, request: RequestHead) -> str | None:
        self.assertNotIn("Last-Event-ID", request.headers)
        return request.parameters.get("lastEventId")


class FetchEventSourceTests(NodeCases, SynchronousTestCase):
    """
    ``@microsoft/fetch-event-source`` sends the cursor in Latin-1.
    """

    program = "fetch-event-source"

    def resume_id(self, request: RequestHead) -> str | None:
        id: str | None = request.headers["Last-Event-ID"]
        return id


def pypi_client(name: str, process: HubProcess) -> "subprocess.Popen[str]":
    """
    Start a client of :mod:`tests.functional.pypi_clients`.
    """
    url = url_of(process.port, "")
    # gevent warns that it changes modules that are already loaded; here that does no harm.
    quiet = ["-W", "ignore:Monkey-patching:RuntimeWarning"]
    command = [sys.executable, *quiet, "-m", "tests.functional.pypi_clients", name, url]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


class PyPITests(SynchronousTestCase):
    """
    Clients from PyPI, which speak 0.x.
    """

    def setUp(self) -> None:
        for package in ("mercure_publisher", "pymercure"):
            require(find_spec(package), f"the Python package {package}")

    def run_client(self, name: str, process: HubProcess) -> object:
        """
        Run a client to its end, and return its output.
        """
        client = pypi_client(name, process)
        said, _ = client.communicate(timeout=PATIENCE)
        self.assertEqual(0, client.returncode)
        return json.loads(said)

    def assert_published(self, name: str, *expected: tuple[str, str]) -> list[str]:
        """
        Check that a client publishes these types and data, and gets the ids that subscribers
        receive.

        :returns: The ids.
        """
        headers = {"Authorization": f"Bearer {legacy_token()}"}
        reader = ReferenceReader()
        with (
            mercure_hub() as process,
            closing(HTTPConnection(process.host, process.port, timeout=PATIENCE)) as connection,
        ):
            connection.request("GET", f"{PATH}?topic={_NAME}", headers=headers)
            with connection.getresponse() as stream:
                ids = self.run_client(name, process)
                while len(reader.received) < len(expected):
                    reader.read(stream.read1())
        self.assertEqual(expected, tuple((event.type, event.data) for event in reader.received))
        self.assertEqual([event.last_event_id for event in reader.received], ids)
        return ids

    def test_mercure_publisher(self) -> None:
        """
        ``mercure-publisher`` publishes, private or not, and gets the ids.
        """
        ids = self.assert_published(
            "mercure_publisher",
            ("message", "one"),
            ("t", '{"nummer": "zwei \\u00e9"}'),
            ("message", "three"),
        )
        self.assertEqual("urn:x:3", ids[2])

    def test_mercure_publisher_async(self) -> None:
        """
        ``mercure-publisher`` publishes with asyncio, and gets the ids.
        """
        self.assert_published("mercure_publisher_async", ("message", "one"))

    def test_mercure_publisher_not_granted(self) -> None:
        """
        If its token does not grant a topic, ``mercure-publisher`` raises its error, with the status
        of 0.x.
        """
        with mercure_hub() as process:
            self.assertEqual(
                [401, "The token does not allow this.\n"],
                self.run_client("mercure_publisher_not_granted", process),
            )

    def test_pymercure(self) -> None:
        """
        ``pymercure`` publishes and gets the ids; its parameter ``target``, from before 0.10, is not
        used.
        """
        ids = self.assert_published(
            "pymercure", ("message", "one"), ("t", "zwei é"), ("message", "three")
        )
        self.assertEqual("urn:x:2", ids[1])

    def test_pymercure_async(self) -> None:
        """
        ``pymercure`` publishes with gevent, and gets the ids.
        """
        self.assert_published("pymercure_async", ("message", "one"))

    def test_pymercure_expired(self) -> None:
        """
        With an invalid token ``pymercure`` raises its error.
        """
        with mercure_hub() as process:
            self.assertEqual(
                ["UnauthorizedPublisherError", "The token is not accepted.\n"],
                self.run_client("pymercure_expired", process),
            )

    def test_pymercure_consumer(self) -> None:
        """
        ``pymercure`` receives public updates; it cannot send a token.
        """
        with mercure_hub() as process, pypi_client("pymercure_consumer", process) as client:
            assert client.stdout is not None
            try:
                self.assertEqual("opened", json.loads(client.stdout.readline()))
                publish(process, "private", private=True)
                id = publish(process, "public é")
                self.assertEqual([id, "message", "public é"], json.loads(client.stdout.readline()))
            finally:
                client.kill()
