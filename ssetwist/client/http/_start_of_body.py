"""
The start of a response's body that is not an event stream, with limits on bytes and time.
"""

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.iweb import IResponse

from ._abort import abort
from ._gzip import GzipDecoder

#: Bytes that are kept, at most: a message of an error is shorter, and an error page may be cut.
MAX_BYTES = 2**14

#: Seconds within which they must arrive.
MAX_SECONDS = 5.0


def start_of_body(
    response: IResponse, clock: IReactorTime, *, is_gzip: bool = False
) -> "Deferred[bytes]":
    """
    Return the start of a body, and cut its connection, unless it was the whole body.

    :param is_gzip: True to decode it.  A body that cannot be decoded is returned as it came.
    :returns: Fires with the bytes, within the limits, and never fails.  When it is cancelled it
        fires with the bytes that have come.
    """
    start = _Start()
    response.deliverBody(start)
    timer = clock.callLater(MAX_SECONDS, start.finish)

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
        if not self._is_over:
            self._received += data[: MAX_BYTES - len(self._received)]
            if len(self._received) == MAX_BYTES:
                self.finish()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._finish()

    def finish(self) -> None:
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
        return decoder.take()[:MAX_BYTES]
    except ValueError:
        return body
