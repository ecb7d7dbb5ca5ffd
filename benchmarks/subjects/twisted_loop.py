"""
Twisted without a library: a set of requests, and ``request.write`` in a loop.
"""

from twisted.internet import reactor
from twisted.internet.task import LoopingCall
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from ._order import arguments
from ._twisted_order import Publish


class Events(Resource):
    isLeaf = True

    def render_GET(self, request):
        request.setHeader(b"Content-Type", b"text/event-stream")
        request.setHeader(b"Cache-Control", b"no-cache")
        request.write(b"")
        requests.add(request)
        request.notifyFinish().addErrback(lambda _: requests.discard(request))
        return NOT_DONE_YET


def write(frame: bytes) -> None:
    for request in requests:
        request.write(frame)


options = arguments()
requests = set()
root = Resource()
root.putChild(b"events", Events())
root.putChild(b"publish", Publish(lambda topic, data: write(f"data: {data}\n\n".encode())))
if options.heartbeat:
    LoopingCall(write, b":\n\n").start(options.heartbeat, now=False)
reactor.listenTCP(options.port, Site(root), backlog=4096, interface="127.0.0.1")
reactor.run()
