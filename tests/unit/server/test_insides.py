"""
Assumptions of :mod:`ssetwist.server._insides` about Twisted, held against Twisted's own classes.
"""

from asyncio import new_event_loop

from twisted.internet.address import IPv4Address
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.base import ReactorBase
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import Agent, HTTPConnectionPool

from ssetwist.server._insides import measure_by, quiet_pool


class QuietPoolTests(SynchronousTestCase):
    """
    A pool that does not log its connections.
    """

    def lines_of(self, pool: HTTPConnectionPool, reactor: MemoryReactorClock) -> list[str]:
        """
        Return the log lines about a connection that an agent makes for a request.
        """
        agent = Agent(reactor, pool=pool)
        with capturedLogs() as logs:
            agent.request(b"GET", b"http://192.0.2.1/").addErrback(lambda _: None)
            reactor.advance(0)
            [(_, _, client_factory, *_)] = reactor.tcpClients
            client_factory.doStart()
            client_factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 80))
            client_factory.doStop()
        return [event["log_format"] for event in logs]

    def test_quiet(self) -> None:
        """
        ``_factory`` of a pool makes the factory of an agent's connection, and its ``noisy`` counts.
        """
        reactor = MemoryReactorClock()
        self.assertEqual([], self.lines_of(quiet_pool(reactor), reactor))

    def test_loud_by_itself(self) -> None:
        """
        A pool of Twisted logs every connection.
        """
        reactor = MemoryReactorClock()
        self.assertNotEqual([], self.lines_of(HTTPConnectionPool(reactor), reactor))


class MeasureByTests(SynchronousTestCase):
    """
    A reactor that measures durations by another clock.
    """

    def setUp(self) -> None:
        self.now = 1e9
        self.reactors = [SelectReactor(), AsyncioSelectorReactor(new_event_loop())]
        self.addCleanup(self.reactors[1]._asyncioEventloop.close)
        for reactor in self.reactors:
            measure_by(reactor, lambda: self.now)
        self.seen: list[str] = []

    def change(self, reactor: ReactorBase) -> None:
        """
        Measure by a clock that has another beginning.
        """
        measure_by(reactor, lambda: self.now - 1e9 + 5)

    def turn(self, reactor: ReactorBase, seconds: float) -> None:
        """
        Let time pass, and make the calls whose time has come.
        """
        self.now += seconds
        reactor.runUntilCurrent()

    def test_pending(self) -> None:
        """
        Pending calls, whether the reactor has sorted them in already or not, are made after as many
        seconds as before, in their order.
        """
        for reactor in self.reactors:
            calls = [reactor.callLater(n, self.seen.append, str(n)) for n in (3, 2, 1)]
            self.turn(reactor, 0)
            calls[1].cancel()
            reactor.callLater(2.5, self.seen.append, "new")
            self.change(reactor)
            self.assertEqual((5, 1), (round(reactor.seconds()), reactor.timeout()))
            self.turn(reactor, 1)
            self.assertEqual(["1"], self.seen)
            calls[0].reset(0.5)
            self.turn(reactor, 0.5)
            self.assertEqual(["1", "3"], self.seen)
            self.turn(reactor, 1)
            self.assertEqual(["1", "3", "new"], self.seen)
            self.seen.clear()
            self.now -= 2.5

    def test_later_calls(self) -> None:
        """
        ``callLater`` of a reactor uses the attribute ``seconds`` of the reactor, and gives it to
        the call.
        """
        for reactor in self.reactors:
            self.change(reactor)
            call = reactor.callLater(1, lambda: None)
            self.assertEqual((6, reactor.seconds), (call.getTime(), call.seconds))
            call.cancel()
            reactor.runUntilCurrent()

    def test_other_reactors(self) -> None:
        """
        A reactor that does not extend Twisted's stays as it is.
        """
        clock = MemoryReactorClock()
        measure_by(clock, lambda: 5.0)
        self.assertEqual(0, clock.seconds())
