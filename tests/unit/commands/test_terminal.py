"""
Input and output of a command.
"""

import errno
import io
import json
import os
import sys
import threading
from types import SimpleNamespace
from typing import TextIO
from unicodedata import bidirectional, category

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.commands._terminal import Input, Output, Terminal, escaped, escaped_json, has_colour
from tests.clock import Clock
from tests.patience import wait_until


class OnTerminal(io.StringIO):
    """
    A text stream that is a terminal.
    """

    def isatty(self) -> bool:
        """
        Return true.
        """
        return True


class ThreadedClock(Clock):
    """
    A clock with threads: their calls wait for the test.
    """

    def __init__(self) -> None:
        super().__init__()
        self.wanted: list[tuple[object, ...]] = []

    def callFromThread(self, *call: object) -> None:  # noqa: N802  # as IReactorFromThreads has it
        """
        Remember a call.
        """
        self.wanted.append(call)

    def work(self) -> None:
        """
        Wait for a call of a thread, and make it.
        """
        wait_until(lambda: self.wanted, "a thread wants something")
        function, *arguments = self.wanted.pop(0)
        assert callable(function)
        function(*arguments)


class EscapedTests(SynchronousTestCase):
    """
    Text without control characters.
    """

    def test_escaped(self) -> None:
        """
        Control characters are shown as escapes; tabs and printable text stay.
        """
        self.assertEqual("\\x1b[2J\\r\\x9b\\x00\\x7f", escaped("\x1b[2J\r\x9b\0\x7f"))
        self.assertEqual("a\\u202eb\\u2066\\u200f", escaped("a\u202eb\u2066\u200f"))
        self.assertEqual("\tgrüß 你 👩‍🚀", escaped("\tgrüß 你 👩‍🚀"))

    def test_every_character(self) -> None:
        """
        Of all characters, those that control a terminal, break a line, or change the direction of
        text are escaped, and no others; the mark of the byte order, which is invisible, also is.
        """
        directions = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
        marks = "\u061c\u200e\u200f\ufeff"

        every = "".join(map(chr, range(sys.maxunicode + 1)))
        controls = {
            one
            for one in every
            if category(one) in ("Cc", "Zl", "Zp") or bidirectional(one) in directions
        }
        controls = {*controls, *marks} - {"\t"}
        self.assertEqual(set(), {one for one in controls if escaped(one) == one})
        others = every.translate({ord(one): None for one in controls})
        self.assertTrue(others == escaped(others))

    @given(st.text())
    def test_json(self, text: str) -> None:
        """
        Escaped JSON has the same value, and no control characters.
        """
        found = escaped_json(json.dumps(text, ensure_ascii=False))
        self.assertEqual(text, json.loads(found))
        self.assertEqual(found, escaped(found))


class TerminalTests(SynchronousTestCase):
    """
    Messages.
    """

    def test_nobody_reads(self) -> None:
        """
        A message that nobody reads is dropped without an error.
        """

        class Broken(io.StringIO):
            flushes = 0

            def flush(self) -> None:
                self.flushes += 1
                raise BrokenPipeError

        errors = Broken()
        terminal = Terminal(io.StringIO(), io.StringIO(), errors)
        terminal.write_status("x")
        terminal.write_status("y", end="")
        self.assertEqual(("x\ny", 2), (errors.getvalue(), errors.flushes))

    def test_full_disk(self) -> None:
        """
        A message that cannot be written for another reason is an error.
        """

        class Full(io.StringIO):
            def write(self, text: str) -> int:
                raise OSError(errno.ENOSPC, "no space")

        terminal = Terminal(io.StringIO(), io.StringIO(), Full())
        self.assertRaises(OSError, terminal.write_status, "x")


class ColourTests(SynchronousTestCase):
    """
    The decision on colours.
    """

    def test_when(self) -> None:
        """
        Colours are used on a terminal that has them, unless the environment forbids them.
        """
        self.assertTrue(has_colour(OnTerminal(), {}))
        self.assertTrue(has_colour(OnTerminal(), {"NO_COLOR": ""}))
        self.assertFalse(has_colour(OnTerminal(), {"NO_COLOR": "1"}))
        self.assertFalse(has_colour(OnTerminal(), {"TERM": "dumb"}))
        self.assertFalse(has_colour(io.StringIO(), {}))


class PipeCase(SynchronousTestCase):
    """
    A pipe.
    """

    def setUp(self) -> None:
        reading, writing = os.pipe()
        self.reading = open(reading, encoding="utf-8")  # noqa: SIM115  # closed at the end
        self.addCleanup(self.reading.close)
        self.writing: TextIO = open(writing, "w", encoding="utf-8")  # noqa: SIM115
        self.addCleanup(self.writing.close)


