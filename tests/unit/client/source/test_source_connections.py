"""
Connections that a source makes itself, and the memory of a source without a stream.
"""

import gc
import weakref

from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.web.client import URI

from ssetwist.client import ReadyState
from ssetwist.client.http._connections import Connections
from tests.unit.client.case import FakeAgent, FakeResponse, SourceCase, response


class HeldTests(SourceCase):
    """
    The memory of a source between two streams.
    """

    def test_last_stream(self) -> None:
        """
        A source that waits for its next attempt, and one that has ended, hold nothing of the last
        stream.
        """
        for policy in (lambda _: True, lambda _: False):
            agent = FakeAgent()
            source = self.source(client=agent, policy=policy)
            answer = FakeResponse()
            agent.answers[0].callback(answer)
            assert answer.protocol is not None
            stream = weakref.ref(answer.protocol)
            answer.protocol.connectionLost(Failure(ConnectionLost()))
            self.assertIsNot(ReadyState.OPEN, source.state)
            answer.protocol = None
            source.when_closed().addErrback(lambda _: None)
            gc.collect()
            self.assertIsNone(stream())


class ConnectionsTests(SourceCase):
    """
    Connections that a source makes itself.
    """

    def test_many(self) -> None:
        """
        ``close()`` cuts all connections, and its Deferred fires when all are gone.
        """
        connections = Connections(self.reactor)
        self.successResultOf(connections.close())
        for _ in range(3):
            connections.agent.request(b"GET", b"http://example.com/").addErrback(lambda _: None)
            self.accept()
        self.assertEqual(3, len(connections))
        self.wires[0].finish()
        self.assertEqual(2, len(connections))
        closed = connections.close()
        self.assertNoResult(closed)
        self.turn()
        self.successResultOf(closed)
        self.assertEqual(0, len(connections))

    def test_left_by_an_attempt(self) -> None:
        """
        ``close()`` of a source that waits for its next attempt also waits for a connection that an
        earlier attempt has cut, and that is not gone yet.
        """
        source = self.source()
        wire = self.accept()
        # Cutting takes its time.
        wire.abortConnection = wire.loseConnection = lambda: None  # type: ignore[method-assign]
        wire.send(response("503 Later"))
        self.assertIs(ReadyState.CONNECTING, source.state)
        self.assertTrue(wire.is_connected)
        closed = source.close()
        self.turn()
        self.assertNoResult(closed)
        wire.reset()
        self.successResultOf(closed)

    def test_tls(self) -> None:
        """
        Certificates are checked for the host, as browsers check them.
        """
        endpoint = Connections(MemoryReactorClock()).endpointForURI(
            URI.fromBytes(b"https://example.com/")
        )
        self.assertNotIsInstance(endpoint._endpoint, HostnameEndpoint)
        self.assertIsInstance(endpoint._endpoint._wrappedEndpoint, HostnameEndpoint)
