"""
An application whose parts raise, hang, or never wait: ``python -m tests.functional.faulty_app``.

It prints the port on which it listens, and drains for at most two seconds after SIGTERM.
"""

import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.logger import globalLogBeginner, textFileLogObserver
from twisted.web.resource import Resource
from twisted.web.server import Request

from ssetwist import Event, EventStreamResource, Hub, Site, stream
from ssetwist.hub import Matchers
from ssetwist.log import MemoryLog
from ssetwist.mercure import Action, MercureResource, MercureSettings, Rights

#: Seconds of every time-out here.
TIMEOUT = 1.0

#: Events that the function without a wait publishes: as many as the log keeps, 4.5 MB.
BURST = 10_000

EVERYTHING = Matchers.of(["news"])

_ONE = Event("x")


def leave(*_: object) -> None:
    raise SystemExit("an application that wants to leave")


class EmptyLog(MemoryLog):
    def read(self, after: int, most_bytes: int) -> Any:
        return succeed([])


class SilentLog(MemoryLog):
    def read(self, after: int, most_bytes: int) -> Any:
        return Deferred(leave)


class Silent:
    """
    An authorizer that never answers.
    """

    def can_allow(self, action: Action) -> bool:
        return True

    def authorize(self, request: Request, action: Action) -> "Deferred[Rights]":
        return Deferred(leave)


class ForEver(Silent):
    """
    An authorizer that forgot to say how long its rights last.
    """

    def authorize(self, request: Request, action: Action) -> "Deferred[Rights]":
        none: Any = None
        return succeed(Rights(publish=EVERYTHING, subscribe=EVERYTHING, expires=none))


class Source(Resource):
    """
    Streams of a source that is made by the name in the URL.
    """

    isLeaf = True

    def render_GET(self, request: Request) -> int:
        source = {b"iterator": _iterator, b"generator": _generator, b"hangs": _Rows}
        return stream(request, source[request.postpath[0]](), close_timeout=TIMEOUT)


def _iterator() -> Iterator[Event]:
    for _ in range(10**6):
        yield _ONE


async def _generator() -> AsyncIterator[Event]:
    for _ in range(10**6):
        yield _ONE


class _Rows:
    def __init__(self) -> None:
        self.rows = iter([Event("only")])

    def __aiter__(self) -> "_Rows":
        return self

    async def __anext__(self) -> Event:
        for row in self.rows:
            return row
        raise StopAsyncIteration

    async def aclose(self) -> None:
        await Deferred()


class Turns(Resource):
    """
    The longest turn of the reactor since the last request, in milliseconds of its thread's time:
    so other processes do not count.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.longest = 0.0
        self.began = time.thread_time()
        self._turn()

    def forget(self) -> None:
        """
        Begin anew with the next turn.
        """
        self.began = time.thread_time()

    def _turn(self) -> None:
        now = time.thread_time()
        self.longest = max(self.longest, now - self.began)
        self.began = now
        reactor.callLater(0, self._turn)

    def render_GET(self, request: Request) -> bytes:
        longest, self.longest = self.longest, 0.0
        return b"%d" % (1000 * longest)


class Burst(Resource):
    """
    A function that publishes very often without waiting.
    """

    isLeaf = True

    def __init__(self, hub: Hub, turns: Turns) -> None:
        super().__init__()
        self.hub = hub
        self.turns = turns

    def render_POST(self, request: Request) -> bytes:
        event = Event("x" * 400)
        for _ in range(BURST):
            self.hub.publish("news", event)
        self.turns.forget()
        return b"published"


class Counts(Resource):
    """
    The connections besides the one that asks, the streams, and the seconds of the CPU so far.
    """

    isLeaf = True

    def __init__(self, hubs: list[Hub]) -> None:
        super().__init__()
        self.hubs = hubs

    def render_GET(self, request: Request) -> bytes:
        connections = len(request.site.connections) - 1
        subscribers = sum(hub.subscriber_count for hub in self.hubs)
        return b"%d %d %f" % (connections, subscribers, time.process_time())


def main() -> None:
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    root = Resource()
    hub = Hub(clock=reactor)
    hubs = [hub]
    for path, log in ((b"empty-log", EmptyLog), (b"silent-log", SilentLog)):
        hubs.append(Hub(clock=reactor, log=log(reactor), log_timeout=TIMEOUT))
        hubs[-1].publish("news", Event("kept"))
        root.putChild(path, EventStreamResource(hubs[-1]))
    root.putChild(b"leaves", EventStreamResource(hub, on_end=leave))
    root.putChild(b"events", EventStreamResource(hub))
    never = EventStreamResource(hub, lambda _: Deferred(leave), topics_timeout=TIMEOUT)
    root.putChild(b"never", never)
    settings = MercureSettings(authorize_timeout=TIMEOUT)
    root.putChild(b"silent", MercureResource(hub, Silent(), settings))
    root.putChild(b"for-ever", MercureResource(hub, ForEver(), settings))
    root.putChild(b"source", Source())
    turns = Turns()
    root.putChild(b"turns", turns)
    root.putChild(b"burst", Burst(hub, turns))
    root.putChild(b"counts", Counts(hubs))
    site = Site(root, streams=hub.streams)
    port = reactor.listenTCP(0, site, interface="127.0.0.1", backlog=1024)

    async def stop() -> None:
        await port.stopListening()
        await site.drain(2)
        print("drained", flush=True)

    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(stop()))
    signal.signal(signal.SIGTERM, lambda *_: reactor.callFromThread(reactor.stop))
    print(port.getHost().port, flush=True)
    reactor.run(installSignalHandlers=False)


if __name__ == "__main__":
    main()
