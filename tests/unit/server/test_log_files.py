"""
Files that the log is written to.
"""

import atexit
import os
import resource
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from threading import get_ident
from types import SimpleNamespace

from twisted.python.logfile import LogFile
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.server import _log_files
from ssetwist.server._log_files import Descriptor, RotatingFile, _WholeFile
from ssetwist.server._log_output import LogOutput, PatientLogOutput, _output_for
from tests.patience import PATIENCE
from tests.unit.server.log_case import patched, report


@contextmanager
def limited(which: int, most: int) -> Iterator[None]:
    """
    Limit a resource of this process.
    """
    soft, hard = resource.getrlimit(which)
    resource.setrlimit(which, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(which, (soft, hard))


class DescriptorTests(SynchronousTestCase):
    """
    Descriptors to write to.
    """

    def descriptor(self, number: int) -> Descriptor:
        made = Descriptor(number)
        self.addCleanup(made.close)
        return made

    def pipe(self) -> tuple[int, int]:
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        self.addCleanup(os.close, write)
        return read, write

    def test_may_wait(self) -> None:
        """
        A pipe may wait; a file on a disk, and the null device, do not.
        """
        self.assertTrue(self.descriptor(self.pipe()[1]).may_wait)
        for path in (os.devnull, __file__):
            with open(path) as file:
                self.assertFalse(self.descriptor(file.fileno()).may_wait)

    def test_terminal(self) -> None:
        """
        A terminal may wait: Ctrl-S stops it.
        """
        above, below = os.openpty()
        self.addCleanup(os.close, above)
        self.addCleanup(os.close, below)
        self.assertTrue(self.descriptor(below).may_wait)

    def socket(self) -> tuple[int, int]:
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        return theirs.fileno(), ours.fileno()

    def assert_written(self, read: int, write: int, *, has_flag: bool) -> None:
        """
        Check that all is written, also what is not taken at once, and that the descriptor stays
        blocking, or non-blocking, for those that share it.
        """
        os.set_blocking(write, not has_flag)
        output = PatientLogOutput(self.descriptor(write), report)
        sent = bytes(range(256)) * 4 * 1024 + b"\n"
        output.write("first\n")
        is_opened_again = sys.platform == "linux"
        self.assertEqual(is_opened_again, not output._writing.locked())
        self.assertEqual(b"first\n", os.read(read, 100))
        output.write(sent[: len(sent) // 2])
        output.write(sent[len(sent) // 2 :])
        self.assertTrue(output._writing.locked())
        received = b""
        while len(received) < len(sent):
            received += os.read(read, 65536)
        output.close(PATIENCE)
        self.assertEqual((sent, not has_flag), (received, os.get_blocking(write)))

    def test_written(self) -> None:
        """
        Pipes and sockets are written at once as far as they take it, then by a thread.
        """
        for read, write in (self.pipe(), self.socket()):
            for has_flag in (False, True):
                self.assert_written(read, write, has_flag=has_flag)

    def test_at_once(self) -> None:
        """
        A write to a socket does not wait, although the socket itself may be one that does.
        """
        flags: list[int] = []
        descriptor = self.descriptor(self.socket()[1])
        sending = SimpleNamespace(send=lambda data, flag: flags.append(flag) or len(data))
        with patched(self, descriptor, "_socket", sending):
            self.assertEqual(6, descriptor.write_now(b"hello\n"))
        self.assertEqual([socket.MSG_DONTWAIT], flags)

    def test_full(self) -> None:
        """
        A pipe or a socket that is full takes nothing, which is not an error.
        """
        for number in (self.pipe()[1], self.socket()[1]):
            descriptor = self.descriptor(number)
            while descriptor.write_now(b"x" * 4096):
                pass
            self.assertEqual(0, descriptor.write_now(b"x"))

    def test_gone(self) -> None:
        """
        A reader that has gone is an error at once.
        """
        read, write = os.pipe()
        self.addCleanup(os.close, write)
        descriptor = self.descriptor(write)
        os.close(read)
        self.assertRaises(BrokenPipeError, descriptor.write_now, b"x\n")

    def test_not_opened_again(self) -> None:
        """
        If a pipe cannot be opened again, the thread writes everything.
        """
        self.patch(_log_files, "_reopened", lambda number: None)
        read, write = self.pipe()
        output = PatientLogOutput(self.descriptor(write), report)
        output.write("hello\n")
        self.assertEqual(b"hello\n", os.read(read, 100))
        output.close(PATIENCE)

    def test_closed(self) -> None:
        """
        ``close`` closes what was opened, and leaves the descriptor itself open.
        """
        above, below = os.openpty()
        self.addCleanup(os.close, above)
        self.addCleanup(os.close, below)
        for number in (self.pipe()[1], self.socket()[1], below):
            before = os.listdir("/dev/fd")
            descriptor = Descriptor(number)
            if sys.platform == "linux":  # others do not open a pipe again
                self.assertNotEqual(before, os.listdir("/dev/fd"))
            descriptor.close()
            self.assertEqual(before, os.listdir("/dev/fd"))

    def test_opened_again(self) -> None:
        """
        A pipe or a terminal is opened again so that a write does not wait, and so that the terminal
        does not become that of the process.
        """
        _, write = self.pipe()
        opened: list[int] = []

        def note(path: str, flags: int, open: Callable[[str, int], int] = os.open) -> int:
            opened.append(flags)
            return open(path, flags)

        with patched(self, os, "open", note):
            self.descriptor(write)
        (flags,) = opened
        for flag in (os.O_NONBLOCK, os.O_NOCTTY):
            self.assertTrue(flags & flag)

    def test_written_in_part(self) -> None:
        """
        After a write in part a descriptor is in a line, although the whole would end one.
        """
        _, write = self.pipe()
        descriptor = self.descriptor(write)
        text = b"x" * 1024 * 1024 + b"\n"
        self.assertLess(descriptor.write_now(text), len(text))
        self.assertTrue(descriptor.is_in_a_line)
        with tempfile.TemporaryFile() as file, limited(resource.RLIMIT_FSIZE, 6):
            descriptor = self.descriptor(file.fileno())
            self.assertRaises(OSError, descriptor.write, b"hello hello\n")
            self.assertTrue(descriptor.is_in_a_line)

    def test_in_a_line(self) -> None:
        """
        A descriptor knows whether it is in the middle of a line.
        """
        with tempfile.TemporaryFile() as file:
            descriptor = self.descriptor(file.fileno())
            states = []
            for text in (b"1\n", b"2", b"", b"3\n"):
                descriptor.write(text)
                states.append(descriptor.is_in_a_line)
            self.assertEqual([False, True, True, False], states)


class RotatingFileTests(SynchronousTestCase):
    """
    A file of Twisted's that rotates.
    """

    def log_file(self, rotate_length: int) -> LogFile:
        """
        Begin to log to a file of Twisted's.
        """
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        file = LogFile("log", folder.name, rotate_length)
        self.addCleanup(file.close)
        self.output = LogOutput(RotatingFile(file), report)
        return file

    def text(self, file: LogFile) -> str:
        """
        Return everything that was written, the oldest first.
        """
        paths = [Path(f"{file.path}.{number}") for number in reversed(file.listLogs())]
        return "".join(path.read_text() for path in (*paths, Path(file.path)))

    def test_now(self) -> None:
        """
        Everything is written at once, or nothing if the file has to be rotated first.
        """
        file = self.log_file(rotate_length=3)
        rotating = self.output._file
        self.assertEqual([4, 0], [rotating.write_now(b"one\n") for _ in range(2)])
        self.assertEqual(([], "one\n"), (file.listLogs(), self.text(file)))

    def test_rotated_by_a_thread(self) -> None:
        """
        A file of twistd's ``--logfile`` is written at once.  It rotates as before, but not in the
        thread of the reactor, which would wait while all older files are renamed.
        """
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        file = LogFile("log", folder.name, 3)
        self.addCleanup(file.close)
        threads = []
        rotate = file.rotate
        self.patch(file, "rotate", lambda: (threads.append(get_ident()), rotate()))
        output = _output_for(file, report)
        self.addCleanup(atexit.unregister, output.close)
        output.write("one\n")
        self.assertEqual("one\n", self.text(file))
        output.write("two\n")
        output.close(PATIENCE)
        self.assertEqual(1, len(threads))
        self.assertNotIn(get_ident(), threads)
        self.assertEqual(([1], "one\ntwo\n"), (file.listLogs(), self.text(file)))

    def test_failed_rotation(self) -> None:
        """
        If the next file cannot be opened, lines are counted, and the file is opened later.
        """
        file = self.log_file(rotate_length=3)
        self.output.write("one\n")
        with limited(resource.RLIMIT_NOFILE, 3):
            for _ in range(3):
                self.output.write("lost\n")
        self.output.write("two\n")
        self.assertEqual("one\n(3: Too many open files)\ntwo\n", self.text(file))

    def test_never_rotated(self) -> None:
        """
        If a file cannot be renamed, the log continues in it, and tries again after as many bytes.
        """
        file = self.log_file(rotate_length=20)
        tried = []

        def fail() -> None:
            tried.append(file.size)
            raise PermissionError

        with patched(self, file, "listLogs", fail):
            for _ in range(10):
                self.output.write("line\n")
        self.assertEqual(([20, 20], "line\n" * 10), (tried, self.text(file)))

    def test_not_renamed(self) -> None:
        """
        The log also continues if a file cannot be renamed after it was closed.
        """
        file = self.log_file(rotate_length=3)

        def fail(*_: object) -> None:
            raise PermissionError

        with patched(self, os, "rename", fail):
            for number in (1, 2, 3):
                self.output.write(f"{number}\n")
        self.assertEqual("1\n2\n3\n", self.text(file))

    def test_rotated_by_others(self) -> None:
        """
        A file that was closed by a rotation that failed, such as one by ``SIGUSR1``, is opened by
        the next line.
        """
        file = self.log_file(rotate_length=1000)
        self.output.write("one\n")

        def fail(*_: object) -> None:
            raise PermissionError

        with patched(self, os, "rename", fail):
            self.assertRaises(PermissionError, file.rotate)
        self.output.write("two\n")
        self.assertEqual("one\ntwo\n", self.text(file))

    def test_short_write(self) -> None:
        """
        A line that is written in part is counted, and the report begins on a line of its own.
        """
        file = self.log_file(rotate_length=1000)
        self.output.write("one\n")
        with limited(resource.RLIMIT_FSIZE, 6):
            self.output.write("lost\n")
        self.output.write("two\n")
        self.assertEqual("one\nlo\n(1: File too large)\ntwo\n", self.text(file))

    def test_written_in_parts(self) -> None:
        """
        A line that a file takes in parts is whole in the end.
        """
        file = BytesIO()
        taking = SimpleNamespace(write=lambda data: file.write(data[:3]))
        whole = _WholeFile(taking)
        for line, is_half in ((b"hello\n", False), (b"x" * 7, True), (b"", True)):
            whole.write(line)
            self.assertIs(is_half, whole.is_in_a_line)
        self.assertEqual(b"hello\nxxxxxxx", file.getvalue())
