"""
Where a command reads from and writes to, and what is harmless there.
"""

import os
import re
import select
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Semaphore, Thread
from typing import TextIO

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from .._reactor import AnyReactor

#: What a terminal obeys, and what changes the order of what is read: C0 and C1 but tabulators, DEL,
#: the marks of direction, and separators that break lines.
_HARMFUL = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)

#: How many bytes a pipe takes without waiting, if it takes any (``PIPE_BUF``).
_PIECE = 4096

#: Seconds between looking whether who reads has made room.
_PAUSE = 0.02

#: Bytes that are read from the standard input at once.
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Terminal:
    """
    Where a command reads from, and writes to.
    """

    input: TextIO
    output: TextIO
    errors: TextIO = field(default_factory=lambda: sys.stderr)

    def say(self, text: str) -> None:
        """
        Write a line.
        """
        self.output.write(f"{text}\n")

    def write_status(self, text: str, *, end: str = "\n") -> None:
        """
        Write a line that is no result, at once.  If nobody reads it, so be it.
        """
        with suppress(BrokenPipeError):
            self.errors.write(f"{text}{end}")
            self.errors.flush()


def escaped(text: str) -> str:
    """
    Return a text with what a terminal obeys as escapes: ``\\x1b`` does nothing.
    """
    return _HARMFUL.sub(lambda found: ascii(found[0])[1:-1], text)


def escaped_json(text: str) -> str:
    """
    Return JSON that means the same, and in which a terminal finds nothing to obey.
    """
    return _HARMFUL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def has_colour(stream: TextIO, environ: Mapping[str, str] | None = None) -> bool:
    """
    Tell whether to write in colours: on a terminal, unless ``NO_COLOR`` is set (no-color.org).
    """
    environ = os.environ if environ is None else environ
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


class Output:
    """
    The standard output, which may be read slowly: the reactor never waits for it, the writer does.
    """

    def __init__(self, stream: TextIO, reactor: IReactorTime) -> None:
        self._stream = stream
        self._reactor = reactor
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._descriptor = _descriptor_of(stream)

    async def write(self, text: str) -> None:
        """
        Write, and wait until it is written.

        :raises BrokenPipeError: If nobody reads any more.
        """
        if self._descriptor is None:
            self._stream.write(text)
            self._stream.flush()
            return
        rest = memoryview(text.encode(self._encoding, "backslashreplace"))
        while rest:
            while not select.select([], [self._descriptor], [], 0)[1]:
                await deferLater(self._reactor, _PAUSE)
            rest = rest[os.write(self._descriptor, rest[:_PIECE]) :]

    def is_read(self) -> bool:
        """
        Tell whether somebody reads it still, as far as that can be told.
        """
        if self._descriptor is None:
            return True
        poll = select.poll()
        poll.register(self._descriptor, 0)
        return not any(event & select.POLLERR for _, event in poll.poll(0))


class Input:
    """
    The standard input, read by a thread: no reactor waits for files, and a terminal may not be set
    not to block, because the shell uses it too.
    """

    def __init__(self, stream: TextIO, reactor: AnyReactor) -> None:
        self._stream = stream
        self._reactor = reactor
        self._descriptor = _descriptor_of(stream)
        self._wanted = Semaphore(0)
        self._waiting: Deferred[bytes] | None = None
        self._thread: Thread | None = None

    def read(self) -> Deferred[bytes]:
        """
        Read what is there, at most 64 KiB, or wait until something is; ``b""`` at the end.  Only
        one may read at a time.  Cancelling it loses what comes.
        """
        if self._descriptor is None:
            return succeed(self._stream.read(_CHUNK).encode("utf-8", "surrogateescape"))
        if self._thread is None:
            # A daemon, so that the process can end while it waits.
            self._thread = Thread(target=self._read, daemon=True, name="standard input")
            self._thread.start()
        assert self._waiting is None
        waiting: Deferred[bytes] = Deferred()
        self._waiting = waiting
        self._wanted.release()
        return waiting

    def _read(self) -> None:
        assert self._descriptor is not None
        while True:
            self._wanted.acquire()
            try:
                some = os.read(self._descriptor, _CHUNK)
            except OSError:  # a terminal that was closed
                some = b""
            self._reactor.callFromThread(self._arrived, some)
            if not some:
                return

    def _arrived(self, some: bytes) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.callback(some)


def _descriptor_of(stream: TextIO) -> int | None:
    """
    Return what the system knows it by; ``None`` where that is of no use.
    """
    if os.name != "posix":
        return None  # pipes cannot be waited for
    try:
        return stream.fileno()
    except (OSError, AttributeError):  # in memory, or closed
        return None
