"""
An event stream in a site with other pages.

Run ``python examples/embedded.py``, then ``curl -N http://127.0.0.1:8000/events`` and ``curl -d
'text=hello' http://127.0.0.1:8000/say``.
"""

import sys

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.logger import globalLogBeginner, textFileLogObserver
from twisted.web.resource import Resource

from ssetwist import Event, EventStreamResource, Hub, Site


class Say(Resource):
    isLeaf = True

    def render_POST(self, request):
        text = request.args.get(b"text", [b""])[0].decode("utf-8", "replace")
        hub.publish("said", Event.with_json({"text": text}, type="said"))
        return b"said\n"


async def stop():
    await port.stopListening()
    await site.drain(10)  # seconds for clients that do not read


globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)])
hub = Hub(clock=reactor, max_subscribers=1000)
root = Resource()
root.putChild(b"events", EventStreamResource(hub, on_end=lambda subscriber, reason: print(reason)))
root.putChild(b"say", Say())
site = Site(root, streams=hub.streams)
port = reactor.listenTCP(8000, site, backlog=1024, interface="127.0.0.1")
reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(stop()))
reactor.run()
