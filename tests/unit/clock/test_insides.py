"""
Insides of Twisted that the clocks rely on.
"""

from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.clock import SteadyReactor, measure_tls_by
from tests.clock import Clock


class TLSTests(SynchronousTestCase):
    """
    A connection with TLS on a reactor, and a steady one made from that.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.timers = Clock()
        self.steady = SteadyReactor(self.reactor, self.timers)

    def connection(self, clock: IReactorTime) -> Any:
        """
        Return a connection that collects small writes by a clock.
        """
        inside = Factory.forProtocol(Protocol)
        factory = TLSMemoryBIOFactory(CertificateOptions(), True, inside, clock=clock)
        connection: Any = factory.buildProtocol(None)
        connection.makeConnection(StringTransport())
        return connection

    def calls(self) -> tuple[int, int]:
        """
        Return the timed calls of the reactor, and those of the steady one.
        """
        return len(self.reactor.getDelayedCalls()), len(self.timers.getDelayedCalls())

    def test_steady(self) -> None:
        """
        A write waits by the steady reactor, also with another wrapper around TLS.
        """
        for is_wrapped in (False, True):
            connection = self.connection(self.reactor)
            outer = connection
            if is_wrapped:
                outer = ProtocolWrapper(WrappingFactory(Factory()), Protocol())
                outer.transport = connection
            measure_tls_by(self.steady, outer)
            connection.write(b"a")
            self.assertEqual((0, 1 + is_wrapped), self.calls())

    def test_other_clock(self) -> None:
        """
        A connection that waits by another clock still does.
        """
        other = Clock()
        connection = self.connection(other)
        measure_tls_by(self.steady, connection)
        connection.write(b"a")
        self.assertEqual(1, len(other.getDelayedCalls()))
        self.assertEqual((0, 0), self.calls())

    def test_without_tls(self) -> None:
        """
        Nothing happens to a connection without TLS.
        """
        measure_tls_by(self.steady, StringTransport())
        self.assertEqual((0, 0), self.calls())
