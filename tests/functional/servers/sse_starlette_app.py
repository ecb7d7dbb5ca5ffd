"""
sse-starlette, under uvicorn.
"""

from collections.abc import AsyncIterator

import uvicorn
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.functional.servers import RETRY, TYPE, listening, numbers, text


async def count(coming: range) -> AsyncIterator[ServerSentEvent]:
    for number in coming:
        yield ServerSentEvent(text(number), id=str(number), event=TYPE, retry=RETRY)


async def events(request: Request) -> Response:
    coming = numbers(request.headers.get("Last-Event-ID"))
    return EventSourceResponse(count(coming)) if coming else Response(status_code=204)


app = Starlette(routes=[Route("/", events)])
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening()])
