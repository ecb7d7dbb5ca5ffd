"""
Sites over memory transports that answer every path with a stream: of a hub, of the test itself, or
of a source of events.
"""

from collections.abc import AsyncIterator, Callable

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.protocols.policies import WrappingFactory
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from ssetwist.eventstream import Event
from ssetwist.hub import EndReason, Hub, Streams
from ssetwist.hub._senders import _send
from ssetwist.hub.outlets import Chunk
from ssetwist.log import MemoryLog
from ssetwist.testing import MemoryHub
from ssetwist.web import EventStreamResource, Site, stream
from ssetwist.web.opening import RequestOutlet, outlet_for
from tests.clock import Clock
from tests.conformance.reference import read
from tests.memory import Client, MemoryDescriptor, SocketClient

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0"}

#: Header that the ``EventSource`` of a browser also sends.
NO_CACHE = {"Cache-Control": "no-cache"}

EVENT_SOURCE = {**BROWSER, **NO_CACHE}

#: First bytes of a stream.
RETRY = b"retry: 3000\n"


class StreamCase(SynchronousTestCase):
    """
    A site that answers every path with the stream of a hub.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.use(self.make_hub())

    def make_hub(self, **options: object) -> MemoryHub:
        """
        Make a hub whose ids are ``#e.1``, ``#e.2`` and so on.
        """
        options.setdefault("log", MemoryLog(self.clock, epoch="e"))
        return MemoryHub(clock=self.clock, **options)

    def publish(self, *texts: str, topic: str = "news", **options: bool) -> None:
        """
        Publish events, and let the next reactor turn send them.
        """
        for text in texts:
            self.successResultOf(self.hub.publish(topic, Event(text), **options))
        self.clock.advance(0)

    def heard(self, client: Client) -> list[str]:
        """
        Return the data of the events that a client has received.
        """
        return [event.data for event in read(client.body).received]

    def use(self, hub: Hub, **options: object) -> None:
        self.hub = hub
        self.resource = EventStreamResource(hub, **options)  # type: ignore[arg-type]
        self.site = Site(self.resource, streams=hub.streams)

    def client(self, **request: object) -> Client:
        client = Client(self.site, self.clock)
        self.addCleanup(client.close)
        client.request(**request)  # type: ignore[arg-type]  # the options of request
        return client


ONE, TWO = b"data: 1\n\n", b"data: 2\n\n"


def take_short_cut(outlet: RequestOutlet, chunk: Chunk) -> int:
    """
    Send a chunk as a thread of a flush does.
    """
    short_cut = outlet.short_cut(chunk)
    [sent] = _send(chunk.on_wire or chunk.data, [short_cut])
    return sent


class Recorder:
    """
    A :class:`ssetwist.hub.Writer` that remembers its calls.

    :ivar told: Names of the called methods, in order; for an end, the reason.
    :ivar ended_so: The reasons alone.
    :ivar last: Called before the end; it may write.
    """

    def __init__(self) -> None:
        self.told: list[object] = []
        self.ended_so: list[EndReason] = []
        self.last = lambda: None
        self.on_end = lambda reason: None
        self.on_room = lambda: None

    def has_room(self) -> None:
        self.told.append("has room")
        self.on_room()

    def before_end(self) -> None:
        self.told.append("before the end")
        self.last()

    def ended(self, reason: EndReason) -> None:
        self.told.append(reason)
        self.ended_so.append(reason)
        self.on_end(reason)


class Streaming(Resource):
    """
    Resource that opens an outlet for each GET, and remembers the reasons of their ends.

    :ivar on_request: Called with each request, before its outlet is made.
    """

    isLeaf = True

    def __init__(self, streams: Streams) -> None:
        super().__init__()
        self.streams = streams
        self.outlets: list[RequestOutlet] = []
        self.writers: list[Recorder] = []
        self.on_request: Callable[[Request], object] = lambda request: None

    @property
    def ended(self) -> list[EndReason]:
        return [reason for writer in self.writers for reason in writer.ended_so]

    def render_GET(self, request: Request) -> bytes | int:
        if request.path == b"/plain":
            return b"plain"
        self.on_request(request)
        outlet = outlet_for(request, self.streams)
        self.outlets.append(outlet)
        self.writers.append(Recorder())
        outlet.open(b":\n")
        outlet.writer = self.writers[-1]
        return NOT_DONE_YET


class OutletCase(SynchronousTestCase):
    """
    A site with a resource that opens outlets.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.streams = Streams(self.clock, heartbeat=15, stall_timeout=20)
        self.resource = Streaming(self.streams)
        self.site = Site(self.resource, streams=self.streams)
        self.addCleanup(lambda: self.assertEqual([], self.clock.getDelayedCalls()))

    make_client = Client

    def connect(self, path: str = "/", **request: object) -> tuple[Client, RequestOutlet]:
        client = self.make_client(self.site, self.clock)
        self.addCleanup(self.clock.advance, 0)
        self.addCleanup(client.close)
        client.request(path, **request)  # type: ignore[arg-type]  # the options of request
        return client, self.resource.outlets[-1]

    def pass_time(self, seconds: float) -> None:
        """
        Let time pass in small steps, as a reactor does.
        """
        self.clock.pump([1 / 16] * round(16 * seconds))

    def assert_ended(self, reason: EndReason, outlet: RequestOutlet) -> None:
        """
        Assert that a stream ended once, for this reason, and that nothing of the stream is held.
        """
        self.assertEqual([reason], self.resource.ended)
        self.assertFalse(outlet.is_open)
        self.assertEqual(0, len(self.streams))
        self.assertFalse(hasattr(outlet, "_request"))
        self.assertIsNone(outlet._waiting)
        self.assertIsNone(outlet.writer)
        self.assertFalse(outlet.is_behind)
        self.assertTrue(self.streams.turns.is_idle)


