"""
sse-starlette on uvicorn: a generator per subscriber, fed by a queue.
"""

import asyncio
from collections.abc import AsyncIterator

import uvicorn
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ._asyncio_order import carry_out
from ._order import Order, arguments


async def subscription() -> AsyncIterator[dict[str, str]]:
    queue: asyncio.Queue[str] = asyncio.Queue()
    queues.add(queue)
    try:
        while True:
            yield {"data": await queue.get()}
    finally:
        queues.discard(queue)


async def events(request: Request) -> Response:
    return EventSourceResponse(subscription(), ping=options.heartbeat or 3600)


async def publish(data: str) -> None:
    for queue in queues:
        await queue.put(data)


async def order(request: Request) -> Response:
    tasks.append(asyncio.create_task(carry_out(Order.from_query(request.query_params), publish)))
    return Response()


options = arguments()
queues: set[asyncio.Queue[str]] = set()
tasks: list[asyncio.Task[None]] = []
app = Starlette(
    routes=[Route("/events", events), Route("/publish", order, methods=["POST"])],
)
uvicorn.run(app, host="127.0.0.1", port=options.port, backlog=4096, log_level="warning")