class OutputTests(PipeCase):
    """
    The standard output.
    """

    def test_full(self) -> None:
        """
        Writing to a full pipe waits without blocking the reactor, and loses nothing.
        """
        clock = Clock()
        text = "é" * 300_000
        written = Deferred.fromCoroutine(Output(self.writing, clock).write(text))
        self.assertNoResult(written)
        received = b""
        while not written.called:
            received += os.read(self.reading.fileno(), 65536)
            clock.advance(1)
        self.successResultOf(written)
        self.writing.close()
        self.assertEqual(text, (received + self.reading.buffer.read()).decode())

    def test_gone(self) -> None:
        """
        A pipe without a reader is noticed, and writing to it raises ``BrokenPipeError``.
        """
        output = Output(self.writing, Clock())
        self.assertTrue(output.is_read())
        self.reading.close()
        self.assertFalse(output.is_read())
        self.failureResultOf(Deferred.fromCoroutine(output.write("x")), BrokenPipeError)

    def test_at_most(self) -> None:
        """
        A pipe is given no more at a time than it takes without waiting.
        """
        sizes: list[int] = []
        self.patch(os, "write", lambda _, data: sizes.append(len(data)) or len(data))
        text = "x" * 10_000
        output = Output(self.writing, Clock())
        self.successResultOf(Deferred.fromCoroutine(output.write(text)))
        self.assertEqual([4096, 4096, 1808], sizes)

    def test_encoding(self) -> None:
        """
        Characters that the terminal's encoding does not have are shown as escapes.
        """
        writing = open(os.dup(self.writing.fileno()), "w", encoding="ascii")  # noqa: SIM115
        self.addCleanup(writing.close)
        self.successResultOf(Deferred.fromCoroutine(Output(writing, Clock()).write("é\n")))
        self.assertEqual("\\xe9\n", self.reading.readline())

    def test_in_memory(self) -> None:
        """
        The output may be a stream without a descriptor; it is flushed.
        """
        stream = io.StringIO()
        flushed: list[str] = []
        stream.flush = lambda: flushed.append(stream.getvalue())  # type: ignore[method-assign]
        output = Output(stream, Clock())
        self.successResultOf(Deferred.fromCoroutine(output.write("x")))
        self.assertEqual(["x"], flushed)
        self.assertTrue(output.is_read())


class InputTests(PipeCase):
    """
    The standard input.
    """

    def test_read(self) -> None:
        """
        Available bytes are read, later ones are waited for, and the end stops the thread.
        """
        clock = ThreadedClock()
        input = Input(self.reading, clock)
        os.write(self.writing.fileno(), b"one")
        first = input.read()
        clock.work()
        self.assertEqual(b"one", self.successResultOf(first))
        [thread] = [one for one in threading.enumerate() if one.name == "standard input"]
        self.assertTrue(thread.daemon)  # it may wait for ever, and must not keep the process
        second = input.read()
        self.assertNoResult(second)
        os.write(self.writing.fileno(), b"two")
        clock.work()
        self.assertEqual(b"two", self.successResultOf(second))
        self.writing.close()
        end = input.read()
        clock.work()
        self.assertEqual(b"", self.successResultOf(end))
        for thread in threading.enumerate():
            if thread.name == "standard input":
                thread.join(30)

    def test_broken(self) -> None:
        """
        An input that cannot be read, such as a terminal that was closed, has ended.
        """
        problems: list[object] = []
        self.patch(threading, "excepthook", problems.append)
        clock = ThreadedClock()
        read = Input(SimpleNamespace(fileno=lambda: -1), clock).read()
        wait_until(lambda: clock.wanted or problems, "the thread has read")
        self.assertEqual([], problems)
        clock.work()
        self.assertEqual(b"", self.successResultOf(read))

    def test_cancelled(self) -> None:
        """
        A cancelled reader does not get later bytes.
        """
        clock = ThreadedClock()
        read = Input(self.reading, clock).read()
        read.cancel()
        self.failureResultOf(read)
        self.writing.close()
        clock.work()

    def test_in_memory(self) -> None:
        """
        The input may be a stream without a descriptor.
        """
        input = Input(io.StringIO("é"), Clock())
        self.assertEqual("é".encode(), self.successResultOf(input.read()))
        self.assertEqual(b"", self.successResultOf(input.read()))
