"""
An event stream for everyone: run ``python examples/clock.py``, then ``curl -N
http://127.0.0.1:8000/``.
"""

from twisted.internet import reactor
from twisted.internet.task import LoopingCall

from ssetwist import Event, EventStreamResource, Hub, Site

hub = Hub(clock=reactor)
LoopingCall(lambda: hub.publish("time", Event(f"it is {reactor.seconds():.0f}"))).start(1)
site = Site(EventStreamResource(hub), streams=hub.streams)
reactor.listenTCP(8000, site, backlog=1024, interface="127.0.0.1")
reactor.run()
