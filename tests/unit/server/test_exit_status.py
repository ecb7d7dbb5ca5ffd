"""
The exit status of a process.
"""

import atexit
import sys
from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.server._exit_status import ExitStatus


class ExitStatusTests(SynchronousTestCase):
    """
    A status that is set while a process runs.
    """

    def test_end(self) -> None:
        """
        The process is ended with the last status that was set, and ends by itself without one.
        """
        for statuses, expected in (((), []), ((0,), []), ((1,), [1]), ((3, 0), []), ((1, 2), [2])):
            ended: list[int] = []
            status = ExitStatus(ended.append)
            self.addCleanup(atexit.unregister, status.end)
            for one in statuses:
                status.be(one)
            status.end()
            self.assertEqual(expected, ended)

    def test_at_the_end(self) -> None:
        """
        The status acts when Python ends the process: it is the first to be registered for that.
        """
        registered: list[object] = []
        self.patch(atexit, "register", registered.append)
        status = ExitStatus()
        self.assertEqual([status.end], registered)

    def test_last_words(self) -> None:
        """
        The standard output and the standard error are flushed before, and a stream that is missing,
        closed or broken does not keep the process from ending.
        """
        seen: list[object] = []
        status = ExitStatus(seen.append)
        self.addCleanup(atexit.unregister, status.end)
        status.be(1)
        for problem in (None, BrokenPipeError, ValueError):

            def flush(name: str, problem: type[Exception] | None = problem) -> None:
                seen.append(name)
                if problem is not None:
                    raise problem

            for name in ("stdout", "stderr"):
                file = SimpleNamespace(flush=lambda name=name, flush=flush: flush(name))
                self.patch(sys, name, file)
            status.end()
        for name in ("stdout", "stderr"):
            self.patch(sys, name, None)
        status.end()
        self.assertEqual(["stdout", "stderr", 1] * 3 + [1], seen)
