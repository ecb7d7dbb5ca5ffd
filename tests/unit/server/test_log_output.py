"""
Output of the log, to files that take everything, nothing, or some.
"""

import os
import socket
import sys
import tempfile
from io import StringIO
from pathlib import Path
from threading import Event

from twisted.logger import (
    FilteringLogObserver,
    LogBeginner,
    Logger,
    LogPublisher,
    textFileLogObserver,
)
from twisted.python.logfile import LogFile
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import InvalidOption
from ssetwist.server import _log_output
from ssetwist.server._insides import before_logging_begins
from ssetwist.server._line_queue import MAX_WAITING, Gap
from ssetwist.server._log_output import (
    Descriptor,
    LogOutput,
    PatientLogOutput,
    _replace_files,
    check_log_file,
)
from tests.patience import PATIENCE


def report(gap: Gap) -> bytes:
    return f"({gap.count}: {gap.reason})\n".encode()


class Disk:
    """
    A file that is full, or not.
    """

    def __init__(self) -> None:
        self.is_full = False
        self.is_in_a_line = False
        self.taken = b""

    def write(self, data: bytes) -> None:
        if self.is_full:
            raise OSError(28, "No space left on device")
        self.taken += data


class LogOutputTests(SynchronousTestCase):
    """
    Output that is written at once.
    """

    def test_at_once(self) -> None:
        """
        Text is written before ``write`` returns; a character that the encoding lacks is escaped.
        """
        disk = Disk()
        output = LogOutput(disk, report, "latin-1")
        output.write("é €\n")
        output.flush()
        output.write(b"bytes\n")
        self.assertEqual(b"\xe9 \\u20ac\nbytes\n", disk.taken)

    def test_full_disk(self) -> None:
        """
        Lines that a full disk does not take are counted, and reported before the next line.
        """
        disk = Disk()
        output = LogOutput(disk, report)
        output.write("1\n")
        disk.is_full = True
        for number in range(2, 5):
            output.write(f"{number}\n")
        disk.is_full = False
        output.write("5\n")
        self.assertEqual(b"1\n(3: No space left on device)\n5\n", disk.taken)

    def test_half_a_line(self) -> None:
        """
        The report begins on a new line, if the line before it was written in part.
        """
        disk = Disk()
        output = LogOutput(disk, report)
        disk.is_full = True
        output.write("1\n")
        disk.is_full = False
        disk.is_in_a_line = True
        output.write("2\n")
        self.assertEqual(b"\n(1: No space left on device)\n2\n", disk.taken)


