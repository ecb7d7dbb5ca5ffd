"""
Where a command reads from and writes to.
"""

import io
import json
import os
import threading
from typing import TextIO

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.commands._terminal import Input, Output, Terminal, escaped, escaped_json, has_colour
from tests.patience import wait_until


class OnTerminal(io.StringIO):
    """
    A terminal.
    """

    def isatty(self) -> bool:
        """
        It is one.
        """
        return True


class ThreadedClock(Clock):
    """
    A reactor that has threads: what they want done waits for the test.
    """

    def __init__(self) -> None:
        super().__init__()
        self.wanted: list[tuple[object, ...]] = []

    def callFromThread(self, *call: object) -> None:  # noqa: N802  # as IReactorFromThreads has it
        """
        Remember what is wanted.
        """
        self.wanted.append(call)

    def work(self) -> None:
        """
        Wait for one call, and do it.
        """
        wait_until(lambda: self.wanted, "a thread wants something")
        function, *arguments = self.wanted.pop(0)
        assert callable(function)
        function(*arguments)


class HarmlessTests(SynchronousTestCase):
    """
    What a terminal does not obey.
    """

    def test_escaped(self) -> None:
        """
        What it would obey is shown as an escape; a tabulator and all that is text stays.
        """
        self.assertEqual("\\x1b[2J\\r\\x9b\\x00\\x7f", escaped("\x1b[2J\r\x9b\0\x7f"))
        self.assertEqual("a\\u202eb\\u2066\\u200f", escaped("a\u202eb\u2066\u200f"))
        self.assertEqual("\tgrüß 你 👩‍🚀", escaped("\tgrüß 你 👩‍🚀"))

    @given(st.text())
    def test_json(self, text: str) -> None:
        """
        JSON means the same, and has nothing of that.
        """
        found = escaped_json(json.dumps(text, ensure_ascii=False))
        self.assertEqual(text, json.loads(found))
        self.assertEqual(found, escaped(found))


class TerminalTests(SynchronousTestCase):
    """
    Telling what happens.
    """

    def test_nobody_reads(self) -> None:
        """
        It does no harm if nobody reads it.
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


class ColourTests(SynchronousTestCase):
    """
    When there are colours.
    """

    def test_when(self) -> None:
        """
        On a terminal that has some, unless somebody does not want them.
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
    Writing.
    """

    def test_full(self) -> None:
        """
        Who writes to a pipe that is full waits, and the reactor does not; nothing is lost.
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
        That nobody reads any more is known, and told who writes.
        """
        output = Output(self.writing, Clock())
        self.assertTrue(output.is_read())
        self.reading.close()
        self.assertFalse(output.is_read())
        self.failureResultOf(Deferred.fromCoroutine(output.write("x")), BrokenPipeError)

    def test_encoding(self) -> None:
        """
        What a terminal has no letters for is shown as an escape.
        """
        writing = open(os.dup(self.writing.fileno()), "w", encoding="ascii")  # noqa: SIM115
        self.addCleanup(writing.close)
        self.successResultOf(Deferred.fromCoroutine(Output(writing, Clock()).write("é\n")))
        self.assertEqual("\\xe9\n", self.reading.readline())

    def test_in_memory(self) -> None:
        """
        It need not be a descriptor.
        """
        stream = io.StringIO()
        output = Output(stream, Clock())
        self.successResultOf(Deferred.fromCoroutine(output.write("x")))
        self.assertEqual("x", stream.getvalue())
        self.assertTrue(output.is_read())


class InputTests(PipeCase):
    """
    Reading.
    """

    def test_read(self) -> None:
        """
        What is there is read, and then waited for; at the end there is nothing, and no thread.
        """
        clock = ThreadedClock()
        input = Input(self.reading, clock)
        os.write(self.writing.fileno(), b"one")
        first = input.read()
        clock.work()
        self.assertEqual(b"one", self.successResultOf(first))
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

    def test_cancelled(self) -> None:
        """
        Who does not wait any more is not told.
        """
        clock = ThreadedClock()
        read = Input(self.reading, clock).read()
        read.cancel()
        self.failureResultOf(read)
        self.writing.close()
        clock.work()

    def test_in_memory(self) -> None:
        """
        It need not be a descriptor.
        """
        input = Input(io.StringIO("é"), Clock())
        self.assertEqual("é".encode(), self.successResultOf(input.read()))
        self.assertEqual(b"", self.successResultOf(input.read()))
