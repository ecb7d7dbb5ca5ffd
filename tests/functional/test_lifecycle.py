"""
Streams over real sockets in this process: the direct way to the socket, and clients that leave.
"""

import contextlib
import gc
import os
import socket
import struct
from collections import Counter

from twisted.internet import reactor
from twisted.internet.base import DelayedCall
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.web.server import Request
from twisted.web.server import Site as TwistedSite

from ssetwist import EndReason, Event, EventStreamResource, MemoryLog, Subscriber
from ssetwist.web._outlet import RequestOutlet
from ssetwist.web._waiting import MAX_WAITING
from tests import examples
from tests.functional.case import CUT, NEVER, REQUEST, HubCase
from tests.memory import dechunk


class GoesTests(HubCase):
    """
    Ways to leave, each noticed without a write: this hub sends neither heartbeats nor events.
    """

    async def goes(self, leave: object) -> EndReason:
        await self.start(heartbeat=0)
        (connection,) = await self.subscribe()
        leave(connection)
        reason = await self.end_reason()
        self.assertEqual((), self.hub.subscribers)
        self.assertEqual(0, len(self.hub.streams))
        return reason

    async def test_close(self) -> None:
        """
        The server notices a connection that is closed.
        """
        self.assertEqual(EndReason.CLIENT_CLOSED, await self.goes(socket.socket.close))

    async def test_half_close(self) -> None:
        """
        A half-closed connection counts as closed: HTTP clients never close only one half.
        """
        reason = await self.goes(lambda connection: connection.shutdown(socket.SHUT_WR))
        self.assertEqual(EndReason.CLIENT_CLOSED, reason)

    async def test_reset(self) -> None:
        """
        The server notices a connection that is reset.
        """

        def reset(connection: socket.socket) -> None:
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.close()

        self.assertEqual(EndReason.CONNECTION_LOST, await self.goes(reset))

    async def test_pitfall_K3_flood(self) -> None:
        """
        A client that floods and never reads is cut off at its first bytes; the other clients notice
        nothing.
        """
        await self.start(heartbeat=0)
        (other,) = await self.subscribe()
        (flood,) = await self.subscribe(receive_buffer=4096)
        flood.setblocking(True)

        def pour() -> int:
            poured = 0
            try:
                while poured < 30 << 20:
                    poured += flood.send(b"x" * 65536)
            except OSError:
                pass
            return poured

        before = _resident()
        poured = await deferToThread(pour)
        self.assertEqual(EndReason.UNEXPECTED_BYTES, await self.end_reason())
        self.assertLess(poured, 30 << 20)
        self.assertLess(_resident() - before, 1 << 20)
        self.hub.publish("news", Event("still here"))
        await self.read(other, b"data: still here\n\n\r\n")


class NeverReadsTests(HubCase):
    """
    A client that does not read.
    """

    async def test_memory_is_bounded(self) -> None:
        """
        The memory for a client that does not read is bounded, however much is published; the other
        clients get everything.
        """
        await self.start(log=MemoryLog(reactor, max_bytes=1 << 20), stall_timeout=NEVER)
        (_,) = await self.subscribe(receive_buffer=4096)
        (reader,) = await self.subscribe()
        event = Event("x" * 10000)
        before = _resident()
        most = 0
        for _ in range(2000):
            self.hub.publish("news", event)
            await self.read(reader, b"\n\n\r\n")
            most = max(most, _resident() - before)
        self.assertEqual((2, []), (self.hub.subscriber_count, self.ended))
        self.assertGreater(self.subscribers[0].behind, 1000)
        self.assertEqual(0, self.subscribers[1].behind)
        # The log, the bytes that wait for the client, and the same again for memory that is freed
        # late.
        self.assertLess(most, 2 * ((1 << 20) + MAX_WAITING))

    async def test_cut_off_after_a_time(self) -> None:
        """
        A client that does not read is cut off within a bounded time, even if little waits for it.
        """
        await self.start(stall_timeout=0.5)
        (_,) = await self.subscribe(receive_buffer=4096)
        (subscriber,) = self.hub.subscribers
        while not subscriber.outlet.is_behind:
            self.hub.publish("news", Event("x" * 10000))
            await deferLater(reactor, 0)
        self.assertIn(await self.end_reason(), CUT)

    async def test_cut_off_after_the_end(self) -> None:
        """
        Pitfall K12: a client that does not read is also cut off after the server has ended the
        stream, even with Connection: close.
        """
        await self.start(stall_timeout=0.5)
        closing = REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        for request in (REQUEST, closing):
            (_,) = await self.subscribe(receive_buffer=4096, request=request)
            (subscriber,) = self.hub.subscribers
            while not subscriber.outlet.is_behind:
                self.hub.publish("news", Event("x" * 10000))
                await deferLater(reactor, 0)
            subscriber.end()
            self.assertEqual((), self.hub.subscribers)
            self.assertEqual(1, len(self.site.connections))
            await self.until(lambda: not self.site.connections, "the connection is cut")

    async def test_large_event(self) -> None:
        """
        Bytes that wait for many clients are in memory only once.
        """
        await self.start(stall_timeout=NEVER)
        await self.subscribe(50, receive_buffer=4096)
        before = _resident()
        self.hub.publish("news", Event("x" * 5_000_000))
        await self.until(
            lambda: all(subscriber.outlet.is_behind for subscriber in self.hub.subscribers),
            "the bytes wait for all clients",
        )
        self.assertEqual(50, self.hub.subscriber_count)
        self.assertLess(_resident() - before, 50 << 20)

    async def test_catches_up(self) -> None:
        """
        A client that reads again in time gets everything, in order, and once.
        """
        await self.start(stall_timeout=NEVER)
        (slow,) = await self.subscribe(receive_buffer=4096)
        (subscriber,) = self.hub.subscribers
        count = 0
        while not subscriber.outlet.is_behind:
            self.hub.publish("news", Event(f"{count} " + "x" * 10000))
            count += 1
            await deferLater(reactor, 0)
        for _ in range(10):
            self.hub.publish("news", Event(f"{count} " + "x" * 10000))
            count += 1
        self.hub.publish("news", Event("last"))
        received = dechunk(await self.read(slow, b"data: last\n\n\r\n"))
        numbers = [int(line.split()[1]) for line in received.splitlines() if b"xx" in line]
        self.assertEqual(list(range(count)), numbers)
        self.assertEqual([], self.ended)


