"""
Lines of the input, read ahead up to a limit.
"""

from collections import deque
from typing import Protocol

from twisted.internet.defer import Deferred

#: The longest line, in bytes.  A hub takes a megabyte by default.
MAX_LINE = 16 * 1024 * 1024

#: Lines and bytes that wait; beyond these limits the input is not read.
_MAX_WAITING_LINES = 2000
_MAX_WAITING_BYTES = 2 * 1024 * 1024


class Reader(Protocol):
    """
    A source of bytes.
    """

    def read(self) -> Deferred[bytes]:
        """
        Read some bytes, or wait for some; ``b""`` at the end.
        """


class Lines:
    """
    A queue of lines.  LF, CRLF and the end of the input end a line.
    """

    def __init__(self, reader: Reader, max_line: int = MAX_LINE) -> None:
        self._reader = reader
        self._max_line = max_line
        self._lines: deque[tuple[int, bytes | None]] = deque()
        self._bytes = 0
        self._count = 0
        self._rest = bytearray()
        self._is_too_long = False
        self._is_over = False
        self._wanted: Deferred[None] | None = None
        self._is_reading = False
        self._reading: Deferred[None] | None = None

    async def take(self, limit: int) -> list[tuple[int, bytes | None]]:
        """
        Wait for lines, and take those that have been read.

        :returns: Lines with their numbers, from 1, and without their ends; ``None`` is a line that
            was too long.  Empty at the end of the input.
        """
        while not (self._lines or self._is_over):
            self._read_on()
            if not (self._lines or self._is_over):
                self._wanted = Deferred()
                await self._wanted
        taken = [self._lines.popleft() for _ in range(min(limit, len(self._lines)))]
        self._bytes -= sum(len(line or b"") for _, line in taken)
        self._read_on()
        return taken

    @property
    def is_at_end(self) -> bool:
        """
        True if all lines have been taken, and the end of the input has been read.
        """
        return self._is_over and not self._lines

    def stop(self) -> None:
        """
        Drop the waiting lines, and stop reading.
        """
        self._lines.clear()
        self._is_over = True
        if self._reading is not None:
            self._reading.cancel()
        self._wake()

    def _read_on(self) -> None:
        if self._is_reading or self._is_over:
            return
        self._is_reading = True
        self._reading = Deferred.fromCoroutine(self._read())
        self._reading.addErrback(lambda _: None)  # cancelled by stop()

    async def _read(self) -> None:
        try:
            while len(self._lines) < _MAX_WAITING_LINES and self._bytes < _MAX_WAITING_BYTES:
                some = await self._reader.read()
                if self._is_over:
                    return
                self._cut(some)
                self._wake()
                if not some:
                    return
        finally:
            self._is_reading = False

    def _cut(self, some: bytes) -> None:
        if not some:
            if self._rest or self._is_too_long:
                self._add(b"")
            self._is_over = True
            return
        *whole, rest = some.split(b"\n")
        for line in whole:
            self._add(line)
        self._keep(rest)

    def _add(self, end: bytes) -> None:
        self._keep(end)
        self._count += 1
        line = None if self._is_too_long else bytes(self._rest).removesuffix(b"\r")
        self._lines.append((self._count, line))
        self._bytes += len(line or b"")
        self._rest.clear()
        self._is_too_long = False

    def _keep(self, piece: bytes) -> None:
        self._rest += piece
        if len(self._rest) > self._max_line:
            self._rest.clear()
            self._is_too_long = True

    def _wake(self) -> None:
        wanted, self._wanted = self._wanted, None
        if wanted is not None and not wanted.called:
            wanted.callback(None)
