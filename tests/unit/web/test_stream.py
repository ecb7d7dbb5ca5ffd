"""
The hub as a resource.
"""

import warnings

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import EncodingResourceWrapper, Resource
from twisted.web.server import GzipEncoderFactory
from twisted.web.util import DeferredResource

from ssetwist.eventstream import Event
from ssetwist.hub import EndReason, Hub, Subscriber
from ssetwist.web import EventStreamResource, Site, _outlet
from tests.memory import Client

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0"}


class StreamCase(SynchronousTestCase):
    """
    A site whose every path is a hub's stream.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.use(Hub(clock=self.clock))

    def use(self, hub: Hub, **options: object) -> None:
        self.hub = hub
        self.resource = EventStreamResource(hub, **options)  # type: ignore[arg-type]
        self.site = Site(self.resource, streams=hub.streams)

    def client(self, **request: object) -> Client:
        client = Client(self.site, self.clock)
        self.addCleanup(client.close)
        client.request(**request)  # type: ignore[arg-type]  # the options of request
        return client


class GetTests(StreamCase):
    """
    GET subscribes.
    """

    def test_retry_is_first(self) -> None:
        """
        The reconnection time comes as a line before the first event, with no blank line behind it.
        """
        client = self.client()
        self.hub.publish(Event("1"))
        self.assertEqual(b"retry: 3000\ndata: 1\n\n", client.body)

    def test_no_retry(self) -> None:
        """
        Where the reconnection time is left to the client, a comment is first.
        """
        self.use(self.hub, retry=None)
        self.assertEqual(b":\n", self.client().body)

    def test_one_leaves(self) -> None:
        """
        When one client leaves, it is gone, and the others notice nothing.
        """
        first, second = self.client(), self.client()
        self.hub.publish(Event("1"))
        first.close()
        self.assertEqual(1, self.hub.subscriber_count)
        self.hub.publish(Event("2"))
        self.assertEqual(b"retry: 3000\ndata: 1\n\n", first.body)
        self.assertEqual(b"retry: 3000\ndata: 1\n\ndata: 2\n\n", second.body)

    def test_gone_before_it_is_rendered(self) -> None:
        """
        A client that left while somebody else decided about it subscribes nobody.
        """
        decided: Deferred[EventStreamResource] = Deferred()
        self.site.resource = DeferredResource(decided)
        self.client().close()
        decided.callback(self.resource)
        self.assertEqual(0, self.hub.subscriber_count)
        self.assertEqual([], self.flushLoggedErrors())

    def test_nothing_below(self) -> None:
        """
        The stream is there with a slash at the end, and nothing is below it.
        """
        root = Resource()
        root.putChild(b"sse", self.resource)
        self.site.resource = root
        self.assertEqual(b"retry: 3000\n", self.client(path="/sse/").body)
        self.assertTrue(self.client(path="/sse/more").head.startswith(b"1 404"))

    def test_callbacks(self) -> None:
        """
        The application hears of each start and each end; at the end the hub has let go already.
        """
        heard: list[object] = []

        def ended(subscriber: Subscriber, reason: EndReason) -> None:
            heard.append((subscriber, reason, subscriber.end_reason, self.hub.subscriber_count))

        self.use(self.hub, on_start=heard.append, on_end=ended)
        client = self.client()
        (subscriber,) = self.hub.subscribers
        self.assertEqual([subscriber], heard)
        self.assertEqual("192.0.2.1", subscriber.address)
        client.close()
        reason = EndReason.CLIENT_CLOSED
        self.assertEqual([subscriber, (subscriber, reason, reason, 0)], heard)

    def test_failing_callbacks(self) -> None:
        """
        A callback that raises is logged and hurts nobody.
        """

        def fail(*_: object) -> None:
            raise ZeroDivisionError

        self.use(self.hub, on_start=fail, on_end=fail)
        client = self.client()
        self.hub.publish(Event("1"))
        self.assertEqual(b"retry: 3000\ndata: 1\n\n", client.body)
        client.close()
        self.assertEqual(2, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertEqual(0, self.hub.subscriber_count)

    def test_for_good(self) -> None:
        """
        A stream ended for good tells its client, whose next attempt gets 204 and nothing else.
        """
        client = self.client()
        self.hub.subscribers[0].end(for_good=True)
        self.assertEqual(b"retry: 3000\nevent: end\nid: #end\ndata: \n\n", client.body)
        self.assertTrue(client.is_complete)
        client = self.client(headers={"Last-Event-ID": "#end"})
        self.assertTrue(client.head.startswith(b"1 204 no content"))
        self.assertNotIn(b"content-length", client.head)
        self.assertEqual(b"", client.body)
        self.assertEqual(0, self.hub.subscriber_count)

    def test_for_good_by_query(self) -> None:
        """
        Clients that cannot set the header use the query, in several spellings.
        """
        for name in (
            "last_event_id",
            "lastEventID",
            "lastEventId",
            "Last-Event-ID",
            "evs_last_event_id",
        ):
            self.assertTrue(self.client(path=f"/?{name}=%23end").head.startswith(b"1 204"))

    def test_any_other_cursor_is_taken(self) -> None:
        """
        A cursor is never refused, in UTF-8, in Latin-1, or garbage.
        """
        for value in ("é1", "\udce91", "x" * 8000, "#", ""):
            client = Client(self.site, self.clock)
            self.addCleanup(client.close)
            field = value.encode("utf-8", "surrogateescape")
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\nLast-Event-ID: " + field + b"\r\n\r\n")
            self.assertTrue(client.head.startswith(b"1 200"), value)


class OtherMethodTests(StreamCase):
    """
    Everything but GET.
    """

    def test_pitfall_K13_head(self) -> None:
        """
        HEAD gets the head of a stream and subscribes nobody; the connection goes on.
        """
        client = self.client(method="HEAD")
        self.assertIn(b"content-type: text/event-stream", client.head)
        self.assertEqual(b"", client.body)
        self.assertEqual(0, self.hub.subscriber_count)
        client.request()
        self.assertEqual(b"retry: 3000\n", client.body)

    def test_options(self) -> None:
        """
        OPTIONS says what there is.
        """
        client = self.client(method="OPTIONS")
        self.assertTrue(client.head.startswith(b"1 204"))
        self.assertIn(b"allow: get, head, options", client.head)
        self.assertNotIn(b"content-length", client.head)

    def test_others(self) -> None:
        """
        Other methods are not allowed, and it is said which are.
        """
        for method in ("POST", "DELETE", "BREW"):
            client = self.client(method=method)
            self.assertTrue(client.head.startswith(b"1 405"))
            self.assertIn(b"allow: get, head, options", client.head)
        self.assertEqual(0, self.hub.subscriber_count)


class FullTests(StreamCase):
    """
    No room for one more.
    """

    def setUp(self) -> None:
        super().setUp()
        self.use(Hub(clock=self.clock, max_subscribers=1))

    def test_browser(self) -> None:
        """
        A browser gets 200, a longer reconnection time and the end: anything else loses it for good.
        """
        self.client()
        for fields in (BROWSER, {"Sec-Fetch-Mode": "cors"}):
            client = self.client(headers=fields)
            self.assertTrue(client.head.startswith(b"1 200"))
            self.assertIn(b"content-type: text/event-stream", client.head)
            name, _, milliseconds = client.body.partition(b": ")
            self.assertEqual(b"retry", name)
            self.assertTrue(30000 <= int(milliseconds) <= 60000, milliseconds)
        self.assertEqual(1, self.hub.subscriber_count)

    def test_others(self) -> None:
        """
        Others get 503 and when to come back.
        """
        self.client()
        client = self.client()
        self.assertTrue(client.head.startswith(b"1 503"))
        (after,) = [line for line in client.head.split(b"\r\n") if line.startswith(b"retry-after")]
        self.assertTrue(30 <= int(after.partition(b": ")[2]) <= 60, after)

    def test_room_again(self) -> None:
        """
        When one leaves there is room, in the same turn.
        """
        self.client().close()
        self.assertEqual(b"retry: 3000\n", self.client().body)

    def test_per_address(self) -> None:
        """
        The limit for one address is none for another.
        """
        self.use(Hub(clock=self.clock, max_per_address=1))
        self.client()
        self.assertTrue(self.client().head.startswith(b"1 503"))
        other = Client(self.site, self.clock, address="192.0.2.2")
        self.addCleanup(other.close)
        other.request()
        self.assertTrue(other.head.startswith(b"1 200"))

    def test_closed_hub(self) -> None:
        """
        A hub that has been closed has no room for anybody.
        """
        self.use(Hub(clock=self.clock))
        self.hub.close()
        self.assertTrue(self.client().head.startswith(b"1 503"))


class CompressorTests(StreamCase):
    """
    Pitfall C: a compressor around the stream.
    """

    def test_taken_off(self) -> None:
        """
        The events are not compressed, and whoever wrapped the stream is warned, once.
        """
        root = Resource()
        root.putChild(b"", EncodingResourceWrapper(self.resource, [GzipEncoderFactory()]))
        self.site.resource = root
        # trial switches off Python's memory of what has been warned of; have it back.
        _outlet.__warningregistry__ = {}  # type: ignore[attr-defined]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            clients = [self.client(headers={"Accept-Encoding": "gzip"}) for _ in range(2)]
        self.hub.publish(Event("1"))
        for client in clients:
            self.assertNotIn(b"content-encoding", client.head)
            self.assertEqual(b"retry: 3000\ndata: 1\n\n", client.body)
        self.assertEqual([RuntimeWarning], [each.category for each in caught])
        self.assertIn("EncodingResourceWrapper", str(caught[0].message))

    def test_not_accepted(self) -> None:
        """
        A compressor that does nothing is no reason to warn.
        """
        self.site.resource = EncodingResourceWrapper(self.resource, [GzipEncoderFactory()])
        self.assertEqual(b"retry: 3000\n", self.client().body)
