"""
What a command tells on the standard error, besides its results.
"""

import io
import os

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.commands._status import StatusOutput
from ssetwist.commands._terminal import Terminal
from tests.unit.commands.test_terminal import OnTerminal


class StatusOutputTests(SynchronousTestCase):
    """
    Telling what happens, and how far it is.
    """

    def setUp(self) -> None:
        self.patch(os, "environ", {"TERM": "dumb"})
        self.errors = OnTerminal()

    def make(self, *, is_quiet: bool = False) -> StatusOutput:
        """
        Make one on a terminal.
        """
        return StatusOutput(Terminal(io.StringIO(), io.StringIO(), self.errors), is_quiet=is_quiet)

    def test_quiet(self) -> None:
        """
        Who is quiet tells only what is urgent, and not how far it is.
        """
        status = self.make(is_quiet=True)
        self.assertFalse(status.has_progress)
        status.write("open")
        status.write("refused", is_urgent=True)
        self.assertEqual("refused\n", self.errors.getvalue())
        self.assertTrue(self.make().has_progress)

    def test_in_place(self) -> None:
        """
        How far it is stands on one line: nothing is left of a longer text before, nor beside what
        is told then.
        """
        status = self.make()
        status.progress("123456")
        status.progress("12")
        status.write("x")
        status.wipe()
        self.assertEqual("\r123456\r12    \r  \rx\n", self.errors.getvalue())
