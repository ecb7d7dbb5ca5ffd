"""
The body of somebody else's response, which is given a limit to what it may take of us.
"""

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss


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

    def __init__(self, most: int) -> None:
        """
        :param most: How many bytes it may have.
        """
        self.done: Deferred[bytes] = Deferred(lambda _: self.close())
        self._most = most
        self._received = bytearray()
        self._is_over = False

    def dataReceived(self, data: bytes) -> None:
        """
        Take a piece.
        """
        if self._is_over:
            return
        self._received += data
        if len(self._received) > self._most:
            self.close()
            self.done.errback(CannotRead(f"it is larger than {self._most} bytes"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        See how it ended.
        """
        if self._is_over:
            return
        self._is_over = True
        # Where nothing but the end of the connection says that this was all, something was there.
        # If there is nothing, the connection may have broken before it came.
        is_whole = reason.check(ResponseDone) or (
            self._received and reason.check(PotentialDataLoss)
        )
        if is_whole:
            self.done.callback(bytes(self._received))
        else:
            self.done.errback(CannotRead("its end did not come"))

    def close(self) -> None:
        """
        Take no more.
        """
        self._is_over = True
        self._received.clear()
        assert self.transport is not None  # nobody has it before there is a response
        self.transport.loseConnection()
