"""
The way from a request to the head of an event stream, or to an error.
"""

import re
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime
from twisted.web.iweb import IResponse

from ...errors import NotAnEventStream, RedirectRefused
from ._abort import discard
from ._redirects import MAX_REDIRECTS, REDIRECTS, circle, redirected
from ._request import EVENT_STREAM, Request, shown
from ._response import headers_of, text_of, unwrapped
from ._sender import RequestSender
from ._start_of_body import start_of_body

_ESSENCE = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+")


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """
    The head of a response with an unread body.

    :ivar response: The response itself, without wrappers.
    :ivar url: The URL of the response, after redirects.
    :ivar headers: See :class:`ssetwist.client.Opened`.
    :ivar codings: The content codings of its body, in the order in which they were applied.
    """

    response: IResponse
    url: str
    headers: dict[str, str]
    codings: list[str]

    @classmethod
    def of(cls, response: IResponse, url: str) -> "ResponseHead":
        response, codings = unwrapped(response)
        return cls(response, url, headers_of(response), [c for c in codings if c != "identity"])

    @property
    def is_gzip(self) -> bool:
        """
        True if gzip is the only coding of the body.
        """
        return self.codings in (["gzip"], ["x-gzip"])

    def problem(self, *, takes_gzip: bool) -> str | None:
        """
        Return the reason why this is not a readable event stream, as the end of a sentence about
        the response; ``None`` if it is one.

        :param takes_gzip: True if gzip was asked for.
        """
        if self.response.code != 200:
            return f"answered {self.response.code}; expected 200"
        content_type = self.headers.get("content-type", "")
        if not is_event_stream(content_type):
            return f"answered {content_type or 'no content type'!r}; expected an event stream"
        if self.codings and not (takes_gzip and self.is_gzip):
            return f"answered in {', '.join(self.codings)!r}, which was not asked for"
        return None


def is_event_stream(content_type: str) -> bool:
    """
    Check whether a type is that of an event stream, whatever its parameters: the standard reads
    every event stream as UTF-8, and ignores ``charset``.

    :param content_type: The value of ``Content-Type``; ``""`` without one.  If commas separate
        several, the last that names a type counts (WHATWG Fetch, "extract a MIME type").
    """
    essence = ""
    for value in content_type.split(","):
        one = value.partition(";")[0].strip(" \t\r\n").lower()
        # Text after a comma inside a quoted parameter does not match, because of the quote.
        if one != "*/*" and _ESSENCE.fullmatch(one):
            essence = one
    return essence == EVENT_STREAM


async def checked(
    response: IResponse, url: str, clock: IReactorTime, *, takes_gzip: bool
) -> ResponseHead:
    """
    Return a response if it is an event stream.

    :param clock: Clock for the time limit on reading the start of a body of another type.
    :raises NotAnEventStream: If it is not one, with the start of its body.  Its connection is cut.
    """
    answer = ResponseHead.of(response, url)
    problem = answer.problem(takes_gzip=takes_gzip)
    if problem is None:
        return answer
    body = await start_of_body(answer.response, clock, is_gzip=takes_gzip and answer.is_gzip)
    raise NotAnEventStream(
        problem, url=shown(url), status=response.code, headers=answer.headers, body=body
    )


async def follow(send: RequestSender, request: Request) -> tuple[IResponse, str]:
    """
    Send a request, follow redirects, and return the last response and its URL.

    :raises RedirectRefused: If a redirect cannot be followed, or redirects do not end.
    """
    visited: list[str] = []
    while True:
        response = await send(request)
        locations = response.headers.getRawHeaders(b"location")
        if response.code not in REDIRECTS or not locations:
            return response, request.url
        discard(response)
        url, location = shown(request.url), text_of(locations[0])
        visited.append(url)
        try:
            request = redirected(request, response.code, location)
            if len(visited) > MAX_REDIRECTS:
                raise ValueError(circle([*visited, shown(request.url)]))
        except ValueError as problem:
            raise RedirectRefused(
                str(problem),
                url=url,
                status=response.code,
                headers=headers_of(response),
                location=location,
            ) from None
