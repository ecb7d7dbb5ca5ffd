"""
Streams over HTTP/2, which our Site does not speak, but other sites may.  The connection is in
memory, so that the client decides which frames arrive in one read.  The reactor is real, because
Twisted's HTTP/2 always sends with the real one.
"""

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, ResponseReceived, StreamEnded
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from ssetwist import Event as ServerSentEvent
from ssetwist import EventStreamResource, Hub
from ssetwist.hub import EndReason
from ssetwist.log import MemoryLog
from tests.memory import Client, MemoryTransport


class HTTP2Transport(MemoryTransport):
    """
    A TLS transport that has negotiated HTTP/2.
    """

    negotiatedProtocol = b"h2"


class HTTP2Client(Client):
    """
    One HTTP/2 connection; nothing is sent before :meth:`flush`, so that all of it comes in one
    read.
    """

    make_transport = HTTP2Transport

    def __init__(self, site: Site) -> None:
        super().__init__(site, reactor)
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.events: list[Event] = []
        self._seen = 0

    def get(self, path: str = "/sse", *, method: str = "GET", **headers: str) -> int:
        """
        Send a request; return the number of its stream.
        """
        stream = self.h2.get_next_available_stream_id()
        head = {":method": method, ":path": path, ":scheme": "https", ":authority": "a"}
        fields = [
            *head.items(),
            *((name.replace("_", "-"), value) for name, value in headers.items()),
        ]
        self.h2.send_headers(stream, fields, end_stream=method == "GET")
        return stream

    async def flush(self) -> None:
        """
        Send everything in one piece, let the server work, and read its answers.
        """
        self.send(self.h2.data_to_send())
        for _ in range(10):
            await deferLater(reactor, 0)
            new, self._seen = self.received[self._seen :], len(self.received)
            for event in self.h2.receive_data(new):
                self.events.append(event)
                if isinstance(event, DataReceived):
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if data := self.h2.data_to_send():
                self.send(data)

    def body_of(self, stream: int) -> bytes:
        """
        Return the bytes that have come on a stream.
        """
        return b"".join(
            event.data
            for event in self.events
            if isinstance(event, DataReceived) and event.stream_id == stream
        )

    def status_of(self, stream: int) -> str | None:
        """
        Return the status of a response.
        """
        for event in self.events:
            if isinstance(event, ResponseReceived) and event.stream_id == stream:
                return dict(event.headers)[":status"]
        return None

    def is_ended(self, stream: int) -> bool:
        """
        Return true if the server has ended a stream properly.
        """
        return any(
            isinstance(event, StreamEnded) and event.stream_id == stream for event in self.events
        )


class Publishing(Resource):
    """
    A POST publishes its body.
    """

    isLeaf = True

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self.hub = hub

    def render_POST(self, request: Request) -> bytes:
        assert request.content is not None
        self.hub.publish("news", ServerSentEvent(request.content.read().decode()))
        return b"published"


class HTTP2Case(TestCase):
    """
    A hub at ``/sse``, and a publisher at ``/pub``.
    """

    def setUp(self) -> None:
        log = MemoryLog(reactor, epoch="e")
        self.hub = Hub(clock=reactor, log=log, heartbeat=15, stall_timeout=20)
        self.ended: list[EndReason] = []
        root = Resource()
        stream = EventStreamResource(self.hub, on_end=lambda _, reason: self.ended.append(reason))
        root.putChild(b"sse", stream)
        root.putChild(b"pub", Publishing(self.hub))
        self.site = Site(root, reactor=reactor, timeout=None)
        self.client = HTTP2Client(self.site)

    async def tearDown(self) -> None:
        self.client.close()
        await deferLater(reactor, 0)
        self.assertTrue(self.hub.is_idle)

    async def subscribe(self) -> int:
        stream = self.client.get()
        await self.client.flush()
        return stream

    def post(self, text: bytes, *, end: bool = True) -> int:
        stream = self.client.get("/pub", method="POST")
        self.client.h2.send_data(stream, text, end_stream=end)
        return stream


