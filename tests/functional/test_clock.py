"""
Steps of the time of day: a hub, an application with a hub in it, and clients go on as before.
"""

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from urllib.request import urlopen

from twisted.trial.unittest import SynchronousTestCase

from tests.functional.clock_steps import Subscribers, bulk_load
from tests.functional.mercure_process import PATH, TOPIC, access_token, mercure_hub
from tests.functional.set_clock import TimeOfDay, time_of_day
from tests.functional.support import (
    PATIENCE,
    ROOT,
    hub,
    read_to_end,
    read_until,
    require,
    subscribe,
)

HOUR = 3600.0

#: Seconds of each step.
STEPS = (-4.0, -HOUR, HOUR, -HOUR)


class ClockTestCase(SynchronousTestCase):
    """
    A time of day that the test sets.
    """

    def setUp(self) -> None:
        self.resources = ExitStack()
        self.addCleanup(self.resources.close)
        self.clock: TimeOfDay = self.resources.enter_context(time_of_day())

    def check_steps(self, host: str, port: int) -> None:
        """
        Check that all subscribers of a hub under load get events after each step, and that streams
        without events get comments.
        """
        with Subscribers(host, port, "/sse", 20) as subscribers:
            subscribers.wait_for_all()  # heartbeats
            self.clock.step(-HOUR)
            subscribers.wait_for_all()
            with bulk_load(host, port, 200) as load:
                for seconds in STEPS:
                    load.wait_for_answers(3)
                    self.clock.step(seconds)
                    load.wait_for_answers(3)
                    subscribers.wait_for_all()
                for rate in (-0.5, 1.0, 0.0):
                    self.clock.slew(rate)
                    load.wait_for_answers(3)
                    subscribers.wait_for_all()
            self.clock.step(-HOUR)
            subscribers.wait_for_all()
            self.assertEqual(0, subscribers.lost)


