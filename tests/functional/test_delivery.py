"""
Delivery of published events to clients that reconnect or do not read, over every kind of socket.
"""

import random
import socket
import struct
import threading
import warnings
from functools import partial
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import SSL4ClientEndpoint, clientFromString, serverFromString
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import deferLater

from ssetwist import EndReason, Event, EventStreamResource, Hub, MemoryLog, Site, WhenBehind
from ssetwist.clock._alarm import CLOCK_THREAD
from tests.functional.case import CUT, NEVER, HubCase
from tests.functional.hearing import Hearing, hear
from tests.functional.support import make_certificate
from tests.memory import dechunk


class DeliveryCase(HubCase):
    """
    A hub, and clients on the reactor.
    """

    async def start(self, **options: object) -> None:
        """
        Make a hub that never cuts a client off, unless the test sets a time for it.
        """
        await super().start(**{"stall_timeout": NEVER, **options})

    def endpoint(self) -> object:
        return clientFromString(reactor, f"tcp:127.0.0.1:{self.port.getHost().port}")

    async def hear(self, path: str = "/", last_event_id: str | None = None) -> Hearing:
        """
        Connect, and wait until the stream has begun.
        """
        client = await hear(self.endpoint(), path, last_event_id)
        self.addCleanup(self.leave, client)
        await self.until(lambda: client.has_begun, "the stream begins")
        return client

    def leave(self, client: Hearing) -> Deferred[None]:
        if not client.ended.called:
            client.transport.abortConnection()
        return client.ended

    async def publish(self, *texts: str, topic: str = "news") -> None:
        """
        Publish events, one in each turn.
        """
        for text in texts:
            self.hub.publish(topic, Event(text))
            await deferLater(reactor, 0)


class Returning:
    """
    A client that loses its connection again and again, and comes back with the id of its last
    event.

    :ivar numbers: The data of all events that it has received.
    """

    def __init__(self, endpoint: object, until: int, chance: random.Random) -> None:
        self.numbers: list[int] = []
        self.connections = 0
        self._endpoint = endpoint
        self._until = until
        self._chance = chance
        self._id: str | None = None

    async def run(self) -> None:
        """
        Receive events until the last one has come.
        """
        while not self.numbers or self.numbers[-1] < self._until:
            await deferLater(reactor, self._chance.random() * 0.05)
            # The client asks for history as a page does: the first time, and in vain each time
            # after.
            client = await hear(self._endpoint, "/?from=earliest", self._id)
            self.connections += 1
            leave_after = self._chance.randrange(2000)
            client.on_data = partial(self._look, client, leave_after)
            await client.ended
            for _, id, data in client.events:
                self.numbers.append(int(data))
                self._id = id

    def _look(self, client: Hearing, leave_after: int) -> None:
        # In half of the cases, cut in the middle of an event.
        is_last = f"data: {self._until}\n\n".encode() in client.received
        if is_last or len(client.received) > leave_after:
            client.transport.abortConnection()


class ReplayTests(DeliveryCase):
    """
    Clients that come back.
    """

    async def test_while_events_are_published(self) -> None:
        """
        Many clients that come back while events are published miss none, and get none twice.
        """
        await self.start()
        last = 400
        clients = [Returning(self.endpoint(), last, random.Random(seed)) for seed in range(60)]
        hearing = gatherResults([Deferred.fromCoroutine(client.run()) for client in clients])
        await self.until(lambda: all(client.connections for client in clients), "all are here")
        for number in range(1, last + 1):
            self.hub.publish("news", Event(str(number)))
            if number % 4 == 0:
                await deferLater(reactor, 0.02)
        await hearing
        for client in clients:
            self.assertEqual(list(range(1, last + 1)), client.numbers)
            self.assertGreater(client.connections, 1)

    async def test_long_history(self) -> None:
        """
        A client that comes back to megabytes of history gets all of it, byte for byte, while other
        clients receive new events.
        """
        await self.start()
        other = await self.hear()
        first = await self.hear()
        await self.publish(*(f"{number} " + "x" * 5000 for number in range(600)))
        again = await self.hear(last_event_id=first.events[0][1])
        await self.publish(*(f"new {number}" for number in range(50)))
        await self.until(
            lambda: b"data: new 49\n\n" in again.received, "the client has every event"
        )
        await self.until(lambda: b"data: new 49\n\n" in other.received, "so has the other")
        whole = other.body.partition(b"\n\n")[2]
        self.assertEqual(whole, again.body.removeprefix(b"retry: 3000\n"))


