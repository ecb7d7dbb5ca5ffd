"""
The body of a response, read up to a limit.
"""

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from ._abort import abort


class CannotRead(Exception):
    """
    A body could not be read whole.  The message says why, and does not quote the body.
    """


class BoundedBody(Protocol):
    """
    A protocol that collects a body, which may be too long or never end.

    :ivar done: Fires with the body, or fails with :class:`CannotRead`.  Cancelling it closes the
        connection.
    """

    def __init__(self, max_bytes: int, *, may_be_empty: bool = False) -> None:
        """
        :param may_be_empty: True to accept an empty body of a response without a length, although
            its connection may have broken before the first byte.
        """
        self.done: Deferred[bytes] = Deferred(lambda _: self.close())
        self._max_bytes = max_bytes
        self._may_be_empty = may_be_empty
        self._received = bytearray()
        self._is_over = False

    def dataReceived(self, data: bytes) -> None:
        if self._is_over:
            return
        self._received += data
        if len(self._received) > self._max_bytes:
            self.close()
            self.done.errback(CannotRead(f"it is larger than {self._max_bytes} bytes"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._is_over:
            return
        self._is_over = True
        has_some = self._received or self._may_be_empty
        if reason.check(ResponseDone) or (has_some and reason.check(PotentialDataLoss)):
            self.done.callback(bytes(self._received))
        elif reason.check(PotentialDataLoss):
            problem = "it is empty and has no Content-Length, so it may have been cut off"
            self.done.errback(CannotRead(problem))
        else:
            self.done.errback(CannotRead("it was cut off"))

    def close(self) -> None:
        """
        Drop the body, and cut the connection.
        """
        self._is_over = True
        self._received.clear()
        abort(self.transport)
