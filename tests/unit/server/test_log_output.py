"""
Output of the log, to files that take everything, nothing, or some.
"""

import atexit
import os
import tempfile
from collections import deque
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

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
from ssetwist.server._line_queue import MAX_WAITING, Gap, LineQueue
from ssetwist.server._log_output import (
    LogOutput,
    PatientLogOutput,
    _output_for,
    _replace_files,
    check_log_file,
)
from tests.patience import PATIENCE, wait_until
from tests.unit.server.log_case import patched, report


class Disk:
    """
    A file that is full, or not.
    """

    def __init__(self) -> None:
        self.is_full = False
        self.is_in_a_line = False
        self.taken = b""
        self.meanwhile: Callable[[], object] = lambda: None

    def write(self, data: bytes) -> None:
        self.meanwhile()
        if self.is_full:
            raise OSError(28, "No space left on device")
        self.taken += data

    def write_now(self, data: bytes) -> int:
        self.write(data)
        return len(data)


class LogOutputTests(SynchronousTestCase):
    """
    Output that is written at once.
    """

    def test_again_in_the_same_thread(self) -> None:
        """
        A thread that holds the lock gets it once more, as a line within a line needs it.
        """
        lock = LogOutput(Disk(), report)._lock
        with lock:
            self.assertTrue(lock.acquire(blocking=False))
            lock.release()

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

    def test_any_problem(self) -> None:
        """
        A line is counted whatever the file raises, and also if its report cannot be made.
        """
        problems: list[Exception] = [ValueError("closed"), ZeroDivisionError()]
        disk = Disk()

        def fail() -> None:
            if problems:
                raise problems.pop(0)

        disk.meanwhile = fail
        output = LogOutput(disk, report)
        for number in (1, 2, 3):
            output.write(f"{number}\n")
        self.assertEqual(b"(2: ZeroDivisionError)\n3\n", disk.taken)

    def test_report_and_no_more(self) -> None:
        """
        Lines that were reported are not counted again, if the disk is full after the report.
        """
        disk = Disk()
        output = LogOutput(disk, report)
        disk.is_full = True
        output.write("1\n")
        states = [False, True]
        disk.meanwhile = lambda: setattr(disk, "is_full", states.pop(0) if states else False)
        for number in (2, 3):
            output.write(f"{number}\n")
        told = b"(1: No space left on device)\n"
        self.assertEqual(told + told + b"3\n", disk.taken)

    def test_long(self) -> None:
        """
        A line of any length is written, because it need not wait.
        """
        disk = Disk()
        line = b"x" * (2 * MAX_WAITING) + b"\n"
        LogOutput(disk, report).write(line)
        self.assertEqual(line, disk.taken)

    def test_line_within_a_line(self) -> None:
        """
        If the garbage collector frees an object that logs, its line follows the one before it, and
        is counted as any other.
        """
        disk = Disk()
        output = LogOutput(disk, report)
        inner: list[str] = []
        disk.meanwhile = lambda: inner and output.write(inner.pop())
        for first, second, disk.is_full in ((1, 2, False), (3, 4, True), (5, 6, False)):
            inner.append(f"{second}\n")
            output.write(f"{first}\n")
        self.assertEqual(b"1\n2\n(2: No space left on device)\n5\n6\n", disk.taken)

    def test_line_at_the_end(self) -> None:
        """
        A line that is logged in the moment in which none is left is not forgotten.
        """
        disk = Disk()
        output = LogOutput(disk, report)
        inner = ["2\n"]

        class Arrived(deque[bytes]):
            def __bool__(self) -> bool:
                is_left = len(self) > 0
                if not is_left and inner:
                    output.write(inner.pop())
                return is_left

        output._arrived = Arrived()
        output.write("1\n")
        self.assertEqual(b"1\n2\n", disk.taken)

    def test_threads(self) -> None:
        """
        A line of another thread follows the one that is being written.
        """
        disk = Disk()
        output = LogOutput(disk, report)
        other = Thread(target=output.write, args=("2\n",))

        def begin_other() -> None:
            disk.meanwhile = lambda: None
            other.start()
            wait_until(lambda: output._arrived, "the other line has arrived")

        disk.meanwhile = begin_other
        output.write("1\n")
        other.join(PATIENCE)
        self.assertEqual(b"1\n2\n", disk.taken)


