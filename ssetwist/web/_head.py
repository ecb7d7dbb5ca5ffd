"""
Head of a response, an event stream or any other answer.
"""

import warnings
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from twisted.web.http import NO_CONTENT, OK, SERVICE_UNAVAILABLE
from twisted.web.http_headers import Headers
from twisted.web.server import Request

from ..eventstream import encode_comment, encode_reconnection_time
from ..hub import Streams
from ._insides import forget_paths, take_off_encoder
from ._request import is_browser
from .site import BoundedRequest

_HEADERS = {
    # Without a charset: the format allows only UTF-8, and some clients compare the whole value.
    "Content-Type": "text/event-stream",
    # no-transform: a proxy that compresses would hold events back until its window is full.
    "Cache-Control": "no-store, no-transform",
    # nginx and proxies that imitate it: pass every byte on at once.
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}

#: Fields that Twisted's own formatters of the access log may read when the stream ends.
_LOGGED_HEADERS = (b"Referer", b"User-Agent", b"X-Forwarded-For")


class _NoHeaders(Headers):
    def setRawHeaders(self, name: str | bytes, values: Sequence[str | bytes]) -> None: ...

    def addRawHeader(self, name: str | bytes, value: str | bytes) -> None: ...


class _NoCookies(list[bytes]):
    def append(self, cookie: bytes) -> None: ...


#: Shared by requests whose own were dropped.  The head was sent, so setting one has no effect.
_NO_HEADERS = _NoHeaders()
_NO_COOKIES = _NoCookies()

#: Shared by requests without a query or without cookies; a view, because it must stay empty.
_NOTHING: Any = MappingProxyType({})  # Twisted says that this is a dict

#: The headers as lines, with everything that Twisted would write for a response without a length.
_STATUS = b"HTTP/1.1 200 OK\r\n"
_LINES = b"".join(
    f"{name}: {value}\r\n".encode()
    for name, value in {**_HEADERS, "Transfer-Encoding": "chunked", "Connection": "close"}.items()
)
#: Names in these lines, and ``Content-Length``, which a stream lacks; as ``Headers`` spells them.
_NAMES = frozenset(
    name
    for name, _ in Headers(
        {key: [""] for key in (*_HEADERS, "Transfer-Encoding", "Connection", "Content-Length")}
    ).getAllRawHeaders()
)


def stream_head(request: Request, first_bytes: bytes) -> bytes:
    """
    Return the head of a chunked event stream and its first chunk, for the socket itself, with the
    fields and cookies that the application has set.

    :func:`write_head` and Twisted would do the same, in a quarter of the time of a connect.
    """
    lines = [_STATUS]
    for name, values in request.responseHeaders.getAllRawHeaders():
        if name not in _NAMES:
            lines += [b"%b: %b\r\n" % (name, value) for value in values]
    lines += [b"Set-Cookie: %b\r\n" % cookie for cookie in request.cookies]
    first_chunk = b"\r\n%x\r\n%b\r\n" % (len(first_bytes), first_bytes)  # RFC 9112, 7.1
    return b"".join([*lines, _LINES, first_chunk])


def write_head(request: Request) -> None:
    """
    Set status and header fields of an event stream; the application's other fields stay.
    """
    request.setResponseCode(OK)
    for name, value in _HEADERS.items():
        request.setHeader(name, value)
    request.responseHeaders.removeHeader("Content-Length")


def let_go(request: Request) -> None:
    """
    Drop the parts of a request that are not needed once its stream has begun.  They would be half
    the memory of an idle browser's stream.
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
    request.cookies = _NO_COOKIES
    # A query and cookies of the client stay: the application may still read them.
    if not request.received_cookies:
        request.received_cookies = _NOTHING
    if not request.args:
        request.args = _NOTHING


def first_bytes(reconnection_time: float | None) -> bytes:
    """
    Return the first bytes of every stream.  They make proxies pass the head on, and are a line that
    is not an event.

    :raises InvalidEvent: If the reconnection time is not a number of seconds.
    """
    if reconnection_time is None:
        return encode_comment()
    return encode_reconnection_time(reconnection_time)


def refuse(request: Request, code: int, text: str) -> bytes:
    """
    Answer with an error; return the body.
    """
    request.setResponseCode(code)
    request.setHeader("Content-Type", "text/plain; charset=utf-8")
    return f"{text}\n".encode("utf-8", "replace")


def turn_away(request: Request, reconnection_time: float | None, streams: Streams) -> bytes:
    """
    Answer a client that cannot be taken, because the hub is full or stops; return the body.

    A browser gets 200, a longer reconnection time and the end, because any other answer would make
    its ``EventSource`` give up for ever.  Any other client gets 503 with ``Retry-After``.
    """
    seconds = streams.time_away(reconnection_time)
    if is_browser(request):
        write_head(request)
        return encode_reconnection_time(seconds)
    request.setHeader("Retry-After", b"%d" % round(seconds))
    text = "No more subscribers can be taken now; try again later."
    return refuse(request, SERVICE_UNAVAILABLE, text)


def answer_no_content(request: Request) -> None:
    """
    Answer 204, which tells an ``EventSource`` not to come back (WHATWG HTML 9.2.3).
    """
    request.setResponseCode(NO_CONTENT)
    request.setHeader("Cache-Control", "no-store")  # for this client alone (RFC 9110, 15.1)
    request.finish()  # b"" from render would add a Content-Length, which is forbidden here


def decline_encoder(request: Request) -> None:
    """
    Undo the encoding by an ``EncodingResourceWrapper`` around us, and warn once: a compressor holds
    events back until it has enough (measured: after 20 events, 15 bytes were on the wire).
    """
    if not take_off_encoder(request):
        return
    request.responseHeaders.removeHeader("Content-Encoding")
    warnings.warn(
        "an EncodingResourceWrapper is around an event stream; it would hold events back, so this "
        "response is sent without it.  Wrap only resources that are not streams.",
        RuntimeWarning,
        stacklevel=2,
    )
