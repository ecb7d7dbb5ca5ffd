"""
Crowds and greedy clients: others do not notice them.
"""

import json
import signal
import socket
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.functional.support import (
    PATIENCE,
    HubProcess,
    hub,
    make_certificate,
    read_until,
    wait_until,
)
from tests.functional.twistd_process import SILENT, head, http

HUB = "/.well-known/mercure"

#: Clients of a crowd: so many that serving them takes much longer than one turn of the reactor.
CROWD = 1000

FORM = {"Content-Type": "application/x-www-form-urlencoded"}

#: Requests of each kind of answer.
REQUESTS = b"".join(
    head(f"{method} {path} HTTP/1.1", "Host: localhost")
    for method, path in (
        ("GET", "/static/console.js"),
        ("GET", "/status"),
        ("GET", "/nothing"),
        ("HEAD", "/sse"),
        ("OPTIONS", "/sse"),
        ("GET", HUB),
        ("GET", f"{HUB}/subscriptions"),
    )
)


@contextmanager
def frozen(process: HubProcess) -> Iterator[None]:
    """
    Let the kernel collect what clients do until the process goes on.
    """
    process.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.process.send_signal(signal.SIGCONT)


def publish(publisher: HTTPConnection, data: str) -> None:
    publisher.request("POST", HUB, f"topic=news&data={data}", FORM)


def answer(publisher: HTTPConnection) -> bytes:
    response = publisher.getresponse()
    body = response.read()
    assert response.status == 200, (response.status, body)
    return body


def subscribers_in(status: bytes) -> int:
    """
    Return the number of subscribers in an answer of ``/status``.
    """
    count: int = json.loads(status)["subscribers"]
    return count


class CrowdTests(SynchronousTestCase):
    """
    A thousand clients that do something at the same moment, and a client that is known already and
    asks after all of them.  Its answer tells how many have been served before.
    """

    @contextmanager
    def crowd(self, process: HubProcess) -> Iterator[list[socket.socket]]:
        with ExitStack() as connections:
            yield [connections.enter_context(process.connect()) for _ in range(CROWD)]

    def ask(self, crowd: Sequence[socket.socket], query: str) -> None:
        request = head(f"GET {HUB}?match={query} HTTP/1.1", "Host: localhost")
        for one in crowd:
            one.sendall(request)

    def subscribers(self, process: HubProcess) -> int:
        process.read_log()  # it has a line for each stream
        return process.subscribers()

    def test_first_requests(self) -> None:
        """
        A known client is answered before most of the crowd.
        """
        with (
            hub(*SILENT) as process,
            closing(http(process)) as publisher,
            self.crowd(process) as crowd,
        ):
            publisher.request("GET", "/status")
            answer(publisher)
            with frozen(process):
                self.ask(crowd, "other")
                publisher.request("GET", "/status")
            self.assertLess(subscribers_in(answer(publisher)), CROWD / 2)
            wait_until(lambda: self.subscribers(process) == CROWD, "all have been answered")

    def test_come_back(self) -> None:
        """
        A known client is answered before most clients that come back have got what they missed.
        """
        with (
            hub(*SILENT) as process,
            closing(http(process)) as publisher,
            self.crowd(process) as crowd,
        ):
            for number in range(100):
                publish(publisher, str(number))
                answer(publisher)
            with frozen(process):
                self.ask(crowd, "news&last_event_id=earliest")
                publisher.request("GET", "/status")
            self.assertLess(subscribers_in(answer(publisher)), CROWD / 2)
            publish(publisher, "last")
            answer(publisher)
            for one in crowd:
                self.assertIn(b"data: 99\n", read_until(one, b"data: last\n"))

    def test_leave(self) -> None:
        """
        A known client is answered before most of the leaving clients are gone.
        """
        with (
            hub(*SILENT) as process,
            closing(http(process)) as publisher,
            self.crowd(process) as crowd,
        ):
            self.ask(crowd, "other")
            wait_until(lambda: self.subscribers(process) == CROWD, "all subscribe")
            publisher.request("GET", "/status")
            answer(publisher)
            with frozen(process):
                for one in crowd:
                    one.close()
                publisher.request("GET", "/status")
            self.assertGreater(subscribers_in(answer(publisher)), CROWD / 2)
            wait_until(lambda: self.subscribers(process) == 0, "all are gone")


class GreedyClientTests(SynchronousTestCase):
    """
    Clients that ask for much and take nothing.
    """

    def check_unread(
        self, process: HubProcess, connection: socket.socket, other: HTTPConnection
    ) -> None:
        """
        Send requests for as long as the hub reads them, and check that this is not long: it answers
        others meanwhile.
        """
        connection.setblocking(False)
        sent, waits = 0, 0
        before = process.memory()
        while waits < 20:
            try:
                sent += connection.send(REQUESTS * 20)
                waits = 0
            except (BlockingIOError, ssl.SSLWantWriteError):
                waits += 1
            process.read_log()  # it has a line for each request
            other.request("GET", "/status")
            answer(other)
            # The kernel takes some megabytes; more on a busy machine.
            self.assertLess(sent, 16 * 1024 * 1024, "the hub reads on")
        self.assertLess(process.memory() - before, 16 * 1024 * 1024)

    def test_unread_answers(self) -> None:
        """
        The hub stops reading from a client that does not take its answers, whatever it asks for,
        and holds little for it.
        """
        with (
            hub(*SILENT) as process,
            process.connect() as connection,
            closing(http(process)) as other,
        ):
            self.check_unread(process, connection, other)

    def test_unread_answers_over_tls(self) -> None:
        """
        The same over TLS.
        """
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_certificate(folder)
            context = ssl.create_default_context(cafile=str(folder / "cert.pem"))
            keys = f"privateKey={folder}/key.pem:certKey={folder}/cert.pem"
            with (
                hub(*SILENT, listen=f"ssl:0:interface=127.0.0.1:{keys}") as process,
                process.connect() as raw,
                context.wrap_socket(raw, server_hostname="localhost") as connection,
                closing(
                    HTTPSConnection("localhost", process.port, context=context, timeout=PATIENCE)
                ) as other,
            ):
                self.check_unread(process, connection, other)

    def test_many_patterns(self) -> None:
        """
        A client gets streams for only so many different patterns, and the refusal names the limit;
        equal patterns count once.
        """
        with hub(*SILENT, "--max-distinct-patterns-per-address", "250") as process:
            statuses = []
            with ExitStack() as streams:
                for number in (1, 2, 3, 1):
                    query = "&".join(
                        f"match_urlpattern=/rooms/{number}/{each}/:id" for each in range(100)
                    )
                    stream = streams.enter_context(process.connect())
                    stream.sendall(head(f"GET {HUB}?{query} HTTP/1.1", "Host: localhost"))
                    received = read_until(stream, b"\n\r\n")
                    statuses.append(received.split(b" ")[1])
                    if statuses[-1] == b"429":
                        if b"one address" not in received:
                            received += read_until(stream, b"one address")
                        self.assertIn(b"At most 250 different patterns", received)
            self.assertEqual([b"200", b"200", b"429", b"200"], statuses)
