"""
How the connection of a response is cut.

An event stream has no end that one could wait for, so leaving it is cutting it.  Losing it politely
is not enough: over TLS that waits for the peer's last word, which a peer that has vanished, or a
transport that is paused, never gives.
"""

from typing import Any

from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.iweb import IResponse

from ._insides import producer_of
from ._response import unwrapped


def connection_of(transport: Any) -> Any:
    """
    Return the connection that a body comes from.

    :param transport: Of a protocol that a body is delivered to.  It is ``Any`` because no interface
        of Twisted has what is needed.
    """
    return producer_of(transport)


def abort(transport: Any) -> bool:
    """
    Cut a connection, and tell whether it could be: then its protocol loses it soon.

    :param transport: See :func:`connection_of`.
    """
    cut = getattr(connection_of(transport), "abortConnection", None)
    if cut is None:
        transport.loseConnection()
        return False
    cut()
    return True


class _Unwanted(Protocol):
    def connectionMade(self) -> None:
        """
        Want nothing.
        """
        abort(self.transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        It is well.
        """


def discard(response: IResponse) -> None:
    """
    Have nothing of the body of a response: cut its connection, unless the body has come already.
    """
    itself, _ = unwrapped(response)
    itself.deliverBody(_Unwanted())
