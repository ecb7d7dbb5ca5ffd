"""
The head of an event stream, and what a request says about who asks.
"""

import warnings
from collections.abc import Sequence
from urllib.parse import quote

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.web.http import NO_CONTENT, OK, SERVICE_UNAVAILABLE
from twisted.web.http_headers import Headers
from twisted.web.server import Request

from ..eventstream import encode_comment, encode_reconnection_time
from ..hub import DEFAULT_RECONNECTION_TIME, Streams
from ._insides import forget_paths, take_off_encoder
from .site import BoundedRequest, without_tokens

_HEADERS = {
    # Without a charset: the format knows UTF-8 only, and some clients compare the whole value.
    "Content-Type": "text/event-stream",
    # no-transform: a proxy that compresses would hold events back until its window is full.
    "Cache-Control": "no-store, no-transform",
    # nginx and those who follow it: pass every byte on at once.
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}

#: What Twisted's own formatters of the access log may want to know when the stream ends.
_LOGGED_HEADERS = (b"Referer", b"User-Agent", b"X-Forwarded-For")


class _NoHeaders(Headers):
    """
    What all have whose own are gone.  What is set there has no effect, as after any head that has
    been sent.
    """

    def setRawHeaders(self, name: str | bytes, values: Sequence[str | bytes]) -> None: ...

    def addRawHeader(self, name: str | bytes, value: str | bytes) -> None: ...


_NO_HEADERS = _NoHeaders()

#: How our own client calls itself, unless it is told otherwise.
_OWN_CLIENT = [b"ssetwist"]

#: How many times longer those wait for whom there is no room.
_FULL_RETRY_FACTOR = 10

#: Bytes of a path that a log line has at most.
_LOGGED_PATH = 200


#: The same as lines, with all that Twisted would write for a response that has no length.
_STATUS = b"HTTP/1.1 200 OK\r\n"
_LINES = b"".join(
    f"{name}: {value}\r\n".encode()
    for name, value in {**_HEADERS, "Transfer-Encoding": "chunked", "Connection": "close"}.items()
)
#: What these lines say, and what only a response of one piece has; spelled as ``Headers`` does.
_NAMES = frozenset(
    name
    for name, _ in Headers(
        {key: [""] for key in (*_HEADERS, "Transfer-Encoding", "Connection", "Content-Length")}
    ).getAllRawHeaders()
)


def stream_head(request: Request) -> bytes:
    """
    Return the head of a chunked event stream, for who writes it straight to the socket; what the
    application set besides is in it.

    :func:`write_head` and Twisted would do the same, in a quarter of the time that a connect takes.
    """
    lines = [_STATUS]
    for name, values in request.responseHeaders.getAllRawHeaders():
        if name not in _NAMES:
            lines += [b"%b: %b\r\n" % (name, value) for value in values]
    lines += [b"Set-Cookie: %b\r\n" % cookie for cookie in request.cookies]
    return b"".join([*lines, _LINES, b"\r\n"])


def write_head(request: Request) -> None:
    """
    Set status and header fields of an event stream; what the application set besides stays.
    """
    request.setResponseCode(OK)
    for name, value in _HEADERS.items():
        request.setHeader(name, value)
    request.responseHeaders.removeHeader("Content-Length")


def let_go(request: Request) -> None:
    """
    Let go of what a request holds that nobody needs once its stream has begun.  For an idle
    subscriber with the head of a browser it is half of all that it costs.
    """
    logged = {}
    for name in _LOGGED_HEADERS:
        if (values := request.requestHeaders.getRawHeaders(name)) is not None:
            logged[name] = values
    request.requestHeaders = Headers(logged) if logged else _NO_HEADERS
    request.responseHeaders = _NO_HEADERS
    if isinstance(request, BoundedRequest):
        request.let_go_of_body()
    else:
        request.content = None
    forget_paths(request)


def first_bytes(reconnection_time: float | None) -> bytes:
    """
    Return what every stream begins with: bytes, so that nobody between holds the head back, and a
    line that is no event.

    :raises InvalidEvent: If the reconnection time is no number of seconds.
    """
    return (
        encode_comment()
        if reconnection_time is None
        else encode_reconnection_time(reconnection_time)
    )


def refuse(request: Request, code: int, text: str) -> bytes:
    """
    Answer with an error; return the body.
    """
    request.setResponseCode(code)
    request.setHeader("Content-Type", "text/plain; charset=utf-8")
    return f"{text}\n".encode("utf-8", "replace")


def turn_away(request: Request, reconnection_time: float | None, streams: Streams) -> bytes:
    """
    Answer somebody for whom there is no room, or no more time; return the body.

    A browser gets 200, a longer reconnection time and the end, because any other answer would make
    its ``EventSource`` give up for ever; others get 503 with ``Retry-After``.
    """
    seconds = (
        DEFAULT_RECONNECTION_TIME if reconnection_time is None else reconnection_time
    ) * _FULL_RETRY_FACTOR
    seconds *= 1 + streams.jitter()  # not all of them at the same moment
    if is_browser(request):
        write_head(request)
        return encode_reconnection_time(seconds)
    request.setHeader("Retry-After", b"%d" % max(1, round(seconds)))
    return refuse(
        request,
        SERVICE_UNAVAILABLE,
        "There is no room for one more subscriber; try again later.",
    )


def answer_no_content(request: Request) -> None:
    """
    Answer 204, which is how an ``EventSource`` is told not to come back (WHATWG HTML 9.2.3).
    """
    request.setResponseCode(NO_CONTENT)
    request.setHeader("Cache-Control", "no-store")  # for this client alone (RFC 9110, 15.1)
    request.finish()  # not return b"" from render: that would add a Content-Length, forbidden here


def decline_encoder(request: Request) -> None:
    """
    Undo what an ``EncodingResourceWrapper`` around us did, and warn of it once: a compressor holds
    events back until it has enough of them (measured: of 20 events, 15 bytes on the wire).
    """
    if not take_off_encoder(request):
        return
    request.responseHeaders.removeHeader("Content-Encoding")
    warnings.warn(
        "an EncodingResourceWrapper is around an event stream; it would hold events back, so this "
        "response is sent without it.  Wrap only the resources that are no streams.",
        RuntimeWarning,
        stacklevel=2,
    )


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
