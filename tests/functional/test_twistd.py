"""
``twistd ssetwist`` as a process, over real sockets.
"""

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

from tests.functional.commands import run_twistd
from tests.functional.support import (
    PATIENCE,
    ROOT,
    HubProcess,
    free_port,
    hub,
    read_to_end,
    read_until,
    subscribe,
    wait_until,
)
from tests.functional.twistd_process import PROPER_END, SILENT, curl_lines, head, ticks, unchunked

#: Drain time-out, in seconds, longer than any test: a hub that waits for clients that do not read
#: waits that long.
FOR_EVER = ("--drain-timeout", f"{10 * PATIENCE:g}")

#: Bytes of a stream: more than the kernel stores for a client that does not read, and less than
#: make the server cut it off.
ENOUGH_TO_BE_BEHIND = 200_000


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
    Run a hub with one client that reads, which is yielded, and one that is behind.
    """
    never = f"{10 * PATIENCE:g}"  # a stall ends nothing here
    with (
        hub("--tick", "0.001", "--stall-timeout", never, *options) as process,
        non_reader(process) as other,
    ):
        wait_until(lambda: process.subscribers() == 1, "the client is subscribed")
        with subscribe(process) as reader:
            received = 0
            while received < ENOUGH_TO_BE_BEHIND:
                received += len(reader.recv(65536))
            yield process, reader
            # If it had not been behind, the test would have shown nothing.
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
    Listening, and the events of a hub.
    """

    def test_stream_begins_before_any_event(self) -> None:
        """
        curl -N shows the start of a stream that has no events.
        """
        with hub(*SILENT) as process, curl_lines(f"{process.url}sse") as lines:
            self.assertEqual(b"retry: 3000\n", next(lines))

    def test_ticks_arrive_at_once(self) -> None:
        """
        curl -N shows each tick when it is published, not when the next one comes.
        """
        with hub("--tick", "1") as process, curl_lines(f"{process.url}sse") as lines:
            for number, tick in enumerate(ticks(lines), 1):
                self.assertEqual(number, tick["tick"])
                published = datetime.fromisoformat(str(tick["time"]))
                late = datetime.now(timezone.utc) - published
                # If one tick needed the next, all would be later than a second.  On a busy machine
                # some may be late.
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
        A hub can listen on a UNIX socket.
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
    Command lines with a mistake.
    """

    #: The options, and a text that the one line on stderr must have.
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
        When a shell runs the command, the line about a wrong option is exactly the same as in the
        other tests.
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
        results = [run_twistd(option) for option, _ in self.CASES]
        wrong = [
            (option, status, stdout, stderr)
            for (option, name), (status, stdout, stderr) in zip(self.CASES, results, strict=True)
            if (status, stdout, stderr.count("\n")) != (1, "", 1) or name not in stderr
        ]
        self.assertEqual([], wrong)

    def test_cannot_listen(self) -> None:
        """
        An endpoint that is not available ends the process with status 1 and one critical line in
        the log.
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
            results = [run_twistd(*(f"--listen={each}" for each in case)) for case in cases]
        wrong = [
            (case, status, stdout, stderr)
            for case, (status, stdout, stderr) in zip(cases, results, strict=True)
            if status != 1
            or stdout.count("#critical]") != 1
            or f"#critical] cannot listen on '{case[-1]}': " not in stdout
            or "Traceback" in stdout + stderr
        ]
        self.assertEqual([], wrong)


