"""
Output of the process's own log to a file, a pipe or a terminal, which never makes the reactor wait.

A pipe that nobody reads, or a terminal stopped by Ctrl-S, takes nothing after a while, and whoever
writes to it sleeps until somebody reads.  So lines are written at once only if they are taken at
once; else a thread writes them.  The descriptor itself stays as it is: it may be shared with a
shell, or with other processes, which do not expect that a write is refused.

A file on a disk is always written at once, as Twisted does: the kernel takes the bytes at the speed
of memory, and the last words before a crash are there.

The option ``--syslog`` of twistd is not covered: its observer writes to a socket of the system by
itself, and waits if that is full.
"""

import atexit
import os
import select
import socket
import stat
from _thread import start_new_thread
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from threading import Lock, RLock
from typing import Any, cast

from twisted.logger import ILogObserver, LogEvent, Logger, globalLogBeginner
from twisted.python.logfile import BaseLogFile

from ..errors import InvalidOption
from ._insides import (
    before_logging_begins,
    file_observer_of,
    file_of,
    open_file_of,
    set_file,
    wrap_files,
)
from ._line_queue import Gap, LineQueue

#: Seconds that the process waits at its end for a reader to take the last lines.
LAST_WAIT = 1.0


class LogOutput:
    """
    A file for an observer of the log.  A line that cannot be written is dropped, and the number of
    these lines is reported in their place, as soon as lines can be written again.

    :param file: Its ``write`` takes all of some bytes, or raises an exception; ``is_in_a_line`` is
        true if the last byte that it took is not the end of a line.
    :param report: Returns the line about a gap.
    :param encoding: The encoding of a text.
    """

    def __init__(
        self,
        file: Any,  # files have no common type
        report: Callable[[Gap], bytes],
        encoding: str = "utf-8",
    ) -> None:
        self._file = file
        self._report = report
        self._encoding = encoding
        self._gap: Gap | None = None
        # The garbage collector may run anywhere, and free an object that logs its end: this line
        # waits until the line before it has been put.  So do those of other threads.
        self._arrived: deque[bytes] = deque()
        self._is_putting = False
        self._lock = RLock()

    def write(self, text: str | bytes) -> None:
        if isinstance(text, str):
            text = text.encode(self._encoding, "backslashreplace")
        self._arrived.append(text)
        self._put_arrived()

    def flush(self) -> None:
        """
        Do nothing: every line is on its way already.
        """

    def _put_arrived(self) -> None:
        with self._lock:
            # Asked once more after the end, because a line may arrive before it counts as the end.
            while self._arrived and not self._is_putting:
                self._is_putting = True
                try:
                    while self._arrived:
                        self._put(self._arrived.popleft())
                finally:
                    self._is_putting = False

    def _put(self, line: bytes) -> None:
        """
        Write a line.  Meanwhile, no other line is put.
        """
        try:
            if self._gap is not None:
                self._file.write(self._bytes_of([self._gap]))
                self._gap = None
            self._file.write(line)
        except Exception as problem:  # a full disk, or no descriptor for the next file
            missing = 0 if self._gap is None else self._gap.count
            self._gap = Gap(missing + 1, _reason_of(problem))

    def _bytes_of(self, piece: Sequence[bytes | Gap]) -> bytes:
        lines = [self._report(one) if isinstance(one, Gap) else one for one in piece]
        is_after_half_a_line = isinstance(piece[0], Gap) and self._file.is_in_a_line
        return b"".join([b"\n", *lines] if is_after_half_a_line else lines)


class PatientLogOutput(LogOutput):
    """
    A file that may have to wait for its reader.  As long as it does, a thread waits.

    :param file: A :class:`Descriptor`, or anything with its methods.
    """

    def __init__(self, file: Any, report: Callable[[Gap], bytes], encoding: str = "utf-8") -> None:
        super().__init__(file, report, encoding)
        self._queue = LineQueue()
        self._writing = Lock()  # held by the thread, while there is one

    def close(self, seconds: float = LAST_WAIT) -> None:
        """
        Wait until all lines are written, but not longer than some seconds.
        """
        if self._writing.acquire(timeout=seconds):
            self._writing.release()

    def _put(self, line: bytes) -> None:
        self._queue.put(line)
        if self._writing.locked():
            return
        piece = self._queue.take()
        try:
            data = self._bytes_of(piece)
            if rest := data[self._file.write_now(data) :]:
                # Thread.start waits for the new thread, where the garbage collector may run as
                # well, and log: that would wait for this lock.
                start_new_thread(self._write_rest, (piece, rest))
                self._writing.acquire()
        except Exception as problem:  # a pipe whose reader has gone, or one thread too many
            self._queue.lose(piece, _reason_of(problem))

    def _write_rest(self, piece: Sequence[bytes | Gap], data: bytes) -> None:
        """
        Write bytes, and all lines that arrive meanwhile.  A process that ends does not wait for
        this thread, because nobody can wake it while it waits for a reader.

        :param piece: The lines and gaps of which the bytes are the rest.
        """
        while piece:
            reason = None
            try:
                self._file.write(data or self._bytes_of(piece))
            except Exception as problem:
                reason = _reason_of(problem)
            piece, data = self._next(piece, reason), b""

    def _next(self, piece: Sequence[bytes | Gap], reason: str | None) -> Sequence[bytes | Gap]:
        """
        Return a piece that waits; nothing if this was all.

        :param piece: The piece before.
        :param reason: The reason for which it was lost, if it was.
        """
        with self._lock:
            self._is_putting = True
            try:
                if reason is not None:
                    self._queue.lose(piece, reason)
                if self._queue.has_news:
                    return self._queue.take()
                # Under the lock, so that no line is put in between.
                self._writing.release()
                return ()
            finally:
                self._is_putting = False
                self._put_arrived()


