"""
aiohttp-sse.
"""

from aiohttp import web
from aiohttp_sse import sse_response

from tests.functional.servers import RETRY, TYPE, listening, numbers, text


async def events(request: web.Request) -> web.StreamResponse:
    coming = numbers(request.headers.get("Last-Event-ID"))
    if not coming:
        return web.Response(status=204)
    async with sse_response(request) as response:
        for number in coming:
            await response.send(text(number), id=str(number), event=TYPE, retry=RETRY)
    return response


app = web.Application()
app.router.add_get("/", events)
web.run_app(app, sock=listening(), access_log=None, print=lambda _: None)
