"""
Faults of the application: each of its callbacks, and everything that it may raise.
"""

from asyncio import CancelledError as AsyncioCancelledError
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Request

from ssetwist.eventstream import Event
from ssetwist.hub import Hub
from ssetwist.log import MemoryLog
from ssetwist.web import EventStreamResource, Site, stream
from tests.clock import Clock
from tests.memory import Client, SocketClient

#: Everything that code may raise.
PROBLEMS = (
    ZeroDivisionError,
    SystemExit,
    KeyboardInterrupt,
    GeneratorExit,
    AsyncioCancelledError,
    CancelledError,
    StopIteration,
    StopAsyncIteration,
)

#: Usual ends of code that is cancelled, which need not be logged.
CANCELLED = (AsyncioCancelledError, CancelledError)


class Fault:
    """
    A callback that raises.

    :ivar count: Number of its calls.
    """

    def __init__(self, problem: type[BaseException]) -> None:
        self.problem = problem
        self.count = 0

    def __call__(self, *_: object) -> Any:
        self.count += 1
        raise self.problem("oops")

    def later(self, *_: object) -> "Deferred[Any]":
        self.count += 1
        return fail(self.problem("oops"))  # type: ignore[arg-type]  # any exception

    def never(self, *_: object) -> "Deferred[Any]":
        """
        Return a Deferred that never fires, and that raises when it is cancelled.
        """
        return Deferred(self)

    def iterator(self) -> Iterator[Event]:
        yield Event("1")
        self()

    def closing(self) -> Iterator[Event]:
        try:
            yield from [Event("1")] * 100
        finally:
            self()

    async def generator(self) -> AsyncIterator[Event]:
        yield Event("1")
        self()

    async def cleaning(self) -> AsyncIterator[Event]:
        try:
            yield Event("1")
            await Deferred()
        finally:
            self()

    async def waiting(self) -> AsyncIterator[Event]:
        yield Event("1")
        await self.never()


class FaultyLog(MemoryLog):
    """
    A log whose methods of some names are replaced.
    """

    def __init__(self, clock: Clock, **methods: Callable[..., Any]) -> None:
        super().__init__(clock)
        for name, method in methods.items():
            setattr(self, name, method)


class Streaming(Resource):
    """
    Answers with the stream of a source.
    """

    isLeaf = True

    def __init__(self, make_source: Callable[[], Any], **options: Any) -> None:
        super().__init__()
        self.make_source = make_source
        self.options = options

    def render_GET(self, request: Request) -> int:
        return stream(request, self.make_source(), **self.options)


class Rendering(Resource):
    isLeaf = True

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self.fault = fault

    def render_GET(self, request: Request) -> int:
        request.notifyFinish().addErrback(lambda _: None)
        self.fault()
        raise AssertionError("it has raised")


#: Each callback: what a Site serves, with a fault in this place.
EDGES: dict[str, Callable[[Hub, Fault], Resource]] = {
    "on_start": lambda hub, fault: EventStreamResource(hub, on_start=fault),
    "on_end": lambda hub, fault: EventStreamResource(hub, on_end=fault),
    "topics": lambda hub, fault: EventStreamResource(hub, fault),
    "topics, later": lambda hub, fault: EventStreamResource(hub, fault.later),
    "topics, never": lambda hub, fault: EventStreamResource(hub, fault.never),
    "grants": lambda hub, fault: EventStreamResource(hub, grants=fault),
    "filter": lambda hub, fault: EventStreamResource(hub, filter=lambda request: fault),
    "making a filter": lambda hub, fault: EventStreamResource(hub, filter=fault),
    "who": lambda hub, fault: EventStreamResource(hub, who=fault),
    "on_end of a stream": lambda hub, fault: Streaming(lambda: [Event("1")], on_end=fault),
    "on_end of an open stream": lambda hub, fault: Streaming(
        lambda: lambda send: None, on_end=fault
    ),
    "an iterator": lambda hub, fault: Streaming(fault.iterator),
    "an iterator that is closed": lambda hub, fault: Streaming(fault.closing),
    "an async generator": lambda hub, fault: Streaming(fault.generator),
    "an async generator that is closed": lambda hub, fault: Streaming(fault.cleaning),
    "an async generator that cannot be cancelled": lambda hub, fault: Streaming(fault.waiting),
    "a function with a send": lambda hub, fault: Streaming(lambda: fault),
    "a function with a Deferred": lambda hub, fault: Streaming(lambda: fault.later),
    "a function that cannot be cancelled": lambda hub, fault: Streaming(lambda: fault.never),
    "render": lambda hub, fault: Rendering(fault),
}

