"""
Files that the log is written to: a descriptor of the process, and a file of Twisted's that rotates.

Each takes all of some bytes, or raises an exception.
"""

import os
import select
import socket
import stat
from contextlib import suppress
from typing import Any

from ._insides import open_file_of, wrap_files


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
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
    try:
        return os.open(f"/proc/self/fd/{number}", flags)
    except OSError:
        return None


class RotatingFile:
    """
    A file of Twisted's, which changes its descriptor.

    A rotation renames every file that was rotated before: with a thousand of them, it takes a tenth
    of a second.  So it counts as a write that may wait.
    """

    def __init__(self, file: Any) -> None:  # a LogFile, which is not typed
        self._file = file
        wrap_files(file, _WholeFile)

    @property
    def is_in_a_line(self) -> bool:
        is_it: bool = open_file_of(self._file).is_in_a_line
        return is_it

    def write_now(self, data: bytes) -> int:
        """
        Write all bytes, or none if the file is to be rotated first; return their number.
        """
        open_file_of(self._file)
        if self._file.shouldRotate():
            return 0
        self._file.write(data)
        return len(data)

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
