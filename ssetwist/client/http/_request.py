"""
Requests: their URLs, methods and headers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import ada_url
from twisted.web.http_headers import Headers

#: The media type of an event stream (WHATWG HTML 9.2.5).
EVENT_STREAM = "text/event-stream"

#: Headers as a caller gives them: names and values (or lists of values), or Twisted's own class.
AnyHeaders = Headers | Mapping[str, str | list[str]]

#: The syntax of a bearer token (RFC 6750, 2.1: ``b64token``).
BEARER_TOKEN = r"[A-Za-z0-9._~+/-]+=*"

_NO_SCHEME = "it does not begin with http:// or https://"

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Request:
    """
    One request.  It can be sent more than once.

    :ivar url: A URL from :func:`normalized`.
    :ivar body: ``None`` for a request without a body; ``b""`` is an empty body.
    """

    method: str
    url: str
    headers: Headers
    body: bytes | None = None


def normalized(url: str, base: str | None = None) -> str:
    """
    Return a URL as browsers understand it (WHATWG URL): absolute, and in ASCII.

    :param base: The URL that it may be relative to.
    :raises ValueError: If it is not a URL of http or https, or contains a name or a password, which
        would be shown wherever the URL is; send ``Authorization`` instead.
    :raises TypeError: If it is not text.
    """
    if not isinstance(url, str):
        raise TypeError(f"a URL must be str, not {type_of(url)}")
    try:
        parsed = ada_url.URL(url, base)
    except ValueError:
        problem = "it is not a URL" if base or "://" in url else _NO_SCHEME
        raise ValueError(problem) from None
    if parsed.protocol not in ("http:", "https:"):
        raise ValueError(_NO_SCHEME)
    if parsed.username or parsed.password:
        raise ValueError("it has a name or a password, which everybody could read")
    return str(parsed.href)


def method_of(method: str) -> str:
    """
    Return a method as it is sent.

    :raises ValueError: If the text cannot be a method (RFC 9110, 9.1 and 5.6.2).
    """
    if not _TOKEN.fullmatch(method):
        raise ValueError(f"{method!r} is not a method of HTTP")
    return method.upper()


def shown(url: str) -> str:
    """
    Return a URL without its query and fragment, which may contain secrets, for logs and messages.
    """
    return url.partition("#")[0].partition("?")[0]


def origin_of(url: str) -> str:
    return str(ada_url.URL(url).origin)


def as_headers(headers: AnyHeaders | None) -> Headers:
    """
    Return a copy of headers, in Twisted's class.

    :raises TypeError: If the value is not headers.
    :raises ValueError: If a header's name is malformed.
    """
    if isinstance(headers, Headers):
        return headers.copy()
    result = Headers()
    if headers is None:
        return result
    if not isinstance(headers, Mapping):
        raise TypeError(f"headers must be a mapping of names to values, not {type_of(headers)}")
    for name, value in headers.items():
        values = [value] if isinstance(value, str | bytes) else value
        if not isinstance(values, list | tuple):
            raise TypeError(
                f"the header {name!r} must be a str, or a list of str, not {type_of(value)}"
            )
        result.setRawHeaders(name, list(values))
    return result


def type_of(value: object) -> str:
    """
    Return the type of a wrong value, for a message.  A ``repr`` could show a secret.
    """
    return type(value).__name__


def head(
    given: Headers, fresh: Headers, *, last_event_id: str = "", wants_gzip: bool = False
) -> Headers:
    """
    Return the headers of a request for an event stream (WHATWG HTML 9.2.2).  Given headers replace
    the defaults, except ``Accept-Encoding``: only a coding that can be read is asked for.

    :param fresh: Headers that replace given ones of the same name.
    :param last_event_id: Sent in UTF-8.  If it is empty, a given ``Last-Event-ID`` stays.
    """
    result = Headers(
        {
            "Accept": [EVENT_STREAM],
            "Cache-Control": ["no-store"],
            "User-Agent": ["ssetwist"],  # some servers refuse requests without one
        }
    )
    for some in (given, fresh):
        for name, values in some.getAllRawHeaders():
            result.setRawHeaders(name, values)
    result.setRawHeaders("Accept-Encoding", ["gzip" if wants_gzip else "identity"])
    if last_event_id:
        result.setRawHeaders(b"Last-Event-ID", [last_event_id.encode()])
    return result
