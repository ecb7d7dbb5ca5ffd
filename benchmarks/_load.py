"""
The load: the program ``load.c`` as a process, and its answers.
"""

import os
import select
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from . import _processes


class Failed(Exception):
    """
    A subject failed to do its task in time.
    """


@dataclass(frozen=True, slots=True)
class Received:
    """
    :ivar deliveries: Events times subscribers.
    :ivar seconds: From the first publishing to the last reception.
    :ivar p50: Seconds from publishing to reception, of half of the deliveries.
    :ivar p99: The same, of 99 in 100.
    :ivar last: Seconds from publishing to reception by the last subscriber, of half of the events.
    :ivar reads: Number of reads that found something.
    """

    deliveries: int
    seconds: float
    p50: float
    p99: float
    last: float
    reads: int


class Load:
    """
    Subscribers of the server at one port, all in one process.

    :param patience: Seconds to wait for an answer.
    """

    def __init__(
        self, program: Path, port: int, *, core: int, log: IO[bytes], patience: float
    ) -> None:
        self._patience = patience
        self._said = b""
        self._process = _processes.start(
            [program, str(port)],
            cores=[core],
            log=log,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def open(self, count: int, path: str, cursor: str = "") -> None:
        """
        Connect this many more subscribers.

        :param path: A ``*`` in it becomes the number of the subscriber.
        :param cursor: The ``Last-Event-ID`` of all of them.
        """
        if count:
            self._say(f"open {count} {path} {cursor}")
            self._answer("opened")

    def mute(self, count: int, path: str) -> None:
        """
        Connect this many more subscribers that never read.  This does not wait for them.
        """
        self._say(f"mute {count} {path}")
        self._answer("opened")

    def expect(self, events: int) -> None:
        """
        Begin to count the events that each subscriber receives; call this before publishing.
        """
        self._say(f"expect {events}")
        self._answer("ready")

    def expect_in_all(self, deliveries: int) -> None:
        """
        Begin to count the events that all subscribers receive together.
        """
        self._say(f"await {deliveries}")
        self._answer("ready")

    def hold(self) -> None:
        """
        Stop reading until :meth:`read` is called.  Until then, "received" means that the kernel has
        the event.
        """
        self._say("hold")
        self._answer("holding")

    def read(self) -> None:
        self._say("read")

    def received(self, seconds: float = 0) -> Received:
        """
        Wait until every expected event has been received.

        :param seconds: The least time that publishing takes.
        """
        answer = map(int, self._answer("received", seconds))
        deliveries, nanoseconds, p50, p99, last, reads = answer
        return Received(deliveries, nanoseconds / 1e9, p50 / 1e6, p99 / 1e6, last / 1e6, reads)

    def close(self) -> None:
        _processes.end(self._process)

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        os.write(self._process.stdin.fileno(), line.encode())

    def _answer(self, word: str, seconds: float = 0) -> list[str]:
        stdout = self._process.stdout
        assert stdout is not None
        patience = self._patience + seconds
        deadline = time.monotonic() + patience
        while b"\n" not in self._said:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stdout], [], [], left)[0]:
                raise Failed(f"not {word} within {patience:g} seconds")
            more = os.read(stdout.fileno(), 4096)
            if not more:
                raise Failed("the load has ended")
            self._said += more
        line, _, self._said = self._said.partition(b"\n")
        answer, *values = line.decode().split()
        if answer != word:
            raise Failed(line.decode())
        return values
