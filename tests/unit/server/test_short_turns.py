"""
Short turns: the urgent events first, and never more than one turn can serve.
"""

import socket
from collections.abc import Iterator
from select import EPOLLIN, EPOLLOUT

from twisted.internet.abstract import FileDescriptor
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import Port
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from ssetwist import Site, Streams
from ssetwist.server._short_turns import (
    _MOST,
    _MOST_MOVED,
    ACCEPTS,
    ENDS,
    FEW_ACCEPTS,
    LEAST,
    ShortTurns,
    shorten_turns,
)
from ssetwist.web.site import Urgency, urgency_of
from tests.clock import Clock
from tests.memory import Client, MemoryDescriptor

_Events = list[tuple[int, int]]


#: The descriptor of the other ``epoll`` object.
CROWD = 1_000_000


class Poller:
    """
    An ``epoll`` object in memory: it reports what is ready in turn, as the kernel does.

    :ivar looked_at: Events that it has reported.
    """

    def __init__(self, ready: dict[int, int], descriptor: int = -1) -> None:
        self.ready = ready
        self.registered: dict[int, int] = {}
        self.asked: list[float] = []
        self.looked_at = 0
        self.inner: Poller | None = None
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def mine(self) -> _Events:
        return [(one, mask) for one, mask in self.ready.items() if one in self.registered]

    def poll(self, timeout: float, maxevents: int) -> _Events:
        self.asked.append(timeout)
        some = self.mine()[:maxevents]
        for descriptor, mask in some:  # to the end of the queue
            del self.ready[descriptor]
            self.ready[descriptor] = mask
        if self.inner is not None and self.inner.mine():
            some.insert(len(some) // 2, (CROWD, EPOLLIN))
        self.looked_at += len(some)
        return some

    def register(self, descriptor: int, mask: int) -> None:
        assert descriptor not in self.registered
        self.registered[descriptor] = mask

    def modify(self, descriptor: int, mask: int) -> None:
        assert descriptor in self.registered
        self.registered[descriptor] = mask

    def unregister(self, descriptor: int) -> None:
        del self.registered[descriptor]


class Raising(Poller):
    def poll(self, timeout: float, maxevents: int) -> _Events:
        raise InterruptedError


class Waiting(Resource):
    """
    Answers a ``GET`` at once, and any other method never.
    """

    isLeaf = True

    def render(self, request: Request) -> bytes | int:
        return b"done" if request.method == b"GET" else NOT_DONE_YET


class DescriptorClient(Client):
    make_transport = MemoryDescriptor


class ShortTurnsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 0.0
        ready: dict[int, int] = {}
        self.poller = Poller(ready)
        self.poller.inner = self.crowd = Poller(ready, CROWD)
        self.selectables: dict[int, object] = {}
        self.turns = ShortTurns(
            self.poller,
            self.selectables,
            self.crowd,
            interest=lambda one: (
                self.poller.registered.get(one) or self.crowd.registered.get(one, 0)
            ),
            seconds=lambda: self.now,
        )
        self.clock = Clock()
        self.site = Site(Waiting(), streams=Streams(self.clock))

    def add(self, selectable: object, mask: int = EPOLLIN) -> int:
        """
        Make an object ready, and return its descriptor.
        """
        descriptor = len(self.selectables)
        self.selectables[descriptor] = selectable
        self.turns.register(descriptor, mask)
        self.poller.ready[descriptor] = mask
        return descriptor

    def connection(self, *methods: str) -> MemoryDescriptor:
        """
        Return a connection that has sent these requests.
        """
        client = DescriptorClient(self.site, self.clock)
        for method in methods:
            client.request(method=method)
        return client.transport

    def add_streams(self, number: int) -> list[int]:
        return [self.add(self.stream()) for _ in range(number)]

    def stream(self) -> MemoryDescriptor:
        return self.connection("POST")

    def turn(self, seconds_each: float = 0.0) -> list[int]:
        """
        Do one turn, and return the descriptors that were served; what was read is ready no more.
        """
        served = [descriptor for descriptor, _ in self.serve(seconds_each)]
        for descriptor in served:
            if not isinstance(self.selectables[descriptor], Port):
                del self.poller.ready[descriptor]
        return served

    def serve(self, seconds_each: float) -> Iterator[tuple[int, int]]:
        for event in self.turns.poll(1.5, 1000):
            self.now += seconds_each
            yield event

    def test_order(self) -> None:
        """
        Clients that were answered before come first, as does what is no client, and clients to
        write to; then first requests; then streams, and last new connections.
        """
        port = self.add(Port(0, Factory()))
        streams = self.add_streams(9)
        first = [self.add(self.connection()) for _ in range(2)]
        known = [
            self.add(self.connection("GET")),
            self.add(object()),
            self.add(self.connection("POST"), EPOLLIN | EPOLLOUT),
        ]
        self.assertEqual([*known, *first, *streams, port], self.turn())
        self.assertEqual([1.5], self.poller.asked)

    def test_tls(self) -> None:
        """
        A connection with TLS is known by the connection inside.
        """

        class Below:
            def __init__(self, protocol: Protocol) -> None:
                self.protocol = wrapped(protocol)

        streams = [self.add(Below(self.connection("POST").protocol)) for _ in range(9)]
        known = self.add(Below(self.connection("GET").protocol))
        self.assertEqual([known, *streams], self.turn())

    def test_shares(self) -> None:
        """
        Each urgency has its share of a turn, and at least one event: nobody waits without end.
        """
        for _ in range(7):
            self.add(self.connection("GET"))
            self.add(self.connection())
        self.add_streams(7)
        port = self.add(Port(0, Factory()))
        for cost, expected in ((LEAST, (2, 1, 1)), (LEAST / 2, (4, 2, 2)), (1.0, (1, 1, 1))):
            served = self.turn(cost)
            self.assertEqual(sum(expected) + 1, len(served))
            found = [urgency_of(self.selectables[one]) for one in served[:-1]]
            kinds = (Urgency.KNOWN, Urgency.FIRST, Urgency.STREAM)
            self.assertEqual(expected, tuple(found.count(kind) for kind in kinds))
            self.assertEqual(port, served[-1])

    def test_a_long_event(self) -> None:
        """
        An event that takes longer than a turn takes nothing from the share of the next urgency.
        """
        known = self.add(self.connection("GET"))
        first = [self.add(self.connection()) for _ in range(20)]
        served = []
        for descriptor, _ in self.turns.poll(1.5, 1000):
            served.append(descriptor)
            self.now += 1.0 if descriptor == known else LEAST / 4
        self.assertEqual([known, *first[:4]], served)

    def test_alone(self) -> None:
        """
        Events of one urgency may take the time of those before, if there are none.
        """
        for kind, make in ((Urgency.FIRST, self.connection), (Urgency.STREAM, self.stream)):
            for _ in range(20):
                self.add(make())
            self.assertEqual(ENDS[kind] / LEAST, len(self.turn(LEAST)))
            self.poller.ready.clear()

    def test_known_does_not_wait(self) -> None:
        """
        While thousands leave, a client that asks is served in the next turn or the one after.
        """
        self.add_streams(_MOST + 100)
        self.turn(LEAST / 10)
        known = self.add(self.connection("GET"))
        served = [*self.turn(LEAST / 10), *self.turn(LEAST / 10)]
        self.assertIn(known, served)

    def test_all_in_turn(self) -> None:
        """
        Everything that is ready is served, in several turns.
        """
        streams = self.add_streams(_MOST + 100)
        served: list[int] = []
        while self.poller.ready:
            served += self.turn(LEAST / 100)
        self.assertEqual(streams, sorted(served))

    def test_left_first(self) -> None:
        """
        Clients that stay ready, because they upload, are served in turn, however many they are:
        the kernel may report them in the same order each time.
        """
        for number in (300, _MOST + 300):
            known = {self.add(self.connection("GET")) for _ in range(number)}
            served = {one for one, _ in self.serve(LEAST / 25)}
            for _ in range(number // len(served) + 1):
                served |= {one for one, _ in self.serve(LEAST / 25)}
            self.assertEqual(known, served)
            self.poller.ready.clear()

    def test_nothing_is_kept(self) -> None:
        """
        Nothing is kept about a client when few are ready.
        """
        self.add_streams(100)
        self.turn(LEAST)
        self.assertTrue(self.turns._late)
        self.poller.ready.clear()
        self.turn()
        self.assertEqual({}, self.turns._late)

    def test_few_events(self) -> None:
        """
        Few events are served as they come, except for new connections, which are always last.
        """
        port = self.add(Port(0, Factory()))
        stream, known = self.add_streams(1)[0], self.add(self.connection("GET"))
        self.assertEqual([stream, known, port], self.turn(LEAST))

    def test_few_long_events(self) -> None:
        """
        Few events that take long are served in several turns, and those that were left come first.
        """
        port = self.add(Port(0, Factory()))
        for _ in range(6):
            self.add(self.connection("GET"))
        served = []
        for _ in range(3):
            served.append([one for one, _ in self.serve(2 * LEAST)])
            self.poller.ready = dict(sorted(self.poller.ready.items()))
        self.assertEqual([[1, 2], [3, port], [4, port]], served)

    def test_accepts(self) -> None:
        """
        A port accepts few connections in each turn, also after Twisted has raised the number.
        """
        port = Port(0, Factory())
        self.turns.ports = [port]
        for _ in range(2):
            port.numberAccepts = 100
            self.turn()
            self.assertEqual(ACCEPTS, port.numberAccepts)

    def test_accepts_while_first_requests_wait(self) -> None:
        """
        While first requests wait, fewer connections are accepted than served, but some are.
        """
        port = Port(0, Factory())
        self.turns.ports = [port]
        port.numberAccepts = 100
        for _ in range(40):
            self.add(self.connection())
        accepts = []
        while self.poller.ready:
            self.turn(LEAST / 5)
            accepts.append(port.numberAccepts)
        self.assertEqual([FEW_ACCEPTS, FEW_ACCEPTS, ACCEPTS], accepts)

    def test_accepts_while_others_wait(self) -> None:
        """
        Streams and known clients that wait do not keep new connections from being accepted.
        """
        port = Port(0, Factory())
        self.turns.ports = [port]
        port.numberAccepts = 100
        for make in (self.stream, lambda: self.connection("GET")):
            for _ in range(40):
                self.add(make())
            self.assertLess(len(self.turn(LEAST)), 40)
            self.assertEqual(ACCEPTS, port.numberAccepts)
            self.poller.ready.clear()

    def test_crowd(self) -> None:
        """
        Clients that cannot be served at once wait elsewhere, so that later turns look at few
        events.
        """
        for make in (self.connection, self.stream):
            for _ in range(300):
                self.add(make())
            self.turn(LEAST / 25)
            self.poller.looked_at = self.crowd.looked_at = turns = 0
            while self.poller.ready:
                self.turn(LEAST / 25)
                turns += 1
            self.assertLess(turns, 10)
            self.assertLess(self.poller.looked_at, 2 * turns)
            self.assertLess(self.crowd.looked_at, 2 * 300)

    def test_moved_in_parts(self) -> None:
        """
        A turn moves only a part of the clients that it cannot serve, and the others later.
        """
        self.add_streams(3 * _MOST_MOVED)
        for turns in (1, 2):
            self.turn(LEAST)
            self.assertEqual(turns * _MOST_MOVED, len(self.crowd.registered))
        while self.poller.ready:
            self.turn(LEAST)

    def test_as_many_as_are_served(self) -> None:
        """
        A turn looks at twice as many clients of the crowd as the turn before has served, within
        bounds.
        """
        self.add_streams(_MOST_MOVED)
        self.turn(LEAST)
        for cost, most in ((LEAST, 16), (LEAST, 16), (LEAST / 10, 16), (LEAST / 10, 32), (0, 64)):
            self.crowd.looked_at = 0
            self.turn(cost)
            self.assertEqual(most, self.crowd.looked_at, cost)
        self.crowd.looked_at = 0
        self.turn()
        self.assertEqual(128, self.crowd.looked_at)

    def test_answered(self) -> None:
        """
        A client of the crowd that has been answered waits there no more, whether it is served
        among others or alone.
        """
        for is_alone in (False, True):
            for _ in range(20):
                self.add(self.connection())
            client = DescriptorClient(self.site, self.clock)
            descriptor = self.add(client.transport)
            self.turn(LEAST)
            self.assertIn(descriptor, self.crowd.registered)
            if is_alone:
                self.poller.ready.clear()
                self.poller.ready[descriptor] = EPOLLIN
            while descriptor in self.crowd.registered:
                for served, _ in self.serve(LEAST / 25):
                    if served == descriptor:
                        client.request(method="GET")
            self.assertEqual(EPOLLIN, self.poller.registered[descriptor])
            self.poller.ready.clear()

    def test_streams_stay(self) -> None:
        """
        A stream of the crowd that has been served stays there until something waits to be written
        to it.
        """
        streams = self.add_streams(100)
        self.turn(LEAST)
        waiting = [*self.crowd.registered]
        self.assertLess(90, len(waiting))
        while self.poller.ready:
            self.turn(LEAST)
        self.assertEqual(waiting, [*self.crowd.registered])
        for descriptor in (waiting[0], streams[0]):
            for mask in (EPOLLIN | EPOLLOUT, EPOLLIN):
                self.turns.modify(descriptor, mask)
                self.assertEqual(mask, self.poller.registered[descriptor])
                self.assertNotIn(descriptor, self.crowd.registered)

    def test_written_to(self) -> None:
        """
        A stream that something waits to be written to does not join the crowd.
        """
        streams = self.add_streams(100)
        for descriptor in streams:
            self.turns.modify(descriptor, EPOLLIN | EPOLLOUT)
        self.turn(LEAST)
        self.assertEqual({}, self.crowd.registered)

    def test_changes_in_the_crowd(self) -> None:
        """
        A client of the crowd that changes, or goes, is found where it waits.
        """
        self.add_streams(100)
        self.turn(LEAST)
        first, second, *_ = self.crowd.registered
        self.turns.modify(first, 0)
        self.assertEqual(0, self.crowd.registered[first])
        self.turns.unregister(second)
        self.assertNotIn(second, self.crowd.registered)
        self.turns.register(second, EPOLLIN | EPOLLOUT)
        self.turns.modify(second, EPOLLOUT)
        self.assertEqual(EPOLLOUT, self.poller.registered[second])

    def test_same_number(self) -> None:
        """
        A new client that gets the number of one that has left the crowd is not in the crowd.
        """
        self.add_streams(100)
        self.turn(LEAST)
        left = next(iter(self.crowd.registered))
        self.turns.unregister(left)
        self.turns.register(left, EPOLLIN)
        self.turns.modify(left, EPOLLOUT)
        self.assertEqual(EPOLLOUT, self.poller.registered[left])

    def test_ended_in_the_same_turn(self) -> None:
        """
        A client that is ended by an earlier event of the turn does not join the crowd.
        """
        streams = self.add_streams(100)
        for served, _ in self.serve(LEAST):
            if served == streams[0]:
                self.turns.unregister(streams[-1])
                del self.poller.ready[streams[-1]]
        self.assertIn(streams[-2], self.crowd.registered)
        for poller in (self.poller, self.crowd):
            self.assertNotIn(streams[-1], poller.registered)

    def test_interrupted(self) -> None:
        """
        An error of the system is raised by the call itself, where a reactor expects it.
        """
        turns = ShortTurns(Raising({}), {}, self.crowd, interest=lambda one: 0)
        self.assertRaises(InterruptedError, turns.poll, 1.0, 10)

    def test_other_methods(self) -> None:
        """
        Everything else is the poller's.
        """
        self.assertEqual(-1, self.turns.fileno())

    def test_reactor(self) -> None:
        """
        A reactor that uses ``epoll`` asks for its events in this way from then on.
        """
        reactor = EPollReactor()
        self.addCleanup(reactor._poller.close)
        turns = shorten_turns(reactor)
        self.addCleanup(turns._crowd.close)
        ours, theirs = socket.socketpair()
        for one in (ours, theirs):
            self.addCleanup(one.close)
        turns.ports = [port := Port(0, Factory())]
        port.numberAccepts = 100
        read: list[bytes] = []
        reader = FileDescriptor(reactor)
        reader.fileno = ours.fileno
        reader.doRead = lambda: read.append(ours.recv(10))
        reactor.addReader(reader)
        theirs.send(b"hello")
        reactor.doPoll(0)
        self.assertEqual(([b"hello"], ACCEPTS), (read, port.numberAccepts))
        self.assertEqual(EPOLLIN, turns._interest(ours.fileno()))
        self.assertIs(reader, turns._selectables[ours.fileno()])

    def test_other_reactor(self) -> None:
        """
        A reactor without ``epoll`` stays as it is.
        """

        class Other:
            _poller = "something else"

        reactor = Other()
        shorten_turns(reactor)
        self.assertEqual("something else", reactor._poller)
        shorten_turns(object())


def wrapped(protocol: Protocol) -> ProtocolWrapper:
    """
    Return a wrapper around a protocol, such as that of TLS.
    """
    return ProtocolWrapper(WrappingFactory(Factory()), protocol)
