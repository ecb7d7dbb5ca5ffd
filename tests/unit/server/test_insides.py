"""
Assumptions of :mod:`ssetwist.server._insides` about Twisted, held against Twisted's own classes.
"""

from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import Agent, HTTPConnectionPool

from ssetwist.server._insides import quiet_pool


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
