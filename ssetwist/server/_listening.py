"""
Endpoints to listen on, and what is said of them.
"""

import re
from ipaddress import ip_address

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint

from .._reactor import AnyReactor

#: How many connections may wait to be accepted, unless the endpoint says otherwise.  Twisted's 50
#: overflows when all come back at once after a restart.  The kernel caps it (net.core.somaxconn).
BACKLOG = 4096


def endpoint(reactor: AnyReactor, description: str) -> IStreamServerEndpoint:
    """
    Parse an endpoint string, and give an endpoint of Twisted's own a real backlog unless it names
    one.

    :raises Exception: Whatever the parser of that kind of endpoint raises.
    """
    parsed: IStreamServerEndpoint  # Twisted says so only in its documentation
    if re.match(r"(tcp|tcp6|ssl|unix):", description) and ":backlog=" not in description:
        try:
            parsed = serverFromString(reactor, f"{description}:backlog={BACKLOG}")
            return parsed
        except TypeError:
            pass  # it has one, by position, or it is wrong anyway
    parsed = serverFromString(reactor, description)
    return parsed


def address_name(description: str, port: IListeningPort) -> str:
    """
    Return where something listens, as one would type it into a browser.
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
    Tell whether only this machine can connect; so it is with whatever has no IP address.
    """
    address = port.getHost()
    if isinstance(address, IPv4Address | IPv6Address):
        return ip_address(address.host).is_loopback
    return True
