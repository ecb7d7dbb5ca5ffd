"""
Facts about a request, for answers and log lines: where it comes from, which client has sent it, and
why it has ended.
"""

from urllib.parse import quote

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.logger import Logger
from twisted.web.server import Request

from ..hub import EndReason
from .site import without_tokens

_log = Logger()

#: How our own client calls itself, unless it is told otherwise.
_OWN_CLIENT = [b"ssetwist"]

#: Bytes of a path that a log line has at most.
_LOGGED_PATH = 200


def is_browser(request: Request) -> bool:
    """
    Tell whether a browser asks.  All send a ``User-Agent`` that begins with Mozilla; over plain
    HTTP from another host they send no ``Sec-Fetch-Mode``.
    """
    headers = request.requestHeaders
    agents = headers.getRawHeaders(b"User-Agent")
    return bool(agents and agents[0].startswith(b"Mozilla/")) or headers.hasHeader(
        b"Sec-Fetch-Mode"
    )


def is_event_source(request: Request) -> bool:
    """
    Tell whether it is an ``EventSource`` that asks, that of a browser or our own, which understands
    an id without an event.  Scripts that read a stream with ``fetch`` may not:
    ``@microsoft/fetch-event-source`` makes an empty event of it.  They leave out what an
    ``EventSource`` always sends (its cache mode is no-store, WHATWG HTML 9.2.2, so Fetch adds this
    header).
    """
    headers = request.requestHeaders
    if headers.getRawHeaders(b"User-Agent") == _OWN_CLIENT:
        return True
    fields = headers.getRawHeaders(b"Cache-Control", ())
    return any(b"no-cache" in field for field in fields) and is_browser(request)


def path_of(request: Request) -> str:
    """
    Return the path for a log line: without the query, which may hold a secret, without what looks
    like a token, bounded, and unable to write to somebody's terminal.
    """
    path = without_tokens(request.path.decode("latin-1")).encode("latin-1")
    return quote(path[:_LOGGED_PATH], safe="/:@!$&'()*+,;=~%")


def header_of(request: Request, name: bytes) -> str | None:
    """
    Return a header field, the last if there are several; ``None`` if there is none.

    Whatever bytes a peer has sent: Twisted raises if it is asked with a ``str`` for a value that is
    not in UTF-8.
    """
    values = request.requestHeaders.getRawHeaders(name)
    return values[-1].decode("latin-1") if values else None


def address_of(request: Request) -> str:
    """
    Return the IP address that the request comes from; ``""`` where there is none (UNIX sockets).
    """
    address = request.getClientAddress()
    return address.host if isinstance(address, IPv4Address | IPv6Address) else ""


def peer_of(request: Request) -> str:
    """
    Return where the request comes from, for a log line.
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
    Write the one line of a stream.  The access log has none for those that the client closed, which
    are most of them.
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