class AnotherSiteTests(HubCase):
    """
    A stream under another Site than the one of ssetwist.
    """

    def make_site(self, resource: EventStreamResource) -> TwistedSite:
        return TwistedSite(resource)

    async def stop(self) -> None:
        await self.port.stopListening()
        self.hub.streams.abort()
        await self.until(lambda: not len(self.hub.streams), "all streams have ended")

    def options(self, subscriber: Subscriber) -> list[int]:
        handle = subscriber.outlet._descriptor.socket
        return [
            handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
            handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
        ]

    async def test_pitfall_K6_options(self) -> None:
        """
        The socket has the kernel's time-outs.
        """
        await self.start(stall_timeout=10)
        (_,) = await self.subscribe()
        (subscriber,) = self.hub.subscribers
        self.assertEqual([15000, 1, 15], self.options(subscriber))

    async def test_longest_user_timeout(self) -> None:
        """
        A stall time-out of months is reduced to the longest that the kernel supports, without an
        error.
        """
        await self.start(stall_timeout=1e8)
        (_,) = await self.subscribe()
        (subscriber,) = self.hub.subscribers
        self.assertEqual([2**31 - 1, 1, 15], self.options(subscriber))

    async def test_pitfall_K3_flood(self) -> None:
        """
        Bytes after the request also end the stream under another Site.
        """
        await self.start(heartbeat=0)
        (flood,) = await self.subscribe()
        flood.sendall(b"x" * 20000)
        self.assertEqual(EndReason.UNEXPECTED_BYTES, await self.end_reason())


class ManyTests(HubCase):
    """
    Many clients.
    """

    async def test_thousand_close_together(self) -> None:
        """
        A thousand clients that close together are gone, with their descriptors, within a few turns
        of the reactor: none waits for a time-out or for another client.
        """
        await self.start(heartbeat=0)
        descriptors = _sockets()
        connections = await self.subscribe(1000)
        self.assertEqual(1000, self.hub.subscriber_count)
        for connection in connections:
            connection.close()
        turns = 0
        while self.site.connections and turns < 20:
            turns += 1
            await deferLater(reactor, 0)
        self.assertEqual((set(), ()), (self.site.connections, self.hub.subscribers))
        self.assertEqual(descriptors, _sockets())
        self.assertEqual(1000, len(self.ended))

    async def test_nothing_is_left(self) -> None:
        """
        After thousands of connects and closes (in CI ten) the numbers of objects, descriptors and
        delayed calls are not higher than before.
        """
        await self.start()
        await self.come_and_go(200)  # so that everything that is created once exists
        before = self.count()
        await self.come_and_go(max(2000, examples(700)))
        after = self.count()
        # The number may be lower: the reactor forgets the cancelled calls of earlier tests
        # meanwhile.
        more = {name: (before.get(name, 0), count) for name, count in after.items()}
        self.assertEqual({}, {name: both for name, both in more.items() if both[1] > both[0]})

    async def come_and_go(self, count: int) -> None:
        for _ in range(count // 50):
            await self.subscribe(50)
            self.close_connections()
            await self.until(lambda: not self.site.connections, "all have gone")
            self.ended.clear()
            self.subscribers.clear()

    def count(self) -> dict[str, int]:
        gc.collect()
        kinds = Counter(
            f"{type(each).__module__}.{type(each).__qualname__}"
            for each in gc.get_objects()
            # The reactor keeps up to 50 cancelled calls, which hold nothing any more.
            if not (type(each) is DelayedCall and each.cancelled)
        )
        counts = {
            name: count
            for name, count in kinds.items()
            if name.startswith(("ssetwist.", "twisted."))
        }
        return counts | {
            "sockets": _sockets(),
            "delayed calls": len(reactor.getDelayedCalls()),
        }


class FreedTests(HubCase):
    """
    Objects that the server holds for a client.
    """

    async def test_without_the_garbage_collector(self) -> None:
        """
        Objects of a client are freed when it has gone, not when the garbage collector runs.
        """
        await self.start()
        gc.collect()
        before = self.count()
        gc.disable()
        self.addCleanup(gc.enable)
        (connection,) = await self.subscribe()
        self.subscribers.clear()
        connection.close()
        await self.until(lambda: not self.site.connections, "the client has gone")
        await deferLater(reactor, 0)
        self.assertEqual(before, self.count())

    def count(self) -> int:
        """
        Count the objects for each client.
        """
        kinds = (RequestOutlet, Subscriber, Request)
        return sum(isinstance(each, kinds) for each in gc.get_objects())


def _resident() -> int:
    """
    Return the resident memory of this process, in bytes.
    """
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def _sockets() -> int:
    """
    Return the number of open sockets of this process; the reactor also opens and closes pipes.
    """
    links = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the descriptor of this listing itself
            links.append(os.readlink(f"/proc/self/fd/{number}"))
    return sum(link.startswith("socket:") for link in links)
