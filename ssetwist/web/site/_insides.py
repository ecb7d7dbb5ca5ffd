"""
Insides of Twisted that this room relies on, each with its reason.

Twisted does not document these names.  ``tests/unit/web/site/test_insides.py`` has one test for
each, which runs with the oldest Twisted that is supported and with the newest.  When one of them
fails, this is the file to mend.
"""

from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.tcp import Server
from twisted.web.http import HTTPChannel
from twisted.web.resource import _IEncodingResource
from twisted.web.server import Request

from ._request_head import PlainHead

#: Bytes that are read of a connection in one turn of the reactor.  Twisted reads 64 KiB, which may
#: be two thousand requests, and answers them all before anybody else has a turn.
READ_SIZE = 4096


class OpenedChannel(HTTPChannel):
    """
    Twisted's channel, with names for those of its insides that ours uses.
    """

    # Bytes that may come while a request is answered; they are read at once after that.  Without
    # this name Twisted would take its own 16 KiB, and answer them all in one turn.
    _optimisticEagerReadSize = READ_SIZE  # noqa: N815  # Twisted's name

    def listen_to(self, transport: Any) -> None:  # a socket transport, which has no types for this
        """
        Do what ``connectionMade`` does, without asking what the transport can do.

        The channel pauses and resumes what it finds under this name.
        """
        self._networkProducer = transport
        transport.registerProducer(self, True)

    def awaits_request(self) -> bool:
        """
        Tell whether what comes now is the first line of a request, or a later line of its head.
        """
        return bool(self.line_mode and self.persistent)

    def target(self) -> bytes:
        """
        Return the target of the request that arrives, its path and its query, before its body.
        """
        target: bytes = self._path
        return target

    def receive_plain(self, head: PlainHead, request: Request) -> None:
        """
        Take a whole head, and leave everything as after its lines had come one by one.

        This stands for ``lineReceived``, ``headerReceived`` and ``allHeadersReceived``.  The latter
        looks at cookies and at the connection in any case, which costs time if there are none.
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
    Have a response encoded if a wrapper around its resource says so, as ``Request.process`` does.
    """
    if _IEncodingResource.providedBy(resource):
        encoder: Any = resource  # mypy knows no methods of an interface that is private
        request._encoder = encoder.getEncoder(request) or request._encoder


def answer_star(request: Request) -> None:
    """
    Answer ``OPTIONS *``, and refuse any other method with that target, as ``Request.process`` does.
    """
    request._handleStar()


def is_plain_socket(transport: object) -> bool:
    """
    Tell whether a transport is Twisted's own for an accepted TCP connection: it can be paused, and
    asking it which interfaces it has takes longer than all else that it is asked.
    """
    return type(transport) is Server


def has_tls(descriptor: FileDescriptor) -> bool:
    """
    Tell whether ``startTLS`` has put TLS into the socket transport itself.
    """
    return getattr(descriptor, "TLS", False)


def listener_of(transport: object) -> Any:  # a port, whose socket has no types
    """
    Return the port that has accepted a connection; ``None`` if the transport does not say.
    """
    return getattr(transport, "server", None)


def limit_reads(descriptor: FileDescriptor) -> None:
    """
    Read only so many bytes of a connection in one turn.
    """
    descriptor.bufferSize = READ_SIZE