def start_daemon(folder: str, port: int, *options: str) -> "subprocess.CompletedProcess[str]":
    """
    Start a daemon that listens on a port, with its files in a folder; return the end of the process
    that starts it.
    """
    return subprocess.run(
        [
            Path(sys.executable).with_name("twistd"),
            f"--pidfile={folder}/pid",
            f"--logfile={folder}/log",
            "ssetwist",
            *options,
            f"--listen=tcp:{port}:interface=127.0.0.1",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@contextmanager
def running_daemon(folder: str, port: int) -> Iterator[int]:
    """
    Start a daemon that listens on a port, with its files in a folder; yield the number of its
    process, and kill it if it still runs at the end.
    """
    started = start_daemon(folder, port, *SILENT)
    if started.returncode:
        raise AssertionError(started.stderr)
    process = int(Path(folder, "pid").read_text())
    try:
        yield process
    finally:
        if Path(folder, "pid").exists():
            os.kill(process, signal.SIGKILL)


class DaemonTests(SynchronousTestCase):
    """
    A process in the background.
    """

    def test_serves(self) -> None:
        """
        A daemon delivers an event, begins a new log file on SIGUSR1, and stops on SIGTERM; its log
        is complete then, and its pid file has gone.
        """
        with (
            tempfile.TemporaryDirectory() as folder,
            free_port() as port,
            running_daemon(folder, port) as process,
        ):
            with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as client:
                stream = socket.create_connection(("127.0.0.1", port), PATIENCE)
                with stream:
                    stream.sendall(head("GET /sse HTTP/1.1", "Host: localhost"))
                    read_until(stream, b"retry: ")
                    client.request("POST", "/.well-known/mercure", "topic=a&data=delivered")
                    client.getresponse().read()
                    read_until(stream, b"delivered")
                os.kill(process, signal.SIGUSR1)
                wait_until(Path(folder, "log.1").exists, "the log is rotated")
                client.request("GET", "/never")
                client.getresponse().read()
            os.kill(process, signal.SIGTERM)
            wait_until(lambda: "Shut Down" in Path(folder, "log").read_text(), "it stops")
            first, second = (Path(folder, name).read_text() for name in ("log.1", "log"))
            self.assertEqual(["log", "log.1"], sorted(os.listdir(folder)))
        self.assertRegex(first, r"(?s)starting up.*listening on .*POST")
        self.assertRegex(second, r"(?s)GET /never.*received SIGTERM.*Server Shut Down\.\n")
        self.assertNotIn("Traceback", first + second)

    def test_in_use(self) -> None:
        """
        The process that started the daemon notices this and exits with status 1 at once; the log
        has one line about it, and nothing is left behind.
        """
        with (
            tempfile.TemporaryDirectory() as folder,
            socket.create_server(("127.0.0.1", 0)) as taken,
        ):
            found = start_daemon(folder, taken.getsockname()[1])
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
        # A shell may start this process with SIGINT ignored, and a child would inherit that.
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

    def test_never_at_once(self) -> None:
        """
        With a reconnection time of 0, a full hub and one that stops still tell a browser to come
        back after a second or later.
        """
        with (
            hub(*SILENT, "--reconnection-time=0", "--max-subscribers=1") as process,
            subscribe(process) as stream,
            process.connect() as other,
        ):
            browser = ("Sec-Fetch-Mode: cors", "Connection: close")
            other.sendall(head("GET /sse HTTP/1.1", f"Host: {process.host}", *browser))
            refused = read_to_end(other)
            process.process.send_signal(signal.SIGTERM)
            ended = read_to_end(stream)
        for received in (refused, ended):
            found = re.search(rb"retry: (\d+)\n", received)
            assert found is not None, received
            self.assertGreaterEqual(int(found[1]), 1000)

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
        A process can be stopped properly as soon as it has logged that it listens.
        """
        with hub(*SILENT) as process:
            self.assertEqual(0, process.stop(signal.SIGTERM))

    def test_two_signals_at_once(self) -> None:
        """
        SIGINT and SIGTERM at the same moment stop the process like one signal, without an error.
        """
        with hub(*SILENT) as process, subscribe(process):
            # While it is halted, the kernel keeps both signals; then it gets both together.
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

    def test_idle_connections_do_not_delay(self) -> None:
        """
        Connections without a request, with half a request, or kept alive do not delay the stop.
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
        Clients that read get the end of their stream at once, even if others do not read.
        """
        with one_behind(*FOR_EVER) as (process, reader):
            process.process.send_signal(signal.SIGTERM)
            self.assertRegex(b"\r\n" + read_to_end(reader), PROPER_END)
            self.assertIsNone(
                process.process.poll(), "the process still waits for the other client"
            )

    def test_non_reader_is_cut(self) -> None:
        """
        A client that never reads is cut off, and the process ends, within the drain time-out.
        """
        with one_behind("--drain-timeout", "2") as (process, _):
            self.assertEqual(0, process.stop())

    def test_no_new_connections_while_stopping(self) -> None:
        """
        A process that stops, and still waits for a client, accepts no new connection.
        """
        with one_behind(*FOR_EVER) as (process, reader):
            process.process.send_signal(signal.SIGTERM)
            read_to_end(reader)
            self.assertRaises(ConnectionRefusedError, process.connect)
            self.assertIsNone(process.process.poll())

    def test_second_signal(self) -> None:
        """
        A second signal does not wait for clients that do not read.
        """
        with one_behind(*FOR_EVER) as (process, reader):
            process.process.send_signal(signal.SIGTERM)
            read_to_end(reader)
            self.assertEqual(0, process.stop(signal.SIGTERM))


class EndTests(SynchronousTestCase):
    """
    The end of a stream is noticed and logged.
    """

    #: Ways that a client leaves, and the reason in the log.
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
        However a client leaves, the server notices without a write, and logs the client and the
        reason.
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
        The server notices a client process that is killed, without a write.
        """
        with hub(*SILENT) as process:
            with curl_lines(f"{process.url}sse") as lines:
                next(lines)
            process.wait_for("/sse: (client closed|connection lost) after ")

    def test_one_line_for_a_stream(self) -> None:
        """
        The log has one line for each ended stream: client, resource, reason, duration, events,
        bytes.
        """
        with hub("--tick", "0.05") as process, subscribe(process, "/sse?q=1") as stream:
            host, port = stream.getsockname()
            read_until(stream, b'"tick":5')
            stream.close()
            wait_until(lambda: process.subscribers() == 0, "the client is gone")
            lines = [line for line in process.read_log().splitlines() if f":{port} " in line]
            self.assertEqual(1, len(lines), lines)
            self.assertRegex(
                lines[0],
                rf"#info\] {host}:{port} /sse: (client closed|connection lost) after \d\.\d s, "
                r"\d+ events, \d+ bytes$",
            )

    def test_events_and_bytes_in_the_log(self) -> None:
        """
        The line has the number of events and bytes that the client got.
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
