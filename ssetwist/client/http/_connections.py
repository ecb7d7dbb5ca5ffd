"""
Connections that an event source makes, so that it can close all of them.

An ``Agent`` knows its connections only while it caches them.  The connection of an event stream
never returns to a cache, so each connection is remembered here from its beginning to its end.
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
from twisted.web.iweb import IAgentEndpointFactory, IResponse
from zope.interface import implementer

from ..._reactor import AnyReactor
from ..._waiters import Waiters
from ...clock import measure_tls_by
from ._insides import make_quiet, transport_of

#: Bytes of a response's head, at most, informational responses before it included.  Browsers have
#: the same limit; Twisted limits each line, but not the number of lines.
MAX_HEAD = 2**18

#: Seconds that stand for no time-out of Twisted's own: it measures them by the time of day, so they
#: are more than any step of that.  The callers have time-outs of their own.
_NEVER = 1e9

#: Seconds for which a connection is kept for the next request.
KEPT_FOR = 4


@implementer(IAgentEndpointFactory)
class Connections:
    """
    Connections of an agent, to any host.

    :ivar reactor: The reactor, which may be steady.
    :ivar agent: The agent that uses them.
    """

    def __init__(self, reactor: AnyReactor, *, kept: int = 0) -> None:
        """
        :param kept: Connections to one server that are kept for the next request.  An event source
            does not keep any: its stream ends with the connection.
        """
        self.reactor = reactor
        self._tls = BrowserLikePolicyForHTTPS()
        self._open: list[_Connection] = []
        self._gone: Waiters[None] = Waiters()
        self._pool = _Pool(reactor, persistent=kept > 0)
        self._pool.maxPersistentPerHost = kept
        self.agent = Agent.usingEndpointFactory(reactor, self, self._pool)

    def __len__(self) -> int:
        return len(self._open)

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        host = uri.host.decode()
        endpoint: Any = HostnameEndpoint(self.reactor, host, uri.port, timeout=_NEVER)
        if uri.scheme == b"https":
            endpoint = wrapClientTLS(self._tls.creatorForNetloc(uri.host, uri.port), endpoint)
        return _RememberingEndpoint(endpoint, self)

    def close(self) -> "Deferred[None]":
        """
        Cut all connections.

        :returns: Fires when they are closed.  Cancelling it only ends the waiting.
        """
        # Ends its timers.  The pool does not cut connections, so the loop below does.
        self._pool.closeCachedConnections()
        for connection in tuple(self._open):
            connection.abortConnection()
        return self._gone.wait() if self._open else succeed(None)

    def add(self, connection: "_Connection") -> None:
        self._open.append(connection)

    def remove(self, connection: "_Connection") -> None:
        self._open.remove(connection)
        if not self._open:
            self._gone.fire(None)


class _Pool(HTTPConnectionPool):
    # Shorter than servers keep connections, so that a server seldom closes one just when it is
    # used again.  The caller decides whether a request may be sent again.
    cachedConnectionTimeout = KEPT_FOR  # noqa: N815  # Twisted's name
    retryAutomatically = False  # noqa: N815  # Twisted's name

    def getConnection(self, key: Any, endpoint: IStreamClientEndpoint) -> "Deferred[Any]":  # noqa: N802
        """
        Return a connection as its endpoint returned it: the pool keeps the HTTP protocol inside.
        """
        found: Deferred[Any] = super().getConnection(key, endpoint)
        return found.addCallback(
            lambda one: one if isinstance(one, _Connection) else transport_of(one)
        )


@implementer(IStreamClientEndpoint)
class _RememberingEndpoint:
    def __init__(self, endpoint: IStreamClientEndpoint, connections: Connections) -> None:
        self._endpoint = endpoint
        self._connections = connections

    def connect(self, factory: IProtocolFactory) -> "Deferred[Any]":  # of what it builds
        connected: Deferred[Any] = self._endpoint.connect(_Factory(factory, self._connections))
        return connected


class _HeadTooLong(Exception):
    """
    The head of a response is too long.  A head without an end would be held until the time-out.
    """


class _Connection(ProtocolWrapper):
    """
    One connection, inside its TLS.  To an ``Agent`` it is the HTTP protocol.

    :ivar was_cut: True if the connection has ended, but the peer did not close it.  An ``Agent``
        does not report that for a response without a length.
    """

    factory: "_Factory"
    was_cut = False
    _awaits_head = False
    _head = 0

    def connectionMade(self) -> None:
        measure_tls_by(self.factory.connections.reactor, self.transport)
        super().connectionMade()

    def request(self, request: Any) -> "Deferred[IResponse]":  # of a private class of Twisted's
        """
        Send a request, and count the bytes until the head of its response is complete.
        """
        self._awaits_head = True
        self._head = 0
        http: Any = self.wrappedProtocol
        answer: Deferred[IResponse] = http.request(request)
        return answer.addBoth(self._has_head)

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if self._awaits_head:
            self._head += len(data)
            if self._head > MAX_HEAD:
                self.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Report the end to HTTP first.
        """
        self.was_cut = reason.check(ConnectionDone) is None
        if self._head > MAX_HEAD:
            reason = Failure(_HeadTooLong(f"its head has more than {MAX_HEAD} bytes"))
        super().connectionLost(reason)
        self.factory.connections.remove(self)

    def _has_head(self, result: Any) -> Any:  # a response or a Failure
        self._awaits_head = False
        return result


class _Factory(WrappingFactory[_Connection]):
    noisy = False
    protocol = _Connection

    def __init__(self, factory: Any, connections: Connections) -> None:  # of an Agent
        super().__init__(factory)
        make_quiet(factory)  # or it logs two lines beside each attempt's own
        self.connections = connections

    def registerProtocol(self, p: _Connection) -> None:
        super().registerProtocol(p)
        self.connections.add(p)
