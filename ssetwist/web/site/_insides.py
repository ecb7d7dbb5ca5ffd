"""
Undocumented names of Twisted that this package relies on, each with its reason.

``tests/unit/web/site/test_insides.py`` has one test for each, and runs with the oldest supported
Twisted and with the newest.  When one of them fails, mend this file.
"""

from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.tcp import Server
from twisted.web.http import HTTPChannel
from twisted.web.resource import _IEncodingResource
from twisted.web.server import Request

from ._request_head import PlainHead

#: Bytes that are read from a connection in one turn of the reactor.  Twisted reads 64 KiB.  That
#: may be two thousand requests, and all are answered before another connection has a turn.
READ_SIZE = 4096

#: Connections that are accepted in one turn of the reactor, or up to 20 more.  Twisted begins with
#: a hundred, and takes 20 more each time for as long as others wait.
ACCEPTS = 16

#: Digits that the length of a body may have.
MAX_LENGTH_DIGITS = 20


class OpenedChannel(HTTPChannel):
    """
    Twisted's channel, with public names for the insides that :class:`Connection` uses.
    """

    # Bytes that may arrive while a request is being answered; they are read at once after that.
    # With Twisted's own 16 KiB all of them would be answered in one turn.
    _optimisticEagerReadSize = READ_SIZE  # noqa: N815  # Twisted's name

    #: True if the transport may give it bytes while it is paused, as TLS does with the rest of what
    #: it has read.
    may_have_more = False

    def listen_to(self, transport: Any) -> None:  # a socket transport; its types lack this
        """
        Do what ``connectionMade`` does, without asking what the transport can do.

        The channel pauses and resumes the producer of this name.
        """
        self._networkProducer = transport
        transport.registerProducer(self, True)

    def awaits_request(self) -> bool:
        """
        Return true if the next byte that comes is the first of a request.
        """
        return bool(self.line_mode and self.persistent and not self.paused and not self._buffer)

    def takes_body(self) -> bool:
        """
        Return true if the body of the request may still come; false if it has been refused.
        """
        return True

    def _send100Continue(self) -> None:  # noqa: N802  # Twisted's name
        # Twisted asks for the body of a request that has been refused, too.
        if self.takes_body():
            super()._send100Continue()

    def _maybeChooseTransferDecoder(  # noqa: N802  # Twisted's name
        self, header: bytes, data: bytes
    ) -> bool:
        # Python refuses to read a number of thousands of digits.  Twisted would log a traceback.
        is_endless = header == b"Content-Length" and len(data) > MAX_LENGTH_DIGITS
        chosen: bool = super()._maybeChooseTransferDecoder(header, b"" if is_endless else data)
        return chosen

    def rawDataReceived(self, data: bytes) -> None:  # noqa: N802  # Twisted's name
        super().rawDataReceived(data)
        # Twisted stops reading if much waits behind a request that is being answered, but not while
        # its client does not take the response.
        are_stuck = self._handlingRequest and self._waitingForTransport
        if are_stuck and sum(map(len, self._dataBuffer)) > self._optimisticEagerReadSize:
            self._networkProducer.pauseProducing()

    def end_response(self, request: Request) -> bool:
        """
        Do what ``requestDone`` does, but let the next request wait if bytes of it have come already
        or the client has to take the responses before it.

        By itself, Twisted answers all requests that have come in one turn.  It stops reading from a
        client that does not read only while a request is being answered, and so never after a
        response that is made at once.

        :returns: True if the next request waits, and nothing is read, until :meth:`go_on`.
        """
        # Twisted appends an empty piece.
        has_more = self.may_have_more or self._buffer or any(self._dataBuffer)
        self.paused = bool(self.persistent and (has_more or self._waitingForTransport))
        super().requestDone(request)
        if self.paused:  # Twisted has resumed the transport
            self._networkProducer.pauseProducing()
        return self.paused

    def go_on(self) -> None:
        """
        Read the bytes that have come, and the next ones; but not while responses wait for the
        client.  Call this again when it has taken them.
        """
        if not self._waitingForTransport:
            self.paused = False
            self._networkProducer.resumeProducing()
            if self._buffer:
                self.dataReceived(b"")

    def resumeProducing(self) -> None:
        super().resumeProducing()
        if self.paused:
            self._networkProducer.pauseProducing()

    def is_taken(self) -> bool:
        """
        Return true if the transport does not hold bytes of a response.
        """
        return not self._waitingForTransport

    def target(self) -> bytes:
        """
        Return the path and query of the request whose body comes next.
        """
        target: bytes = self._path
        return target

    def receive_plain(self, head: PlainHead, request: Request) -> None:
        """
        Take a whole head, with the same outcome as if its lines had come one by one.

        This replaces ``lineReceived``, ``headerReceived`` and ``allHeadersReceived``, which spends
        time on cookies and on the connection even if the head does not mention them.
        """
        self._command, self._path, self._version = head.method, head.target, head.version
        self.requests.append(request)
        add = request.requestHeaders.addRawHeader
        for name, value in head.fields:
            add(name, value)
        if b"cookie" in head.names:
            request.parseCookies()
        if b"connection" in head.names:
            self.persistent = self.checkPersistence(request, head.version)
        request.gotLength(0)
        self.allContentReceived()


def choose_encoder(request: Request, resource: object) -> None:
    """
    Let a wrapper around the resource encode the response, as ``Request.process`` does.
    """
    if _IEncodingResource.providedBy(resource):
        encoder: Any = resource  # mypy does not know the methods of a private interface
        request._encoder = encoder.getEncoder(request) or request._encoder


def leave_form(request: Request) -> None:
    """
    Do not let Twisted read the form in the body of a request.
    """
    request._parsePOSTFormSubmission = False


def answer_star(request: Request) -> None:
    """
    Answer ``OPTIONS *``, and refuse any other method with that target, as ``Request.process`` does.
    """
    request._handleStar()


def is_plain_socket(transport: object) -> bool:
    """
    Tell whether a transport is Twisted's own for an accepted TCP connection.  Such a transport can
    be paused, and asking for its interfaces would take longer than everything else it is asked.
    """
    return type(transport) is Server


def has_tls(descriptor: FileDescriptor) -> bool:
    """
    Tell whether ``startTLS`` has put TLS into the socket transport itself.
    """
    return getattr(descriptor, "TLS", False)


def listener_of(transport: object) -> Any:  # a port; its socket is untyped
    """
    Return the port that accepted a connection; ``None`` if the transport does not name it.
    """
    return getattr(transport, "server", None)


def limit_turns(descriptor: FileDescriptor) -> None:
    """
    Limit how much one turn of the reactor reads from a connection, and how many connections its
    listener accepts in one turn.
    """
    descriptor.bufferSize = READ_SIZE
    if (listener := listener_of(descriptor)) is not None:
        listener.numberAccepts = ACCEPTS
