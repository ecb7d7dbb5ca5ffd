"""
``python -m ssetwist`` as a process, at a terminal or in a pipe, with its input and output.
"""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from tempfile import TemporaryFile
from threading import Thread
from typing import Any

from tests.functional.forked import ForkedProcess
from tests.functional.support import PATIENCE, ROOT, write_plugin_cache


class WebServer(ThreadingHTTPServer):
    """
    A web server that leaves nothing behind when it is closed, even if clients keep connections
    open.
    """

    daemon_threads = False  # so that they are waited for

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._requests: list[socket.socket] = []

    def process_request(self, request: socket.socket, client_address: object) -> None:
        """
        Remember the connection.
        """
        self._requests.append(request)
        super().process_request(request, client_address)

    def server_close(self) -> None:
        """
        Cut all connections.
        """
        for request in self._requests:
            with suppress(OSError):  # it has been closed
                request.shutdown(socket.SHUT_RDWR)
        super().server_close()


class Command:
    """
    A running command.

    :ivar output: Everything that it has written to its standard output.
    :ivar errors: Everything that it has written to its standard error.
    """

    def __init__(
        self,
        *arguments: str,
        terminal: str = "",
        program: tuple[str, ...] = (),
        **environment: str,
    ) -> None:
        """
        :param terminal: Which of ``output`` and ``errors`` are terminals.
        :param program: Another program for Python to run.
        """
        self.output = self.errors = ""
        self._read: dict[int, str] = {}
        opened = {name: _pair(name in terminal) for name in ("output", "errors")}
        given, self._input = os.pipe()
        standard = [given, opened["output"][1], opened["errors"][1]]
        environment = {"TERM": "xterm", "PYTHONUNBUFFERED": "", **environment}
        self.process: ForkedProcess | subprocess.Popen[bytes]
        if program:
            self.process = subprocess.Popen(
                [sys.executable, *program, *arguments],
                stdin=given,
                stdout=standard[1],
                stderr=standard[2],
                cwd=ROOT,
                env={**os.environ, **environment},
            )
        else:
            self.process = ForkedProcess(
                ["ssetwist", *arguments], standard, environment=environment
            )
        os.close(given)
        for name, (reading, writing) in opened.items():
            os.close(writing)
            self._read[reading] = name

    def send(self, text: str) -> None:
        """
        Write to its standard input.
        """
        os.write(self._input, text.encode())

    def end_input(self) -> None:
        """
        Close its standard input.
        """
        os.close(self._input)
        self._input = -1

    def wait_for(self, name: str, pattern: str) -> "re.Match[str]":
        """
        Wait for a text in its output, or in its errors.
        """
        deadline = time.monotonic() + PATIENCE
        while (found := re.search(pattern, getattr(self, name))) is None:
            if not self._take(deadline):
                raise AssertionError(f"no {pattern!r} in {name}: {self.output}\n{self.errors}")
        return found

    def stop_reading(self, name: str) -> None:
        """
        Close the other end of its output.
        """
        for descriptor, which in list(self._read.items()):
            if which == name:
                os.close(descriptor)
                del self._read[descriptor]

    def interrupt(self) -> None:
        """
        Send the signal of Ctrl-C.
        """
        self.process.send_signal(signal.SIGINT)

    def wait(self) -> int:
        """
        Wait until it has ended, and return its status; a signal is a negative number.
        """
        deadline = time.monotonic() + PATIENCE
        while self._take(deadline):
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def close(self) -> None:
        """
        Kill it, in any state.
        """
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self._input >= 0:
            self.end_input()
        for descriptor in self._read:
            os.close(descriptor)
        self._read.clear()

    def _take(self, deadline: float) -> bool:
        """
        Read something; return true if more may come.
        """
        patience = max(0.0, deadline - time.monotonic())
        ready = select.select(list(self._read), [], [], patience)[0] if self._read else []
        for descriptor in ready:
            try:
                some = os.read(descriptor, 65536).decode("utf-8", "replace")
            except OSError:  # a terminal that no process has open any more
                some = ""
            name = self._read[descriptor]
            if some:
                setattr(self, name, getattr(self, name) + some)
            else:
                os.close(descriptor)
                del self._read[descriptor]
        return bool(ready)


@contextmanager
def command(
    *arguments: str,
    terminal: str = "",
    program: tuple[str, ...] = (),
    **environment: str,
) -> Iterator[Command]:
    """
    Run a command, and kill it at the end.
    """
    running = Command(*arguments, terminal=terminal, program=program, **environment)
    try:
        yield running
    finally:
        running.close()


def run(*arguments: str, input: str = "", **environment: str) -> tuple[int, str, str]:
    """
    Run a command to its end; return its status, its output and its errors.
    """
    return run_to_end("ssetwist", *arguments, input=input, **environment)


def run_twistd(*options: str) -> tuple[int, str, str]:
    """
    Run ``twistd ssetwist`` to its end; return its status, its output and its errors.
    """
    return run_to_end("twistd", "-n", "--pidfile=", "ssetwist", *options)


def run_to_end(*command_line: str, input: str = "", **environment: str) -> tuple[int, str, str]:
    """
    Run a command line of a forked process to its end; return its status, its output and its errors.
    """
    write_plugin_cache()
    with TemporaryFile() as given, TemporaryFile() as output, TemporaryFile() as errors:
        given.write(input.encode())
        given.seek(0)
        standard = [file.fileno() for file in (given, output, errors)]
        process = ForkedProcess(command_line, standard, environment=environment)
        try:
            status = process.wait(PATIENCE)
        finally:
            process.kill()
        for file in (output, errors):
            file.seek(0)
        return status, output.read().decode(), errors.read().decode()


@contextmanager
def web_server(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """
    Run a web server on a thread, and return its URL.
    """
    server = WebServer(handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/.well-known/mercure"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _pair(is_terminal: bool) -> tuple[int, int]:
    return pty.openpty() if is_terminal else os.pipe()


def events_in(output: str) -> list[dict[str, Any]]:
    """
    Read everything that was written into a pipe.
    """
    return [json.loads(line) for line in output.splitlines()]
