"""
A hub without keys, for development: open to every client on this machine, and to no others.

Listening only for this machine is not enough.  A page from elsewhere, opened in a browser here, can
make that browser connect; and with a host name that leads to 127.0.0.1 (DNS rebinding) the page
would even have the hub's own origin.  So the names and origins that browsers send are checked.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request

from ...errors import Refused
from ...web.opening import header_of
from ._answer import answer_to
from ._origins import Origins, Source

_SAFE_METHODS = (b"GET", b"HEAD", b"OPTIONS", b"QUERY")

#: A host with a port, or without one.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::[0-9]{0,5})?")


def is_loopback(host: str) -> bool:
    """
    Return true if a host, as browsers write it, can only be this machine.
    """
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class LoopbackOrigins(Origins):
    """
    The origins of pages that this machine serves, on any port.
    """

    def allows(self, origin: str) -> bool:
        try:
            return is_loopback(urlsplit(origin).hostname or "")
        except ValueError:
            return False


_ORIGINS = LoopbackOrigins()


class LoopbackOnly(Resource):
    """
    Guards another resource from pages of other machines: refuses foreign names and publications.
    """

    def __init__(self, resource: IResource) -> None:
        super().__init__()
        self._resource = resource

    def getChildWithDefault(self, path: bytes, request: Request) -> IResource:
        refused = _refusal_of(request)
        if refused is None:
            return self._resource.getChildWithDefault(path, request)  # type: ignore[no-any-return]
        return _Refusing(refused)


class _Refusing(Resource):
    isLeaf = True

    def __init__(self, refused: Refused) -> None:
        super().__init__()
        self._refused = refused

    def render(self, request: Request) -> int:
        answer_to(self._refused, "").write(request)
        return NOT_DONE_YET


def _refusal_of(request: Request) -> Refused | None:
    host = header_of(request, b"Host")
    if host is not None:
        found = _HOST.fullmatch(host)
        if found is None or not is_loopback(found[1]):
            return Refused(
                421,
                "This hub has no key, so it is for development on this machine only: use the host "
                "name localhost.  With a --key it also answers to other names.",
            )
    if request.method in _SAFE_METHODS:
        return None
    source = Source.of(request)
    origin = source.origin
    is_foreign = source.site == "cross-site" if origin is None else not _ORIGINS.allows(origin)
    if is_foreign:
        return Refused(
            403,
            "This hub has no key, so it is for development: pages of other machines may not "
            "publish to it.",
        )
    return None
