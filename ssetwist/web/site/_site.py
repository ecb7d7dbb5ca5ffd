"""
Our Site: it limits how much a client may send before it is answered, and stops only after every
response has ended.
"""

from collections.abc import Callable
from io import BytesIO
from itertools import chain, islice
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.web.http import Request as HTTPRequest
from twisted.web.http import datetimeToLogString, datetimeToString
from twisted.web.resource import IResource
from twisted.web.server import Site as TwistedSite

from ...clock import date_of
from ...hub import DEFAULT_RECONNECTION_TIME, Streams
from ._access_log import access_log_line
from ._body_limits import BodyRoom, max_body_of
from ._connection import BoundedRequest, Connection
from ._connection_limit import ConnectionLimit, Refusal
from ._deadlines import Deadlines
from ._insides import listener_of

#: Seconds that a request may take to arrive, from its first byte to its last, and that a
#: connection may be idle before and between requests.  Twisted's own limit begins anew with each
#: byte, so a client that sends a byte now and then never reaches it.
REQUEST_TIMEOUT = 30.0

#: Seconds between two checks for idle connections while the Site stops.
_LOOK = 0.02

#: Connections that are looked at to find one that makes room for a new one, each by a call of the
#: kernel.
_LOOKED_AT = 64

#: Seconds that a drain waits for connections that were cut at its end.  A cut takes one turn of the
#: reactor, unless an application's callback has broken something.
_LAST_WAIT = 1.0

_log = Logger()