class BehindTests(DeliveryCase):
    """
    Clients that do not read for a while.
    """

    async def test_byte_for_byte(self) -> None:
        """
        A client that reads again gets, from the log, the same bytes as other clients got.
        """
        await self.start()
        fast = await self.hear()
        (slow,) = await self.subscribe(receive_buffer=4096)
        subscriber = self.subscribers[1]
        chance = random.Random(1)
        for number in range(400):
            await self.publish(f"{number} " + "x" * chance.randrange(20_000))
        self.assertGreater(subscriber.behind, 100)
        received = bytearray()

        async def read_slowly() -> None:
            while b"data: last\n\n" not in received:
                received.extend(await self.read_some(slow, chance.randrange(1, 100_000)))

        reading = Deferred.fromCoroutine(read_slowly())
        await self.publish(*(f"meanwhile {number}" for number in range(20)), "last")
        await reading
        await self.until(lambda: b"data: last\n\n" in fast.received, "the other has it, too")
        await self.until(lambda: not subscriber.behind, "the client keeps up again")
        self.assertEqual(fast.body.removeprefix(b"retry: 3000\n"), dechunk(bytes(received)))
        self.assertEqual([], self.ended)

    async def read_some(self, connection: socket.socket, most: int) -> bytes:
        """
        Read the bytes that have come, or wait for some.
        """
        while True:
            try:
                return connection.recv(most)
            except BlockingIOError:
                await deferLater(reactor, 0)

    async def fall_off(self, when_behind: WhenBehind) -> Hearing:
        """
        Make a client fall behind until the log has dropped events that it needs, then let it read
        again; publish one more event, and wait for this event or for the end of the client.
        """
        await self.start(
            log=MemoryLog(reactor, max_count=5, epoch="e"), when_behind=when_behind, heartbeat=0
        )
        client = await self.hear()
        client.transport.pauseProducing()
        (subscriber,) = self.subscribers
        number = 0
        while subscriber.behind < 100:
            number += 1
            await self.publish(f"{number} " + "x" * 20_000, topic=f"topic {number % 2}")
        client.transport.resumeProducing()
        await self.until(
            lambda: self.ended or not (subscriber.behind or subscriber.outlet.is_behind),
            "the client has caught up, or ended",
        )
        await self.publish("new")
        await self.until(
            lambda: client.ended.called or b"data: new\n\n" in client.received,
            "the client gets the rest",
        )
        return client

    async def test_disconnect(self) -> None:
        """
        By default the client is disconnected properly; its last event is the gap, with an id to
        come back with.
        """
        client = await self.fall_off(WhenBehind.DISCONNECT)
        self.assertEqual([EndReason.FELL_BEHIND], self.ended)
        self.assertTrue(client.received.endswith(b"\r\n0\r\n\r\n"))

    async def test_skip(self) -> None:
        """
        With "skip" the client is told about the gap and continues with new events.
        """
        client = await self.fall_off(WhenBehind.SKIP)
        *before, (type_, _, _), (_, id, data) = client.events
        self.assertEqual(("gap", "new"), (type_, data))
        self.assertEqual(f"#e.{self.hub.log.head}", id)
        self.assert_numbered(before)
        self.assertEqual([], self.ended)

    async def test_latest(self) -> None:
        """
        With "latest" the client is told about the gap, gets the newest event of each topic, and
        continues.
        """
        client = await self.fall_off(WhenBehind.LATEST)
        *before, (type_, _, _), one, two, (_, _, data) = client.events
        self.assertEqual(("gap", "new"), (type_, data))
        head = self.hub.log.head
        self.assertEqual([f"#e.{head - 2}", f"#e.{head - 1}"], [one[1], two[1]])
        self.assert_numbered(before)
        self.assertEqual([], self.ended)

    def assert_numbered(self, events: list[tuple[str, str, str]]) -> None:
        """
        Check that the events before the first gap came whole and in order.  There may be several
        gaps: the kernel may take more for the client at any moment, and then it falls off again.
        """
        whole = takewhile(lambda event: event[0] != "gap", events)
        numbers = [int(data.split()[0]) for _, _, data in whole]
        self.assertEqual(list(range(1, len(numbers) + 1)), numbers)
        self.assertTrue(numbers)


