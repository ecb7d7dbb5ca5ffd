"""
The body of somebody else's response, which is given a limit to what it may take of us.
"""

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from ._abort import abort


class CannotRead(Exception):
    """
    A body cannot be had whole; why, with nothing of it.
    """


class BoundedBody(Protocol):
    """
    Collects a body that may be too long, or never end.

    :ivar done: Fires with it, or fails with :class:`CannotRead`.  Cancelling it closes the
        connection.
    """

    def __init__(self, max_bytes: int, *, may_be_empty: bool = False) -> None:
        """
        :param max_bytes: How many bytes it may have.
        :param may_be_empty: Whether nothing is a body, where nothing but the end of the connection
            says that this was all.  It may have broken before anything came.
        """
        self.done: Deferred[bytes] = Deferred(lambda _: self.close())
        self._max_bytes = max_bytes
        self._may_be_empty = may_be_empty
        self._received = bytearray()
        self._is_over = False

    def dataReceived(self, data: bytes) -> None:
        """
        Take a piece.
        """
        if self._is_over:
            return
        self._received += data
        if len(self._received) > self._max_bytes:
            self.close()
            self.done.errback(CannotRead(f"it is larger than {self._max_bytes} bytes"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        See how it ended.
        """
        if self._is_over:
            return
        self._is_over = True
        has_some = self._received or self._may_be_empty
        if reason.check(ResponseDone) or (has_some and reason.check(PotentialDataLoss)):
            self.done.callback(bytes(self._received))
        else:
            self.done.errback(CannotRead("its end did not come"))

    def close(self) -> None:
        """
        Take no more.
        """
        self._is_over = True
        self._received.clear()
        abort(self.transport)