class PatientTests(SynchronousTestCase):
    """
    Output that waits for its reader.
    """

    def setUp(self) -> None:
        self.reading = Event()
        self.taken = b""
        self.problem: OSError | None = None
        self.meanwhile: Callable[[], object] = lambda: None
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
        self.meanwhile()
        if self.problem is not None:
            raise self.problem
        self.taken += data

    def test_empty(self) -> None:
        """
        Without a line there is no thread, and nothing to wait for.
        """
        output = PatientLogOutput(self, report)
        output.close(PATIENCE)
        self.assertFalse(output._writing.locked())

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
        self.assertFalse(self.output._writing.locked())
        self.assertEqual(b"(2: Broken pipe)\n3\n", self.taken)

    def test_half_a_line(self) -> None:
        """
        A report begins on a new line if the line before it was written in part; a line does not.
        """
        self.is_in_a_line = True
        self.reading.set()
        self.output.write("0\n")
        self.problem = BrokenPipeError(32, "Broken pipe")
        self.output.write("1\n")
        self.problem = None
        self.output.write("2\n")
        self.assertEqual(b"0\n\n(1: Broken pipe)\n2\n", self.taken)

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
        self.assertFalse(self.output._writing.locked())
        self.assertEqual(b"1\n", self.taken)

    def test_no_thread(self) -> None:
        """
        If no thread can be started, what is not taken at once is counted, and the next line tries
        again.
        """

        def start(*_: object) -> None:
            raise RuntimeError("can't start new thread")

        with patched(self, _log_output, "start_new_thread", start):
            for number in (1, 2):
                self.output.write(f"{number}\n")
                if is_waiting := self.output._writing.locked():
                    self.output._writing.release()  # or the end of this test would wait for it
                self.assertFalse(is_waiting)
        self.output.write("3\n")
        self.reading.set()
        self.output.close(PATIENCE)
        self.assertEqual(b"(2: can't start new thread)\n3\n", self.taken)

    def test_no_report(self) -> None:
        """
        A report that cannot be made, at once or by the thread, leaves its number to the next one.
        """
        self.problem = BrokenPipeError(32, "Broken pipe")
        self.output.write("1\n")
        self.problem = None
        with patched(self, self.output, "_report", lambda gap: 1 / 0):
            self.output.write("2\n")
        self.output.write("3\n")
        self.reading.set()
        self.output.close(PATIENCE)
        self.assertEqual(b"(2: division by zero)\n3\n", self.taken)

    def test_line_within_a_line(self) -> None:
        """
        If the garbage collector frees an object that logs, at any moment, its line follows.
        """
        queue = self.output._queue
        for number, name in enumerate(("put", "take", "lose")):
            self.problem = BrokenPipeError(32, "Broken pipe") if name == "lose" else None
            self.reading.set()
            act = getattr(queue, name)

            def act_and_log(*arguments: object, act: Callable[..., object] = act) -> object:
                setattr(queue, act.__name__, act)
                self.output.write("inner\n")
                done = act(*arguments)
                self.problem = None
                return done

            setattr(queue, name, act_and_log)
            self.output.write(f"{number}\n")
        told = b"(1: Broken pipe)\n"
        self.assertEqual(b"0\ninner\n1\ninner\n" + told + b"inner\n", self.taken)

    def test_line_within_the_thread(self) -> None:
        """
        A line that is logged in the thread is written, too.
        """
        inner = ["2\n", "3\n"]
        self.meanwhile = lambda: inner and self.output.write(inner.pop(0))
        take = self.output._queue.take

        def take_and_log() -> object:
            if len(inner) == 1:
                self.output.write(inner.pop())
            return take()

        self.output._queue.take = take_and_log  # type: ignore[method-assign,assignment]
        self.output.write("1\n")
        self.reading.set()
        self.output.close(PATIENCE)
        self.assertEqual(b"1\n2\n3\n", self.taken)

    def test_line_at_the_end_of_the_thread(self) -> None:
        """
        A line that is logged in the moment in which the thread ends is written.
        """
        output, inner = self.output, ["2\n"]

        class Queue(LineQueue):
            @property
            def has_news(self) -> bool:
                is_so = super().has_news
                if not is_so and inner:
                    output.write(inner.pop())
                return is_so

        output._queue = Queue()
        output.write("1\n")
        self.reading.set()
        output.close(PATIENCE)
        self.assertEqual(b"1\n2\n", self.taken)


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

    def test_reader_gone_before(self) -> None:
        """
        A file is written patiently also if its reader has gone, and something is left in it.
        """
        read, write = os.pipe()
        os.close(read)
        self.addCleanup(os.close, write)

        def flush() -> None:
            raise BrokenPipeError

        output = _output_for(SimpleNamespace(fileno=lambda: write, flush=flush), report)
        self.assertIsInstance(output, PatientLogOutput)
        output._file.close()

    def test_last_lines(self) -> None:
        """
        At the end of the process the last lines for a pipe are waited for, but not for long; a file
        on a disk has all lines already.
        """
        registered: list[tuple[object, ...]] = []
        self.patch(atexit, "register", lambda *call: registered.append(call))
        read, write = os.pipe()
        with open(read, "rb"), open(write, "w") as pipe, tempfile.TemporaryFile() as file:
            output = _output_for(pipe, report)
            _output_for(file, report)
            self.assertEqual([(output.close, 1.0)], registered)
            output._file.close()

    def test_encoding(self) -> None:
        """
        Lines are written in the encoding of the file; without one in UTF-8.
        """
        read, write = os.pipe()
        with tempfile.TemporaryFile() as file, open(read, "rb"), open(write, "wb") as pipe:
            for encoding, expected in (("latin-1", b"\xe9"), (None, "é".encode())):
                for stream in (file, pipe):
                    given = SimpleNamespace(
                        fileno=stream.fileno, flush=stream.flush, encoding=encoding
                    )
                    output = _output_for(given, report)
                    output.write("é")
                    output._file.close()
                file.seek(0)
                self.assertEqual([expected] * 2, [file.read(), os.read(read, 10)])
                file.seek(0)
                file.truncate()

    def test_written_before(self) -> None:
        """
        Text that was written to a file before comes first.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "log")
            with path.open("w") as file:
                file.write("before\n")
                _output_for(file, report).write("after\n")
                self.assertEqual("before\nafter\n", path.read_text())

    def test_closed(self) -> None:
        """
        A file that is closed stays as it is.
        """
        with open(os.devnull) as file:
            pass
        self.assertIs(file, _output_for(file, report))

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

    def test_any_reason(self) -> None:
        """
        The report can be written whatever the reason is, such as the name of a file in no encoding.
        """
        with tempfile.TemporaryDirectory() as folder:
            file = LogFile("log", folder)
            self.addCleanup(file.close)
            disk = Disk()
            problems = [OSError("no file \udcff")]

            def fail() -> None:
                if problems:
                    raise problems.pop()

            disk.meanwhile = fail
            log = self.begin(observer := textFileLogObserver(file))
            self.patch(observer._outFile, "_file", disk)
            log.info("lost")
            log.info("kept")
            self.assertIn(rb"1 lines of the log were dropped here: no file \udcff", disk.taken)

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
