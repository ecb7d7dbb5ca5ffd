"""
A stream for one client: run ``python examples/countdown.py``, then ``curl -N
http://127.0.0.1:8000/``.
"""

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.web.resource import Resource
from twisted.web.server import Site

from ssetwist import Event, stream


class Countdown(Resource):
    isLeaf = True

    def render_GET(self, request):
        return stream(request, self.count())

    async def count(self):
        try:
            for number in range(10, 0, -1):
                yield Event.with_json({"number": number})
                await deferLater(reactor, 1)
        finally:
            print("over, or the client has gone")


reactor.listenTCP(8000, Site(Countdown()), interface="127.0.0.1")
reactor.run()
