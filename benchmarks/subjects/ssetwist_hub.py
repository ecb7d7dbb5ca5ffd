"""
This hub, as a library: the program of the README, with a resource that publishes.
"""

from twisted.internet import reactor
from twisted.web.resource import Resource

from ssetwist import Event, EventStreamResource, Hub, Site

from ._order import arguments
from ._twisted_order import Publish

options = arguments()
hub = Hub(clock=reactor, heartbeat=options.heartbeat)
root = Resource()
root.putChild(b"events", EventStreamResource(hub))
root.putChild(b"publish", Publish(lambda data: hub.publish(Event(data))))
site = Site(root, streams=hub.streams)
reactor.listenTCP(options.port, site, backlog=4096, interface="127.0.0.1")
reactor.run()