class Site(TwistedSite):
    """
    A ``twisted.web.server.Site`` for event streams: it limits how much a client may send before
    it is answered, its streams share one heartbeat, and :meth:`drain` stops without cutting a
    client off.

    A Site speaks HTTP/1.1.  With Twisted's HTTP/2 one client can stop the streams of others on its
    connection, or keep the process busy, by a few bytes; for HTTP/2 put a proxy in front.

    :ivar streams: The event streams under this Site.
    :ivar connections: Open connections.
    :ivar body_room: Room for the bodies of requests.
    :ivar reads_forms: True if Twisted reads forms, except for resources that read them.
    :ivar requests_due: Connections on which a request must arrive in time.
    :ivar closing: Connections that the server closes, and that are still open; the first is the
        oldest.
    """

    def __init__(
        self,
        resource: IResource,
        *,
        streams: Streams,
        timeout: float = REQUEST_TIMEOUT,
        max_body: int | None = None,
        max_connections: int = 0,
        unlogged: frozenset[bytes] = frozenset(),
        **options: Any,  # of Twisted's Site
    ) -> None:
        """
        :param resource: The root resource.
        :param streams: ``hub.streams``; without a hub ``Streams(reactor)``.  Its clock is the clock
            of the Site.
        :param timeout: Seconds that a request may take to arrive, and that a connection may be
            idle between requests.
        :param max_body: Bytes that the body of any request may have; a larger one is answered with
            413.  By default 64 KiB, or the attribute ``max_body`` of the resource that the request
            is for, such as a ``MercureResource``.  This counts for the root and for resources that
            were put into the tree by ``putChild``.  A resource with a true attribute ``reads_form``
            reads forms itself; Twisted reads those for all others, with at most 1,000 fields.
        :param max_connections: Connections that may be open at the same time; 0 for no limit.  For
            one more, a connection that waits for a request is closed, the oldest first, and rather
            one whose client has taken every response; streams and requests that are being answered
            never are.  If there is none, the new one is closed.  A warning tells of it, once a
            minute.
        :param unlogged: Paths whose requests get no line in the access log.
        :param options: As for ``twisted.web.server.Site``: ``logPath``, ``logFormatter`` and so on.
        """
        if not isinstance(streams, Streams):
            raise TypeError(
                "streams must be your hub's, hub.streams, or without a hub Streams(reactor), "
                f"not {streams.__class__.__name__}"
            )
        options.setdefault("requestFactory", BoundedRequest)
        self._line_of = options.pop("logFormatter", None) or access_log_line
        super().__init__(
            resource,
            timeout=timeout,
            reactor=streams.clock,
            logFormatter=self._log_line,
            **options,
        )
        self.streams = streams
        self.max_body = max_body
        self.body_room = BodyRoom()
        self.reads_forms: bool = options.get("parsePOSTFormSubmission", True)
        self._unlogged = unlogged
        self.connections: set[Connection] = set()
        self.requests_due: Deadlines[Connection] = Deadlines(
            streams, timeout, Connection.timeoutConnection
        )
        self.closing: dict[Connection, None] = {}
        self._limit = ConnectionLimit(max_connections, streams.clock, self._spare)
        self._now = date_of(streams.clock)
        self._date_at, self._date, self._log_date = -1, b"", ""
        self._hosts: dict[object, IAddress | None] = {}  # None: it differs between connections

    @property
    def is_idle(self) -> bool:
        """
        True while no connection is open, and nothing is remembered of an earlier one.  Tests ask it
        after a drain.
        """
        return not self.connections and not self._hosts and self.body_room.is_idle

    def acceptableProtocols(self) -> list[bytes]:
        return [b"http/1.1"]

    def buildProtocol(  # type: ignore[override]  # always HTTP/1.1, and so narrower than Twisted's
        self, addr: IAddress | None
    ) -> Connection | Refusal:
        limit = self._limit
        if len(self.connections) - len(limit.leaving) < limit.most or limit.make_room():
            return Connection(self)
        return Refusal()

    def _spare(self) -> Connection | None:
        """
        Return the connection that has waited the longest for a request, rather one whose client has
        taken all responses; if there is none, one that closes, and waits for its client.
        """
        waiting = list(islice(self.requests_due, _LOOKED_AT))
        # A request that has arrived is read in this turn, or in the next one.
        idle = (one for one in waiting if one.is_taken() and not one.has_unread())
        unread = (one for one in waiting if not one.is_taken())
        return next(chain(idle, unread, self.closing), None)

    def forget(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self.closing.pop(connection, None)
        self._limit.leaving.discard(connection)
        if not self.connections:
            self.requests_due.rest()
            self._hosts.clear()

    def host_of(self, transport: Any) -> IAddress:  # any transport under HTTP
        """
        Return the local address of a connection.  Asking the kernel takes longer than everything
        else that a request asks about its connection, so the answer is kept for each listener that
        has a single address.
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

        :param target: The request's target, as its head has it.
        """
        return max_body_of(self.resource, target) if self.max_body is None else self.max_body

    def date(self) -> bytes:
        """
        Return the date in the form of HTTP (RFC 9110, 6.6.1).  It is made once a second.
        """
        self._tell_date()
        return self._date

    def getContentFile(self, length: int | None) -> BytesIO:
        return BytesIO()

    def log(self, request: HTTPRequest) -> None:
        if request.path not in self._unlogged:
            try:
                super().log(request)
            except BaseException:  # of the application's logFormatter, or of a full disk
                _log.failure("a request could not be written to the access log")

    def drain(
        self, timeout: float, *, reconnection_time: float = DEFAULT_RECONNECTION_TIME
    ) -> Deferred[None]:
        """
        Let every response end, and close every connection.  Call it when no new client can connect
        any more::

            async def stop():
                await port.stopListening()
                await site.drain(10)

            reactor.addSystemEventTrigger(
                "before", "shutdown", lambda: Deferred.fromCoroutine(stop())
            )

        :param timeout: Seconds after which the remaining connections are cut.
        :param reconnection_time: Seconds after which the first clients come back.
        :returns: A Deferred that fires when all connections are closed.  Cancelling it leaves the
            remaining ones open.
        """
        return Deferred.fromCoroutine(self._drain(timeout, reconnection_time))

    def _log_line(self, _: str, request: HTTPRequest) -> str:
        # Twisted takes the time of its reactor, and ours may be steady, for a date.
        self._tell_date()
        line: str = self._line_of(self._log_date, request)
        return line

    def _tell_date(self) -> None:
        now = int(self._now())
        if now != self._date_at:
            self._date_at = now
            self._date, self._log_date = datetimeToString(now), datetimeToLogString(now)

    async def _drain(self, timeout: float, reconnection_time: float) -> None:
        clock = self.streams.clock
        deadline = clock.callLater(timeout, self.abort)
        end = clock.seconds() + timeout + _LAST_WAIT
        closing = None
        try:
            self.streams.drain(reconnection_time)
            while self.connections and clock.seconds() < end:
                if closing is None or closing.is_over:
                    closing = self.streams.turns.sweep(tuple(self.connections), _close_if_idle)
                    closing.start()
                await deferLater(clock, _LOOK)
        finally:
            if deadline.active():
                deadline.cancel()
            if closing is not None:
                closing.stop()
        if self.connections:
            _log.error("{count} connections could not be closed", count=len(self.connections))

    def abort(self) -> None:
        """
        Cut every connection.
        """
        self.streams.abort()
        for connection in tuple(self.connections):
            _do(connection, Connection.abort)


def _do(connection: Connection, act: Callable[[Connection], None]) -> None:
    """
    Do something with a connection; if that fails, others must not stay for that.
    """
    try:
        act(connection)
    except BaseException:  # of a transport
        _log.failure("a connection could not be closed")


def _close_if_idle(connection: Connection) -> None:
    _do(connection, Connection.close_if_idle)


def streams_of(site: TwistedSite) -> Streams:
    """
    Return the streams of a Site.  Twisted's own Site gets streams with the defaults.
    """
    if isinstance(site, Site):
        return site.streams
    streams: Streams | None = getattr(site, "ssetwist_streams", None)
    if streams is None:
        streams = Streams(site.reactor)
        site.ssetwist_streams = streams  # type: ignore[attr-defined]  # lives as long as the Site
    return streams
