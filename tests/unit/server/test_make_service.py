"""
``makeService``: from options to a service, or to a message that says why not.
"""

from time import monotonic
from types import SimpleNamespace

from twisted.internet import reactor
from twisted.logger import LogLevel, capturedLogs, globalLogBeginner
from twisted.python import runtime
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from ssetwist import HubService
from ssetwist.server import tap
from ssetwist.server._insides import measure_by
from ssetwist.server.tap import CannotStart, Options, makeService
from ssetwist.testing import MemoryOutlet

try:
    import resource
except ImportError:  # Windows has no limits
    resource = None


class MakeServiceTests(SynchronousTestCase):
    """
    The service that ``twistd ssetwist`` runs.
    """

    def make(self, *arguments: str) -> HubService:
        """
        Make the service for a command line, and restore the limits of this process after the test.
        """
        if resource is not None:
            limits = resource.getrlimit(resource.RLIMIT_NOFILE)
            self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        self.addCleanup(measure_by, reactor, runtime.seconds)
        self.addCleanup(vars(globalLogBeginner).pop, "beginLoggingTo", None)
        options = Options()
        options.parseOptions(arguments)
        return makeService(options)

    def test_service(self) -> None:
        """
        The service has a hub, whose clock is the reactor, a steady one now, and has not been
        started.
        """
        service = self.make()
        self.assertIs(reactor, service.hub.streams.clock)
        self.assertIs(monotonic, reactor.seconds)
        self.assertIsInstance(service, HubService)
        self.assertEqual((0, ()), (service.running, service.ports))

    def test_descriptors(self) -> None:
        """
        The process may then open as many files as its hard limit allows.
        """
        if resource is None:
            raise SkipTest("there are no limits here")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard - 1, hard))
        self.make()
        self.assertEqual((hard, hard), resource.getrlimit(resource.RLIMIT_NOFILE))

    def test_options(self) -> None:
        """
        The service has the options of the command line.
        """
        service = self.make("--heartbeat", "5", "--stall-timeout", "6", "--max-subscribers", "1")
        outlet = MemoryOutlet(service.hub.streams)
        self.addCleanup(outlet.leave)
        service.hub.subscribe(outlet)
        streams = service.hub.streams
        self.assertEqual(
            (5.0, 6.0, True), (streams.heartbeat, streams.stall_timeout, service.hub.is_full(""))
        )

    def test_in_use(self) -> None:
        """
        A service that cannot listen ends the process with status 1, by an ``Exception``, because a
        daemon reports only these.
        """
        for start in ("privilegedStartService", "startService"):  # "python -m twisted": the second
            service = self.make("--listen", "unix:/no/such/folder/hub")
            with capturedLogs() as events:
                problem = self.assertRaises(CannotStart, getattr(service, start))
            self.assertEqual(1, problem.code)
            self.assertIsInstance(problem, Exception)
            self.assertIsInstance(problem, SystemExit)
            self.assertEqual(1, [event["log_level"] for event in events].count(LogLevel.critical))

    def test_log(self) -> None:
        """
        The files of the log are replaced as soon as Twisted begins with them, not before.
        """
        self.assertNotIn("beginLoggingTo", vars(globalLogBeginner))
        self.make()
        self.assertIn("beginLoggingTo", vars(globalLogBeginner))

    def test_fails_later(self) -> None:
        """
        If an endpoint fails after the start, the process ends with status 1.
        """
        statuses: list[int] = []
        self.patch(tap, "ExitStatus", lambda: SimpleNamespace(be=statuses.append))
        self.patch(reactor, "callWhenRunning", lambda *_, **__: None)
        service = self.make("--listen=unix:/no/such/folder/hub")
        self.assertRaises(CannotStart, service.startService)
        self.assertEqual([], statuses, "the error says it")
        service._failed_later()
        self.assertEqual([1], statuses)

    def test_two(self) -> None:
        """
        Two services share nothing.
        """
        self.assertIsNot(self.make().hub, self.make().hub)
