"""
The hub as a resource.
"""

import json
import warnings
from collections.abc import Callable

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import EncodingResourceWrapper, Resource
from twisted.web.server import GzipEncoderFactory, Request
from twisted.web.util import DeferredResource

from ssetwist.eventstream import Event
from ssetwist.hub import EndReason, Exact, Hub, Pattern, Subscriber, UnknownCursor
from ssetwist.log import MemoryLog
from ssetwist.testing import MemoryHub
from ssetwist.web import EventStreamResource, Site, _outlet
from tests.conformance.reference import Received, read
from tests.memory import Client

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0"}

#: What its ``EventSource`` sends besides.
NO_CACHE = {"Cache-Control": "no-cache"}

EVENT_SOURCE = {**BROWSER, **NO_CACHE}

#: What a stream begins with.
RETRY = b"retry: 3000\n"


class StreamCase(SynchronousTestCase):
    """
    A site whose every path is a hub's stream.
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
        Publish events, and have them handed out.
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


class GetTests(StreamCase):
    """
    GET subscribes.
    """

    def test_retry_is_first(self) -> None:
        """
        The reconnection time comes as a line before the first event, with no blank line behind it.
        """
        client = self.client()
        self.publish("1")
        self.assertEqual(b"retry: 3000\nid: #e.1\ndata: 1\n\n", client.body)

    def test_one_turn_later(self) -> None:
        """
        What is published in one turn leaves in the next, in one piece.
        """
        client = self.client()
        for text in "12":
            self.hub.publish("news", Event(text))
        self.assertEqual(RETRY, client.body)
        self.clock.advance(0)
        events = b"id: #e.1\ndata: 1\n\nid: #e.2\ndata: 2\n\n"
        self.assertTrue(client.received.endswith(b"\r\n%x\r\n%b\r\n" % (len(events), events)))

    def test_ephemeral(self) -> None:
        """
        An ephemeral event has no id.
        """
        client = self.client()
        self.publish("1", ephemeral=True)
        self.assertEqual(RETRY + b"data: 1\n\n", client.body)

    def test_no_retry(self) -> None:
        """
        Where the reconnection time is left to the client, a comment is first.
        """
        self.use(self.hub, reconnection_time=None)
        self.assertEqual(b":\n", self.client().body)

    def test_one_leaves(self) -> None:
        """
        When one client leaves, it is gone, and the others notice nothing.
        """
        first, second = self.client(), self.client()
        self.publish("1")
        first.close()
        self.assertEqual(1, self.hub.subscriber_count)
        self.publish("2")
        self.assertEqual((["1"], ["1", "2"]), (self.heard(first), self.heard(second)))

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
        self.publish("1")
        self.assertEqual(["1"], self.heard(client))
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


class ReplayTests(StreamCase):
    """
    What a client gets that has been here before, or asks for history.
    """

    def setUp(self) -> None:
        super().setUp()
        self.publish("1", "2", "3")

    def ask(self, path: str = "/", last_event_id: str | None = None) -> Client:
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        return self.client(path=path, headers=headers)

    def test_from_a_cursor(self) -> None:
        """
        It gets what it has missed, then what is new, each once.
        """
        client = self.ask(last_event_id="#e.1")
        self.publish("4")
        self.assertEqual(["2", "3", "4"], self.heard(client))

    def test_published_meanwhile(self) -> None:
        """
        What was published in the very turn in which it comes back comes once.
        """
        for text in "45":
            self.hub.publish("news", Event(text))
        client = self.ask(last_event_id="#e.2")
        self.hub.publish("news", Event("6"))
        self.clock.advance(0)
        self.assertEqual(["3", "4", "5", "6"], self.heard(client))

    def test_from_the_newest(self) -> None:
        """
        Who has missed nothing gets nothing, and is told of no gap.
        """
        client = self.ask(last_event_id="#e.3")
        self.assertEqual(RETRY, client.body)
        self.publish("4")
        self.assertEqual(["4"], self.heard(client))

    def test_query(self) -> None:
        """
        The query is as good as the header, and the header wins.
        """
        self.assertEqual(["2", "3"], self.heard(self.ask("/?last_event_id=%23e.1")))
        self.assertEqual(["3"], self.heard(self.ask("/?last_event_id=%23e.1", "#e.2")))

    def test_earliest(self) -> None:
        """
        ``from=earliest``, and the id "earliest", are everything that is kept.
        """
        for client in (self.ask("/?from=earliest"), self.ask(last_event_id="earliest")):
            self.assertEqual(["1", "2", "3"], self.heard(client))

    def test_last(self) -> None:
        """
        ``from=-2`` are the last two, then what is new; more than there are is no mistake.
        """
        two, many = self.ask("/?from=-2"), self.ask("/?from=-999999999")
        self.publish("4")
        self.assertEqual(["2", "3", "4"], self.heard(two))
        self.assertEqual(["1", "2", "3", "4"], self.heard(many))

    def test_cursor_wins_over_from(self) -> None:
        """
        A page that asked for history the first time goes on where it was when it comes back.
        """
        self.assertEqual(["3"], self.heard(self.ask("/?from=earliest", "#e.2")))

    def test_bad_from(self) -> None:
        """
        A ``from`` that makes no sense is refused, it is said why, and nobody is subscribed.
        """
        for value in ("10", "-", "-1.5", "latest", "-1000000000", "--1", "-%D9%A3"):
            client = self.ask(f"/?from={value}")
            self.assertTrue(client.head.startswith(b"1 400"), value)
            self.assertIn(b"content-type: text/plain", client.head)
            self.assertIn(b"from must be 'earliest', or -10", client.body)
        self.assertEqual(0, self.hub.subscriber_count)

    def test_own_ids(self) -> None:
        """
        An id that the publisher gave is a cursor, too, in UTF-8 and in Latin-1.
        """
        self.hub.publish("news", Event("4", id="\xe91"))
        self.publish("5")
        for field in (b"\xc3\xa91", b"\xe91"):
            client = Client(self.site, self.clock)
            self.addCleanup(client.close)
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\nLast-Event-ID: " + field + b"\r\n\r\n")
            self.assertEqual(["5"], self.heard(client))

    def test_only_what_is_seen(self) -> None:
        """
        Of what was missed it gets what it is subscribed to.
        """
        self.publish("other", topic="other")
        self.use(self.hub, topics="other")
        self.assertEqual(["other"], self.heard(self.ask(last_event_id="#e.1")))
        self.assertEqual(["other"], self.heard(self.ask("/?from=-2")))

    def test_long_history(self) -> None:
        """
        A long history comes in pieces, whole, in order, and joins what is published meanwhile.
        """
        texts = [f"{number} " + "x" * 1000 for number in range(4, 504)]
        self.publish(*texts)
        client = self.ask(last_event_id="#e.3")
        self.assertLess(len(self.heard(client)), 500)
        for number in range(20):
            self.hub.publish("news", Event(f"new {number}"))
            self.clock.advance(0)
        expected = texts + [f"new {number}" for number in range(20)]
        self.assertEqual(expected, self.heard(client))

    def test_stops_reading_in_its_history(self) -> None:
        """
        Who reads its history slowly gets all of it, and what was published meanwhile.
        """
        texts = [f"{number} " + "x" * 1000 for number in range(4, 304)]
        self.publish(*texts)
        client = self.ask(last_event_id="#e.3")
        client.stop_reading()
        self.publish("new")
        before = len(client.received)
        self.clock.advance(1)
        self.assertEqual(before, len(client.received))
        client.read_again()
        for _ in range(10):
            self.clock.advance(0)
        self.assertEqual([*texts, "new"], self.heard(client))

    def test_leaves_in_its_history(self) -> None:
        """
        Who leaves in the middle of its history leaves nothing behind.
        """
        self.publish(*["x" * 1000] * 300)
        client = self.ask(last_event_id="#e.1")
        client.close()
        self.clock.pump([0, 0])
        self.assertEqual([], self.flushLoggedErrors())
        self.assertEqual(([], 0), (self.clock.getDelayedCalls(), self.hub.subscriber_count))


class GapTests(StreamCase):
    """
    A cursor that cannot be honoured.
    """

    def setUp(self) -> None:
        super().setUp()
        self.use(self.make_hub(log=MemoryLog(self.clock, epoch="e", max_count=2)))
        self.publish("1", "2", "3", "4")

    def gap(self, event: Received) -> dict[str, str]:
        self.assertEqual("gap", event.type)
        told: dict[str, str] = json.loads(event.data)
        return told

    def test_too_old(self) -> None:
        """
        It is told by an event, whose id is where its stream goes on.
        """
        client = self.client(headers={"Last-Event-ID": "#e.1"})
        self.publish("5")
        gap, event = read(client.body).received
        self.assertEqual({"asked": "#e.1", "oldest": "#e.3", "newest": "#e.4"}, self.gap(gap))
        self.assertEqual(("#e.4", "5"), (gap.last_event_id, event.data))

    def test_not_told_again(self) -> None:
        """
        Who comes back with the id of the gap is told of none, and has missed nothing since.
        """
        client = self.client(headers={"Last-Event-ID": "#before.17"})
        id = read(client.body).last_event_id
        client.close()
        self.publish("5")
        self.assertEqual(["5"], self.heard(self.client(headers={"Last-Event-ID": id})))

    def test_garbage(self) -> None:
        """
        Garbage is no reason to refuse anybody, and is told of harmlessly.
        """
        for value in ("#", "0", "x" * 8000, "a\tb", '{"a":1}', "#e.99"):
            client = self.client(headers={"Last-Event-ID": value})
            self.assertTrue(client.head.startswith(b"1 200"), value)
            (gap,) = read(client.body).received
            self.assertEqual(value[:256], self.gap(gap)["asked"])

    def test_empty(self) -> None:
        """
        An empty cursor says nothing, so nothing is missing.
        """
        self.assertEqual(RETRY, self.client(headers={"Last-Event-ID": ""}).body)

    def test_all(self) -> None:
        """
        Where that is asked for, it gets what is kept.
        """
        log = MemoryLog(self.clock, epoch="e", max_count=2)
        self.use(self.make_hub(log=log, unknown_cursor=UnknownCursor.ALL))
        self.publish("1", "2", "3", "4")
        client = self.client(headers={"Last-Event-ID": "#e.1"})
        gap, *events = read(client.body).received
        self.assertEqual("#e.2", gap.last_event_id)
        self.assertEqual(["3", "4"], [event.data for event in events])

    def test_no_gap_event(self) -> None:
        """
        Where no gap is to be told of, none is.
        """
        self.use(self.make_hub(gap=None))
        client = self.client(headers={"Last-Event-ID": "unknown"})
        self.publish("1")
        self.assertEqual(RETRY + b"id: #e.1\ndata: 1\n\n", client.body)


class BrowserTests(StreamCase):
    """
    A browser is told at once after which id it can come back.
    """

    def test_new_one(self) -> None:
        """
        One that comes without a cursor gets an id, and no event; so it resumes from there.
        """
        self.publish("1")
        for fields in (EVENT_SOURCE, {"Sec-Fetch-Mode": "cors", **NO_CACHE}):
            client = self.client(headers=fields)
            self.assertEqual(RETRY + b"id: #e.1\n\n", client.body)
            reader = read(client.body)
            self.assertEqual(([], "#e.1"), (reader.received, reader.last_event_id))
            client.close()
        self.publish("2")
        client = self.client(headers={**EVENT_SOURCE, "Last-Event-ID": "#e.1"})
        self.assertEqual(["2"], self.heard(client))

    def test_before_any_event(self) -> None:
        """
        So it is if there never was an event.
        """
        self.assertEqual(RETRY + b"id: #e.0\n\n", self.client(headers=EVENT_SOURCE).body)
        self.publish("1")
        client = self.client(headers={**EVENT_SOURCE, "Last-Event-ID": "#e.0"})
        self.assertEqual(["1"], self.heard(client))

    def test_own_client(self) -> None:
        """
        Our own client gets it, too: what is published while it is away before its first event would
        be lost, and nobody told.
        """
        client = self.client(headers={"User-Agent": "ssetwist", "Cache-Control": "no-store"})
        self.assertEqual(RETRY + b"id: #e.0\n\n", client.body)

    def test_published_meanwhile(self) -> None:
        """
        What was published in the very turn in which it comes is not for it, and not after that id.
        """
        self.hub.publish("news", Event("1"))
        client = self.client(headers=EVENT_SOURCE)
        self.clock.advance(0)
        self.assertEqual(RETRY + b"id: #e.1\n\n", client.body)

    def test_with_a_cursor(self) -> None:
        """
        One that has a cursor keeps it, and one that asks for history has none yet.
        """
        self.publish("1", "2")
        client = self.client(headers={**EVENT_SOURCE, "Last-Event-ID": "#e.2"})
        self.assertEqual(RETRY, client.body)
        client = self.client(path="/?from=-1", headers=EVENT_SOURCE)
        self.assertEqual(RETRY + b"id: #e.2\ndata: 2\n\n", client.body)

    def test_others(self) -> None:
        """
        Others get none: some make an empty event of it.
        """
        for agent in ("curl/8.14.1", "python-requests/2.32", "", "node"):
            self.assertEqual(RETRY, self.client(headers={"User-Agent": agent, **NO_CACHE}).body)

    def test_fetch(self) -> None:
        """
        A script that reads the stream with ``fetch`` gets none: it may be one of those.
        """
        self.assertEqual(RETRY, self.client(headers={**BROWSER, "Sec-Fetch-Mode": "cors"}).body)

    def test_no_log(self) -> None:
        """
        Where nothing is kept, the id is honest: who comes back after events is told of a gap.
        """
        self.use(self.make_hub(log=MemoryLog(self.clock, epoch="e", max_count=0)))
        client = self.client(headers=EVENT_SOURCE)
        id = read(client.body).last_event_id
        client.close()
        self.publish("1")
        (gap,) = read(self.client(headers={**EVENT_SOURCE, "Last-Event-ID": id}).body).received
        self.assertEqual("gap", gap.type)


class TopicsTests(StreamCase):
    """
    What a client is subscribed to, and who decides that.
    """

    def assert_hears_news(self, client: Client) -> None:
        self.publish("other", topic="other")
        self.publish("news")
        self.assertEqual(["news"], self.heard(client))

    async def coroutine(self, _: Request) -> str:
        return "news"

    def test_everything(self) -> None:
        """
        Unless told otherwise it is everything.
        """
        client = self.client()
        self.publish("other", topic="other")
        self.publish("news")
        self.assertEqual(["other", "news"], self.heard(client))

    def test_ways_to_say_it(self) -> None:
        """
        Topics are a value, or what a function returns, now or later.
        """
        for topics in (
            "news",
            ["news", "weather"],
            Exact("news"),
            Pattern("/new*"),
            lambda request: "news",
            lambda request: {"news"},
            lambda request: succeed("news"),
            self.coroutine,
        ):
            self.use(self.make_hub(), topics=topics)
            self.assert_hears_news(self.client())

    def test_by_request(self) -> None:
        """
        The function is given the request.
        """
        self.use(self.hub, topics=lambda request: request.args[b"topic"][0].decode())
        client = self.client(path="/?topic=weather")
        self.publish("rain", topic="weather")
        self.publish("news")
        self.assertEqual(["rain"], self.heard(client))

    def test_later(self) -> None:
        """
        Nothing is answered, and nobody subscribed, before the topics are known.
        """
        asked: Deferred[str] = Deferred()
        self.use(self.hub, topics=lambda request: asked)
        client = self.client()
        self.publish("missed")
        self.assertEqual((b"", 0), (client.received, self.hub.subscriber_count))
        asked.callback("news")
        self.assert_hears_news(client)

    def test_bytes_meanwhile(self) -> None:
        """
        Bytes after the request, however many, end it also while the topics are asked for.
        """
        for size in (1, 40_000):
            asked: Deferred[str] = Deferred()
            self.use(self.hub, topics=lambda request, asked=asked: asked)
            client = self.client()
            client.send(b"x" * size)
            asked.callback("news")
            self.clock.advance(0)
            self.assertEqual((b"", 0), (client.received, self.hub.subscriber_count))
            self.assertTrue(client.transport.is_aborted)

    def test_later_with_a_cursor(self) -> None:
        """
        Who comes back meanwhile loses nothing by having to wait.
        """
        self.publish("1")
        asked: Deferred[str] = Deferred()
        self.use(self.hub, topics=lambda request: asked)
        client = self.client(headers={"Last-Event-ID": "#e.1"})
        self.publish("2")
        asked.callback("news")
        self.assertEqual(["2"], self.heard(client))

    def test_mistakes(self) -> None:
        """
        What can never be a topic, a hub or a function is refused when the resource is made.
        """
        for arguments, options in (
            ((self.hub, b"t"), {}),
            ((self.hub, [1]), {}),
            ((self.hub, None), {}),
            (("t", self.hub), {}),
            ((self.hub,), {"grants": 1}),
            ((self.hub,), {"filter": "x"}),
            ((self.hub,), {"who": "x"}),
        ):
            self.assertRaises(TypeError, EventStreamResource, *arguments, **options)

    def test_who(self) -> None:
        """
        The application says by what it knows a subscriber, and finds it by that.
        """
        self.use(self.hub, who=lambda request: request.args[b"user"][0].decode())
        for user in ("ann", "bob"):
            self.client(path=f"/?user={user}")
        [bob] = [one for one in self.hub.subscribers if one.who == "bob"]
        self.assertIn("bob", repr(bob))
        bob.end()
        self.assertEqual(["ann"], [one.who for one in self.hub.subscribers])

    def test_refused(self) -> None:
        """
        ``None`` is 403, now or later, and subscribes nobody.
        """
        for answer in (None, succeed(None)):
            self.use(self.hub, topics=lambda request, answer=answer: answer)
            client = self.client()
            self.assertTrue(client.head.startswith(b"1 403"))
            self.assertIn(b"You are not allowed to read this event stream", client.body)
            client.request()
            self.assertEqual(2, client.received.count(b"HTTP/1.1 403"), "the connection goes on")
        self.assertEqual(0, self.hub.subscriber_count)

    def test_raises(self) -> None:
        """
        A function that fails is logged and answered with 500, now or later.
        """

        def topics(_: Request) -> str:
            raise ZeroDivisionError

        for one in (topics, lambda request: fail(ZeroDivisionError())):
            self.use(self.hub, topics=one)
            client = self.client()
            self.assertTrue(client.head.startswith(b"1 500"))
            self.assertNotIn(b"ZeroDivisionError", client.received)
            self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertEqual(0, self.hub.subscriber_count)

    def test_invalid(self) -> None:
        """
        Topics that make no sense are 400, and it is said why, now or later.
        """
        for answer in ("x" * 16385, succeed(["x" * 16385])):
            self.use(self.hub, topics=lambda request, answer=answer: answer)
            client = self.client()
            self.assertTrue(client.head.startswith(b"1 400"))
            self.assertIn(b"longer than 16384 characters", client.body)
        self.assertEqual([], self.flushLoggedErrors())

    def test_invalid_pattern(self) -> None:
        """
        So is a pattern that the function itself could not make.
        """

        async def later(_: Request) -> Pattern:
            return Pattern("((")

        for topics in (lambda request: Pattern("(("), later):
            self.use(self.hub, topics=topics)
            self.assertTrue(self.client().head.startswith(b"1 400"))
        self.assertEqual([], self.flushLoggedErrors())

    def test_client_leaves_meanwhile(self) -> None:
        """
        If the client goes before it is decided, the decision is cancelled and that is all.
        """
        cancelled: list[object] = []
        asked: Deferred[str] = Deferred(cancelled.append)
        self.use(self.hub, topics=lambda request: asked)
        self.client().close(ConnectionLost())
        self.assertEqual([asked], cancelled)
        self.assertEqual(0, self.hub.subscriber_count)
        self.assertEqual([], self.clock.getDelayedCalls())
        self.assertEqual([], self.flushLoggedErrors())

    def test_decides_after_the_client_has_left(self) -> None:
        """
        A decision that cannot be cancelled subscribes nobody, whatever it is.
        """
        for decide in (
            lambda asked: asked.callback("news"),
            lambda asked: asked.callback(None),
            lambda asked: asked.errback(ZeroDivisionError()),
        ):
            asked: Deferred[str | None] = Deferred(decide)
            self.use(self.hub, topics=lambda request, asked=asked: asked)
            client = self.client()
            client.close()
            self.assertTrue(asked.called)
            self.assertEqual((b"", 0), (client.received, self.hub.subscriber_count))
        self.assertEqual([], self.flushLoggedErrors())

    def test_full_meanwhile(self) -> None:
        """
        Whether there is room is asked when it is decided.
        """
        asked: list[Deferred[str]] = [Deferred(), Deferred()]
        waiting = iter(asked)
        self.use(self.make_hub(max_subscribers=1), topics=lambda request: next(waiting))
        clients = [self.client(), self.client()]
        for one in asked:
            one.callback("news")
        self.assertTrue(clients[0].head.startswith(b"1 200"))
        self.assertTrue(clients[1].head.startswith(b"1 503"))

    def test_drained_meanwhile(self) -> None:
        """
        So is whether the server stops; nobody is left waiting.
        """
        asked: Deferred[str] = Deferred()
        self.use(self.hub, topics=lambda request: asked)
        client = self.client(headers=BROWSER)
        drained = self.site.drain(10)
        asked.callback("news")
        self.assertTrue(client.body.startswith(b"retry: "))
        self.assertTrue(client.is_complete or b"content-length" in client.head)
        self.clock.pump([0.1] * 3)
        self.successResultOf(drained)


class ViewTests(StreamCase):
    """
    Private events, and filters.
    """

    def hear(self, **options: object) -> list[str]:
        """
        Return what somebody hears, live, who hears it again after it has come back.
        """
        self.use(self.make_hub(), **options)
        client = self.client()
        self.publish("open")
        self.publish("secret", private=True)
        again = self.client(headers={"Last-Event-ID": "#e.0"})
        self.assertEqual(self.heard(client), self.heard(again))
        return self.heard(client)

    def test_private(self) -> None:
        """
        Private events are not for those who ask for everything.
        """
        self.assertEqual(["open"], self.hear())

    def test_grants(self) -> None:
        """
        They are for those to whom they were granted: all, or as a function says.
        """
        self.assertEqual(["open", "secret"], self.hear(grants="news"))
        self.assertEqual(["open", "secret"], self.hear(grants=lambda request: ["news"]))
        self.assertEqual(["open"], self.hear(grants=lambda request: ()))
        self.assertEqual(["open"], self.hear(grants="other"))

    def test_grants_by_request(self) -> None:
        """
        That function is given the request, and the topics need not be the same as those asked for.
        """
        self.use(
            self.hub,
            topics="news",
            grants=lambda request: "user" if request.getUser() == b"me" else (),
        )
        me = self.client(headers={"Authorization": "Basic bWU6"})
        other = self.client()
        self.hub.publish(["news", "user"], Event("mine"), private=True)
        self.clock.advance(0)
        self.assertEqual((["mine"], []), (self.heard(me), self.heard(other)))

    def test_filter(self) -> None:
        """
        A filter is made for each request; what it is false for is not sent.
        """

        def without(request: Request) -> Callable[[tuple[str, ...], Event], bool]:
            word = request.args[b"without"][0].decode()
            return lambda topics, event: word not in event.data and topics == ("news",)

        self.use(self.hub, filter=without)
        client = self.client(path="/?without=rain")
        self.publish("rain", "sun")
        self.publish("other", topic="other")
        self.assertEqual(["sun"], self.heard(client))

    def test_no_filter(self) -> None:
        """
        Who has none gets everything.
        """
        self.assertEqual(["open"], self.hear(filter=lambda request: None))

    def test_filter_raises(self) -> None:
        """
        A filter that raises has said no, and hurts nobody else.
        """

        def fail(*_: object) -> bool:
            raise ZeroDivisionError

        self.use(self.hub, filter=lambda request: fail if request.args else None)
        client, other = self.client(path="/?a=1"), self.client()
        self.publish("1")
        self.assertEqual(([], ["1"]), (self.heard(client), self.heard(other)))
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_cannot_be_made(self) -> None:
        """
        If grants or filter cannot be made, that is 500, also after waiting; nobody is subscribed.
        """

        def fail(_: Request) -> None:
            raise ZeroDivisionError

        for options in ({"grants": fail}, {"filter": fail}):
            for topics in ("news", lambda request: succeed("news")):
                self.use(self.hub, topics=topics, **options)
                self.assertTrue(self.client().head.startswith(b"1 500"))
                self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertEqual(0, self.hub.subscriber_count)


class LifetimeTests(StreamCase):
    """
    Streams that end by themselves, so that their clients resume.
    """

    def test_lifetime(self) -> None:
        """
        A stream ends properly within its lifetime, and with a part of it left at most; its client
        resumes without a gap.
        """
        ended: list[EndReason] = []
        self.use(self.make_hub(lifetime=60), on_end=lambda _, reason: ended.append(reason))
        client = self.client()
        self.publish("1")
        self.clock.pump([1 / 16] * 47 * 16)
        self.assertEqual([], ended)
        self.clock.pump([1 / 16] * 17 * 16)
        self.assertEqual([EndReason.LIFETIME_OVER], ended)
        self.assertTrue(client.is_complete)
        self.publish("2")
        id = read(client.body).last_event_id
        self.assertEqual(["2"], self.heard(self.client(headers={"Last-Event-ID": id})))

    def test_last_events(self) -> None:
        """
        What was published in the turn of its end still comes.
        """
        client = self.client()
        self.hub.publish("news", Event("1"))
        self.hub.subscribers[0].end()
        self.assertEqual(["1"], self.heard(client))


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
        self.use(self.make_hub(max_subscribers=1))

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
        self.use(self.make_hub(max_per_address=1))
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
        self.use(self.make_hub())
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
        self.publish("1")
        for client in clients:
            self.assertNotIn(b"content-encoding", client.head)
            self.assertEqual(["1"], self.heard(client))
        self.assertEqual([RuntimeWarning], [each.category for each in caught])
        self.assertIn("EncodingResourceWrapper", str(caught[0].message))

    def test_not_accepted(self) -> None:
        """
        A compressor that does nothing is no reason to warn.
        """
        self.site.resource = EncodingResourceWrapper(self.resource, [GzipEncoderFactory()])
        self.assertEqual(b"retry: 3000\n", self.client().body)
