"""
Output of the process's own log, which never makes the reactor wait.

A pipe that nobody reads, or a terminal stopped by Ctrl-S, takes nothing after a while, and whoever
writes to it sleeps until somebody reads.  So a thread writes to these.  The descriptor itself stays
as it is: it may be shared with a shell, or with other processes, which do not expect that a write
is refused.

A file on a disk is written at once, as Twisted does: the kernel takes the bytes at the speed of
memory, a thread would cost more, and the last words before a crash are there.
"""

import atexit
import os
import select
import stat
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from threading import Condition, RLock, Thread
from typing import Any, cast

from twisted.logger import ILogObserver, LogEvent, Logger, globalLogBeginner
from twisted.python.logfile import BaseLogFile

from ..errors import InvalidOption
from ._insides import before_logging_begins, file_observer_of, file_of, set_file
from ._line_queue import Gap, LineQueue

#: Seconds that the process waits at its end for a reader to take the last lines.
LAST_WAIT = 1.0


class LogOutput:
    """
    A file for an observer of the log.  A line that cannot be written is dropped, and the number of
    these lines is reported in their place, as soon as lines can be written again.

    :param write: Writes all of some bytes, or raises ``OSError``.
    :param report: Returns the line about a gap.
    :param encoding: The encoding of a text.
    """

    def __init__(
        self,
        write: Callable[[bytes], object],
        report: Callable[[Gap], bytes],
        encoding: str = "utf-8",
    ) -> None:
        self._write = write
        self._report = report
        self._encoding = encoding
        self._queue = LineQueue()

    def write(self, text: str | bytes) -> None:
        if isinstance(text, str):
            text = text.encode(self._encoding, "backslashreplace")
        self._put(text)

    def flush(self) -> None:
        """
        Do nothing: every line is on its way already.
        """

    def _put(self, line: bytes) -> None:
        self._queue.put(line)
        piece = self._queue.take()
        if (problem := self._problem_of(piece)) is not None:
            self._queue.lose(piece, problem)

    def _problem_of(self, piece: Sequence[bytes | Gap]) -> str | None:
        """
        Write a piece, and return the reason if that is impossible.
        """
        lines = [self._report(one) if isinstance(one, Gap) else one for one in piece]
        try:
            self._write(b"".join(lines))
        except OSError as problem:  # a full disk, a pipe whose reader has gone
            return problem.strerror or str(problem)
        return None


class PatientLogOutput(LogOutput):
    """
    A file that may have to wait for its reader.  A thread writes to it, which begins with the first
    line.
    """

    def __init__(
        self,
        write: Callable[[bytes], object],
        report: Callable[[Gap], bytes],
        encoding: str = "utf-8",
    ) -> None:
        super().__init__(write, report, encoding)
        # The garbage collector may run inside, and free an object that logs its end.
        self._changed = Condition(RLock())
        self._thread: Thread | None = None
        self._is_closing = False

    def close(self, seconds: float = LAST_WAIT) -> None:
        """
        Wait until all lines are written, but not longer than some seconds.
        """
        with self._changed:
            thread = self._thread
            self._is_closing = thread is not None
            self._changed.notify()
        if thread is not None:
            thread.join(seconds)

    def _put(self, line: bytes) -> None:
        with self._changed:
            self._queue.put(line)
            self._changed.notify()
            if self._thread is None:
                # A daemon, because nobody can wake it while it waits for a reader.
                self._thread = Thread(target=self._run, daemon=True, name="log")
                self._thread.start()

    def _run(self) -> None:
        while piece := self._next_piece():
            if (problem := self._problem_of(piece)) is not None:
                with self._changed:
                    self._queue.lose(piece, problem)

    def _next_piece(self) -> Sequence[bytes | Gap]:
        """
        Wait for lines, and return them; nothing if this is the end.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._queue.has_news or self._is_closing)
            if self._queue.has_news:
                return self._queue.take()
            self._thread, self._is_closing = None, False
            return ()


class Descriptor:
    """
    A descriptor to write to, which may be shared with others.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._is_in_a_line = False

    @property
    def may_wait(self) -> bool:
        """
        True if a write may wait until somebody reads.
        """
        mode = os.fstat(self._number).st_mode
        return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(self._number)

    def write(self, data: bytes) -> None:
        """
        Write all bytes, on a new line if the last ones were written in part.

        :raises OSError: If that is impossible.
        """
        rest = memoryview(b"\n" + data if self._is_in_a_line else data)
        while rest:
            try:
                count = os.write(self._number, rest)
            except BlockingIOError:  # somebody who shares it has made it so
                poll = select.poll()
                poll.register(self._number, select.POLLOUT)
                poll.poll()
                continue
            rest = rest[count:]
            self._is_in_a_line = bool(rest)


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
        return LogOutput(file.write, report)
    try:
        descriptor = Descriptor(file.fileno())
        file.flush()
    except (AttributeError, OSError):
        return file
    encoding = getattr(file, "encoding", None) or "utf-8"
    if not descriptor.may_wait:
        return LogOutput(descriptor.write, report, encoding)
    output = PatientLogOutput(descriptor.write, report, encoding)
    atexit.register(output.close)
    return output
