"""
Our Site: limits on what a client may send before it is answered, and a stop that lets every
response end.
"""

from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, _GenericHTTPChannelProtocol
from twisted.web.http import Request as HTTPRequest
from twisted.web.http_headers import Headers
from twisted.web.resource import IResource
from twisted.web.server import Request
from twisted.web.server import Site as TwistedSite

from ..hub import Streams
from ._peer import descriptor_of, watch_peer

#: Seconds that a request may take to arrive, from its first byte to its last, and that a
#: connection may be idle before and between requests.  Twisted's own limit begins anew with each
#: byte, so a client that sends one now and then never reaches it.
REQUEST_TIMEOUT = 30.0

#: Bytes that the body of a request may have.  Twisted has no limit and puts it into a file.
MAX_BODY = 64 * 1024

#: While it stops, how often the Site looks for connections with nothing left to do, in seconds.
_LOOK = 0.02


class Site(TwistedSite):
    """
    A ``twisted.web.server.Site`` for event streams.

    A request must arrive within 30 seconds and its body may have 64 KiB (413 otherwise).  Streams
    under it share one heartbeat, and :meth:`drain` stops without cutting anyone off.

    :param resource: The root resource.
    :param streams: Those of the hub, or new ones where there is no hub.
    :param unlogged: Paths whose requests are not worth a line of the access log.
    """

    def __init__(
        self,
        resource: IResource,
        *,
        streams: Streams,
        unlogged: frozenset[bytes] = frozenset(),
    ) -> None:
        super().__init__(
            resource, requestFactory=_Request, timeout=REQUEST_TIMEOUT, reactor=streams.clock
        )
        self.streams = streams
        self._unlogged = unlogged
        self._connections: set[_Connection] = set()

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
        connection._timeOut = max(REQUEST_TIMEOUT, 2 * heartbeat) if heartbeat else None
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

    def drain(self, timeout: float, *, retry: float) -> Deferred[None]:
        """
        Let every response end and close every connection.  To be called once nobody new can
        connect.

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
    """

    is_receiving = False

    def resetTimeout(self) -> None:
        """
        Called with every read: only the first one of a request puts the time-out off.
        """
        if not self.is_receiving:
            self.is_receiving = True
            super().resetTimeout()

    def allContentReceived(self) -> None:
        self.is_receiving = False
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        self.is_receiving = False
        super().requestDone(request)


class _Request(Request):
    """
    A request whose body is bounded.
    """

    _is_refused = False

    def gotLength(self, length: int | None) -> None:
        super().gotLength(length)
        if length is not None and length > MAX_BODY:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        if self._is_refused:
            return
        assert self.content is not None, "gotLength comes first"
        if self.content.tell() + len(data) > MAX_BODY:
            self._refuse()
        else:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        if not self._is_refused:
            super().requestReceived(command, path, version)

    def _refuse(self) -> None:
        """
        Answer before the body is here, and close: there is no other way not to receive it.
        """
        self._is_refused = True
        fields = Headers({b"Content-Length": [b"0"]})
        channel: Any = self.channel
        if isinstance(channel, HTTPChannel):
            fields.setRawHeaders(b"Connection", [b"close"])
            channel.writeHeaders(b"HTTP/1.1", b"413", b"Content Too Large", fields)
        else:
            channel.writeHeaders(b"HTTP/2", b"413", b"", fields)
        channel.loseConnection()
