"""
Urgency: which connections are served first if many have something to read.
"""

from enum import Enum

from twisted.internet.tcp import Port
from twisted.protocols.policies import ProtocolWrapper

from ._connection import Connection


class Urgency(Enum):
    """
    Kinds of clients that wait, in the order of being served.
    """

    KNOWN = "A client that has been answered before, or something that is no client."
    FIRST = "A client with its first request on this connection."
    STREAM = "A client that is being answered: what comes from it is nearly always its end."
    NEW = "Connections to accept."


def urgency_of(selectable: object) -> Urgency:
    """
    Return the urgency of something that a reactor can read from.
    """
    if isinstance(selectable, Port):  # also of a UNIX socket
        return Urgency.NEW
    protocol = getattr(selectable, "protocol", None)
    while isinstance(protocol, ProtocolWrapper):  # TLS
        protocol = protocol.wrappedProtocol
    if isinstance(protocol, Connection):
        if protocol.is_answering:
            return Urgency.STREAM
        return Urgency.FIRST if protocol.is_first_request else Urgency.KNOWN
    return Urgency.KNOWN
