"""
What pages of other origins may see of the answers (Fetch, "CORS protocol").
"""

from twisted.web.server import Request

from ...web.opening import header_of
from ._answer import HttpAnswer
from ._origins import Origins

#: What scripts with ``fetch`` set (C3).
_REQUEST_HEADERS = (
    "authorization, cache-control, content-type, idempotency-key, last-event-id, if-none-match"
)

#: What scripts may read besides what they always may (C4).
_EXPOSED = (
    "Link, ETag, Mercure-Last-Event-ID, Last-Event-ID, WWW-Authenticate, Retry-After, Accept-Query"
)

#: Seconds for which a browser need not ask again whether it may; browsers cap it anyway.
_MAX_AGE = 7200


def allow_origin(request: Request, origins: Origins) -> None:
    """
    Say in the head of the answer, whatever it will be, that the page which asks may read it, if it
    may.
    """
    headers = request.responseHeaders
    headers.addRawHeader(b"Vary", b"Origin")  # also where it is not there, or a cache mixes them up
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
    Answer ``OPTIONS``: also a browser that asks whether a page may send such a request.
    """
    headers = {"Allow": methods}
    if request.responseHeaders.hasHeader("Access-Control-Allow-Origin"):
        headers |= {
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Allow-Headers": _REQUEST_HEADERS,
            "Access-Control-Max-Age": str(_MAX_AGE),
        }
    return HttpAnswer(204, headers=headers)
