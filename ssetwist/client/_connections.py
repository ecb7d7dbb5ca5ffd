"""
The connections that an event source makes itself, so that it can close them for good.

An ``Agent`` knows its connections only while it caches them.  An event stream never comes back into
a cache, so each connection is remembered here, from its first moment to its last.
"""

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from ._waiters import Waiters


@implementer(IAgentEndpointFactory)
class Connections:
    """
    Makes connections for an agent, to any host, and remembers them.

    :ivar agent: Uses them.
    """

    def __init__(self, reactor: Any) -> None:  # all that HostnameEndpoint needs of a reactor
        self._reactor = reactor
        self._tls = BrowserLikePolicyForHTTPS()
        self._open: list[_Connection] = []
        self._gone: Waiters[None] = Waiters()
        # Not persistent: a stream takes its connection with it, and nothing else is asked for.
        pool = HTTPConnectionPool(reactor, persistent=False)
        self.agent = Agent.usingEndpointFactory(reactor, self, pool)

    def __len__(self) -> int:
        return len(self._open)

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """
        Return what connects to a host.
        """
        endpoint: Any = HostnameEndpoint(self._reactor, uri.host.decode(), uri.port)
        if uri.scheme == b"https":
            endpoint = wrapClientTLS(self._tls.creatorForNetloc(uri.host, uri.port), endpoint)
        return _Remembered(endpoint, self)

    def close(self) -> "Deferred[None]":
        """
        Cut all of them.

        :returns: Fires when they are gone.  Cancelling it only ends the waiting.
        """
        for connection in tuple(self._open):
            connection.abortConnection()
        return self._gone.wait() if self._open else succeed(None)

    def add(self, connection: "_Connection") -> None:
        """
        Remember one.
        """
        self._open.append(connection)

    def remove(self, connection: "_Connection") -> None:
        """
        Forget one that is gone.
        """
        self._open.remove(connection)
        if not self._open:
            self._gone.fire(None)


@implementer(IStreamClientEndpoint)
class _Remembered:
    """
    Connects as another endpoint does, and remembers the connection.
    """

    def __init__(self, endpoint: IStreamClientEndpoint, connections: Connections) -> None:
        self._endpoint = endpoint
        self._connections = connections

    def connect(self, factory: IProtocolFactory) -> "Deferred[Any]":  # of what it builds
        """
        Connect.
        """
        connected: Deferred[Any] = self._endpoint.connect(_Factory(factory, self._connections))
        return connected.addCallback(lambda connection: connection.wrappedProtocol)


class _Connection(ProtocolWrapper):
    """
    One connection, seen from inside of its TLS.

    :ivar was_cut: Whether it has ended otherwise than by the peer's closing it: an ``Agent`` keeps
        that for itself where a response has no length.
    """

    factory: "_Factory"
    was_cut = False

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Let HTTP know first.
        """
        self.was_cut = reason.check(ConnectionDone) is None
        super().connectionLost(reason)
        self.factory.connections.remove(self)


class _Factory(WrappingFactory[_Connection]):
    noisy = False
    protocol = _Connection

    def __init__(self, factory: IProtocolFactory, connections: Connections) -> None:
        super().__init__(factory)
        self.connections = connections

    def registerProtocol(self, p: _Connection) -> None:
        """
        Remember a connection that was made.
        """
        super().registerProtocol(p)
        self.connections.add(p)
