"""
Our Site: limits on what a client may send before it is answered, and a stop that lets every
response end.
"""

from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.task import deferLater
from twisted.web.http import Request as HTTPRequest
from twisted.web.http import datetimeToString
from twisted.web.resource import IResource
from twisted.web.server import Site as TwistedSite

from ...hub import DEFAULT_RECONNECTION_TIME, Streams
from ._access_log import access_log_line
from ._body_limit import max_body_of
from ._connection import BoundedRequest, Connection
from ._deadlines import Deadlines
from ._insides import listener_of

#: Seconds that a request may take to arrive, from its first byte to its last, and that a
#: connection may be idle before and between requests.  Twisted's own limit begins anew with each
#: byte, so a client that sends one now and then never reaches it.
REQUEST_TIMEOUT = 30.0

#: Bytes that all bodies together may have that are held: a body is received before it is known who
#: sends it, and everyone who can connect could send many at once.
MAX_BODIES = 64 * 1024 * 1024

#: While it stops, how often the Site looks for connections with nothing left to do, in seconds.
_LOOK = 0.02


class Site(TwistedSite):
    """
    A ``twisted.web.server.Site`` for event streams: it limits what a client may send before it is
    answered, its streams share one heartbeat, and :meth:`drain` stops without cutting anyone off.

    It speaks HTTP/1.1.  With Twisted's HTTP/2 one client can stop the streams of others on its
    connection, or keep the process busy, by a few bytes; put a proxy that speaks it in front.

    :ivar streams: The event streams under this Site.
    :ivar connections: Those that are open.
    :ivar room_for_bodies: Bytes of bodies that may come in addition to those that are held.
    :ivar requests_due: Those of which a request must come in time.
    """

    def __init__(
        self,
        resource: IResource,
        *,
        streams: Streams,
        timeout: float = REQUEST_TIMEOUT,
        max_body: int | None = None,
        unlogged: frozenset[bytes] = frozenset(),
        **options: Any,  # of Twisted's Site
    ) -> None:
        """
        :param resource: The root resource.
        :param streams: ``hub.streams``, or where there is no hub ``Streams(reactor)``.  Its clock
            is the clock of the Site.
        :param timeout: Seconds that a request may take to arrive, and that a connection may be
            idle between requests.
        :param max_body: Bytes that the body of a request may have, whatever it is for; more is
            answered with 413.  By default 64 KiB, or as many as the resource that the request is
            for says by an attribute ``max_body``, as a ``MercureResource`` does.  Resources count
            that were put into the tree by ``putChild``, and the root.
        :param unlogged: Paths whose requests are not worth a line of the access log.
        :param options: As for ``twisted.web.server.Site``: ``logPath``, ``logFormatter`` and so on.
        """
        if not isinstance(streams, Streams):
            raise TypeError(
                "streams must be those of your hub, hub.streams, or where there is no hub "
                f"Streams(reactor), not {streams.__class__.__name__}"
            )
        options.setdefault("requestFactory", BoundedRequest)
        options.setdefault("logFormatter", access_log_line)
        super().__init__(resource, timeout=timeout, reactor=streams.clock, **options)
        self.streams = streams
        self.max_body = max_body
        self.room_for_bodies = MAX_BODIES
        self._unlogged = unlogged
        self.connections: set[Connection] = set()
        self.requests_due: Deadlines[Connection] = Deadlines(
            streams.clock, timeout, Connection.timeoutConnection
        )
        self._date_at, self._date = -1, b""
        self._hosts: dict[object, IAddress | None] = {}  # None: another one for each connection

    @property
    def is_idle(self) -> bool:
        """
        True while no connection is open, and nothing is remembered of any.  Tests ask it after a
        drain.
        """
        return not self.connections and not self._hosts

    def acceptableProtocols(self) -> list[bytes]:
        """
        What TLS may agree upon.
        """
        return [b"http/1.1"]

    def buildProtocol(  # type: ignore[override]  # HTTP/1.1, and nothing that could be HTTP/2
        self, addr: IAddress | None
    ) -> Connection:
        """
        Make one connection.
        """
        return Connection(self)

    def forget(self, connection: Connection) -> None:
        """
        A connection has gone.
        """
        self.connections.discard(connection)
        if not self.connections:
            self.requests_due.rest()
            self._hosts.clear()

    def host_of(self, transport: Any) -> IAddress:  # any that HTTP can be spoken over
        """
        Return the local address of a connection.  Asking the kernel takes as long as all else that
        a request needs to know of its connection; where the listener has one address, all that it
        accepted have the same.
        """
        listener = listener_of(transport)
        if listener in self._hosts:
            return self._hosts[listener] or transport.getHost()
        host: IAddress = transport.getHost()
        is_shared = listener is not None and listener.getHost() == host
        self._hosts[listener] = host if is_shared else None
        return host

    def max_body_at(self, target: bytes) -> int:
        """
        Return how many bytes the body of a request may have.

        :param target: What it is for, as it stands in its head.
        """
        return max_body_of(self.resource, target) if self.max_body is None else self.max_body

    def date(self) -> bytes:
        """
        Return the time as HTTP tells it (RFC 9110, 6.6.1), made once a second.
        """
        now = int(self.streams.clock.seconds())
        if now != self._date_at:
            self._date_at, self._date = now, datetimeToString(now)
        return self._date

    def getContentFile(self, length: int | None) -> BytesIO:
        """
        Where Twisted puts the body of a request: into memory, now that it is bounded.
        """
        return BytesIO()

    def log(self, request: HTTPRequest) -> None:
        """
        Write a line of the access log.
        """
        if request.path not in self._unlogged:
            super().log(request)

    def drain(
        self, timeout: float, *, reconnection_time: float = DEFAULT_RECONNECTION_TIME
    ) -> Deferred[None]:
        """
        Let every response end and close every connection.  To be called once nobody new can
        connect::

            async def stop():
                await port.stopListening()
                await site.drain(10)

            reactor.addSystemEventTrigger(
                "before", "shutdown", lambda: Deferred.fromCoroutine(stop())
            )

        :param timeout: Seconds after which whoever is still there is cut.
        :param reconnection_time: The least number of seconds after which the clients come back.
        :returns: A Deferred that fires when there is no connection left.  Cancelling it leaves
            the rest open.
        """
        return Deferred.fromCoroutine(self._drain(timeout, reconnection_time))

    async def _drain(self, timeout: float, reconnection_time: float) -> None:
        clock = self.streams.clock
        deadline = clock.callLater(timeout, self.abort)
        try:
            self.streams.drain(reconnection_time)
            while self.connections:
                for connection in tuple(self.connections):
                    connection.close_if_idle()
                await deferLater(clock, _LOOK)
        finally:
            if deadline.active():
                deadline.cancel()

    def abort(self) -> None:
        """
        Cut every connection.
        """
        self.streams.abort()
        for connection in tuple(self.connections):
            connection.abort()


def streams_of(site: TwistedSite) -> Streams:
    """
    Return the streams of a Site: of ours those it was given, of another one its own, with the
    defaults.
    """
    if isinstance(site, Site):
        return site.streams
    streams: Streams | None = getattr(site, "ssetwist_streams", None)
    if streams is None:
        streams = Streams(site.reactor)
        site.ssetwist_streams = streams  # type: ignore[attr-defined]  # lives as long as the Site
    return streams
