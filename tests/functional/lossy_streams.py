"""
A small server, run as a process, that cuts the streams of its hub on demand.

``/`` is the page; ``/sse`` is a stream of the hub; ``/lose?count=3`` cuts all streams and publishes
this many events in the same turn, before a client can come back; ``/publish`` publishes one;
``/requests`` lists the cursors of the requests for a stream so far, as JSON.
"""

import json

from twisted.internet.endpoints import serverFromString
from twisted.web.resource import Resource
from twisted.web.server import Request

from ssetwist import Event, EventStreamResource, Hub, MemoryLog, Site
from ssetwist.web import console

#: Seconds after which a browser reconnects.
RETRY = 0.05

#: Number of events that are kept.
KEPT = 5


class Command(Resource):
    """
    Calls a function with the request, and answers with its result, as JSON.
    """

    isLeaf = True

    def __init__(self, call: object) -> None:
        super().__init__()
        self._call = call

    def render_GET(self, request: Request) -> bytes:
        return json.dumps(self._call(request)).encode()


def main() -> None:
    """
    Serve until killed; the first line on stdout is the address.
    """
    from twisted.internet import reactor

    hub = Hub(clock=reactor, log=MemoryLog(reactor, max_count=KEPT, epoch="e"))
    cursors: list[str | None] = []
    numbers = iter(range(1, 1000))

    def topics(request: Request) -> str:
        cursors.append(request.getHeader("last-event-id"))
        return "news"

    def publish(_: object) -> None:
        hub.publish("news", Event(str(next(numbers))))

    def lose(request: Request) -> None:
        for subscriber in hub.subscribers:
            subscriber.abort()
        for _ in range(int(request.args[b"count"][0])):
            publish(request)

    root = console(hub, EventStreamResource(hub, topics, reconnection_time=RETRY))
    root.putChild(b"lose", Command(lose))
    root.putChild(b"publish", Command(publish))
    root.putChild(b"requests", Command(lambda request: cursors))
    endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    listening = endpoint.listen(Site(root, streams=hub.streams))
    listening.addCallback(
        lambda port: print(f"http://127.0.0.1:{port.getHost().port}/", flush=True)
    )
    reactor.run()


if __name__ == "__main__":
    main()
