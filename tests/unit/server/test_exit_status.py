"""
The exit status of a process.
"""

import atexit

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
