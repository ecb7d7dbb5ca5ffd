"""
Rooms, with Klein.

Run ``pip install klein`` and ``python examples/rooms.py``, then ``curl -N
http://127.0.0.1:8000/rooms/kitchen`` and ``curl -d 'dinner is ready'
http://127.0.0.1:8000/rooms/kitchen``.

A client that comes back gets the messages that it missed; a new client gets the last ten messages
with ``?from=-10``.
"""

from klein import Klein
from twisted.internet import reactor

from ssetwist import Event, EventStreamResource, Hub, Site

app = Klein()
hub = Hub(clock=reactor)


@app.route("/rooms/<room>", methods=["GET", "HEAD"])
def listen(request, room):
    return EventStreamResource(hub, topics=f"/rooms/{room}")


@app.route("/rooms/<room>", methods=["POST"])
async def say(request, room):
    text = request.content.read().decode("utf-8", "replace")
    return await hub.publish(f"/rooms/{room}", Event(text)) + "\n"


site = Site(app.resource(), streams=hub.streams)
reactor.listenTCP(8000, site, backlog=1024, interface="127.0.0.1")
reactor.run()
