"""
One connection to our Site: a whole request must come in time, and its body is bounded.
"""

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.resource import IResource
from twisted.web.server import Request, version

from ...hub import Streams
from ._body_limit import segments_of
from ._deadlines import Deadlines
from ._insides import OpenedChannel, answer_star, choose_encoder, is_plain_socket, limit_reads
from ._peer import descriptor_of, watch_peer
from ._request_head import PlainHead, read_plain_head

_log = Logger()

#: Seconds that a connection which the server closes may take to be closed.
CLOSE_TIMEOUT = 30.0

#: Bytes that a client may still send, to be thrown away, after it was refused.  It may be one that
#: reads no answer before it has sent all.
MAX_DISCARDED = 8 * 1024 * 1024

#: Bytes of a body that need no room, as the head needs none: so most updates can be published
#: whatever others do.  What is more takes of the Site's room for bodies.
FREE_BODY = 16 * 1024

#: Seconds after which those for whose body there was no room may ask again.
_NO_ROOM_RETRY = 10


class Surroundings(Protocol):
    """
    Everything that a connection needs of its :class:`ssetwist.web.Site`, and what all connections
    share.

    :ivar connections: Those that are open.
    :ivar requests_due: Those of which a request must come in time.
    :ivar room_for_bodies: Bytes of bodies that may come in addition to those that are held.
    """

    requestFactory: Any  # noqa: N815  # Twisted's name; what a channel makes its requests with
    timeOut: Any  # noqa: N815  # Twisted's name; seconds, or None for no limit
    streams: Streams
    connections: set["Connection"]
    requests_due: Deadlines["Connection"]
    room_for_bodies: int

    def host_of(self, transport: Any) -> IAddress:  # any that HTTP can be spoken over
        """
        Return the local address of a connection.
        """

    def max_body_at(self, target: bytes) -> int:
        """
        Return how many bytes the body of a request for this target may have.
        """

    def date(self) -> bytes:
        """
        Return the time as HTTP tells it.
        """

    def getResourceFor(self, request: Request) -> IResource:  # noqa: N802  # Twisted's name
        """
        Find the resource of a request.
        """

    def forget(self, connection: "Connection") -> None:
        """
        Hold a connection no more, which has gone.
        """


class Connection(OpenedChannel):
    """
    An HTTP/1.1 connection.

    Twisted has an object between the transport and its channel, in case that TLS agrees upon
    HTTP/2.  There is none here, nor a timer for each connection: connecting is half as expensive.

    :ivar is_first_request: Whether nothing has been answered on this connection before.
    """

    is_first_request = True
    #: Whether a part of a request is here, and the rest is not.
    _is_receiving = False
    #: Bytes that are still thrown away; ``None`` as long as it was not refused.
    _to_discard: int | None = None
    #: Bytes of the Site's room for bodies that are taken by the request.
    _room_taken = 0
    _cutting: IDelayedCall | None = None

    def __init__(self, site: Surroundings) -> None:
        super().__init__()
        self.factory = self.site = site
        self.requestFactory = site.requestFactory
        self.timeOut: float | None = site.timeOut  # type: ignore[assignment]  # any number will do

    def makeConnection(self, transport: Any) -> None:  # any that HTTP can be spoken over
        self.site.connections.add(self)
        if (descriptor := descriptor_of(transport)) is not None:
            limit_reads(descriptor)
            watch_peer(descriptor, self.site.streams.stall_timeout)
        super().makeConnection(transport)

    def connectionMade(self) -> None:
        transport: Any = self.transport
        if not is_plain_socket(transport):
            super().connectionMade()
            return
        # The same, but that it has inherited TCP_NODELAY.
        self.setTimeout(self.timeOut)
        self.listen_to(transport)

    def dataReceived(self, data: bytes) -> None:
        if self._to_discard is not None:
            self._discard(data)
            return
        head = self._read_plain_head(data)
        if head is None:
            super().dataReceived(data)
            return
        self.receive_plain(head, BoundedRequest(self, False))

    def _read_plain_head(self, data: bytes) -> PlainHead | None:
        is_between_requests = self.awaits_request() and not self._is_receiving
        if not is_between_requests or self.requestFactory is not BoundedRequest:
            return None
        return read_plain_head(data, self.totalHeadersSize, self.maxHeaders)

    def allContentReceived(self) -> None:
        self._is_receiving = False
        super().allContentReceived()

    def take_room(self, size: int) -> bool:
        """
        Take room for a body, of so many bytes up to now, and tell whether there was.
        """
        more = size - FREE_BODY - self._room_taken
        if more > self.site.room_for_bodies:
            return False
        if more > 0:
            self._room_taken += more
            self.site.room_for_bodies -= more
        return True

    def give_room_back(self) -> None:
        """
        The body is not held any more.
        """
        self.site.room_for_bodies += self._room_taken
        self._room_taken = 0

    def requestDone(self, request: Request) -> None:
        self._is_receiving = False
        self.give_room_back()
        self.is_first_request = False
        super().requestDone(request)

    def callLater(self, period: float, function: Callable[[], object]) -> IDelayedCall:
        return self.site.streams.clock.callLater(period, function)

    def getHost(self) -> IAddress:
        return self.site.host_of(self.transport)

    def setTimeout(self, period: float | None) -> float | None:
        """
        Begin, or end, the time for a request.

        :param period: The time of the Site, or ``None`` for none.
        """
        previous: float | None = self.timeOut
        self.timeOut = period
        if period is None:
            self.site.requests_due.done(self)
        else:
            self.site.requests_due.begin(self)
        return previous

    def resetTimeout(self) -> None:
        """
        Called with every read: only the first one of a request puts the time-out off.
        """
        if not self._is_receiving and not self.requests:
            self._is_receiving = True
            if self.timeOut is not None:
                self.site.requests_due.begin(self)

    def lineLengthExceeded(self, line: bytes) -> None:
        """
        A line of a head does not fit.  Twisted would close, and leave the client without a word.
        """
        if self.requests:
            self.refuse(431, b"Request Header Fields Too Large", "A field of the head is too long.")
        else:
            self.refuse(414, b"URI Too Long", "The URL is too long.")

    def refuse(
        self, status: int, phrase: bytes, text: str, *, retry_after: int | None = None
    ) -> None:
        """
        Answer a request before all of it is here, and close the connection: there is no other way
        not to receive the rest.

        :param retry_after: Seconds after which the client may ask again.
        """
        # It never gets so far that the access log would have a line for it.
        peer = getattr(self.getPeer(), "host", "local")
        _log.info("{status} to {peer}: {text}", status=status, peer=peer, text=text)
        body = f"{text}\n".encode()
        fields = Headers(
            {
                b"Connection": [b"close"],
                b"Content-Length": [b"%d" % len(body)],
                b"Content-Type": [b"text/plain; charset=utf-8"],
            }
        )
        if retry_after is not None:
            fields.addRawHeader(b"Retry-After", b"%d" % retry_after)
        self.writeHeaders(b"HTTP/1.1", b"%d" % status, phrase, fields)
        self.write(body)
        self._close_when_read()

    def _close_when_read(self) -> None:
        """
        Close once the client does, or has sent too much.  If bytes of it were left unread, it would
        be told of a reset, and might lose the answer (RFC 9112, 9.6).
        """
        self._to_discard = MAX_DISCARDED
        transport: Any = self.transport
        is_bare = descriptor_of(transport) is transport  # nothing between it and the socket
        if is_bare:
            transport.unregisterProducer()
            transport.loseWriteConnection()
            self._cutting = self.callLater(CLOSE_TIMEOUT, self.abort)
        else:
            self.loseConnection()  # TLS reads on by itself, until the client says that it closes

    def _discard(self, data: bytes) -> None:
        assert self._to_discard is not None, "only after a refusal"
        self._to_discard -= len(data)
        if self._to_discard < 0:
            self.abort()

    def close_if_idle(self) -> None:
        """
        Close the connection unless a request is being answered.
        """
        if not self.requests or self._is_receiving:
            transport: Any = self.transport
            transport.loseConnection()

    def abort(self) -> None:
        """
        Cut the connection.
        """
        transport: Any = self.transport
        transport.abortConnection()

    def loseConnection(self) -> None:
        """
        Close, and cut whoever does not let us: TLS waits for the answer of the peer, without end.
        """
        super().loseConnection()
        if self._cutting is None:
            self._cutting = self.callLater(CLOSE_TIMEOUT, self.abort)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._cutting is not None and self._cutting.active():
            self._cutting.cancel()
        super().connectionLost(reason)
        self.give_room_back()
        self.site.forget(self)