class TwistdTests(ClockTestCase):
    """
    ``twistd ssetwist``.
    """

    def test_steps(self) -> None:
        """
        No step of the time of day, and no slew, silences a subscriber.
        """
        options = ("--tick=0", "--heartbeat=0.3")
        with hub(*options, launcher=self.clock.launcher) as process:
            self.check_steps(process.host, process.port)

    def test_behind(self) -> None:
        """
        A step forward does not cut a subscriber that is behind.
        """
        options = ("--tick=0", "--heartbeat=0.3", f"--stall-timeout={HOUR / 2}")
        with (
            hub(*options, launcher=self.clock.launcher) as process,
            socket.socket() as slow,
        ):
            slow.settimeout(PATIENCE)
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # the kernel holds little
            slow.connect((process.host, process.port))
            slow.sendall(b"GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n")
            read_until(slow, b"retry: ")
            body = b"topic=news&data=" + b"x" * 60_000
            for _ in range(150):
                urlopen(f"{process.url}{PATH[1:]}", body, timeout=PATIENCE).close()
            with subscribe(process) as quiet:
                quiet.settimeout(PATIENCE)
                self.clock.step(HOUR)
                for _ in range(10):  # in three seconds the timer looks at all streams
                    read_until(quiet, b":\n")
            urlopen(f"{process.url}{PATH[1:]}", b"topic=news&data=last", timeout=PATIENCE).close()
            read_until(slow, b"data: last\n")

    def test_token(self) -> None:
        """
        A step past the date at which a token expires ends its stream.
        """
        token = access_token(lifetime=HOUR / 2)
        with mercure_hub("--heartbeat=0", launcher=self.clock.launcher) as process:
            stream = process.connect()
            self.addCleanup(stream.close)
            stream.sendall(
                f"GET {PATH}?topic={TOPIC} HTTP/1.1\r\nHost: {process.host}\r\n"
                f"Authorization: Bearer {token}\r\n\r\n".encode()
            )
            read_until(stream, b"retry: ")
            self.clock.step(HOUR)
            stream.settimeout(PATIENCE)
            self.assertRegex(read_to_end(stream), rb"0\r\n\r\n$")
            process.wait_for("token expired")

    def test_dates(self) -> None:
        """
        ``Date`` and the access log have the date.
        """
        self.clock.step(-24 * HOUR)
        with hub("--tick=0", launcher=self.clock.launcher) as process, process.connect() as one:
            one.sendall(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = read_to_end(one).decode()
            found = re.search(r"Date: (.*)\r\n", answer)
            assert found is not None
            logged = process.wait_for(r'- - \[(.*)\] "GET /nothing')
        yesterday = datetime.now(timezone.utc) - timedelta(days=1)
        for date in (
            parsedate_to_datetime(found[1]),
            datetime.strptime(logged[1], "%d/%b/%Y:%H:%M:%S %z"),
        ):
            self.assertLess(abs(date - yesterday), timedelta(hours=1))


class EmbeddedTests(ClockTestCase):
    """
    An application with a hub in it, on the reactor as it is.
    """

    def check(self, reactor: str) -> None:
        """
        Check an application on this kind of reactor.
        """
        command = [*self.clock.launcher, "-m", "tests.functional.embedding", reactor]
        application = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with application:
            try:
                assert application.stdout is not None
                self.check_steps("127.0.0.1", int(application.stdout.readline()))
                application.communicate(timeout=PATIENCE)
            finally:
                application.kill()
        self.assertEqual(0, application.returncode)

    def test_epoll(self) -> None:
        """
        No step silences a subscriber under epoll, the default on Linux.
        """
        require(sys.platform == "linux", "epoll")
        self.check("epoll")

    def test_poll(self) -> None:
        """
        No step silences a subscriber under poll.
        """
        self.check("poll")

    def test_select(self) -> None:
        """
        No step silences a subscriber under select.
        """
        self.check("select")

    def test_asyncio(self) -> None:
        """
        No step silences a subscriber under the reactor of asyncio.
        """
        self.check("asyncio")


class ClientTests(ClockTestCase):
    """
    The commands, which use the client.
    """

    @contextmanager
    def run_command(self, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
        """
        Run a command, and kill it at the end.
        """
        command = [*self.clock.launcher, "-m", "ssetwist", *arguments]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def answer(self, listener: socket.socket, *lines: str, body: str = "") -> None:
        """
        Accept a connection, read its request and answer it.
        """
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(PATIENCE)
            read_until(connection, b"\r\n\r\n")
            head = "\r\n".join((*lines, "Connection: close", "", ""))
            connection.sendall(f"{head}{body}".encode())

    def serve(self) -> tuple[socket.socket, str]:
        """
        Listen; return the socket and its URL.
        """
        listener = self.resources.enter_context(socket.create_server(("127.0.0.1", 0)))
        listener.settimeout(PATIENCE)
        return listener, f"http://127.0.0.1:{listener.getsockname()[1]}/"

    def play(self, lines: Sequence[str], body: str, *arguments: str) -> None:
        """
        Answer each attempt of a command, and set the clock while it waits for the next.
        """
        listener, url = self.serve()
        command, *rest = arguments
        with self.run_command(command, url, *rest) as process:
            assert process.stderr is not None
            for seconds in (-HOUR, HOUR, -HOUR):
                self.answer(listener, *lines, body=body)
                while b"next attempt in" not in (line := process.stderr.readline()):
                    self.assertTrue(line)
                time.sleep(0.2)  # the message comes just before the wait, which is a second or more
                self.clock.step(seconds)
            self.answer(listener, *lines, body=body)

    def test_subscribe(self) -> None:
        """
        An event source comes back after a step of the time of day.
        """
        head = ("HTTP/1.1 200 OK", "Content-Type: text/event-stream")
        self.play(head, "retry: 1000\ndata: x\n\n", "subscribe")

    def test_publish(self) -> None:
        """
        A publisher tries again after a step of the time of day.
        """
        head = ("HTTP/1.1 503 Busy", "Retry-After: 1", "Content-Length: 0")
        self.play(head, "", "publish", "--topic=news", json.dumps("data"))