class Descriptor:
    """
    A descriptor to write to, which may be shared with others.

    :ivar is_in_a_line: True if the last byte that was written is not the end of a line.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self.is_in_a_line = False
        mode = os.fstat(number).st_mode
        self._socket: socket.socket | None = None
        self._private: int | None = None
        if stat.S_ISSOCK(mode):
            self._socket = socket.socket(fileno=os.dup(number))
        elif self.may_wait:
            self._private = _reopened(number)

    @property
    def may_wait(self) -> bool:
        """
        True if a write may wait until somebody reads.
        """
        mode = os.fstat(self._number).st_mode
        return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(self._number)

    def write_now(self, data: bytes) -> int:
        """
        Write the bytes that are taken at once; return their number.

        :raises OSError: If nobody can read them any more.
        """
        try:
            if self._socket is not None:
                count = self._socket.send(data, socket.MSG_DONTWAIT)
            elif self._private is not None:
                count = os.write(self._private, data)
            else:
                return 0
        except BlockingIOError:
            return 0
        self._wrote(data[:count])
        return count

    def write(self, data: bytes) -> None:
        """
        Write all bytes, and wait as long as that takes.

        :raises OSError: If that is impossible.
        """
        while data:
            try:
                count = os.write(self._number, data)
            except BlockingIOError:  # somebody who shares it has made it so
                poll = select.poll()
                poll.register(self._number, select.POLLOUT)
                poll.poll()
                continue
            self._wrote(data[:count])
            data = data[count:]

    def close(self) -> None:
        """
        Close everything but the descriptor itself.
        """
        if self._socket is not None:
            self._socket.close()
        if self._private is not None:
            os.close(self._private)

    def _wrote(self, data: bytes) -> None:
        if data:
            self.is_in_a_line = not data.endswith(b"\n")


def _reopened(number: int) -> int | None:
    """
    Open the same pipe or terminal once more: whether a write waits is a property of each opening.

    :returns: ``None`` where the system does not support this, or the right to it is missing.
    """
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        return os.open(f"/proc/self/fd/{number}", flags)
    except OSError:
        return None


def _reason_of(problem: Exception) -> str:
    return getattr(problem, "strerror", None) or str(problem) or type(problem).__name__


def never_wait_for_readers() -> None:
    """
    Let the observers with which Twisted is about to begin never wait for a reader of their files.
    """
    if os.name == "posix":  # other systems do not tell what a descriptor is
        before_logging_begins(globalLogBeginner, _replace_files)


def check_log_file(path: str | None) -> None:
    """
    Check the file of twistd's option ``--logfile``.

    :raises InvalidOption: If Twisted cannot write to it, because it looks for its end.
    """
    if path and path != "-" and os.path.exists(path):
        mode = os.stat(path).st_mode
        if not (stat.S_ISREG(mode) or os.path.samefile(path, os.devnull)):
            problem = (
                f"{path!r} is not a file on a disk; leave --logfile out, and twistd -n writes to "
                "its standard output, which may be a pipe or a terminal"
            )
            raise InvalidOption("logfile", problem)


def _replace_files(observers: Iterable[ILogObserver]) -> None:
    for observer in observers:
        if (with_file := file_observer_of(observer)) is not None:
            report = partial(_report, with_file.formatEvent)
            set_file(with_file, _output_for(file_of(with_file), report))


def _report(format_event: Callable[[LogEvent], str | None], gap: Gap) -> bytes:
    events: list[LogEvent] = []
    Logger(__name__, observer=cast(ILogObserver, events.append)).warn(
        "{count} lines of the log were dropped here: {reason}", count=gap.count, reason=gap.reason
    )
    return (format_event(events[0]) or "").encode("utf-8", "backslashreplace")


def _output_for(file: Any, report: Callable[[Gap], bytes]) -> Any:  # files have no common type
    """
    Return the output for a file of an observer; the file itself if it is in memory.
    """
    if isinstance(file, BaseLogFile):
        return LogOutput(_RotatingFile(file), report)
    try:
        descriptor = Descriptor(file.fileno())
    except (AttributeError, OSError, ValueError):  # in memory, or closed
        return file
    with suppress(OSError):  # a reader that has gone has no use for what was written before
        file.flush()
    encoding = getattr(file, "encoding", None) or "utf-8"
    if not descriptor.may_wait:
        return LogOutput(descriptor, report, encoding)
    output = PatientLogOutput(descriptor, report, encoding)
    atexit.register(output.close)
    return output


class _RotatingFile:
    """
    A file of Twisted's, which changes its descriptor.
    """

    def __init__(self, file: Any) -> None:  # a LogFile, which is not typed
        self._file = file
        wrap_files(file, _WholeFile)

    @property
    def is_in_a_line(self) -> bool:
        is_it: bool = open_file_of(self._file).is_in_a_line
        return is_it

    def write(self, data: bytes) -> None:
        open_file_of(self._file)
        if self._file.shouldRotate():
            # Without a right to rotate, Twisted continues in the file that it has.  So does this,
            # whatever the reason, and tries again after as many bytes.
            with suppress(OSError):
                self._file.rotate()
            open_file_of(self._file)
            self._file.size = 0
        self._file.write(data)


class _WholeFile:
    """
    A file that takes all of some bytes.  A disk that is nearly full takes only some at a time, and
    Twisted does not look at their number.
    """

    def __init__(self, file: Any) -> None:  # a file without a buffer
        self._file = file
        self.is_in_a_line = False

    def write(self, data: bytes) -> None:
        while data:
            count = self._file.write(data)
            self.is_in_a_line = data[count - 1 : count] != b"\n"
            data = data[count:]

    def __getattr__(self, name: str) -> Any:  # the other methods of the file
        return getattr(self._file, name)
