"""
The service on the real reactor, in a process of its own.
"""

import subprocess
import sys

from twisted.internet import reactor
from twisted.logger import LogLevel, capturedLogs
from twisted.python import runtime
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.server._insides import measure_by
from ssetwist.server.tap import Options, makeService
from tests.functional.support import PATIENCE, ROOT, require

#: A program that creates the service with 100 descriptors allowed, and prints the number of
#: subscribers that fit.
SCRIPT = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (50, 100))
from ssetwist.server.tap import Options, makeService
from ssetwist.testing import MemoryOutlet
hub = makeService(Options()).hub
while hub.subscriber_count < 1000 and not hub.is_full(""):
    hub.subscribe(MemoryOutlet(hub.streams))
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], hub.subscriber_count)
"""


class DescriptorTests(SynchronousTestCase):
    """
    Descriptors: each stream takes one.
    """

    def test_limit(self) -> None:
        """
        The service raises the limit of descriptors to the maximum.  It accepts fewer subscribers
        than that, so that the server can still answer one subscriber too many.
        """
        require(sys.platform != "win32", "a limit on descriptors")
        said = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
            timeout=PATIENCE,
        )
        descriptors, subscribers = map(int, said.stdout.split())
        self.assertEqual(100, descriptors)
        self.assertTrue(0 < subscribers < 100, subscribers)


class CannotListenTests(SynchronousTestCase):
    """
    Endpoints that cannot be listened on.
    """

    def test_exit(self) -> None:
        """
        An endpoint that cannot be listened on ends the process with status 1, after one line in the
        log.
        """
        options = Options()
        options.parseOptions(["--listen", "unix:/no/such/folder/hub"])
        self.addCleanup(measure_by, reactor, runtime.seconds)
        service = makeService(options)
        with capturedLogs() as events:
            problem = self.assertRaises(SystemExit, service.privilegedStartService)
        self.assertEqual(1, problem.code)
        levels = [event["log_level"] for event in events]
        self.assertEqual(1, levels.count(LogLevel.critical))
