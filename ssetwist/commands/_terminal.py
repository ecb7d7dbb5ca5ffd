"""
Input and output of a command, and text without control characters.
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

#: Characters that control a terminal or the direction of text: C0 and C1 except tabs, DEL, marks of
#: direction, and separators that break lines.
_CONTROL = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)

#: Bytes that a writable pipe takes without blocking (``PIPE_BUF``).
_PIECE = 4096

#: Seconds between two checks that a pipe is writable.
_PAUSE = 0.02

#: Bytes that are read from the standard input at once.
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Terminal:
    input: TextIO
    output: TextIO
    errors: TextIO = field(default_factory=lambda: sys.stderr)

    def say(self, text: str) -> None:
        self.output.write(f"{text}\n")

    def write_status(self, text: str, *, end: str = "\n") -> None:
        """
        Write a message at once.  A broken pipe is ignored.
        """
        with suppress(BrokenPipeError):
            self.errors.write(f"{text}{end}")
            self.errors.flush()


def escaped(text: str) -> str:
    """
    Return a text with control characters as escapes, such as ``\\x1b``.
    """
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def escaped_json(text: str) -> str:
    """
    Return JSON of the same value, with control characters as escapes.
    """
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def has_colour(stream: TextIO, environ: Mapping[str, str] | None = None) -> bool:
    """
    Decide on colours: on a terminal, unless ``NO_COLOR`` is set (no-color.org).
    """
    environ = os.environ if environ is None else environ
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


class Output:
    """
    The standard output.  If it is read slowly the writer waits, and the reactor does not.
    """

    def __init__(self, stream: TextIO, reactor: IReactorTime) -> None:
        self._stream = stream
        self._reactor = reactor
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._descriptor = _descriptor_of(stream)

    async def write(self, text: str) -> None:
        """
        Write, and wait until all is written.

        :raises BrokenPipeError: If nobody reads the output any more.
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
        Check that the output is still read, as far as the system can tell.
        """
        if self._descriptor is None:
            return True
        poll = select.poll()
        poll.register(self._descriptor, 0)
        return not any(event & select.POLLERR for _, event in poll.poll(0))


class Input:
    """
    The standard input, read by a thread.  A reactor cannot wait for files, and a terminal must not
    be made non-blocking, because the shell also uses it.
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
        Read available bytes, at most 64 KiB, or wait for some; ``b""`` at the end.  Only one reader
        may wait at a time.  Cancelling it loses the next bytes.
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
        if waiting is not None:
            waiting.callback(some)


def _descriptor_of(stream: TextIO) -> int | None:
    """
    Return the file descriptor; ``None`` without one, or where it cannot be waited for.
    """
    if os.name != "posix":
        return None  # pipes cannot be waited for
    try:
        return stream.fileno()
    except (OSError, AttributeError):  # in memory, or closed
        return None
