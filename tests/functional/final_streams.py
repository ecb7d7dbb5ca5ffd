"""
A small server, run as a process, with streams that end for good; it records its requests.

``/`` is the page; ``/sse`` is a stream of the hub, which ends it for good after one event;
``/source`` is a per-request stream of two events; ``/again`` is a stream that ends, but not for
good; ``/requests`` lists the requests for the first two so far, as JSON.
"""

import json

from twisted.internet.endpoints import serverFromString
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request

from ssetwist import Event, EventStreamResource, Hub, Site, Subscriber, stream
from ssetwist.web import console

#: Seconds after which a browser reconnects, short enough for a quick test.
RETRY = 0.05


class Source(Resource):
    """
    A stream for one request.
    """

    isLeaf = True

    def render_GET(self, request: Request) -> int:
        return stream(request, [Event("one"), Event("two")], reconnection_time=RETRY)


class Again(Resource):
    """
    A stream that ends and may be requested again.
    """

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"Content-Type", b"text/event-stream")
        return b"retry: %d\n\n" % (RETRY * 1000)


class Root(Resource):
    """
    All resources, and a record of the requests for the streams.
    """

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self._hub = hub
        self._page = console(
            hub, EventStreamResource(hub, reconnection_time=RETRY, on_start=self._greet)
        )
        self._page.putChild(b"source", Source())
        self._page.putChild(b"again", Again())
        self._requests: list[Request] = []

    def getChild(self, path: bytes, request: Request) -> IResource:
        if path == b"requests":
            return self
        if path in (b"sse", b"source"):
            self._requests.append(request)
        child: IResource = self._page.getChildWithDefault(path, request)
        return child

    def render_GET(self, request: Request) -> bytes:
        return json.dumps(
            [
                [one.path.decode(), one.getHeader("last-event-id"), one.code]
                for one in self._requests
            ]
        ).encode()

    def _greet(self, subscriber: Subscriber) -> None:
        self._hub.publish("news", Event("hello"))
        subscriber.end(for_good=True)


def main() -> None:
    """
    Serve until killed; the first line on stdout is the address.
    """
    from twisted.internet import reactor

    hub = Hub(clock=reactor)
    endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    listening = endpoint.listen(Site(Root(hub), streams=hub.streams))
    listening.addCallback(
        lambda port: print(f"http://127.0.0.1:{port.getHost().port}/", flush=True)
    )
    reactor.run()


if __name__ == "__main__":
    main()
