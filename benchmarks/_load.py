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
    """

    deliveries: int
    seconds: float
    p50: float
    p99: float
    last: float


class Load:
    """
    Subscribers of the server at a port, all of them in one process.

    :param patience: Seconds after which an answer will not come any more.
    """

    def __init__(
        self, program: Path, port: int, *, core: int, log: IO[bytes], patience: float
    ) -> None:
        self.subscribers = 0
        self._patience = patience
        self._process = _processes.start(
            [program, str(port)],
            core=core,
            log=log,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def open(self, count: int) -> None:
        """
        Have so many more subscribers.
        """
        self._say(f"open {count}")
        self._answer("opened")
        self.subscribers += count

    def expect(self, events: int) -> None:
        """
        Begin to count; to be called before they are published.
        """
        self._say(f"expect {events}")
        self._answer("ready")

    def received(self) -> Received:
        """
        Wait until each subscriber has received what was expected.
        """
        deliveries, nanoseconds, p50, p99, last = map(int, self._answer("received"))
        return Received(deliveries, nanoseconds / 1e9, p50 / 1e6, p99 / 1e6, last / 1e6)

    def close(self) -> None:
        _processes.end(self._process)

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        os.write(self._process.stdin.fileno(), line.encode())

    def _answer(self, word: str) -> list[str]:
        stdout = self._process.stdout
        assert stdout is not None
        deadline = time.monotonic() + self._patience
        line = b""
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stdout], [], [], left)[0]:
                raise Failed(f"not {word} within {self._patience:g} seconds")
            more = os.read(stdout.fileno(), 4096)
            if not more:
                raise Failed("the load has ended")
            line += more
        answer, *values = line.decode().split()
        if answer != word:
            raise Failed(line.decode().strip())
        return values
