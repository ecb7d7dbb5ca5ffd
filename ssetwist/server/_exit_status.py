"""
Exit status of the process.
"""

import atexit
import os
import sys
from collections.abc import Callable
from contextlib import suppress


class ExitStatus:
    """
    Status that the process ends with.  By itself ``twistd`` ends with 0 once its reactor has run,
    and an exception that is raised then reaches only the log.

    Make it early: it acts at the end of the process, after everything that is registered for that
    later.

    :param exit: Ends the process at once.
    """

    def __init__(self, exit: Callable[[int], object] = os._exit) -> None:
        self._exit = exit
        self._status = 0
        atexit.register(self.end)

    def be(self, status: int) -> None:
        self._status = status

    def end(self) -> None:
        """
        End the process, unless the status is 0, with which it ends anyway.
        """
        if not self._status:
            return
        for file in (sys.stdout, sys.stderr):
            with suppress(Exception):  # there may be none, or no reader
                file.flush()
        self._exit(self._status)