class SocketCase(OutletCase):
    """
    Streams on Twisted's socket transport, over a socket in memory.
    """

    make_client = SocketClient

    def connect(self, path: str = "/", **request: object) -> tuple[SocketClient, RequestOutlet]:
        client, outlet = super().connect(path, **request)
        assert isinstance(client, SocketClient)
        return client, outlet

    def tearDown(self) -> None:
        self.assertEqual([], self.flushLoggedErrors())


class WrappedClient(SocketClient):
    """
    One connection with a protocol between the socket transport and HTTP, as with TLS; this one
    passes the bytes on as they are.
    """

    def __init__(self, site: Site, clock: Clock, *, address: str = "192.0.2.1") -> None:
        peer = IPv4Address("TCP", address, 50000)
        self.clock = clock
        self.transport = MemoryDescriptor(clock, peer)
        self.transport.protocol = WrappingFactory(site).buildProtocol(peer)
        self.transport.protocol.makeConnection(self.transport)


END = b"event: end\nid: #end\ndata: \n\n"


class Answering(Resource):
    """
    Resource that answers each request with the stream of a new source.
    """

    isLeaf = True

    def __init__(self, make_source: Callable[[], object], options: dict[str, object]) -> None:
        super().__init__()
        self.make_source = make_source
        self.options = options

    def render_GET(self, request: Request) -> int:
        return stream(request, self.make_source(), **self.options)  # type: ignore[arg-type]

    render_POST = render_GET


class ResponseCase(SynchronousTestCase):
    """
    A site that answers every request with the stream of a source.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.streams = Streams(self.clock)
        self.ended: list[EndReason] = []
        self.happened: list[str] = []

    def tearDown(self) -> None:
        self.assertEqual([], self.clock.getDelayedCalls())

    def ask(self, make_source: Callable[[], object], /, **options: object) -> Client:
        """
        Send a request that is answered with the stream of a source.
        """
        request = {key: options.pop(key) for key in ("method", "headers") if key in options}
        resource = Answering(make_source, {"on_end": self.ended.append, **options})
        self.site = Site(resource, streams=self.streams)
        client = Client(self.site, self.clock)
        self.addCleanup(self.clock.advance, 0)
        self.addCleanup(client.close)
        client.request(**request)  # type: ignore[arg-type]  # the options of request
        return client

    async def waits(self, first: str, waiting: Deferred[None]) -> AsyncIterator[Event]:
        """
        Yield one event, and then wait, as a source does that asks a language model.
        """
        try:
            yield Event(first)
            await waiting
            yield Event("last")
        finally:
            self.happened.append("finally")
