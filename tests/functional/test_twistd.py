"""
``twistd ssetwist`` as a process, spoken to over real sockets.
"""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timezone
from http.client import HTTPConnection
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.functional.forked import run_all
from tests.functional.support import (
    PATIENCE,
    ROOT,
    HubProcess,
    hub,
    read_to_end,
    read_until,
    require_program,
    subscribe,
    wait_until,
)

#: Nothing is ever written by itself: what is noticed, is noticed without a write.
SILENT = ("--tick", "0", "--heartbeat", "0")

#: Whoever has to wait for those that do not read waits longer than any test does.
FOR_EVER = ("--drain-timeout", f"{10 * PATIENCE:g}")

LAST_CHUNK = b"0\r\n\r\n"

#: The last words of a stream, in a chunk of their own, and the end of the response.
PROPER_END = rb"\r\nretry: \d+\n\r\n0\r\n\r\n$"

#: Bytes of a stream that are more than the kernel holds back for a client that does not read, and
#: less than what makes the server cut it.
ENOUGH_TO_BE_BEHIND = 200_000

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}


def head(*lines: str) -> bytes:
    """
    Return the head of a request.
    """
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


def unchunked(received: bytes) -> bytes:
    """
    Take the body of a whole response out of its chunks.
    """
    rest, body = received.partition(b"\r\n\r\n")[2], b""
    while size := int((line := rest.partition(b"\r\n")[0]), 16):
        start = len(line) + 2
        body += rest[start : start + size]
        rest = rest[start + size + 2 :]
    return body


def http(process: HubProcess) -> HTTPConnection:
    """
    Return an HTTP client that keeps its connection, to be closed.
    """
    return HTTPConnection(process.host, process.port, timeout=PATIENCE)


def curl(process: HubProcess, *options: str) -> subprocess.CompletedProcess[bytes]:
    """
    Run curl on the stream until it ends.
    """
    command = [require_program("curl"), "-sS", "--noproxy", "*", *options, f"{process.url}sse"]
    return subprocess.run(command, capture_output=True, timeout=PATIENCE)


