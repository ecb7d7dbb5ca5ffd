"""
A log of ``twistd ssetwist`` that nobody reads, or that cannot be written.
"""

import contextlib
import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import tty
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.functional.support import (
    PATIENCE,
    ROOT,
    free_port,
    read_until,
    require,
    wait_until,
    write_plugin_cache,
)
from tests.functional.twistd_process import SILENT, head

#: Requests whose lines are more than a pipe holds (64 KiB) and more than the hub keeps (1 MiB).
MANY = 800

#: A path that makes a line of the log longer.
PATH = f"/{'x' * 1900}"


@contextmanager
def logging_to(
    output: int, *, program: tuple[str, ...] = ()
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """
    Run a hub that logs to a descriptor; yield the process and its port.
    """
    write_plugin_cache()
    twistd = Path(sys.executable).with_name("twistd")
    command = program or (str(twistd), "-n", "--pidfile=", "ssetwist")
    with free_port() as port:
        listen = ("--listen", f"tcp:{port}:interface=127.0.0.1")
        process = subprocess.Popen(
            [*command, *SILENT, *listen], stdout=output, stderr=output, cwd=ROOT
        )
        try:
            wait_until(lambda: _is_served(port), "it listens")
            yield process, port
        finally:
            process.kill()
            process.wait()


def _is_served(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/status")
        return connection.getresponse().status == 200
    except ConnectionRefusedError:
        return False
    finally:
        connection.close()


def request_often(port: int, count: int = MANY) -> None:
    """
    Make as many requests, each with a line in the log.
    """
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    for _ in range(count):
        connection.request("GET", PATH)
        connection.getresponse().read()
    connection.close()


class UnreadTests(SynchronousTestCase):
    """
    Standard output that is not read.
    """

    def assert_it_delivers(self, port: int) -> None:
        """
        Check that an event is delivered.
        """
        with ExitStack() as stack:
            stream = stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE))
            stream.sendall(head("GET /sse HTTP/1.1", "Host: localhost"))
            read_until(stream, b"retry: ")
            connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            stack.callback(connection.close)
            connection.request("POST", "/.well-known/mercure", "topic=a&data=delivered")
            self.assertEqual(200, connection.getresponse().status)
            read_until(stream, b"delivered")

    def pipe(self) -> tuple[int, int]:
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        return read, write

    def test_pipe(self) -> None:
        """
        While nobody reads the pipe, the hub serves.  When somebody reads again, every line is there
        or in the number of those that were dropped.
        """
        read, write = self.pipe()
        with ExitStack() as stack:
            process, port = stack.enter_context(logging_to(write))
            os.close(write)
            request_often(port)
            self.assert_it_delivers(port)
            os.set_blocking(read, False)
            log = b""

            def is_told() -> bool:
                nonlocal log
                with contextlib.suppress(BlockingIOError):
                    log += os.read(read, 65536)
                dropped = re.findall(rb"#warn\] (\d+) lines of the log were dropped here: nob", log)
                lines = re.findall(rb" /sse: |POST|GET /xxx", log)
                return dropped and len(lines) + sum(map(int, dropped)) == MANY + 2

            wait_until(is_told, "every line is there or counted")
            process.send_signal(signal.SIGTERM)
            self.assertEqual(0, process.wait(PATIENCE))

    def assert_it_stops(self, output: int, program: tuple[str, ...] = ()) -> None:
        """
        Check that a hub serves and stops although nobody reads its output.
        """
        with logging_to(output, program=program) as (process, port):
            request_often(port, 100)
            self.assert_it_delivers(port)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(0, process.wait(PATIENCE))

    def test_stop(self) -> None:
        """
        A signal stops a hub, with status 0, although nobody reads its output.
        """
        _, write = self.pipe()
        self.addCleanup(os.close, write)
        self.assert_it_stops(write)

    def test_python_m_twisted(self) -> None:
        """
        Started by ``python -m twisted``, it does not wait for readers either.
        """
        _, write = self.pipe()
        self.addCleanup(os.close, write)
        self.assert_it_stops(write, (sys.executable, "-m", "twisted", "ssetwist"))

    def test_full_before_it_starts(self) -> None:
        """
        A hub starts while the pipe is full, as after a restart by a supervisor that is stuck.  It
        does not change how the pipe behaves for others.
        """
        _, write = self.pipe()
        self.addCleanup(os.close, write)
        os.set_blocking(write, False)
        try:
            while True:
                os.write(write, bytes(4096))
        except BlockingIOError:
            os.set_blocking(write, True)
        self.assert_it_stops(write)
        self.assertEqual(0, fcntl.fcntl(write, fcntl.F_GETFL) & os.O_NONBLOCK)

    def test_stopped_terminal(self) -> None:
        """
        A terminal that Ctrl-S has stopped does not stop the hub.
        """
        above, below = os.openpty()
        self.addCleanup(os.close, above)
        self.addCleanup(os.close, below)
        tty.setraw(below)
        termios.tcflow(below, termios.TCOOFF)
        self.assert_it_stops(below)

    def test_closed_pipe(self) -> None:
        """
        A hub serves although the reader of its output has gone.
        """
        read, write = os.pipe()
        os.close(read)
        self.addCleanup(os.close, write)
        self.assert_it_stops(write)

    def test_full_disk(self) -> None:
        """
        A hub serves although its output is on a full disk.
        """
        require(os.path.exists("/dev/full"), "/dev/full")
        full = os.open("/dev/full", os.O_WRONLY)
        self.addCleanup(os.close, full)
        self.assert_it_stops(full)


class LogFileTests(SynchronousTestCase):
    """
    The option ``--logfile`` of twistd.
    """

    def test_named_pipe(self) -> None:
        """
        A named pipe is refused in one line.
        """
        write_plugin_cache()
        with tempfile.TemporaryDirectory() as folder:
            os.mkfifo(path := f"{folder}/pipe")
            twistd = Path(sys.executable).with_name("twistd")
            done = subprocess.run(
                [twistd, "-n", "--pidfile=", f"--logfile={path}", "ssetwist"],
                capture_output=True,
                cwd=ROOT,
                text=True,
                timeout=PATIENCE,
            )
        self.assertEqual((1, 1), (done.returncode, done.stderr.count("\n")), done.stderr)
        self.assertIn("--logfile: ", done.stderr)
