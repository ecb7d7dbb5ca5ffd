"""
What is known of a response before its body.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from twisted.web.client import GzipDecoder
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from ._insides import wrapped_by


@dataclass(frozen=True, slots=True)
class Opened:
    """
    The head of a response that is an event stream.

    :ivar url: What answered, after redirects.
    :ivar headers: Its headers, by their names in lower case; the values of headers that came more
        than once are joined with ``", "``.
    :ivar last_event_id: What was sent as ``Last-Event-ID``; ``""`` if nothing was.
    """

    url: str
    headers: Mapping[str, str]
    last_event_id: str = ""


def headers_of(response: IResponse) -> dict[str, str]:
    """
    Return the headers of a response as they are shown: by their names in lower case, the values of
    one header joined with ``", "``.  A value that is no UTF-8 is taken for Latin-1.
    """
    headers: Headers = response.headers
    return {
        text_of(name).lower(): ", ".join(map(text_of, values))
        for name, values in headers.getAllRawHeaders()
    }


def unwrapped(response: IResponse) -> tuple[IResponse, list[str]]:
    """
    Take off what treq puts around a response: a decoder of gzip that has no bound, and a buffer
    that keeps the whole body.

    :returns: The response itself, and the content codings that its body has, in lower case, in the
        order in which they were applied.
    """
    one = response
    decoded: list[str] = []
    while (original := wrapped_by(one)) is not None:
        if isinstance(one, GzipDecoder):
            # It has taken its coding out of the headers, which all of them share.
            decoded.append("gzip")
        one = original
    values = one.headers.getRawHeaders(b"content-encoding", [])
    named = ",".join(map(text_of, values)).lower().split(",")
    return one, [name for value in named if (name := value.strip())] + decoded


def text_of(value: bytes) -> str:
    """
    Return the value of a header as text.
    """
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
