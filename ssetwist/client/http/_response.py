"""
The head of a response: its headers, and the wrappers of its body.
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

    :ivar url: The URL of the response, after redirects.
    :ivar headers: Headers by their names in lower case; repeated headers are joined with ``", "``.
    :ivar last_event_id: The ``Last-Event-ID`` of the request; ``""`` if it did not have one.
    """

    url: str
    headers: Mapping[str, str]
    last_event_id: str = ""


def headers_of(response: IResponse) -> dict[str, str]:
    """
    Return the headers of a response by their names in lower case; repeated headers are joined with
    ``", "``.  A value that is not UTF-8 is read as Latin-1.
    """
    headers: Headers = response.headers
    return {
        text_of(name).lower(): ", ".join(map(text_of, values))
        for name, values in headers.getAllRawHeaders()
    }


def unwrapped(response: IResponse) -> tuple[IResponse, list[str]]:
    """
    Remove treq's wrappers of a response: a decoder of gzip without a limit, and a buffer that keeps
    the whole body.

    :returns: The response itself, and the content codings of its body, in lower case, in the order
        in which they were applied.
    """
    one = response
    decoded: list[str] = []
    while (original := wrapped_by(one)) is not None:
        if isinstance(one, GzipDecoder):
            # The decoder has removed its coding from the headers, which all wrappers share.
            decoded.append("gzip")
        one = original
    values = one.headers.getRawHeaders(b"content-encoding", [])
    named = ",".join(map(text_of, values)).lower().split(",")
    return one, [name for value in named if (name := value.strip())] + decoded


def text_of(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
