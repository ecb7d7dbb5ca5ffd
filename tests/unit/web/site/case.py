"""
A site with a stream and a plain resource, over memory transports.
"""

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from ssetwist.hub import Hub
from ssetwist.web import EventStreamResource, Site
from tests.clock import Clock
from tests.memory import Client


class Echo(Resource):
    """
    A resource that answers with the size of the body; at ``/wait``, later.
    """

    isLeaf = True
    waiting: Request | None = None

    def render_GET(self, request: Request) -> bytes | int:
        if request.path == b"/wait":
            self.waiting = request
            return NOT_DONE_YET
        return b"plain"

    def render_POST(self, request: Request) -> bytes:
        assert request.content is not None
        return b"%d" % len(request.content.read())


class SiteCase(SynchronousTestCase):
    """
    A site with a stream at ``/sse`` and a plain resource elsewhere.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.hub = Hub(clock=self.clock, flush_threads=1)
        self.plain = Echo()
        root = Resource()
        root.putChild(b"sse", EventStreamResource(self.hub))
        root.putChild(b"", self.plain)
        root.putChild(b"wait", self.plain)
        self.site = Site(root, streams=self.hub.streams, unlogged=frozenset({b"/quiet"}))

    def client(self) -> Client:
        return Client(self.site, self.clock)
