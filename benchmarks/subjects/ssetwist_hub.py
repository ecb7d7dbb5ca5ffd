"""
The hub as a library: the program of the README, with a resource that publishes.
"""

import argparse

from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.web.resource import Resource
from twisted.web.server import Request

from ssetwist import Event, EventStreamResource, Hub, Site, collect_rarely
from ssetwist.hub import Matchers
from ssetwist.log import MemoryLog
from ssetwist.mercure import Action, MercureResource, Rights

from ._order import arguments
from ._twisted_order import Publish

#: The common topic, of events that are for all subscribers.
ALL = "all"

#: The epoch makes ids predictable: the first event has the id "#x.1".
EPOCH = "x"


def own_topic(request: Request) -> list[str]:
    return [topic.decode() for topic in request.args[b"topic"]]


class OwnTopic:
    """
    Grants each subscriber its own topic.
    """

    def __init__(self) -> None:
        self.granted: set[str] = set()

    def can_allow(self, action: Action) -> bool:
        return action is Action.SUBSCRIBE

    def authorize(self, request: Request, action: Action) -> Deferred[Rights]:
        topic = request.args[b"match"][0].decode()
        self.granted.add(topic)
        return succeed(Rights(subscribe=Matchers.of(topic)))


def publish(topic: str, data: str) -> None:
    hub.publish(topic or ALL, Event(data), private=topic in own.granted)


def options_of_hub(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threads", type=int, help="threads that may send; by default the hub decides"
    )
    parser.add_argument(
        "--log-bytes", type=int, help="bytes that the log may hold; by default as the hub does"
    )


options = arguments(options_of_hub)
limits = {} if options.log_bytes is None else {"max_bytes": options.log_bytes}
threads = {} if options.threads is None else {"flush_threads": options.threads}
hub = Hub(
    clock=reactor,
    heartbeat=options.heartbeat,
    log=MemoryLog(reactor, epoch=EPOCH, **limits),
    **threads,
)
own = OwnTopic()
root = Resource()
root.putChild(b"events", EventStreamResource(hub, topics=ALL))
root.putChild(b"own", EventStreamResource(hub, topics=own_topic))
root.putChild(b"private", MercureResource(hub, own))
root.putChild(b"publish", Publish(publish))
site = Site(root, streams=hub.streams)
reactor.listenTCP(options.port, site, backlog=4096, interface="127.0.0.1")
collect_rarely()
reactor.run()
