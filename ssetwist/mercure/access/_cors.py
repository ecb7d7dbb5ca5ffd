"""
Permissions for pages of other origins to read the answers (Fetch, "CORS protocol").
"""

from twisted.web.server import Request

from ...web.opening import header_of
from ._answer import HttpAnswer
from ._origins import Origins

#: Headers that scripts may set with ``fetch`` (C3).
_REQUEST_HEADERS = (
    "authorization, cache-control, content-type, idempotency-key, last-event-id, if-none-match"
)

#: Headers that scripts may read in addition to those that CORS always allows (C4).
_EXPOSED = (
    "Link, ETag, Mercure-Last-Event-ID, Last-Event-ID, WWW-Authenticate, Retry-After, Accept-Query"
)

#: Seconds that a browser may remember a permission; browsers have lower limits anyway.
_MAX_AGE = 7200


def allow_origin(request: Request, origins: Origins) -> None:
    """
    Set the headers that allow a page to read the answer, if its origin is trusted.  The answer
    itself need not be known yet.
    """
    headers = request.responseHeaders
    headers.addRawHeader(b"Vary", b"Origin")  # in every answer, or caches would mix them up
    origin = header_of(request, b"Origin")
    if origin is None or not origins.allows(origin):
        return
    request.setHeader("Access-Control-Expose-Headers", _EXPOSED)
    if origins.allow_credentials:
        request.setHeader("Access-Control-Allow-Origin", origin.encode("latin-1"))
        request.setHeader("Access-Control-Allow-Credentials", "true")
    else:
        request.setHeader("Access-Control-Allow-Origin", "*")


def answer_options(request: Request, methods: str) -> HttpAnswer:
    """
    Answer ``OPTIONS``, which browsers also send to ask for permission (CORS preflight).
    """
    headers = {"Allow": methods}
    if request.responseHeaders.hasHeader("Access-Control-Allow-Origin"):
        headers |= {
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Allow-Headers": _REQUEST_HEADERS,
            "Access-Control-Max-Age": str(_MAX_AGE),
        }
    return HttpAnswer(204, headers=headers)
