"""
Processes that start quickly: each runs a command line of ours, and is forked from a server of
processes that has imported everything.

An interpreter takes a second to import all that we need, and the tests start hundreds of hubs.  A
test of the start itself, or of an interpreter's end, uses :mod:`subprocess`: a forked process ends
without the interpreter's own last steps.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.leftovers import shared

ROOT = Path(__file__).resolve().parents[2]


@cache
def start_server() -> None:
    """
    Start the server once; it ends with this process.
    """
    with shared():
        forkserver.set_forkserver_preload(["tests.functional.programs"])
        forkserver.ensure_running()
        resource_tracker.ensure_running()


class ForkedProcess(ForkServerProcess):
    """
    A process that was forked, with what our tests use of :class:`subprocess.Popen`.

    :param command_line: It begins with ``twistd`` or ``ssetwist``.
    :param standard: Descriptors for its standard input, output and errors; this process keeps them.
    :param files: The number of files that it may open; by default as many as the server.
    :param environment: Variables of its environment, in addition to those of this process.  The
        interpreter has read its own already, such as ``PYTHONPATH``.
    """

    def __init__(
        self,
        command_line: Sequence[str],
        standard: Sequence[int],
        *,
        files: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(daemon=True)
        self._command_line = command_line
        self._environment = {**os.environ, **(environment or {})}
        self._files = files
        # No other object takes a descriptor to the new process.
        self._standard = [Connection(os.dup(descriptor)) for descriptor in standard]
        start_server()
        self.start()
        for connection in self._standard:
            connection.close()

    def run(self) -> None:
        """
        Run the command line: multiprocessing calls this in the new process.
        """
        from tests.functional.programs import run  # which this process need not import

        descriptors = [connection.fileno() for connection in self._standard]
        run(self._command_line, descriptors, ROOT, self._files, self._environment)

    @property
    def returncode(self) -> int | None:
        """
        Its exit status; a signal is a negative number.
        """
        return self.exitcode

    def poll(self) -> int | None:
        """
        Return its exit status, or ``None`` while it runs.
        """
        return self.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """
        Wait until it has ended; return its exit status.
        """
        self.join(timeout)
        if self.exitcode is None:
            raise subprocess.TimeoutExpired(self._command_line, timeout or 0)
        return self.exitcode

    def send_signal(self, number: int) -> None:
        """
        Send it a signal, unless it has ended.
        """
        if self.exitcode is None:
            assert self.pid is not None
            os.kill(self.pid, number)
