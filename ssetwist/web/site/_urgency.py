"""
Urgency: which clients are served first if many have sent something.
"""

from enum import Enum

from twisted.internet.tcp import Port
from twisted.protocols.policies import ProtocolWrapper


class Urgency(Enum):
    """
    Kinds of clients that wait, in the order of being served.
    """

    KNOWN = "A client that has been answered before, or something that is no client."
    FIRST = "A client with its first request on this connection."
    STREAM = "A client that is being answered: what comes from it is nearly always its end."
    NEW = "Connections to accept."

    __hash__ = object.__hash__  # an Enum's own is in Python, and hashes the name


def urgency_of(selectable: object) -> Urgency:
    """
    Return the urgency of something that a reactor can read from.
    """
    protocol = getattr(selectable, "protocol", None)
    while isinstance(protocol, ProtocolWrapper):  # TLS
        protocol = protocol.wrappedProtocol
    urgency: Urgency | None = getattr(protocol, "urgency", None)
    if urgency is not None:
        return urgency
    return Urgency.NEW if isinstance(selectable, Port) else Urgency.KNOWN
