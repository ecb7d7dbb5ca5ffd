"""
The head of a response, whether it becomes an event stream or not.
"""

import warnings
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from twisted.web.http import NO_CONTENT, OK, SERVICE_UNAVAILABLE
from twisted.web.http_headers import Headers
from twisted.web.server import Request

from ..eventstream import encode_comment, encode_reconnection_time
from ..hub import DEFAULT_RECONNECTION_TIME, Streams
from ._insides import forget_paths, take_off_encoder
from ._request import is_browser
from .site import BoundedRequest

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


class _NoCookies(list[bytes]):
    """
    The same for the cookies of the response.
    """

    def append(self, cookie: bytes) -> None: ...


_NO_HEADERS = _NoHeaders()
_NO_COOKIES = _NoCookies()

#: Shared by all requests without a query or without cookies.  Nobody can write to it.
_NOTHING: Any = MappingProxyType({})  # it stands for a dict

#: How many times longer those wait for whom there is no room.
_FULL_RETRY_FACTOR = 10


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


def stream_head(request: Request, first_bytes: bytes) -> bytes:
    """
    Return the head of a chunked event stream and its first chunk, to be written straight to the
    socket; what the application set besides is in it.

    :func:`write_head` and Twisted would do the same, in a quarter of the time that a connect takes.
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
    request.cookies = _NO_COOKIES
    # Those that are not empty stay: an application may still read them.
    if not request.received_cookies:
        request.received_cookies = _NOTHING
    if not request.args:
        request.args = _NOTHING


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
