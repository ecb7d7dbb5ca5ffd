"""
Facts about a request, for answers and log lines: its address, and the client that has sent it.
"""

from urllib.parse import quote

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.logger import Logger
from twisted.web.server import Request

from ..hub import EndReason
from .site import without_tokens

_log = Logger()

#: User-Agent of our own client by default.
_OWN_CLIENT = [b"ssetwist"]

#: Limit of the bytes of a path in a log line.
_LOGGED_PATH = 200


def is_browser(request: Request) -> bool:
    """
    Return true if a browser asks.  All browsers send a ``User-Agent`` that begins with Mozilla;
    ``Sec-Fetch-Mode`` is missing over plain HTTP from another host.
    """
    headers = request.requestHeaders
    agents = headers.getRawHeaders(b"User-Agent", [b""])
    return agents[0].startswith(b"Mozilla/") or headers.hasHeader(b"Sec-Fetch-Mode")


def is_event_source(request: Request) -> bool:
    """
    Return true if an ``EventSource`` asks, a browser's or our own.  It understands an id without an
    event.  A script that reads a stream with ``fetch`` may not: ``@microsoft/fetch-event-source``
    makes an empty event from it.  Such a script does not send ``Cache-Control``.  An
    ``EventSource`` does: its cache mode is no-store (WHATWG HTML 9.2.2), so Fetch adds the header.
    """
    headers = request.requestHeaders
    if headers.getRawHeaders(b"User-Agent") == _OWN_CLIENT:
        return True
    fields = headers.getRawHeaders(b"Cache-Control", ())
    return any(b"no-cache" in field for field in fields) and is_browser(request)


def path_of(request: Request) -> str:
    """
    Return the start of the path for a log line: without the query and anything like a token,
    which may be secrets, and without control characters, which could change a terminal.
    """
    path = without_tokens(request.path.decode("latin-1")).encode("latin-1")
    return quote(path[:_LOGGED_PATH], safe="/:@!$&'()*+,;=~%")


def header_of(request: Request, name: bytes) -> str | None:
    """
    Return a header field, the last one if it was sent more than once; ``None`` if it was not sent.

    Any bytes are allowed.  Twisted would raise for a value that is not UTF-8 if it were asked with
    a ``str``.
    """
    values = request.requestHeaders.getRawHeaders(name)
    return values[-1].decode("latin-1") if values else None


def address_of(request: Request) -> str:
    """
    Return the IP address that the request comes from; ``""`` for a UNIX socket.
    """
    address = request.getClientAddress()
    return address.host if isinstance(address, IPv4Address | IPv6Address) else ""


def peer_of(request: Request) -> str:
    """
    Return the address and port that the request comes from, for a log line.
    """
    address = request.getClientAddress()
    if isinstance(address, IPv6Address):
        return f"[{address.host}]:{address.port}"
    if isinstance(address, IPv4Address):
        return f"{address.host}:{address.port}"
    return "local"


def log_end(
    request: Request, reason: EndReason, *, duration: float, events: int, bytes_sent: int
) -> None:
    """
    Log the end of a stream in one line.  Most streams are closed by the client, and the access log
    does not mention these.
    """
    _log.info(
        "{peer} {path}: {reason} after {duration:.1f} s, {events} events, {bytes} bytes",
        peer=peer_of(request),
        path=path_of(request),
        reason=reason.value,
        duration=duration,
        events=events,
        bytes=bytes_sent,
    )