class StreamTests(HTTP2Case):
    """
    The whole life of a stream.
    """

    async def test_receives_events(self) -> None:
        """
        A stream has its head and first bytes, receives events, and has no ``Connection`` header.
        """
        stream = await self.subscribe()
        self.hub.publish("news", ServerSentEvent("1"))
        self.hub.publish("news", ServerSentEvent("2"))
        await self.client.flush()
        self.assertEqual(
            b"retry: 3000\nid: #e.1\ndata: 1\n\nid: #e.2\ndata: 2\n\n", self.client.body_of(stream)
        )
        (head,) = [each for each in self.client.events if isinstance(each, ResponseReceived)]
        self.assertNotIn("connection", dict(head.headers))

    async def test_pitfall_K17_reset(self) -> None:
        """
        The server ends a stream that the client closes; the other streams continue.
        """
        first, second = await self.subscribe(), await self.subscribe()
        self.client.h2.reset_stream(first, ErrorCodes.CANCEL)
        await self.client.flush()
        self.assertEqual([EndReason.CLIENT_CLOSED], self.ended)
        self.hub.publish("news", ServerSentEvent("1"))
        await self.client.flush()
        self.assertEqual(b"retry: 3000\nid: #e.1\ndata: 1\n\n", self.client.body_of(second))

    async def test_ended_by_the_server(self) -> None:
        """
        Bytes written before the end arrive before the end.
        """
        stream = await self.subscribe()
        self.hub.publish("news", ServerSentEvent("1"))
        self.hub.subscribers[0].end(for_good=True)
        await self.client.flush()
        self.assertIn(b"data: 1\n\nevent: end\n", self.client.body_of(stream))
        self.assertTrue(self.client.is_ended(stream))

    async def test_pitfall_K16_aborted_by_the_server(self) -> None:
        """
        A stream that the server cuts off ends, and nothing more is written to it.
        """
        await self.subscribe()
        (subscriber,) = self.hub.subscribers
        subscriber.abort()
        self.hub.publish("news", ServerSentEvent("1"))
        await self.client.flush()
        self.assertEqual([EndReason.ENDED_BY_APPLICATION], self.ended)

    async def test_drain(self) -> None:
        """
        A stopping server ends each stream properly, and refuses clients that come back meanwhile.
        """
        streams = [await self.subscribe(), await self.subscribe()]
        self.hub.streams.drain(3)
        late = await self.subscribe()
        self.assertEqual([True, True], [self.client.is_ended(stream) for stream in streams])
        self.assertEqual("503", self.client.status_of(late))


class OneReadTests(HTTP2Case):
    """
    Several frames in one read: the HTTP/2 library has read all of them before Twisted handles the
    first.
    """

    async def test_open_and_close(self) -> None:
        """
        A stream that is opened and closed in one read ends at once; the other streams receive
        events.
        """
        other = await self.subscribe()
        brief = self.client.get()
        self.client.h2.reset_stream(brief, ErrorCodes.CANCEL)
        await self.client.flush()
        self.hub.publish("news", ServerSentEvent("1"))
        await self.client.flush()
        self.assertEqual(b"retry: 3000\nid: #e.1\ndata: 1\n\n", self.client.body_of(other))
        self.assertEqual([EndReason.CLIENT_CLOSED], self.ended)
        self.assertEqual(1, self.hub.subscriber_count)

    async def test_open_close_and_open(self) -> None:
        """
        After a stream that is opened and closed in one read, as when a page renders twice, the next
        stream receives events.
        """
        other = await self.subscribe()
        brief = self.client.get()
        self.client.h2.reset_stream(brief, ErrorCodes.CANCEL)
        again = self.client.get()
        await self.client.flush()
        self.hub.publish("news", ServerSentEvent("1"))
        await self.client.flush()
        for stream in (other, again):
            self.assertEqual(b"retry: 3000\nid: #e.1\ndata: 1\n\n", self.client.body_of(stream))

    async def test_publish_and_close(self) -> None:
        """
        An event for a stream that is closed in the same read reaches all other streams.
        """
        plain = Client(self.site, reactor)
        self.addCleanup(plain.close)
        going = await self.subscribe()
        plain.request("/sse")
        self.post(b"1")
        self.client.h2.reset_stream(going, ErrorCodes.CANCEL)
        self.client.get()
        await self.client.flush()
        self.assertEqual(b"retry: 3000\nid: #e.1\ndata: 1\n\n", plain.body)
        self.assertEqual([EndReason.CLIENT_CLOSED], self.ended)
        plain.close()

    async def test_cut_what_is_closed(self) -> None:
        """
        If the server cuts a stream off in the same read in which the client closes it, the stream
        ends once.
        """
        going = await self.subscribe()
        (subscriber,) = self.hub.subscribers
        self.hub.publish = lambda topics, event: subscriber.abort()  # type: ignore[method-assign]
        self.post(b"1")
        self.client.h2.reset_stream(going, ErrorCodes.CANCEL)
        await self.client.flush()
        self.assertEqual([EndReason.ENDED_BY_APPLICATION], self.ended)