@contextmanager
def curl_lines(url: str, *options: str) -> Iterator[Iterator[bytes]]:
    """
    Run ``curl -N``, and give its lines as they come.
    """
    command = [require_program("curl"), "-sSN", "--noproxy", "*", *options, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.kill()


def ticks(lines: Iterator[bytes]) -> Iterator[dict[str, object]]:
    """
    Take the data of the events out of lines.
    """
    return (json.loads(line[6:]) for line in lines if line.startswith(b"data: "))


@contextmanager
def non_reader(process: HubProcess) -> Iterator[socket.socket]:
    """
    Subscribe, with the smallest of buffers, and never read.
    """
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        connection.settimeout(PATIENCE)
        connection.connect((process.host, process.port))
        connection.sendall(head("GET /sse HTTP/1.1", f"Host: {process.host}"))
        yield connection


@contextmanager
def one_behind(*options: str) -> Iterator[tuple[HubProcess, socket.socket]]:
    """
    Run a hub with one client that reads, which is given, and one that is behind.
    """
    never = f"{10 * PATIENCE:g}"  # a stall ends nothing here
    with (
        hub("--tick", "0.001", "--stall-timeout", never, *options) as process,
        non_reader(process) as other,
    ):
        wait_until(lambda: process.subscribers() == 1, "it is subscribed")
        with subscribe(process) as reader:
            received = 0
            while received < ENOUGH_TO_BE_BEHIND:
                received += len(reader.recv(65536))
            yield process, reader
            # Had it not been behind, the test would have shown nothing.
            if process.process.poll() is None:
                process.stop()  # by a second signal, if the first one was sent
            name = "{}:{}".format(*other.getsockname())
            found = re.search(
                rf"\] {name} /sse: server stopping after .* (\d+) bytes\n", process.log
            )
            assert found is not None, process.log
            assert int(found[1]) < received, process.log


class ListenTests(SynchronousTestCase):
    """
    What is listened on, and that events come out of it.
    """

    def test_stream_begins_before_any_event(self) -> None:
        """
        curl -N shows the beginning of a stream on which nothing happens.
        """
        with hub(*SILENT) as process, curl_lines(f"{process.url}sse") as lines:
            self.assertEqual(b"retry: 3000\n", next(lines))

    def test_ticks_arrive_at_once(self) -> None:
        """
        curl -N shows each tick when it is published, not when the next one pushes it out.
        """
        with hub("--tick", "1") as process, curl_lines(f"{process.url}sse") as lines:
            for number, tick in enumerate(ticks(lines), 1):
                self.assertEqual(number, tick["tick"])
                published = datetime.fromisoformat(str(tick["time"]))
                late = datetime.now(timezone.utc) - published
                # If one pushed out the other, all would be later than a second.  On a busy machine
                # some may be.
                if late.total_seconds() < 0.9:
                    break
                self.assertLess(number, PATIENCE)

    def test_two_endpoints(self) -> None:
        """
        With two --listen, both ports lead to the same hub.
        """
        with hub("--tick", "0.1", "--listen", "tcp:0:interface=127.0.0.1") as process:
            other = process.wait_for(rf"(?s)listening on {process.url}.*listening on (\S+)")[1]
            self.assertNotEqual(process.url, other)
            with subscribe(process), curl_lines(f"{other}sse") as lines:
                self.assertEqual(2, next(ticks(lines))["subscribers"])

    def test_unix_socket(self) -> None:
        """
        A UNIX socket can be listened on.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/hub"
            with (
                hub("--tick", "0.1", "--listen", f"unix:{path}") as process,
                curl_lines("http://localhost/sse", "--unix-socket", path) as lines,
            ):
                self.assertEqual(1, next(ticks(lines))["subscribers"])
                self.assertIn(f"listening on unix:{path}\n", process.read_log())

    def test_unix_client_leaves(self) -> None:
        """
        A client of a UNIX socket that leaves is noticed without a write; its name is "local".
        """
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/hub"
            with hub(*SILENT, "--listen", f"unix:{path}") as process:
                process.wait_for("listening on unix:")
                with curl_lines("http://localhost/sse", "--unix-socket", path) as lines:
                    next(lines)
                process.wait_for(r"\] local /sse: client closed after \d")

    def test_unix_socket_is_removed(self) -> None:
        """
        A hub that stops removes its UNIX socket, so that it can start again.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/hub"
            with hub(*SILENT, "--listen", f"unix:{path}") as process, subscribe(process):
                self.assertEqual(["hub", "hub.lock"], sorted(os.listdir(folder)))
                self.assertEqual(0, process.stop())
            self.assertEqual([], os.listdir(folder))


class WrongOptionTests(SynchronousTestCase):
    """
    A command line that is wrong.
    """

    #: The options, and what the one line on stderr must name.
    CASES = (
        ("--tick=x", "--tick"),
        ("--tick=", "--tick"),
        ("--tick=-1", "--tick"),
        ("--tick=nan", "--tick"),
        ("--heartbeat=inf", "--heartbeat"),
        ("--heartbeat=90000", "--heartbeat"),
        ("--reconnection-time=3s", "--reconnection-time"),
        ("--stall-timeout=0", "--stall-timeout"),
        ("--drain-timeout=ten", "--drain-timeout"),
        ("--max-subscribers=-1", "--max-subscribers"),
        ("--max-subscribers=1_000", "--max-subscribers"),
        ("--max-per-address=1.5", "--max-per-address"),
        ("--when-behind=foo", "disconnect, skip, latest"),
        ("--unknown-cursor=foo", "live, all"),
        ("--lifetime=0.5", "--lifetime"),
        ("--log-age=0", "--log-age"),
        ("--log-events=-1", "--log-events"),
        ("--log-bytes=1e6", "--log-bytes"),
        ("--flush-threads=65", "--flush-threads"),
        ("--gap=a\nb", "--gap"),
        ("--listen=", "--listen"),
        ("--listen=8080:9090", "--listen"),
        ("--listen=tcp:http-no-such", "--listen"),
        ("--listen=nonsense:1", "--listen"),
        ("--listen=ssl:443:privateKey=/no/such/file", "--listen"),
        ("--tick", "--tick"),
        ("--no-such-option", "--no-such-option"),
        ("no-option-at-all", "no-option-at-all"),
    )

    def test_command(self) -> None:
        """
        So it is, to the letter, when a shell runs the command.
        """
        done = subprocess.run(
            [Path(sys.executable).with_name("twistd"), "-n", "--pidfile=", "ssetwist", "--tick=x"],
            capture_output=True,
            cwd=ROOT,
            text=True,
            timeout=PATIENCE,
        )
        self.assertEqual(
            (1, "", "twistd ssetwist: --tick: 'x' is not a number of seconds, such as 2.5\n"),
            (done.returncode, done.stdout, done.stderr),
        )

    def test_one_line(self) -> None:
        """
        Each wrong option ends with status 1 and one line on stderr, which names the option.
        """
        results = run_all("twistd ssetwist", [[option] for option, _ in self.CASES])
        wrong = [
            (option, status, stdout, stderr)
            for (option, name), (status, stdout, stderr) in zip(self.CASES, results, strict=True)
            if (status, stdout, stderr.count("\n")) != (1, "", 1) or name not in stderr
        ]
        self.assertEqual([], wrong)

    def test_cannot_listen(self) -> None:
        """
        An endpoint that cannot be had ends with status 1 and one critical line of the log.
        """
        with socket.create_server(("127.0.0.1", 0)) as taken:
            in_use = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
            cases = [
                [in_use],
                ["tcp:0:interface=127.0.0.1", in_use],
                ["tcp:0:interface=192.0.2.1"],
                ["tcp:0:interface=no-such-name.invalid"],
                ["tcp:70000"],
                ["unix:/no/such/folder/hub"],
            ]
            results = run_all(
                "twistd ssetwist", [[f"--listen={each}" for each in case] for case in cases]
            )
        wrong = [
            (case, status, stdout, stderr)
            for case, (status, stdout, stderr) in zip(cases, results, strict=True)
            if status != 1
            or stdout.count("#critical]") != 1
            or f"#critical] cannot listen on '{case[-1]}': " not in stdout
            or "Traceback" in stdout + stderr
        ]
        self.assertEqual([], wrong)


class DaemonTests(SynchronousTestCase):
    """
    A daemon that cannot start.
    """

    def test_in_use(self) -> None:
        """
        The process that started it learns of it and exits with status 1 at once; the log has one
        line about it, and nothing is left behind.
        """
        with (
            tempfile.TemporaryDirectory() as folder,
            socket.create_server(("127.0.0.1", 0)) as taken,
        ):
            port = taken.getsockname()[1]
            twistd = Path(sys.executable).with_name("twistd")
            found = subprocess.run(
                [
                    twistd,
                    f"--pidfile={folder}/pid",
                    f"--logfile={folder}/log",
                    "ssetwist",
                    f"--listen=tcp:{port}:interface=127.0.0.1",
                ],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
            log = Path(folder, "log").read_text()
            left = os.listdir(folder)
        self.assertEqual((1, ["log"]), (found.returncode, left), found.stderr)
        self.assertEqual(1, log.count("#critical] cannot listen on "), log)
        self.assertNotIn("Traceback", log + found.stderr)


class StopTests(SynchronousTestCase):
    """
    A process that is told to stop.
    """

    def setUp(self) -> None:
        # A shell may have us started with SIGINT ignored, which a child would inherit.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)

    def test_streams_end_properly(self) -> None:
        """
        On SIGTERM every stream gets a ``retry:`` line, then the end of its response.
        """
        with hub(*SILENT) as process, ExitStack() as stack:
            streams = [stack.enter_context(subscribe(process)) for _ in range(3)]
            process.process.send_signal(signal.SIGTERM)
            for stream in streams:
                self.assertRegex(b"\r\n" + read_to_end(stream), PROPER_END)

    def test_http_1_0_ends(self) -> None:
        """
        On SIGTERM a stream of HTTP/1.0 gets a ``retry:`` line, then the connection is closed.
        """
        with hub(*SILENT) as process, process.connect() as stream:
            stream.sendall(head("GET /sse HTTP/1.0"))
            read_until(stream, b"retry: 3000\n")
            process.process.send_signal(signal.SIGTERM)
            self.assertRegex(read_to_end(stream), rb"^retry: \d+\n$")

    def test_status(self) -> None:
        """
        A process that is stopped by SIGTERM exits with status 0.
        """
        with hub(*SILENT) as process, subscribe(process):
            self.assertEqual(0, process.stop(signal.SIGTERM))

    def test_just_started(self) -> None:
        """
        A process that has said that it listens can be stopped properly from then on.
        """
        with hub(*SILENT) as process:
            self.assertEqual(0, process.stop(signal.SIGTERM))

    def test_two_signals_at_once(self) -> None:
        """
        SIGINT and SIGTERM at the same moment stop it like one of them, without an error.
        """
        with hub(*SILENT) as process, subscribe(process):
            # While it is halted both are kept for it; then it gets both together.
            for number in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGCONT):
                process.process.send_signal(number)
            self.assertEqual(0, process.wait())
            self.assertNotIn("Traceback", process.log)

    def test_interrupt(self) -> None:
        """
        SIGINT ends the streams as SIGTERM does, and the status is 0.
        """
        with hub(*SILENT) as process, subscribe(process) as stream:
            process.process.send_signal(signal.SIGINT)
            self.assertRegex(b"\r\n" + read_to_end(stream), PROPER_END)
            self.assertEqual(0, process.wait())

    def test_nobody_waits_for_the_idle(self) -> None:
        """
        Connections without a request, or with half of one, or kept alive, do not delay the stop.
        """
        with hub(*SILENT, *FOR_EVER) as process, ExitStack() as stack:
            for beginning in (b"", b"GET /sse HT", head("HEAD /sse HTTP/1.1", "Host: localhost")):
                stack.enter_context(process.connect()).sendall(beginning)
            stack.enter_context(subscribe(process))
            stack.enter_context(non_reader(process))
            wait_until(lambda: process.subscribers() == 2, "both are subscribed")
            self.assertEqual(0, process.stop())

    def test_non_reader_does_not_harm_the_others(self) -> None:
        """
        Those who read get the end of their stream at once, whoever does not read.
        """
        with one_behind(*FOR_EVER) as (process, reader):
            process.process.send_signal(signal.SIGTERM)
            self.assertRegex(b"\r\n" + read_to_end(reader), PROPER_END)
            self.assertIsNone(process.process.poll(), "it still waits for the other one")

    def test_non_reader_is_cut(self) -> None:
        """
        A client that never reads is cut, and the process gone, within the drain time-out.
        """
        with one_behind("--drain-timeout", "2") as (process, _):
            self.assertEqual(0, process.stop())

    def test_nobody_new_comes_in(self) -> None:
        """
        A process that stops, and still waits for someone, takes no new connection.
        """
        with one_behind(*FOR_EVER) as (process, reader):
            process.process.send_signal(signal.SIGTERM)
            read_to_end(reader)
            self.assertRaises(ConnectionRefusedError, process.connect)
            self.assertIsNone(process.process.poll())

    def test_second_signal(self) -> None:
        """
        A second signal does not wait for those who do not read.
        """
        with one_behind(*FOR_EVER) as (process, reader):
            process.process.send_signal(signal.SIGTERM)
            read_to_end(reader)
            self.assertEqual(0, process.stop(signal.SIGTERM))


class EndTests(SynchronousTestCase):
    """
    A stream ends, and that is noticed and logged.
    """

    #: How a client leaves, and why the stream then has ended.
    WAYS = (
        ("close", "client closed"),
        ("half-close", "client closed"),
        ("reset", "connection lost"),
        ("one byte", "bytes after the request"),
        ("another request", "bytes after the request"),
        ("a flood", "bytes after the request"),
    )

    def leave(self, stream: socket.socket, way: str) -> None:
        """
        Leave, in one of the ways.
        """
        match way:
            case "close":
                stream.close()
            case "half-close":
                stream.shutdown(socket.SHUT_WR)
            case "reset":
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                stream.close()
            case "one byte":
                stream.sendall(b"x")
            case "another request":
                stream.sendall(head("GET /sse HTTP/1.1", "Host: localhost"))
            case "a flood":
                with self.assertRaises(ConnectionError):
                    for _ in range(1000):
                        stream.sendall(bytes(65536))

    def test_each_way_is_noticed(self) -> None:
        """
        However a client leaves, it is noticed without a write, and the log says who and why.
        """
        with hub(*SILENT) as process:
            for way, reason in self.WAYS:
                with subscribe(process) as stream:
                    host, port = stream.getsockname()
                    self.leave(stream, way)
                    process.wait_for(rf"\] {host}:{port} /sse: {reason} after ")
                self.assertEqual(0, process.subscribers(), way)

    def test_descriptors_are_closed(self) -> None:
        """
        However a client leaves, its descriptor is closed.
        """
        with hub(*SILENT) as process, subscribe(process):
            before = process.descriptors()
            for way, _ in self.WAYS:
                with subscribe(process) as stream:
                    self.assertEqual(before + 1, process.descriptors())
                    self.leave(stream, way)
                    wait_until(lambda: process.descriptors() == before, way)

    def test_killed_process(self) -> None:
        """
        A client process that is killed is noticed without a write.
        """
        with hub(*SILENT) as process:
            with curl_lines(f"{process.url}sse") as lines:
                next(lines)
            process.wait_for("/sse: (client closed|connection lost) after ")

    def test_one_line_for_a_stream(self) -> None:
        """
        The log has one line for each ended stream: who, where, why, how long, events, bytes.
        """
        with hub("--tick", "0.05") as process, subscribe(process, "/sse?q=1") as stream:
            host, port = stream.getsockname()
            read_until(stream, b'"tick":5')
            stream.close()
            wait_until(lambda: process.subscribers() == 0, "it is gone")
            lines = [line for line in process.read_log().splitlines() if f":{port} " in line]
            self.assertEqual(1, len(lines), lines)
            self.assertRegex(
                lines[0],
                rf"#info\] {host}:{port} /sse: (client closed|connection lost) after \d\.\d s, "
                r"\d+ events, \d+ bytes$",
            )

    def test_accounts(self) -> None:
        """
        The events and bytes of that line are those that the client got.
        """
        with hub("--tick", "0.02") as process, process.connect() as stream:
            stream.sendall(head("GET /sse HTTP/1.1", "Host: localhost"))
            received = read_until(stream, b'"tick":10')
            process.process.send_signal(signal.SIGTERM)
            body = unchunked(received + read_to_end(stream))
            self.assertRegex(body, rb"\nretry: \d+\n$")
            process.wait()
        found = re.search(r"server stopping after .* s, (\d+) events, (\d+) bytes\n", process.log)
        assert found is not None, process.log
        self.assertEqual((body.count(b"data: "), len(body)), (int(found[1]), int(found[2])))


class RequestTests(SynchronousTestCase):
    """
    Requests that are no plain ``GET`` of HTTP/1.1.
    """

    def test_head(self) -> None:
        """
        HEAD gets the head of a stream and subscribes nobody; its connection serves the next.
        """
        with hub(*SILENT) as process, closing(http(process)) as connection:
            connection.request("HEAD", "/sse")
            response = connection.getresponse()
            self.assertEqual(200, response.status)
            self.assertEqual("text/event-stream", response.getheader("Content-Type"))
            self.assertEqual(b"", response.read())
            used = connection.sock
            connection.request("GET", "/status")
            self.assertEqual(0, json.load(connection.getresponse())["subscribers"])
            self.assertIs(used, connection.sock)

    def test_stream_after_head(self) -> None:
        """
        A connection that was used for HEAD is then as good for a stream as a new one.
        """
        with hub("--tick", "0.1") as process, process.connect() as stream:
            stream.sendall(head("HEAD /sse HTTP/1.1", "Host: localhost"))
            read_until(stream, b"\r\n\r\n")
            stream.sendall(head("GET /sse HTTP/1.1", "Host: localhost"))
            read_until(stream, b"event: tick\n")
            stream.close()
            process.wait_for("/sse: (client closed|connection lost) after ")

    def test_options(self) -> None:
        """
        OPTIONS says which methods there are.
        """
        with hub(*SILENT) as process, closing(http(process)) as connection:
            connection.request("OPTIONS", "/sse")
            response = connection.getresponse()
            self.assertEqual(
                (204, "GET, HEAD, OPTIONS"), (response.status, response.getheader("Allow"))
            )

    def test_post(self) -> None:
        """
        A small POST to the stream is refused with 405.
        """
        with hub(*SILENT) as process:
            found = curl(process, "-o", os.devnull, "-w", "%{http_code}", "--data", "x")
        self.assertEqual(b"405", found.stdout)

    def test_http_1_0(self) -> None:
        """
        A stream of HTTP/1.0 has no chunks, and its events arrive.
        """
        with (
            hub("--tick", "0.1") as process,
            curl_lines(f"{process.url}sse", "-i", "--http1.0") as lines,
        ):
            fields = {line.partition(b":")[0].lower() for line in iter(lines.__next__, b"\r\n")}
            self.assertNotIn(b"transfer-encoding", fields)
            self.assertIn("tick", next(ticks(lines)))

    def test_connection_close(self) -> None:
        """
        With ``Connection: close`` the stream is the same, and at its end the server closes.
        """
        with hub("--tick", "0.1") as process, process.connect() as stream:
            stream.sendall(head("GET /sse HTTP/1.1", "Host: localhost", "Connection: close"))
            received = read_until(stream, b"event: tick\n")
            self.assertRegex(received.lower(), rb"\r\nconnection: close\r\n")
            process.process.send_signal(signal.SIGTERM)
            self.assertRegex(received + read_to_end(stream), PROPER_END)

    def test_large_body(self) -> None:
        """
        A body of 10 MB is refused with 413, whether its length is said before or not, and the
        process has not grown by it.
        """
        body = bytes(10_000_000)
        command = [require_program("curl"), "-sS", "--noproxy", "*", "--data-binary", "@-"]
        command += ["-o", os.devnull, "-w", "%{http_code}", "-H", "Expect:"]
        with hub(*SILENT) as process:
            before = peak_memory(process)
            for more in ([], ["-H", "Transfer-Encoding: chunked"]):
                found = subprocess.run(
                    [*command, *more, f"{process.url}sse"],
                    input=body,
                    capture_output=True,
                    timeout=PATIENCE,
                )
                self.assertEqual(b"413", found.stdout, found.stderr)
            self.assertLess(peak_memory(process) - before, 3_000_000)


def peak_memory(process: HubProcess) -> int:
    """
    Return the most memory that the process ever had, in bytes.
    """
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


class CapacityTests(SynchronousTestCase):
    """
    A hub that has as many subscribers as it may.
    """

    def setUp(self) -> None:
        stack = ExitStack()
        self.addCleanup(stack.close)
        # Each is full with one.
        self.full = []
        for limit in ("--max-subscribers", "--max-per-address"):
            process = stack.enter_context(hub(*SILENT, limit, "1"))
            self.full.append((process, stack.enter_context(subscribe(process))))

    def test_browser(self) -> None:
        """
        A browser gets 200, a longer ``retry``, and the end: anything else it takes as final.
        """
        for process, _ in self.full:
            with closing(http(process)) as connection:
                connection.request("GET", "/sse", headers=BROWSER)
                response = connection.getresponse()
                body = response.read()
            self.assertEqual(
                (200, "text/event-stream"), (response.status, response.getheader("Content-Type"))
            )
            found = re.fullmatch(rb"retry: (\d+)\n", body)
            assert found is not None, body
            self.assertTrue(30_000 <= int(found[1]) <= 60_000, body)

    def test_others(self) -> None:
        """
        Others get 503 and are told when to try again.
        """
        for process, _ in self.full:
            found = curl(process, "-i").stdout
            self.assertRegex(found, rb"^HTTP/1.1 503 ")
            self.assertRegex(found, rb"(?i)\r\nRetry-After: [3-6]\d\r\n")

    def test_room_again(self) -> None:
        """
        When one has left, the next one is let in.
        """
        for process, stream in self.full:
            stream.close()
            wait_until(lambda process=process: process.subscribers() == 0, "it is gone")
            subscribe(process).close()
