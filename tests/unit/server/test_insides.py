"""
Assumptions of :mod:`ssetwist.server._insides` about Twisted, held against Twisted's own classes.
"""

import select
import socket

from twisted.internet.address import IPv4Address
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionDone
from twisted.internet.pollreactor import PollReactor
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import Agent, HTTPConnectionPool

from ssetwist.server._insides import (
    accept_at_most,
    poller_of,
    quiet_pool,
    selectables_of,
    set_poller,
)


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


class PollerTests(SynchronousTestCase):
    """
    The ``epoll`` object of a reactor, and its ports.
    """

    def test_poller(self) -> None:
        """
        ``_poller`` of an epoll reactor is an ``epoll`` object that its ``doPoll`` asks with a
        time-out and a number of events, for pairs of a descriptor and a mask.
        """
        reactor = EPollReactor()
        self.addCleanup(poller_of(reactor).close)
        self.assertIsInstance(poller_of(reactor), select.epoll)
        asked = []

        class Poller:
            def poll(self, timeout: float, events: int) -> list[tuple[int, int]]:
                asked.append(timeout)
                return []

        poller = poller_of(reactor)
        set_poller(reactor, Poller())
        reactor.doPoll(0.5)
        set_poller(reactor, poller)
        self.assertEqual([0.5], asked)

    def test_selectables(self) -> None:
        """
        ``_selectables`` has what an epoll reactor reads from, by its descriptor.
        """
        reactor = EPollReactor()
        self.addCleanup(poller_of(reactor).close)
        port = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
        self.addCleanup(port.connectionLost, Failure(ConnectionDone()))
        self.assertIs(port, selectables_of(reactor)[port.fileno()])

    def test_others(self) -> None:
        """
        Other reactors have none.
        """
        self.assertIsNone(poller_of(MemoryReactorClock()))
        self.assertIsNone(poller_of(PollReactor()))

    def test_accepts(self) -> None:
        """
        ``numberAccepts`` of a port limits how many connections it accepts in one turn.
        """
        reactor = EPollReactor()
        accepted = []
        factory = Factory()
        factory.buildProtocol = accepted.append  # type: ignore[assignment]
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(poller_of(reactor).close)
        self.addCleanup(port.connectionLost, Failure(ConnectionDone()))
        clients = [socket.create_connection(("127.0.0.1", port.getHost().port)) for _ in range(5)]
        for client in clients:
            self.addCleanup(client.close)
        accept_at_most(port, 2)
        port.doRead()
        self.assertEqual(2, len(accepted))
        accept_at_most(object(), 2)  # a port that has no such limit stays as it is
