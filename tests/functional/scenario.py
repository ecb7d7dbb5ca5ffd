"""
A small scenario, run as a process under any reactor; it prints the received events as JSON.  It has
a hub on TCP, one client that reads, one that does not read for a while, one that comes back, and a
per-request stream; then the server stops.
"""

import json
import sys

from twisted.application.reactors import installReactor

TEXTS = [f"{number} " + "x" * 20_000 for number in range(200)]


async def play(reactor: object) -> dict[str, object]:
    """
    Play the scenario, and return the received events.
    """
    from twisted.internet.endpoints import clientFromString, serverFromString
    from twisted.internet.task import deferLater
    from twisted.web.resource import Resource
    from twisted.web.server import Request

    from ssetwist import Event, EventStreamResource, Hub, Site, stream
    from tests.functional.hearing import hear
    from tests.patience import PATIENCE

    class Source(Resource):
        isLeaf = True

        def render_GET(self, request: Request) -> int:
            return stream(request, (Event(text) for text in TEXTS))

    hub = Hub(clock=reactor, heartbeat=0.1, flush_threads=2)
    reasons: list[str] = []
    root = Resource()
    ended = lambda _, reason: reasons.append(reason.value)  # noqa: E731 (as short as it can be)
    root.putChild(b"sse", EventStreamResource(hub, on_end=ended))
    root.putChild(b"source", Source())
    site = Site(root, streams=hub.streams)
    port = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(site)
    endpoint = clientFromString(reactor, f"tcp:127.0.0.1:{port.getHost().port}")

    async def until(is_so: object) -> None:
        deadline = reactor.seconds() + PATIENCE
        while not is_so():
            if reactor.seconds() > deadline:
                raise TimeoutError
            await deferLater(reactor, 0.005)

    live, slow = await hear(endpoint, "/sse"), await hear(endpoint, "/sse")
    leaving = await hear(endpoint, "/sse")
    await until(lambda: live.has_begun and slow.has_begun and leaving.has_begun)
    await until(lambda: live.received.endswith(b":\n\r\n"))  # a heartbeat
    slow.transport.pauseProducing()
    for text in TEXTS:
        hub.publish("news", Event(text))
        await deferLater(reactor, 0)
    await until(lambda: len(live.data) == len(TEXTS))
    leaving.transport.abortConnection()
    await leaving.ended
    await until(lambda: reasons)
    was_behind = max(one.behind for one in hub.subscribers)
    slow.transport.resumeProducing()
    again = await hear(endpoint, "/sse", live.events[49][1])
    await until(lambda: len(slow.data) == len(TEXTS) and len(again.data) == len(TEXTS) - 50)
    source = await hear(endpoint, "/source")
    await source.ended
    await port.stopListening()
    await site.drain(10)
    hub.close()
    for client in (live, slow, again):
        await client.ended
    return {
        "live": live.data == TEXTS,
        "slow": slow.data == TEXTS,
        "was behind": was_behind > 0,
        "again": again.data == TEXTS[50:],
        "source": source.data == [*TEXTS, ""],
        "ended properly": all(
            client.received.endswith(b"\r\n0\r\n\r\n") for client in (live, slow, again, source)
        ),
        "reasons": sorted(reasons),
        "delayed calls": len(reactor.getDelayedCalls()),
    }


def main() -> None:
    """
    Play the scenario under the reactor that the command line names.
    """
    installReactor(sys.argv[1])
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    def done(result: object) -> None:
        print(json.dumps({"reactor": type(reactor).__name__, "result": result}, default=str))
        reactor.callLater(0, reactor.stop)

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(play(reactor)).addBoth(done))
    reactor.run()


if __name__ == "__main__":
    main()
