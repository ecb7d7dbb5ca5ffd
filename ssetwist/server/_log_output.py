"""
Output of the process's own log to a file, a pipe or a terminal, which never makes the reactor wait.

A pipe that nobody reads, or a terminal stopped by Ctrl-S, takes nothing after a while, and whoever
writes to it sleeps until somebody reads.  So lines are written at once only if they are taken at
once; else a thread writes them.  The descriptor itself stays as it is: it may be shared with a
shell, or with other processes, which do not expect that a write is refused.

A file on a disk is written at once, as Twisted does: the kernel takes the bytes at the speed of
memory, and the last words before a crash are there.  Only a file that is to be rotated is left to
the thread, with the lines that come meanwhile.

The option ``--syslog`` of twistd is not covered: its observer writes to a socket of the system by
itself, and waits if that is full.
"""

import atexit
import os
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
from ._insides import before_logging_begins, file_observer_of, file_of, set_file
from ._line_queue import Gap, LineQueue
from ._log_files import Descriptor, RotatingFile

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

    def close(self, seconds: float) -> None:
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
        return _patient(RotatingFile(file), report)
    try:
        descriptor = Descriptor(file.fileno())
    except (AttributeError, OSError, ValueError):  # in memory, or closed
        return file
    with suppress(OSError):  # a reader that has gone has no use for what was written before
        file.flush()
    encoding = getattr(file, "encoding", None) or "utf-8"
    if not descriptor.may_wait:
        return LogOutput(descriptor, report, encoding)
    return _patient(descriptor, report, encoding)


def _patient(file: Any, *options: Any) -> PatientLogOutput:
    output = PatientLogOutput(file, *options)
    atexit.register(output.close, LAST_WAIT)
    return output