class ThreadsTests(DeliveryCase):
    """
    A flush from two threads.
    """

    async def test_some_do_not_read_and_some_vanish(self) -> None:
        """
        Among hundreds of clients, each one that reads gets every event once and in order.
        Everything that was held for the others is freed.
        """
        await self.start(flush_threads=2, stall_timeout=2)
        deaf = await self.subscribe(20, receive_buffer=4096)
        readers = await self.subscribe(540)
        vanishing = await self.subscribe(40)
        received = {reader: bytearray() for reader in readers}
        chance = random.Random(7)
        count = 60
        for number in range(count):
            self.hub.publish("news", Event(f"{number} " + "x" * 4000))
            if vanishing and number % 10 == 5:
                for _ in range(8):
                    one = vanishing.pop()
                    if chance.random() < 0.5:
                        linger = struct.pack("ii", 1, 0)
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    one.close()
            await deferLater(reactor, 0)
            self.take(received)
        names = [thread.name for thread in threading.enumerate()]
        self.assertTrue(any(name.startswith("ssetwist-send") for name in names), names)
        ending = f"#{self.hub.log.epoch}.{count}\n".encode()

        def all_have_it() -> bool:
            self.take(received)
            return all(ending in each and each.endswith(b"\n\n\r\n") for each in received.values())

        await self.until(all_have_it, "every client that reads has every event")
        first = dechunk(bytes(received[readers[0]]))
        numbers = [int(line.split()[1]) for line in first.splitlines() if line[:6] == b"data: "]
        self.assertEqual(list(range(count)), numbers)
        for each in received.values():
            self.assertEqual(first, dechunk(bytes(each)))
        await self.until(lambda: self.hub.subscriber_count == 540, "the others are gone")
        self.assertEqual((20, 60), (len(deaf), len(self.ended)))
        self.assertLessEqual(set(self.ended), CUT | {EndReason.CLIENT_CLOSED})
        self.assertLessEqual(self.ended.count(EndReason.CLIENT_CLOSED), 40)
        self.hub.close()
        names = {each.name for each in threading.enumerate()} - {CLOCK_THREAD}
        self.assertEqual([], [name for name in names if "ssetwist" in name])

    def take(self, received: dict[socket.socket, bytearray]) -> None:
        """
        Make each client read the bytes that have come.
        """
        for reader, got in received.items():
            try:
                while some := reader.recv(1 << 18):
                    got.extend(some)
            except BlockingIOError:
                pass


class EverySocketTests(DeliveryCase):
    """
    Delivery over TCP, UNIX sockets and TLS; only TLS has no direct way to the socket.
    """

    def setUp(self) -> None:
        temporary = TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    async def fan_out(self) -> None:
        await self.start(flush_threads=1)
        slow = await self.hear()
        clients = [await self.hear() for _ in range(9)]
        slow.transport.pauseProducing()
        # Use nearly all byte values, so that a mistake in cutting a write would show.
        line = "".join(map(chr, range(32, 0x17F)))
        texts = [f"{number} " + line * 20 for number in range(120)]
        await self.publish(*texts[:60])
        for text in texts[60:]:
            self.hub.publish("news", Event(text))
        for client in clients:
            await self.until(
                lambda client=client: len(client.data) == 120, "the client has every event"
            )
            self.assertEqual(texts, client.data)
        slow.transport.resumeProducing()
        await self.until(lambda: len(slow.data) == 120, "the slow one, too")
        self.assertEqual(clients[0].body, slow.body)
        again = await self.hear(last_event_id=slow.events[9][1])
        await self.until(lambda: len(again.data) == 110, "the client has the missed events")
        self.assertEqual(texts[10:], again.data)
        self.subscribers[1].end(for_good=True)
        await clients[0].ended
        self.assertTrue(clients[0].received.endswith(b"data: \n\n\r\n0\r\n\r\n"))

    async def test_tcp(self) -> None:
        """
        All events arrive over TCP.
        """
        await self.fan_out()

    async def test_unix(self) -> None:
        """
        All events arrive over UNIX sockets.
        """
        self.listen = f"unix:{self.folder}/hub"
        self.endpoint = lambda: clientFromString(reactor, self.listen)
        await self.fan_out()

    async def test_tls(self) -> None:
        """
        All events arrive over TLS.
        """
        make_certificate(self.folder)
        self.listen = (
            f"ssl:port=0:interface=127.0.0.1:privateKey={self.folder}/key.pem"
            f":certKey={self.folder}/cert.pem"
        )
        # By default these options do not ask for a trusted certificate.
        self.endpoint = lambda: SSL4ClientEndpoint(
            reactor, "127.0.0.1", self.port.getHost().port, CertificateOptions()
        )
        with warnings.catch_warnings():
            # Twisted itself hands pyOpenSSL objects that it has deprecated.
            warnings.filterwarnings("ignore", "Passing pyOpenSSL", DeprecationWarning)
            await self.fan_out()


class TwoHubsTests(DeliveryCase):
    """
    Two hubs in one process.
    """

    async def test_two_hubs_are_separate(self) -> None:
        """
        An event of one hub does not reach the other, and neither hub knows the other's ids; when
        one hub ends, the other continues.
        """
        await self.start()
        other = Hub(clock=reactor)
        site = Site(EventStreamResource(other), streams=other.streams)
        port = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(site)
        here = await self.hear()
        there = await hear(clientFromString(reactor, f"tcp:127.0.0.1:{port.getHost().port}"))
        await self.until(lambda: there.has_begun, "the stream has begun")
        other.publish("news", Event("there"))
        await self.publish("here")
        await self.until(lambda: here.data and there.data, "both hear")
        self.assertEqual((["here"], ["there"]), (here.data, there.data))
        stranger = await self.hear(last_event_id=there.events[0][1])
        await self.until(lambda: stranger.events, "the client is told")
        self.assertEqual(["gap"], [type_ for type_, _, _ in stranger.events])
        await port.stopListening()
        await site.drain(5, reconnection_time=0)
        other.close()
        await there.ended
        await self.publish("still here")
        await self.until(lambda: len(here.data) == 2, "the other client goes on")
