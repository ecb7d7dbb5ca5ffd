"""
aiohttp-sse as in its own example of a chat: a queue per subscriber.
"""

import asyncio

from aiohttp import web
from aiohttp_sse import sse_response

from ._asyncio_order import carry_out
from ._order import Order, arguments


async def events(request: web.Request) -> web.StreamResponse:
    async with sse_response(request, ping_interval=options.heartbeat or 3600) as response:
        queue: asyncio.Queue[str] = asyncio.Queue()
        queues.add(queue)
        try:
            while response.is_connected():
                await response.send(await queue.get())
        finally:
            queues.discard(queue)
    return response


async def publish(data: str) -> None:
    for queue in queues:
        await queue.put(data)


async def order(request: web.Request) -> web.Response:
    tasks.append(asyncio.create_task(carry_out(Order.from_query(request.query), publish)))
    return web.Response()


options = arguments()
queues: set[asyncio.Queue[str]] = set()
tasks: list[asyncio.Task[None]] = []
app = web.Application()
app.router.add_get("/events", events)
app.router.add_post("/publish", order)
web.run_app(
    app, host="127.0.0.1", port=options.port, backlog=4096, access_log=None, print=lambda _: None
)
