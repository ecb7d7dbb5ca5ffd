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
from twisted.web.iweb import IAgentEndpointFactory, IResponse
from zope.interface import implementer

from ..._reactor import AnyReactor
from ..._waiters import Waiters
from ._insides import make_quiet, transport_of

#: How many bytes the head of a response may have, informational ones before it included.  Browsers
#: take no more; Twisted bounds each line, but not their number.
MAX_HEAD = 2**18

#: Seconds that a connection is kept for the next request.
KEPT_FOR = 4


@implementer(IAgentEndpointFactory)
class Connections:
    """
    Makes connections for an agent, to any host, and remembers them.

    :ivar agent: Uses them.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        *,
        kept: int = 0,
    ) -> None:
        """
        :param kept: How many to one server are kept for the next request.  A stream takes its
            connection with it, so an event source keeps none.
        """
        self._reactor = reactor
        self._tls = BrowserLikePolicyForHTTPS()
        self._open: list[_Connection] = []
        self._gone: Waiters[None] = Waiters()
        self._pool = _Pool(reactor, persistent=kept > 0)
        self._pool.maxPersistentPerHost = kept
        self.agent = Agent.usingEndpointFactory(reactor, self, self._pool)

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
        # Ends its timers.  It loses its connections politely, and waits for that; we do not.
        self._pool.closeCachedConnections()
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


class _Pool(HTTPConnectionPool):
    """
    Keeps connections for an agent.
    """

    # Less than servers keep theirs, so that it seldom happens that one closes just when it is used
    # again.  Who asks knows when it is harmless to ask again.
    cachedConnectionTimeout = KEPT_FOR  # noqa: N815  # Twisted's name
    retryAutomatically = False  # noqa: N815  # Twisted's name

    def getConnection(self, key: Any, endpoint: IStreamClientEndpoint) -> "Deferred[Any]":  # noqa: N802
        """
        Return a connection, as it was returned when it was made: what is kept is the HTTP within.
        """
        found: Deferred[Any] = super().getConnection(key, endpoint)
        return found.addCallback(
            lambda one: one if isinstance(one, _Connection) else transport_of(one)
        )


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
        return connected


class _HeadTooLong(Exception):
    """
    Who sends a head without an end would have us hold it until the time-out.
    """


class _Connection(ProtocolWrapper):
    """
    One connection, seen from inside of its TLS, and what an ``Agent`` takes for its HTTP.

    :ivar was_cut: Whether it has ended otherwise than by the peer's closing it: an ``Agent`` keeps
        that for itself where a response has no length.
    """

    factory: "_Factory"
    was_cut = False
    _awaits_head = False
    _head = 0

    def request(self, request: Any) -> "Deferred[IResponse]":  # of a private class of Twisted's
        """
        Send a request, and look at how much comes until the head of its response has.
        """
        self._awaits_head = True
        self._head = 0
        http: Any = self.wrappedProtocol
        answer: Deferred[IResponse] = http.request(request)
        return answer.addBoth(self._has_head)

    def dataReceived(self, data: bytes) -> None:
        """
        Pass on what comes.
        """
        super().dataReceived(data)
        if self._awaits_head:
            self._head += len(data)
            if self._head > MAX_HEAD:
                self.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Let HTTP know first.
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
        make_quiet(factory)  # or the log has two lines of it beside each attempt's own
        self.connections = connections

    def registerProtocol(self, p: _Connection) -> None:
        """
        Remember a connection that was made.
        """
        super().registerProtocol(p)
        self.connections.add(p)
