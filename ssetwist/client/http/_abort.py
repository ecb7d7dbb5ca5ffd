"""
Cutting the connection of a response.

An event stream does not end by itself, so a client leaves it by cutting the connection.
``loseConnection`` is not enough: over TLS it waits for the peer's close, which never comes from a
peer that has vanished, or through a paused transport.
"""

from typing import Any

from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.iweb import IResponse

from ._insides import connection_of
from ._response import unwrapped


def abort(transport: Any) -> bool:
    """
    Cut a connection, or close it if it cannot be cut.

    :param transport: The transport of a body.  No interface of Twisted has the needed methods.
    :returns: True if it was cut; ``connectionLost`` follows soon.
    """
    cut = getattr(connection_of(transport), "abortConnection", None)
    if cut is None:
        transport.loseConnection()
        return False
    cut()
    return True


class _Unwanted(Protocol):
    def connectionMade(self) -> None:
        abort(self.transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Ignore the end.
        """


def discard(response: IResponse) -> None:
    """
    Drop the body of a response: cut its connection, unless the whole body has arrived.
    """
    itself, _ = unwrapped(response)
    itself.deliverBody(_Unwanted())
