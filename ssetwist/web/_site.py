"""
Our Site: limits on what a client may send before it is answered, and a stop that lets every
response end.
"""

from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import (
    REQUEST_ENTITY_TOO_LARGE,
    HTTPChannel,
    _GenericHTTPChannelProtocol,
)
from twisted.web.http import Request as HTTPRequest
from twisted.web.http_headers import Headers
from twisted.web.resource import IResource
from twisted.web.server import Request
from twisted.web.server import Site as TwistedSite

from ..hub import DEFAULT_RETRY, Streams
from ._peer import descriptor_of, watch_peer

_log = Logger()

#: Seconds that a request may take to arrive, from its first byte to its last, and that a
#: connection may be idle before and between requests.  Twisted's own limit begins anew with each
#: byte, so a client that sends one now and then never reaches it.
REQUEST_TIMEOUT = 30.0

#: Bytes that the body of a request may have.  Twisted has no limit and puts it into a file.
MAX_BODY = 64 * 1024

#: Seconds that a connection which the server closes may take to be closed.
CLOSE_TIMEOUT = 30.0

#: While it stops, how often the Site looks for connections with nothing left to do, in seconds.
_LOOK = 0.02


class Site(TwistedSite):
    """
    A ``twisted.web.server.Site`` for event streams: it limits what a client may send before it is
    answered, its streams share one heartbeat, and :meth:`drain` stops without cutting anyone off.

    It speaks HTTP/1.1.  With Twisted's HTTP/2 one client can stop the streams of others on its
    connection, or keep the process busy, by a few bytes; put a proxy that speaks it in front.

    :ivar streams: The event streams under this Site.
    """

    def __init__(
        self,
        resource: IResource,
        *,
        streams: Streams,
        timeout: float = REQUEST_TIMEOUT,
        max_body: int = MAX_BODY,
        unlogged: frozenset[bytes] = frozenset(),
        **options: Any,  # of Twisted's Site
    ) -> None:
        """
        :param resource: The root resource.
        :param streams: ``hub.streams``, or where there is no hub ``Streams(reactor)``.  Its clock
            is the clock of the Site.
        :param timeout: Seconds that a request may take to arrive, and that a connection may be
            idle between requests.
        :param max_body: Bytes that the body of a request may have; more is answered with 413.
        :param unlogged: Paths whose requests are not worth a line of the access log.
        :param options: As for ``twisted.web.server.Site``: ``logPath``, ``logFormatter`` and so on.
        """
        if not isinstance(streams, Streams):
            raise TypeError(
                "streams must be those of your hub, hub.streams, or where there is no hub "
                f"Streams(reactor), not {streams.__class__.__name__}"
            )
        options.setdefault("requestFactory", _Request)
        super().__init__(resource, timeout=timeout, reactor=streams.clock, **options)
        self.streams = streams
        self.max_body = max_body
        self._unlogged = unlogged
        self._connections: set[_Connection] = set()

    def acceptableProtocols(self) -> list[bytes]:
        """
        What TLS may agree upon.
        """
        return [b"http/1.1"]

    def protocol(self) -> "_Connection":
        """
        Make the protocol of one connection; this overrides the attribute of the same name.
        """
        return _Connection(self._connections, self.streams)

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """
        As in Twisted, with another time-out for HTTP/2.
        """
        connection = super().buildProtocol(addr)
        # In HTTP/2 the time-out goes on while streams are open, so it must be longer than the
        # heartbeat; if there is no heartbeat, it is left to the kernel to find who has vanished.
        heartbeat = self.streams.heartbeat
        connection._timeOut = max(self.timeOut or 0, 2 * heartbeat) if heartbeat else None
        return connection

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

    def drain(self, timeout: float, *, retry: float = DEFAULT_RETRY) -> Deferred[None]:
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
        :param retry: The least number of seconds after which the clients come back.
        :returns: A Deferred that fires when there is no connection left.  Cancelling it leaves
            the rest open.
        """
        return Deferred.fromCoroutine(self._drain(timeout, retry))

    async def _drain(self, timeout: float, retry: float) -> None:
        clock = self.streams.clock
        deadline = clock.callLater(timeout, self.abort)
        try:
            self.streams.drain(retry)
            while self._connections:
                for connection in tuple(self._connections):
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
        for connection in tuple(self._connections):
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


class _Connection(_GenericHTTPChannelProtocol):
    """
    One connection, whichever protocol is spoken on it.

    It has a private base, because Twisted has no other way to have both our channel for HTTP/1.1
    and its own for HTTP/2, which is negotiated later.
    """

    def __init__(self, connections: "set[_Connection]", streams: Streams) -> None:
        super().__init__(_Channel())
        self._connections = connections
        self._streams = streams

    def makeConnection(self, transport: Any) -> None:  # any that HTTP can be spoken over
        self._transport = transport
        self._connections.add(self)
        # Here and not only for each stream, because in HTTP/2 a stream does not know its socket.
        if (descriptor := descriptor_of(transport)) is not None:
            watch_peer(descriptor, self._streams.stall_timeout)
        super().makeConnection(transport)

    def connectionLost(self, reason: Failure) -> None:
        self._connections.discard(self)
        super().connectionLost(reason)

    def close_if_idle(self) -> None:
        """
        Close the connection unless a request is being answered.
        """
        channel: Any = self._channel  # ours for HTTP/1.1, or one of HTTP/2
        if isinstance(channel, _Channel):
            is_busy = bool(channel.requests) and not channel.is_receiving
        else:
            is_busy = bool(channel.streams)
        if not is_busy:
            self._transport.loseConnection()

    def abort(self) -> None:
        """
        Cut the connection.
        """
        self._transport.abortConnection()


class _Channel(HTTPChannel):
    """
    An HTTP/1.1 connection on which a whole request must arrive in time.

    :ivar is_receiving: Whether a part of a request is here, and the rest is not.
    :ivar is_first_request: Whether nothing has been answered on this connection before.
    """

    is_receiving = False
    is_first_request = True
    _cutting: IDelayedCall | None = None

    def resetTimeout(self) -> None:
        """
        Called with every read: only the first one of a request puts the time-out off.
        """
        if not self.is_receiving and not self.requests:
            self.is_receiving = True
            super().resetTimeout()

    def allContentReceived(self) -> None:
        self.is_receiving = False
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        self.is_receiving = False
        self.is_first_request = False
        super().requestDone(request)

    def loseConnection(self) -> None:
        """
        Close, and cut whoever does not let us: TLS waits for the answer of the peer, without end.
        """
        super().loseConnection()
        if self._cutting is None:
            transport: Any = self.transport
            self._cutting = self.callLater(CLOSE_TIMEOUT, transport.abortConnection)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._cutting is not None and self._cutting.active():
            self._cutting.cancel()
        super().connectionLost(reason)


class _Request(Request):
    """
    A request whose body is bounded.
    """

    _is_refused = False
    _answers_refusal_late = False

    def gotLength(self, length: int | None) -> None:
        super().gotLength(length)
        self._check_body(length or 0)

    def handleContentChunk(self, data: bytes) -> None:
        assert self.content is not None, "gotLength comes first"
        self._check_body(self.content.tell() + len(data))
        if not self._is_refused:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        if not self._is_refused:
            super().requestReceived(command, path, version)
        elif self._answers_refusal_late:
            self.setResponseCode(REQUEST_ENTITY_TOO_LARGE)
            self.setHeader("Content-Length", "0")
            self.finish()

    def _check_body(self, size: int) -> None:
        channel: Any = self.channel
        if size > channel.site.max_body and not self._is_refused:
            self._refuse()

    def _refuse(self) -> None:
        """
        Take no more of it.  In HTTP/1.1 the answer is given before the body is here, and the
        connection closed: there is no other way not to receive it.  In HTTP/2 the answer follows
        when all has come; an answer in the middle would break the other streams.
        """
        self._is_refused = True
        channel: Any = self.channel
        self._answers_refusal_late = not isinstance(channel, HTTPChannel)
        if not self._answers_refusal_late:
            # It never gets so far that the access log would have a line for it.
            _log.info("413 to {peer}: its request is too large", peer=self.getClientAddress())
            fields = Headers({b"Content-Length": [b"0"], b"Connection": [b"close"]})
            channel.writeHeaders(b"HTTP/1.1", b"413", b"Content Too Large", fields)
            channel.loseConnection()
