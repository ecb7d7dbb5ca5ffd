"""
The load: ``load.c`` as a process, and what it answers.
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
    A subject did not do what it was to do, or not in time.
    """


@dataclass(frozen=True, slots=True)
class Received:
    """
    :ivar deliveries: Events times subscribers.
    :ivar seconds: From the first publishing to the last reception.
    :ivar p50: Seconds from publishing to reception, of half of the deliveries.
    :ivar p99: The same, of 99 in 100.
    :ivar last: Seconds from publishing to reception by the last subscriber, of half of the events.
    :ivar reads: How often something was read.
    """

    deliveries: int
    seconds: float
    p50: float
    p99: float
    last: float
    reads: int


class Load:
    """
    Subscribers of the server at a port, all of them in one process.

    :param patience: Seconds after which an answer will not come any more.
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
        Have so many more subscribers.

        :param path: Where; a ``*`` in it becomes the number of each.
        :param cursor: Their ``Last-Event-ID``.
        """
        if count:
            self._say(f"open {count} {path} {cursor}")
            self._answer("opened")

    def mute(self, count: int, path: str) -> None:
        """
        Have so many more who will never read.  They are not waited for.
        """
        self._say(f"mute {count} {path}")
        self._answer("opened")

    def expect(self, events: int) -> None:
        """
        Begin to count what each receives; to be called before it is published.
        """
        self._say(f"expect {events}")
        self._answer("ready")

    def expect_in_all(self, deliveries: int) -> None:
        """
        Begin to count what all receive together.
        """
        self._say(f"await {deliveries}")
        self._answer("ready")

    def hold(self) -> None:
        """
        Do not read, until :meth:`read`.  From now on "received" means that the kernel has it.
        """
        self._say("hold")
        self._answer("holding")

    def read(self) -> None:
        self._say("read")

    def received(self, seconds: float = 0) -> Received:
        """
        Wait until what was expected has been received.

        :param seconds: What publishing it takes at least.
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
