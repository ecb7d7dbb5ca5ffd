"""
Lines of an input that may be faster or slower than the consumer.
"""

from collections import deque
from enum import Enum

from twisted.internet.defer import Deferred, succeed

from ._terminal import Input

#: The longest line, in bytes.  A hub takes a megabyte by default.
MAX_LINE = 16 * 1024 * 1024

#: Numbers of waiting lines, and of their bytes, above which reading pauses.
_ENOUGH_LINES = 2000
_ENOUGH_BYTES = 2 * 1024 * 1024


class _Input(Enum):
    RESTING = "Nothing is read, because enough lines wait or nothing has asked for any."
    READING = "Bytes are read until enough lines wait."
    OVER = "The input has ended, or reading was stopped; nothing is read any more."


class Lines:
    """
    Cuts an input into lines.  LF and CRLF end a line, and so does the end of the input.
    """

    def __init__(self, reader: Input, max_line: int = MAX_LINE) -> None:
        self._reader = reader
        self._max_line = max_line
        self._lines: deque[tuple[int, bytes | None]] = deque()
        self._bytes = 0
        self._count = 0
        self._rest: bytearray | None = bytearray()  # an unfinished line; None if too long
        self._input = _Input.RESTING
        self._reading: Deferred[None] = succeed(None)
        self._wanted: Deferred[None] | None = None

    async def take(self, limit: int) -> list[tuple[int, bytes | None]]:
        """
        Wait for lines, and take those that are there.

        :returns: Each line with its number, from 1, and without its end; ``None`` replaces a line
            that is too long.  The list is empty at the end of the input only.
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
    def has_more(self) -> bool:
        """
        True if more lines have come than were taken, or one has begun.
        """
        return bool(self._lines) or self._rest is None or bool(self._rest)

    @property
    def _is_over(self) -> bool:
        return self._input is _Input.OVER

    def stop(self) -> None:
        self._lines.clear()
        self._input = _Input.OVER
        self._reading.cancel()
        self._wake()

    def _read_on(self) -> None:
        if self._input is _Input.RESTING:
            self._input = _Input.READING
            self._reading = Deferred.fromCoroutine(self._read())
            self._reading.addErrback(lambda _: None)  # it was stopped

    async def _read(self) -> None:
        try:
            while len(self._lines) < _ENOUGH_LINES and self._bytes < _ENOUGH_BYTES:
                some = await self._reader.read()
                if self._is_over:
                    return
                self._cut(some)
                self._wake()
                if not some:
                    return
        finally:
            if self._input is _Input.READING:
                self._input = _Input.RESTING

    def _cut(self, some: bytes) -> None:
        if not some:
            if self._rest is None or self._rest:
                self._add(b"")
            self._input = _Input.OVER
            return
        *whole, rest = some.split(b"\n")
        for line in whole:
            self._add(line)
        self._keep(rest)

    def _add(self, end: bytes) -> None:
        self._keep(end)
        self._count += 1
        line = None if self._rest is None else bytes(self._rest).removesuffix(b"\r")
        self._lines.append((self._count, line))
        self._bytes += len(line or b"")
        self._rest = bytearray()

    def _keep(self, piece: bytes) -> None:
        if self._rest is not None:
            self._rest += piece
            if len(self._rest) > self._max_line:
                self._rest = None

    def _wake(self) -> None:
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            wanted.callback(None)
