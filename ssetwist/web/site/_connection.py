"""
One HTTP/1.1 connection to our Site, as a machine of five phases, and the requests on it.

1. A whole request must arrive in time, and its body is bounded.
2. A request that is being answered is never cut by a deadline of the connection.
3. Of requests that a client has sent at once, one is answered in each turn of the reactor, and none
   while the client has to take earlier responses.
4. From the moment at which the server wants to close, whatever arrives is thrown away, and a client
   that does not let the connection close is cut.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from twisted.web.http import SERVICE_UNAVAILABLE
from twisted.web.http_headers import Headers
from twisted.web.resource import IResource
from twisted.web.server import Request, version

from ...clock import measure_tls_by
from ...hub import Streams
from ._access_log import shown
from ._body_limits import BodyRoom, check_form
from ._deadlines import Deadlines
from ._insides import OpenedChannel, answer_star, choose_encoder, is_plain_socket, limit_turns
from ._peer import descriptor_of, has_unread, watch_peer
from ._request_head import MAX_PARAMETERS, MAX_SEGMENTS, PlainHead, read_plain_head, segments_of
from ._urgency import Urgency

_log = Logger()

#: Seconds within which a connection must be closed after the server has begun to close it.
CLOSE_TIMEOUT = 30.0

#: Bytes that a client may still send once the server closes, all of them thrown away.  Some clients
#: read no answer before they have sent all of their request.
MAX_DISCARDED = 8 * 1024 * 1024

#: Seconds after which a client whose body found no room may ask again.
_NO_ROOM_RETRY = 10


class Phase(Enum):
    IDLE = "The connection is open, and no request is on it."
    RECEIVING = "A part of a request has arrived."
    ANSWERING = "A whole request has arrived, and its response is not finished."
    CLOSING = "The server wants to close; bytes that arrive are thrown away."
    GONE = "The connection is closed, and nothing is held for it."

    __hash__ = object.__hash__  # an Enum's own is in Python, and hashes the name


_NEXT: dict[Phase, tuple[Phase, ...]] = {
    Phase.IDLE: (Phase.RECEIVING, Phase.ANSWERING, Phase.CLOSING, Phase.GONE),
    Phase.RECEIVING: (Phase.ANSWERING, Phase.CLOSING, Phase.GONE),
    Phase.ANSWERING: (Phase.IDLE, Phase.CLOSING, Phase.GONE),
    Phase.CLOSING: (Phase.GONE,),
    Phase.GONE: (),
}


class Surroundings(Protocol):
    """
    The parts of a :class:`ssetwist.web.Site` that its connections share.
    """

    requestFactory: Any  # noqa: N815  # Twisted's name; makes a channel's requests
    timeOut: Any  # noqa: N815  # Twisted's name; seconds, or None for no limit
    streams: Streams
    connections: set["Connection"]
    requests_due: Deadlines["Connection"]
    closing: dict["Connection", None]
    body_room: BodyRoom
    reads_forms: bool
    resource: IResource

    def host_of(self, transport: Any) -> IAddress: ...  # any transport under HTTP

    def max_body_at(self, target: bytes) -> int: ...

    def date(self) -> bytes: ...

    def getResourceFor(self, request: Request) -> IResource: ...  # noqa: N802  # Twisted's name

    def forget(self, connection: "Connection") -> None: ...


class Connection(OpenedChannel):
    """
    An HTTP/1.1 connection.

    Twisted puts an object between the transport and its channel, in case TLS agrees upon HTTP/2,
    and gives each connection a timer.  Ours has neither: connecting costs half as much.

    :ivar is_first_request: True until a request on this connection has been answered.
    :ivar urgency: Tells how soon its client should be served, among many.
    """

    transport: Any  # any transport under HTTP
    abortTimeout = None  # type: ignore[assignment]  # noqa: N815  # CLOSE_TIMEOUT is the only limit
    is_first_request = True
    urgency = Urgency.FIRST
    _phase = Phase.IDLE
    #: Bytes that may still arrive while the server closes.
    _to_discard = MAX_DISCARDED
    _cutting: IDelayedCall | None = None
    #: The turn of the reactor for the next request of a client that has sent several.
    _turn: Deferred[None] | None = None

    def __init__(self, site: Surroundings) -> None:
        super().__init__()
        self.factory = self.site = site
        self.requestFactory = site.requestFactory
        self.timeOut: float | None = site.timeOut  # type: ignore[assignment]  # any number will do

    def makeConnection(self, transport: Any) -> None:  # any transport under HTTP
        self.site.connections.add(self)
        if (descriptor := descriptor_of(transport)) is not None:
            limit_turns(descriptor)
            watch_peer(descriptor, self.site.streams.stall_timeout)
        super().makeConnection(transport)

    def connectionMade(self) -> None:
        if not is_plain_socket(self.transport):
            self.may_have_more = isinstance(self.transport, ProtocolWrapper)
            measure_tls_by(self.site.streams.clock, self.transport)
            super().connectionMade()
            return
        # As Twisted does, except for TCP_NODELAY, which this socket has inherited.
        self.setTimeout(self.timeOut)
        self.listen_to(self.transport)

    def dataReceived(self, data: bytes) -> None:
        if self._phase is Phase.CLOSING:
            self._to_discard -= len(data)
            if self._to_discard < 0:
                self.abort()
        elif (head := self._read_plain_head(data)) is None:
            super().dataReceived(data)
        else:
            self.receive_plain(head, BoundedRequest(self, False))

    def _read_plain_head(self, data: bytes) -> PlainHead | None:
        is_between_requests = self._phase is Phase.IDLE and self.awaits_request()
        if not is_between_requests or self.requestFactory is not BoundedRequest:
            return None  # a class of the application's may override what reads a line
        return read_plain_head(data, self.totalHeadersSize, self.maxHeaders)

    def allContentReceived(self) -> None:
        if self._phase is not Phase.CLOSING:
            self._become(Phase.ANSWERING)
            self.urgency = Urgency.STREAM
        super().allContentReceived()

    def takes_body(self) -> bool:
        return self._phase is not Phase.CLOSING

    def free_body(self) -> None:
        if self in self.site.body_room.shares:  # few bodies need room
            self.site.body_room.give_back(self)

    def requestDone(self, request: Request) -> None:
        if self._phase is Phase.ANSWERING:
            self._become(Phase.IDLE)
            self.urgency = Urgency.KNOWN
        self.free_body()
        self.is_first_request = False
        if self.end_response(request):
            self._turn = self.site.streams.turns.next()
            self._turn.addCallback(self._take_turn).addErrback(self._turn_failed)

    def resumeProducing(self) -> None:
        super().resumeProducing()
        # A part of the next request may wait already.
        is_between = self._phase is Phase.IDLE or self._phase is Phase.RECEIVING
        if self.paused and self._turn is None and is_between:
            self.go_on()

    def _take_turn(self, _: None) -> None:
        self._turn = None
        self.go_on()

    def _turn_failed(self, problem: Failure) -> None:
        if not problem.check(CancelledError):  # as a reactor does when reading fails
            _log.failure("a request failed; its connection is closed", problem)
            self.abort()

    def _give_turn_up(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.cancel()

    def callLater(self, period: float, function: Callable[[], object]) -> IDelayedCall:
        return self.site.streams.clock.callLater(period, function)

    def getHost(self) -> IAddress:
        return self.site.host_of(self.transport)

    def setTimeout(self, period: float | None) -> float | None:
        """
        Begin the time in which a request must arrive, or end it.

        :param period: Seconds, those of the Site; ``None`` to end it.
        """
        previous: float | None = self.timeOut
        self.timeOut = period
        if period is None:
            self.site.requests_due.done(self)
        else:
            self.site.requests_due.begin(self)
        return previous

    def resetTimeout(self) -> None:
        # Twisted calls this with every read; the first bytes begin the time of a request.
        if self._phase is Phase.IDLE:
            self._become(Phase.RECEIVING)
            if self.timeOut is not None:
                self.site.requests_due.begin(self)

    def lineLengthExceeded(self, line: bytes) -> None:
        # Twisted would close without an answer.
        if self.requests:
            self.refuse(431, b"Request Header Fields Too Large", "A field of the head is too long.")
        else:
            self.refuse(414, b"URI Too Long", "The URL is too long.")

    def refuse(self, status: int, phrase: bytes, text: str) -> None:
        """
        Answer a request before all of it has arrived, and close the connection: HTTP/1.1 has no
        other way to refuse the rest.
        """
        # A refused request never reaches the access log.
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
        if status == SERVICE_UNAVAILABLE:
            fields.addRawHeader(b"Retry-After", b"%d" % _NO_ROOM_RETRY)
        self.writeHeaders(b"HTTP/1.1", b"%d" % status, phrase, fields)
        self.write(body)
        self._close_when_read()

    def _close_when_read(self) -> None:
        """
        Close once the client does, or has sent too much.  If bytes of a client were left unread, it
        would see a reset, and might lose the answer (RFC 9112, 9.6).
        """
        is_bare = descriptor_of(self.transport) is self.transport  # nothing between it and a socket
        if is_bare:
            self.transport.unregisterProducer()
            self.transport.loseWriteConnection()
            self._begin_close()
        else:
            self.loseConnection()  # TLS reads on by itself, until the client closes

    def _begin_close(self) -> None:
        if self._phase not in (Phase.CLOSING, Phase.GONE):
            self._become(Phase.CLOSING)
            self._give_turn_up()
            self.site.requests_due.done(self)
            self.site.closing[self] = None
            self._cutting = self.callLater(CLOSE_TIMEOUT, self.abort)

    def close_if_idle(self) -> None:
        if self._phase is Phase.IDLE or self._phase is Phase.RECEIVING:
            self.loseConnection()
        elif self._phase is Phase.CLOSING:
            self.transport.loseConnection()  # it reads no more

    def has_unread(self) -> bool:
        """
        Return true if bytes have arrived that no turn of the reactor has read yet.
        """
        descriptor = descriptor_of(self.transport)
        return descriptor is not None and has_unread(descriptor)

    def make_room(self, at_once: bool) -> None:
        """
        Close without waiting for the client.

        :param at_once: In the next turn of the reactor, by a reset.  A connection that is not a
            plain TCP socket, or holds bytes, is closed so in any case.
        """
        is_slow = not at_once and self._phase is not Phase.CLOSING
        if is_slow and is_plain_socket(self.transport) and self.is_taken():
            self.loseConnection()
        else:
            self.abort()
        self.site.requests_due.done(self)
        self.site.closing.pop(self, None)  # it makes room once

    def abort(self) -> None:
        self.transport.abortConnection()

    def loseConnection(self) -> None:
        super().loseConnection()
        self._begin_close()  # TLS waits without end for its peer's answer

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._become(Phase.GONE)
        if self._cutting is not None and self._cutting.active():
            self._cutting.cancel()
        self._give_turn_up()
        try:
            super().connectionLost(reason)
        finally:
            self.free_body()
            self.site.forget(self)

    def _become(self, phase: Phase) -> None:
        assert phase in _NEXT[self._phase], (self._phase, phase)
        self._phase = phase


class BoundedRequest(Request):
    """
    A request with a bounded body.
    """

    _is_refused = False
    #: Bytes that its body may have.
    _max_body = 0

    @property
    def _connection(self) -> Connection:
        return cast(Connection, self.channel)  # only a Connection makes such requests

    def gotLength(self, length: int | None) -> None:
        super().gotLength(length)
        if length == 0:
            return  # without a body the limit does not matter
        connection = self._connection
        self._max_body = connection.site.max_body_at(connection.target())
        if length is not None and length > self._max_body:
            self._refuse_too_large()

    def handleContentChunk(self, data: bytes) -> None:
        if self._is_refused:
            return
        assert self.content is not None, "gotLength comes first"
        size = self.content.tell() + len(data)
        if size > self._max_body:
            self._refuse_too_large()
        elif not self._connection.site.body_room.take(self._connection, size):
            text = "Too many large bodies are on their way; try again later."
            self._refuse(SERVICE_UNAVAILABLE, b"Service Unavailable", text)
        else:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        if self._is_refused:
            return
        site = self._connection.site
        is_form = command == b"POST" and site.reads_forms
        segments, _, parameters = path.partition(b"?")
        marks = parameters.count(b"&") + parameters.count(b";")
        if segments.count(b"/") > MAX_SEGMENTS or marks >= MAX_PARAMETERS:
            most = f"{MAX_SEGMENTS} segments and {MAX_PARAMETERS} parameters"
            self._refuse(414, b"URI Too Long", f"The URL must not have more than {most}.")
        elif is_form and (problem := check_form(self, site.resource, path)):
            self._refuse(413, b"Content Too Large", problem)
        else:
            super().requestReceived(command, path, version)

    def process(self) -> None:
        # The same as Twisted's, except that the date is made once a second only.
        site = self._connection.site
        self.site: Any = site  # a Site, for Twisted
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
        Free the body, which is no longer needed or will never be whole.
        """
        self.content = None
        self._connection.free_body()

    def __repr__(self) -> str:
        return shown(self)  # Twisted logs it for answers to HEAD; its own has the whole URL

    def _refuse_too_large(self) -> None:
        text = f"The body must not have more than {self._max_body} bytes."
        self._refuse(413, b"Content Too Large", text)

    def _refuse(self, status: int, phrase: bytes, text: str) -> None:
        self._is_refused = True
        self.let_go_of_body()
        self._connection.refuse(status, phrase, text)