#: The methods of a log.
LOG_EDGES: dict[str, Callable[[Clock, Fault], MemoryLog]] = {
    "append": lambda clock, fault: FaultyLog(clock, append=fault),
    "append, later": lambda clock, fault: FaultyLog(clock, append=fault.later),
    "append, never": lambda clock, fault: FaultyLog(clock, append=fault.never),
    "read": lambda clock, fault: FaultyLog(clock, read=fault),
    "read, later": lambda clock, fault: FaultyLog(clock, read=fault.later),
    "read, never": lambda clock, fault: FaultyLog(clock, read=fault.never),
    "find": lambda clock, fault: FaultyLog(clock, find=fault),
    "find, later": lambda clock, fault: FaultyLog(clock, find=fault.later),
    "find, never": lambda clock, fault: FaultyLog(clock, find=fault.never),
    "find, unknown position": lambda clock, fault: FaultyLog(clock, find=lambda id: succeed(10**9)),
    "following no more": lambda clock, fault: FaultyLog(clock, follow=lambda callback: fault),
}


class FaultCase(SynchronousTestCase):
    """
    A hub with a fault somewhere, clients that come and go, and a drain.
    """

    make_client = Client

    def assert_survives(
        self, name: str, fault: Fault, hub: Hub, clock: Clock, resource: Resource
    ) -> None:
        """
        Assert that every registry returns to zero, and that a drain ends at its deadline.
        """
        site = Site(resource, streams=hub.streams)
        clients = [self.make_client(site, clock) for _ in range(3)]
        for client, path in zip(clients, ("/", "/?from=earliest", "/?from=-1"), strict=True):
            client.request(path, headers={"Last-Event-ID": "1"} if path == "/" else {})
        clock.advance(0)
        hub.publish("news", Event("1")).addErrback(lambda _: None)
        hub.publish("news", Event("2"), ephemeral=True)
        clock.advance(0)
        clients[0].close()
        draining = site.drain(2)
        clock.pump([1 / 16] * 50)
        self.assertTrue(draining.called, name)
        self.successResultOf(draining)
        hub.close()
        clock.pump([1.0] * 30)
        self.assertEqual((True, True), (hub.is_idle, site.is_idle), name)
        self.assertEqual([], clock.getDelayedCalls(), name)
        is_silent = fault.problem in CANCELLED or not fault.count
        self.assertTrue(self.flushLoggedErrors() or is_silent, name)


class FaultTests(FaultCase):
    """
    Every callback raises everything.
    """

    def test_callbacks(self) -> None:
        """
        A callback of a resource or of a stream.
        """
        for name, serve in EDGES.items():
            for problem in PROBLEMS:
                fault, clock = Fault(problem), Clock()
                hub = Hub(clock=clock)
                where = f"{name}: {problem.__name__}"
                self.assert_survives(where, fault, hub, clock, serve(hub, fault))
                self.assertTrue(fault.count, where)

    def test_log(self) -> None:
        """
        A method of the log.
        """
        for name, make_log in LOG_EDGES.items():
            for problem in PROBLEMS:
                fault, clock = Fault(problem), Clock()
                hub = Hub(clock=clock, log=make_log(clock, fault))
                where = f"{name}: {problem.__name__}"
                self.assert_survives(where, fault, hub, clock, EventStreamResource(hub))

    def test_observer(self) -> None:
        """
        An observer of the log, when it is told the end of a stream.
        """
        for problem in PROBLEMS:
            fault, clock = Fault(problem), Clock()

            def observe(event: LogEvent, fault: Fault = fault) -> None:
                if "reason" in event:
                    fault()

            globalLogPublisher.addObserver(observe)
            hub = Hub(clock=clock)
            ended = Fault(problem)
            resource = EventStreamResource(hub, on_end=ended)
            self.assert_survives(problem.__name__, fault, hub, clock, resource)
            globalLogPublisher.removeObserver(observe)
            self.assertEqual((3, 3), (fault.count, ended.count))


class SocketFaultTests(FaultTests):
    """
    The same over sockets in memory.
    """

    make_client = SocketClient
