"""
A reactor with a steady clock.
"""

import ast
import time
from pathlib import Path
from types import SimpleNamespace

from twisted.internet.interfaces import IReactorTCP, IReactorTime
from twisted.internet.selectreactor import SelectReactor
from twisted.python import runtime
from twisted.trial.unittest import SynchronousTestCase

import ssetwist
from ssetwist import EventStreamResource, Hub, MemoryLog, Site
from ssetwist.client import EventSource, Publisher
from ssetwist.clock import SteadyReactor, reactor_behind, steady
from ssetwist.hub import Streams
from tests.clock import Clock

HOUSE = Path(ssetwist.__file__).parent


class SteadyTests(SynchronousTestCase):
    """
    ``steady``.
    """

    def test_reactor(self) -> None:
        """
        A reactor that measures by the time of day has one steady reactor, which does everything
        else as it does.
        """
        reactor = SelectReactor()
        made = steady(reactor)
        self.assertIsInstance(made, SteadyReactor)
        self.assertIs(made, steady(reactor))
        self.assertIs(made, steady(made))
        self.assertIs(reactor, reactor_behind(made))
        self.assertTrue(IReactorTCP.providedBy(made) and IReactorTime.providedBy(made))
        self.assertEqual((reactor.connectTCP, False), (made.connectTCP, made.running))
        self.assertLess(abs(made.seconds() - time.monotonic()), 60)
        later, soon = (made.callLater(delay, lambda: None) for delay in (5, 0))
        self.assertEqual([later], made.getDelayedCalls())
        self.assertEqual([soon], reactor.getDelayedCalls())
        for call in (later, soon):
            call.cancel()

    def test_steady_already(self) -> None:
        """
        A clock of tests, and a reactor that measures by another clock, are steady as they are.
        """
        clock, reactor = Clock(), SelectReactor()
        reactor.seconds = time.monotonic
        for one in (clock, reactor):
            self.assertIs(one, steady(one))
            self.assertIs(one, reactor_behind(one))

    def test_no_descriptors(self) -> None:
        """
        A reactor that does not watch descriptors stays as it is.
        """
        reactor = SimpleNamespace(seconds=runtime.seconds)
        self.assertIs(reactor, steady(reactor))


class UsersTests(SynchronousTestCase):
    """
    Everything that an application gives its reactor to uses a steady clock.
    """

    def setUp(self) -> None:
        self.reactor = SelectReactor()

    def tearDown(self) -> None:
        self.assertEqual([], self.reactor.getDelayedCalls())
        self.assertEqual([], steady(self.reactor).getDelayedCalls())

    def test_hub(self) -> None:
        """
        The streams of a hub, and the Site, have a steady clock.
        """
        hub = Hub(clock=self.reactor, flush_threads=1)
        site = Site(EventStreamResource(hub), streams=hub.streams)
        self.assertIs(steady(self.reactor), hub.streams.clock)
        self.assertIs(steady(self.reactor), site.reactor)
        self.assertIs(steady(self.reactor), Streams(self.reactor).clock)

    def test_log(self) -> None:
        """
        The entries of a log have dates, and its ages do not depend on the time of day.
        """
        log = MemoryLog(self.reactor, max_age=3600)
        entry = self.successResultOf(log.append(("a",), ssetwist.Event("a")))
        self.assertLess(abs(entry.at - time.time()), 60)
        self.assertEqual(1, log.oldest)

    def test_client(self) -> None:
        """
        An event source begins in the next turn, whatever the time of day is then.
        """
        source = EventSource("http://192.0.2.1/", reactor=self.reactor)
        [call] = self.reactor.getDelayedCalls()
        self.assertLess(call.getTime(), 0)
        self.successResultOf(source.close())
        self.successResultOf(Publisher("http://192.0.2.1/", reactor=self.reactor).close())


class RuleTests(SynchronousTestCase):
    """
    The code of the package.
    """

    def test_time_of_day(self) -> None:
        """
        The time of day is read in one place: elsewhere a clock is passed in.
        """
        readers = set()
        for path in HOUSE.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Attribute(value=ast.Name(id="time"), attr="time" | "time_ns"):
                        readers.add(path.relative_to(HOUSE).parts[0])
                    case ast.Attribute(attr="now" | "utcnow", value=ast.Name(id="datetime")):
                        readers.add(str(path))
                    case ast.ImportFrom(module="time", names=names):
                        if "time" in [name.name for name in names]:
                            readers.add(str(path))
        self.assertEqual({"clock"}, readers)