class BoundedRequest(Request):
    """
    A request whose body is bounded.
    """

    _is_refused = False
    #: Bytes that its body may have.
    _max_body = 0

    def gotLength(self, length: int | None) -> None:
        super().gotLength(length)
        if length == 0:
            return  # nobody needs to know how many there may be
        channel: Any = self.channel  # ours, which has a Site
        self._max_body = channel.site.max_body_at(channel.target())
        if length is not None and length > self._max_body:
            self._refuse_too_large()

    def handleContentChunk(self, data: bytes) -> None:
        if self._is_refused:
            return
        assert self.content is not None, "gotLength comes first"
        channel: Any = self.channel  # ours, which has a Site
        size = self.content.tell() + len(data)
        if size > self._max_body:
            self._refuse_too_large()
        elif not channel.take_room(size):
            text = "Too many large bodies are on their way; try again later."
            self._refuse(503, b"Service Unavailable", text, retry_after=_NO_ROOM_RETRY)
        else:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        if not self._is_refused:
            super().requestReceived(command, path, version)

    def process(self) -> None:
        """
        Find the resource and render it, as Twisted does, with a date that is made once a second.
        """
        channel: Any = self.channel  # ours, which has a Site
        site = channel.site
        self.site = site
        self.setHeader(b"Server", version)
        self.setHeader(b"Date", site.date())
        self.prepath = []
        self.postpath = segments_of(self.path)
        if self.path == b"*":
            answer_star(self)
            return
        try:
            resource = site.getResourceFor(self)
            choose_encoder(self, resource)
            self.render(resource)
        except BaseException:
            self.processingFailed(Failure())

    def let_go_of_body(self) -> None:
        """
        Hold it no more: nobody needs it, or it will never be whole.
        """
        channel: Any = self.channel  # ours, which has a Site
        self.content = None
        channel.give_room_back()

    def _refuse_too_large(self) -> None:
        text = f"The body must not have more than {self._max_body} bytes."
        self._refuse(413, b"Content Too Large", text)

    def _refuse(
        self, status: int, phrase: bytes, text: str, *, retry_after: int | None = None
    ) -> None:
        """
        Take no more of the body.
        """
        channel: Any = self.channel  # ours, which has a Site
        self._is_refused = True
        self.let_go_of_body()
        channel.refuse(status, phrase, text, retry_after=retry_after)
