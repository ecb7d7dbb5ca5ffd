"""
Endpoints to listen on, and their names.
"""

import re
import socket
import sys
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from OpenSSL.crypto import Error as NotPEM
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint

from .._reactor import AnyReactor

#: Connections that may wait to be accepted, if the endpoint does not name a backlog.  Twisted's 50
#: overflows when all clients reconnect after a restart.  The kernel caps it (net.core.somaxconn).
BACKLOG = 4096

#: Linux's option that lets the other end of a UNIX socket send descriptors.  Python has no name for
#: it.
_SO_PASSRIGHTS = 83


def endpoint(reactor: AnyReactor, description: str) -> IStreamServerEndpoint:
    """
    Parse an endpoint string.  An endpoint of Twisted that does not name a backlog gets a long one.

    :raises Exception: Any error that the parser of that kind of endpoint raises.
    """
    parsed: IStreamServerEndpoint  # Twisted says so only in its documentation
    if re.match(r"(tcp|tcp6|ssl|unix):", description) and ":backlog=" not in description:
        try:
            parsed = serverFromString(reactor, f"{description}:backlog={BACKLOG}")
            return parsed
        except TypeError:
            pass  # it has a backlog by position, or it is wrong anyway
    parsed = serverFromString(reactor, description)
    return parsed


def read_endpoint(description: str) -> str:
    """
    Check an endpoint string of a command line, and return it.

    :raises ValueError: If Twisted cannot parse it.
    """
    from twisted.internet import reactor

    try:
        endpoint(reactor, description)
    except NotPEM:
        raise ValueError(
            f"{description!r} needs a key and a certificate as PEM, such as "
            "'ssl:8443:privateKey=key.pem:certKey=cert.pem'; one of them cannot be read"
        ) from None
    except Exception as problem:  # the parser of each kind of endpoint has its own errors
        raise ValueError(
            f"{description!r} is not an endpoint string, such as "
            f"'tcp:8080:interface=127.0.0.1': {problem}"
        ) from None
    return description


def refuse_descriptors(port: Any) -> None:  # any port
    """
    Let the kernel refuse descriptors that clients send over a UNIX socket.

    Nobody here wants them, but whoever receives one must close it.  That takes as long as its
    sender likes, if it is a connection that lingers, and all streams would wait.  Linux before 6.16
    cannot refuse them.
    """
    if sys.platform == "linux" and isinstance(port.getHost(), UNIXAddress):
        with suppress(AttributeError, OSError):  # no socket of its own, or an older Linux
            port.socket.setsockopt(socket.SOL_SOCKET, _SO_PASSRIGHTS, 0)


def address_name(description: str, port: IListeningPort) -> str:
    """
    Return the address of a port in the form that a person types into a browser.
    """
    address = port.getHost()
    scheme = "https" if description.startswith("ssl:") else "http"
    if isinstance(address, IPv6Address):
        return f"{scheme}://[{address.host}]:{address.port}/"
    if isinstance(address, IPv4Address):
        return f"{scheme}://{address.host}:{address.port}/"
    return description


def is_loopback(port: IListeningPort) -> bool:
    """
    Return true if only this machine can connect, or the port does not have an IP address.
    """
    address = port.getHost()
    if isinstance(address, IPv4Address | IPv6Address):
        return ip_address(address.host).is_loopback
    return True
