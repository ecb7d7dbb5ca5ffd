"""
What a server says instead of an event stream; it may have much to say, or say it slowly.
"""

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.iweb import IResponse

from ._abort import abort
from ._gzip import GzipDecoder

#: Bytes of it that are kept at most: a problem is told in less, and an error page may be cut.
MOST = 2**14

#: Seconds that they may take.
PATIENCE = 5.0


def start_of_body(
    response: IResponse, clock: IReactorTime, *, is_gzip: bool = False
) -> "Deferred[bytes]":
    """
    Return the start of a body, and cut its connection, unless it was the whole body.

    :param clock: Where that time passes.
    :param is_gzip: Whether to decode it.  If that cannot be done, it is returned as it came.
    :returns: Fires with at most :data:`MOST` bytes, in at most :data:`PATIENCE` seconds, and never
        fails.  Cancelling it has it fire with what has come.
    """
    start = _Start()
    response.deliverBody(start)
    timer = clock.callLater(PATIENCE, start.finish)

    def finished(body: bytes) -> bytes:
        if timer.active():
            timer.cancel()
        return _decoded(body) if is_gzip else body

    return start.done.addCallback(finished)


class _Start(Protocol):
    def __init__(self) -> None:
        self.done: Deferred[bytes] = Deferred(lambda _: self.finish())
        self._received = bytearray()
        self._is_over = False

    def dataReceived(self, data: bytes) -> None:
        """
        Take a piece, and no more than is wanted.
        """
        if not self._is_over:
            self._received += data[: MOST - len(self._received)]
            if len(self._received) == MOST:
                self.finish()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Be content with what there is.
        """
        self._finish()

    def finish(self) -> None:
        """
        Want no more.
        """
        abort(self.transport)
        self._finish()

    def _finish(self) -> None:
        if not self._is_over:
            self._is_over = True
            self.done.callback(bytes(self._received))


def _decoded(body: bytes) -> bytes:
    decoder = GzipDecoder()
    decoder.push(body)
    try:
        return decoder.take()[:MOST]
    except ValueError:
        return body
