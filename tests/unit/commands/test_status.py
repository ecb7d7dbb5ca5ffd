"""
Messages on the standard error.
"""

import io
import os

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.commands._status import StatusOutput
from ssetwist.commands._terminal import Terminal
from tests.unit.commands.test_terminal import OnTerminal


class StatusOutputTests(SynchronousTestCase):
    """
    Messages and the progress.
    """

    def setUp(self) -> None:
        self.patch(os, "environ", {"TERM": "dumb"})
        self.errors = OnTerminal()

    def make(self, *, is_quiet: bool = False) -> StatusOutput:
        """
        Return an output on a terminal.
        """
        return StatusOutput(Terminal(io.StringIO(), io.StringIO(), self.errors), is_quiet=is_quiet)

    def test_quiet(self) -> None:
        """
        With --quiet only urgent messages are written, and no progress.
        """
        status = self.make(is_quiet=True)
        self.assertFalse(status.has_progress)
        status.write("open")
        status.write("refused", is_urgent=True)
        self.assertEqual("refused\n", self.errors.getvalue())
        self.assertTrue(self.make().has_progress)

    def test_colours(self) -> None:
        """
        On a terminal with colours a message is dim, and an urgent one is red; control characters in
        a message have no effect anywhere.
        """
        dim, red, none, plain = "\x1b[2m", "\x1b[31m", "\x1b[0m", "a\\x1b[2J\\nb"
        for term, is_urgent, expected in (
            ("xterm", False, f"{dim}{plain}{none}\n"),
            ("xterm", True, f"{red}{plain}{none}\n"),
            ("dumb", False, f"{plain}\n"),
            ("dumb", True, f"{plain}\n"),
        ):
            self.patch(os, "environ", {"TERM": term})
            self.errors = OnTerminal()
            self.make().write("a\x1b[2J\nb", is_urgent=is_urgent)
            self.assertEqual(expected, self.errors.getvalue())

    def test_in_place(self) -> None:
        """
        The progress is one line; a shorter text, and a message, leave nothing of a longer one.
        """
        status = self.make()
        status.progress("123456")
        status.progress("12")
        status.write("x")
        status.wipe()
        self.assertEqual("\r123456\r12    \r  \rx\n", self.errors.getvalue())