class PatientTests(SynchronousTestCase):
    """
    Output that waits for its reader.
    """

    def setUp(self) -> None:
        self.reading = Event()
        self.taken = b""
        self.problem: OSError | None = None
        self.output = PatientLogOutput(self, report)
        self.addCleanup(lambda: (self.reading.set(), self.output.close(PATIENCE)))

    is_in_a_line = False

    def write_now(self, data: bytes) -> int:
        if self.problem is not None:
            raise self.problem
        if not self.reading.is_set():
            return 0
        self.taken += data
        return len(data)

    def write(self, data: bytes) -> None:
        self.reading.wait()
        if self.problem is not None:
            raise self.problem
        self.taken += data

    def test_nobody_reads(self) -> None:
        """
        ``write`` returns while nobody reads.  Lines beyond the bound are dropped, and when somebody
        reads again, their number is told without another line.
        """
        line = b"x" * 999 + b"\n"
        for _ in range(2 * MAX_WAITING // len(line)):
            self.output.write(line)
        self.reading.set()
        self.output.close(PATIENCE)
        *lines, told = self.taken.splitlines(keepends=True)
        dropped = 2 * MAX_WAITING // len(line) - len(lines)
        self.assertEqual(report(Gap(dropped, "nobody read them in time")), told)
        self.assertEqual({line}, set(lines))
        self.assertGreaterEqual(len(lines), MAX_WAITING // len(line))

    def test_end(self) -> None:
        """
        At the end of the process ``close`` gives up a reader that does not read.
        """
        self.output.write("lost\n")
        self.output.close(0.001)
        self.assertEqual(b"", self.taken)

    def test_nothing_written(self) -> None:
        """
        Without a line there is no thread, and nothing to wait for.
        """
        self.output.close(PATIENCE)
        self.assertIsNone(self.output._thread)

    def test_reader_has_gone(self) -> None:
        """
        Lines are counted while the pipe is broken, and the number is told to the next reader.
        """
        self.problem = BrokenPipeError(32, "Broken pipe")
        self.reading.set()
        for number in (1, 2):
            self.output.write(f"{number}\n")
        self.problem = None
        self.output.write("3\n")
        self.assertIsNone(self.output._thread)
        self.assertEqual(b"(2: Broken pipe)\n3\n", self.taken)

    def test_reader_goes(self) -> None:
        """
        Lines that waited for a reader that went away are counted, too.
        """
        for number in (1, 2):
            self.output.write(f"{number}\n")
        self.problem = BrokenPipeError(32, "Broken pipe")
        self.reading.set()
        self.output.close(PATIENCE)
        self.problem = None
        self.output.write("3\n")
        self.assertEqual(b"(2: Broken pipe)\n3\n", self.taken)

    def test_read_at_once(self) -> None:
        """
        As long as all is read, there is no thread, and a line is written before ``write`` returns.
        """
        self.reading.set()
        self.output.write("1\n")
        self.assertIsNone(self.output._thread)
        self.assertEqual(b"1\n", self.taken)


class DescriptorTests(SynchronousTestCase):
    """
    Descriptors to write to.
    """

    def pipe(self) -> tuple[int, int]:
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        self.addCleanup(os.close, write)
        return read, write

    def test_may_wait(self) -> None:
        """
        A pipe may wait; a file on a disk, and the null device, do not.
        """
        self.assertTrue(Descriptor(self.pipe()[1]).may_wait)
        for path in (os.devnull, __file__):
            with open(path) as file:
                self.assertFalse(Descriptor(file.fileno()).may_wait)

    def test_terminal(self) -> None:
        """
        A terminal may wait: Ctrl-S stops it.
        """
        above, below = os.openpty()
        self.addCleanup(os.close, above)
        self.addCleanup(os.close, below)
        self.assertTrue(Descriptor(below).may_wait)

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
        descriptor = Descriptor(write)
        self.addCleanup(descriptor.close)
        output = PatientLogOutput(descriptor, report)
        sent = bytes(range(256)) * 4 * 1024 + b"\n"
        output.write("first\n")
        self.assertEqual(os.name == "posix" and sys.platform != "linux", bool(output._thread))
        self.assertEqual(b"first\n", os.read(read, 100))
        output.write(sent[: len(sent) // 2])
        output.write(sent[len(sent) // 2 :])
        self.assertIsNotNone(output._thread)
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

    def test_gone(self) -> None:
        """
        A reader that has gone is an error at once.
        """
        read, write = os.pipe()
        self.addCleanup(os.close, write)
        descriptor = Descriptor(write)
        self.addCleanup(descriptor.close)
        os.close(read)
        self.assertRaises(BrokenPipeError, descriptor.write_now, b"x\n")

    def test_not_opened_again(self) -> None:
        """
        If a pipe cannot be opened again, the thread writes everything.
        """
        self.patch(_log_output, "_reopened", lambda number: None)
        read, write = self.pipe()
        output = PatientLogOutput(Descriptor(write), report)
        output.write("hello\n")
        self.assertEqual(b"hello\n", os.read(read, 100))
        output.close(PATIENCE)

    def test_in_a_line(self) -> None:
        """
        A descriptor knows whether it is in the middle of a line.
        """
        with tempfile.TemporaryFile() as file:
            descriptor = Descriptor(file.fileno())
            states = []
            for text in (b"1\n", b"2", b"3\n"):
                descriptor.write(text)
                states.append(descriptor.is_in_a_line)
            self.assertEqual([False, True, False], states)


class ReplaceTests(SynchronousTestCase):
    """
    Observers that Twisted begins with.
    """

    def begin(self, *observers: object) -> Logger:
        publisher = LogPublisher()
        beginner = LogBeginner(
            publisher, StringIO(), None, type("Warnings", (), {"showwarning": 0})
        )
        for _ in range(2):  # twice is once
            before_logging_begins(beginner, _replace_files)
        beginner.beginLoggingTo(observers, redirectStandardIO=False)
        self.assertNotIn("beginLoggingTo", vars(beginner))
        return Logger("test", observer=publisher)

    def test_pipe(self) -> None:
        """
        An observer, also one behind a filter, of a full pipe does not wait.
        """
        read, write = os.pipe()
        with open(read, "rb") as source, open(write, "w") as pipe:
            os.set_blocking(write, False)
            try:
                while True:
                    os.write(write, b"x" * 4096)
            except BlockingIOError:
                os.set_blocking(write, True)
            observer = textFileLogObserver(pipe)
            log = self.begin(FilteringLogObserver(observer, []))
            log.info("not {what}", what="stuck")
            received = b""
            while b"stuck" not in received:
                received += source.read1(65536)
            self.assertRegex(received, rb"x[-0-9T:+]+ \[test#info\] not stuck\n$")
            observer._outFile.close(PATIENCE)
            observer._outFile._file.close()

    def test_rotating_file(self) -> None:
        """
        A file of twistd's ``--logfile`` is written at once, and rotates as before.
        """
        with tempfile.TemporaryDirectory() as folder:
            file = LogFile("log", folder, rotateLength=10)
            self.addCleanup(file.close)
            log = self.begin(textFileLogObserver(file))
            for word in ("one", "two"):
                log.info(word)
            self.assertEqual(["log", "log.1"], sorted(os.listdir(folder)))
            self.assertIn("two", Path(folder, "log").read_text())

    def test_full_disk(self) -> None:
        """
        The report about lost lines looks like all other lines.
        """
        with tempfile.TemporaryDirectory() as folder:
            file = LogFile("log", folder)
            self.addCleanup(file.close)
            disk = Disk()
            disk.is_full = True
            log = self.begin(observer := textFileLogObserver(file))
            self.patch(observer._outFile, "_file", disk)
            log.info("lost")
            disk.is_full = False
            log.info("kept")
            self.assertRegex(
                disk.taken.decode(),
                r"^\S+ \[ssetwist\S+#warn\] 1 lines of the log were dropped here: No space left on "
                r"device\n\S+ \[test#info\] kept\n$",
            )

    def test_others(self) -> None:
        """
        Files in memory, and observers of other kinds, stay as they are.
        """
        file = StringIO()
        heard: list[object] = []
        log = self.begin(textFileLogObserver(file), heard.append)
        log.info("hello")
        self.assertIn("hello", file.getvalue())
        self.assertEqual(1, len(heard))


class LogFileOptionTests(SynchronousTestCase):
    """
    The file of ``--logfile``.
    """

    def test_file(self) -> None:
        """
        Files, new ones, the standard output and the null device are accepted.
        """
        for path in (None, "", "-", os.devnull, __file__, "/no/such/file"):
            check_log_file(path)

    def test_pipe(self) -> None:
        """
        A named pipe is refused with an advice: Twisted would fail with a traceback.
        """
        with tempfile.TemporaryDirectory() as folder:
            os.mkfifo(path := f"{folder}/pipe")
            with self.assertRaisesRegex(InvalidOption, "twistd -n writes to its standard output"):
                check_log_file(path)
