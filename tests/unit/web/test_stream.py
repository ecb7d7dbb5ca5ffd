"""
The streams of a hub, as a resource.
"""

import json
import warnings

from twisted.internet.defer import Deferred
from twisted.web.resource import EncodingResourceWrapper, Resource
from twisted.web.server import GzipEncoderFactory
from twisted.web.util import DeferredResource

from ssetwist.eventstream import Event
from ssetwist.hub import EndReason, Subscriber, UnknownCursor
from ssetwist.log import MemoryLog
from ssetwist.web import EventStreamResource, _http1
from tests.conformance.reference import Received, read
from tests.memory import Client
from tests.unit.web.case import RETRY, StreamCase


class GetTests(StreamCase):
    """
    GET subscribes.
    """

    def test_retry_is_first(self) -> None:
        """
        The reconnection time is in a line before the first event, without a blank line after it.
        """
        client = self.client()
        self.publish("1")
        self.assertEqual(b"retry: 3000\nid: #e.1\ndata: 1\n\n", client.body)

    def test_one_turn_later(self) -> None:
        """
        Events that are published in one turn leave together in the next.
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
        A stream without a reconnection time begins with a comment.
        """
        self.use(self.hub, reconnection_time=None)
        self.assertEqual(b":\n", self.client().body)

    def test_one_leaves(self) -> None:
        """
        When one client leaves, its subscriber is gone, and other clients go on.
        """
        first, second = self.client(), self.client()
        self.publish("1")
        first.close()
        self.assertEqual(1, self.hub.subscriber_count)
        self.publish("2")
        self.assertEqual((["1"], ["1", "2"]), (self.heard(first), self.heard(second)))

    def test_gone_before_it_is_rendered(self) -> None:
        """
        A client that left before its resource was found does not subscribe.
        """
        decided: Deferred[EventStreamResource] = Deferred()
        self.site.resource = DeferredResource(decided)
        self.client().close()
        decided.callback(self.resource)
        self.assertEqual(0, self.hub.subscriber_count)
        self.assertEqual([], self.flushLoggedErrors())

    def test_nothing_below(self) -> None:
        """
        The stream also answers at its path with a slash; any path below gets 404.
        """
        root = Resource()
        root.putChild(b"sse", self.resource)
        self.site.resource = root
        self.assertEqual(b"retry: 3000\n", self.client(path="/sse/").body)
        self.assertTrue(self.client(path="/sse/more").head.startswith(b"1 404"))

    def test_callbacks(self) -> None:
        """
        The application learns about each start and each end; at the end, the hub has already
        forgotten the subscriber.
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
        A callback that raises is logged, and the stream goes on.
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
        A client whose stream is ended for good is told so, and gets only 204 at its next attempt.
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
        A client that can send its id only in the query, in any spelling, also gets 204.
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
        No id is refused, whether it is UTF-8, Latin-1 or garbage.
        """
        for value in ("é1", "\udce91", "x" * 8000, "#", ""):
            client = Client(self.site, self.clock)
            self.addCleanup(client.close)
            field = value.encode("utf-8", "surrogateescape")
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\nLast-Event-ID: " + field + b"\r\n\r\n")
            self.assertTrue(client.head.startswith(b"1 200"), value)


class ReplayTests(StreamCase):
    """
    History for a client that comes back, or asks for history.
    """

    def setUp(self) -> None:
        super().setUp()
        self.publish("1", "2", "3")

    def ask(self, path: str = "/", last_event_id: str | None = None) -> Client:
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        return self.client(path=path, headers=headers)

    def test_from_a_cursor(self) -> None:
        """
        A client that comes back gets the events that it has missed, then the new ones, each once.
        """
        client = self.ask(last_event_id="#e.1")
        self.publish("4")
        self.assertEqual(["2", "3", "4"], self.heard(client))

    def test_published_meanwhile(self) -> None:
        """
        If an event is published in the turn in which a client comes back, the client gets it once.
        """
        for text in "45":
            self.hub.publish("news", Event(text))
        client = self.ask(last_event_id="#e.2")
        self.hub.publish("news", Event("6"))
        self.clock.advance(0)
        self.assertEqual(["3", "4", "5", "6"], self.heard(client))

    def test_from_the_newest(self) -> None:
        """
        A client that has missed nothing gets no old event and no gap.
        """
        client = self.ask(last_event_id="#e.3")
        self.assertEqual(RETRY, client.body)
        self.publish("4")
        self.assertEqual(["4"], self.heard(client))

    def test_query(self) -> None:
        """
        The query gives the same as the header, and the header wins.
        """
        self.assertEqual(["2", "3"], self.heard(self.ask("/?last_event_id=%23e.1")))
        self.assertEqual(["3"], self.heard(self.ask("/?last_event_id=%23e.1", "#e.2")))

    def test_earliest(self) -> None:
        """
        ``from=earliest``, and the id "earliest", give everything that is kept.
        """
        for client in (self.ask("/?from=earliest"), self.ask(last_event_id="earliest")):
            self.assertEqual(["1", "2", "3"], self.heard(client))

    def test_last(self) -> None:
        """
        ``from=-2`` gives the last two events, then the new ones; a number larger than the history
        gives everything.
        """
        two, many = self.ask("/?from=-2"), self.ask("/?from=-999999999")
        self.publish("4")
        self.assertEqual(["2", "3", "4"], self.heard(two))
        self.assertEqual(["1", "2", "3", "4"], self.heard(many))

    def test_cursor_wins_over_from(self) -> None:
        """
        A page that first asked for history and then comes back gets the events after its last id.
        """
        self.assertEqual(["3"], self.heard(self.ask("/?from=earliest", "#e.2")))

    def test_bad_from(self) -> None:
        """
        An invalid ``from`` is refused with the reason, and does not subscribe.
        """
        for value in ("10", "-", "-1.5", "latest", "-1000000000", "--1", "-%D9%A3"):
            client = self.ask(f"/?from={value}")
            self.assertTrue(client.head.startswith(b"1 400"), value)
            self.assertIn(b"content-type: text/plain", client.head)
            self.assertIn(b"from must be 'earliest', or -10", client.body)
        self.assertEqual(0, self.hub.subscriber_count)

    def test_own_ids(self) -> None:
        """
        An id from the publisher also gives the position, in UTF-8 and in Latin-1.
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
        A client that comes back gets missed events only of the topics that it subscribes to.
        """
        self.publish("other", topic="other")
        self.use(self.hub, topics="other")
        self.assertEqual(["other"], self.heard(self.ask(last_event_id="#e.1")))
        self.assertEqual(["other"], self.heard(self.ask("/?from=-2")))

    def test_long_history(self) -> None:
        """
        A long history comes in pieces, whole and in order, and is followed by the events that were
        published meanwhile.
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
        A client that reads its history slowly gets everything, including events that are published
        meanwhile.
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
        A client that leaves in the middle of its history leaves nothing behind.
        """
        self.publish(*["x" * 1000] * 300)
        client = self.ask(last_event_id="#e.1")
        client.close()
        self.clock.pump([0, 0])
        self.assertEqual([], self.flushLoggedErrors())
        self.assertEqual(([], 0), (self.clock.getDelayedCalls(), self.hub.subscriber_count))


class GapTests(StreamCase):
    """
    Last event ids from which a stream cannot resume.
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
        An event tells the client about the gap; the id of this event is the position at which the
        stream continues.
        """
        client = self.client(headers={"Last-Event-ID": "#e.1"})
        self.publish("5")
        gap, event = read(client.body).received
        self.assertEqual({"asked": "#e.1", "oldest": "#e.3", "newest": "#e.4"}, self.gap(gap))
        self.assertEqual(("#e.4", "5"), (gap.last_event_id, event.data))

    def test_not_told_again(self) -> None:
        """
        A client that comes back with the id of the gap gets no other gap, and has missed nothing
        since.
        """
        client = self.client(headers={"Last-Event-ID": "#before.17"})
        id = read(client.body).last_event_id
        client.close()
        self.publish("5")
        self.assertEqual(["5"], self.heard(self.client(headers={"Last-Event-ID": id})))

    def test_garbage(self) -> None:
        """
        A client with garbage as its id gets a stream, and a gap that safely repeats at most 256 of
        its characters.
        """
        for value in ("#", "0", "x" * 8000, "a\tb", '{"a":1}', "#e.99"):
            client = self.client(headers={"Last-Event-ID": value})
            self.assertTrue(client.head.startswith(b"1 200"), value)
            (gap,) = read(client.body).received
            self.assertEqual(value[:256], self.gap(gap)["asked"])

    def test_empty(self) -> None:
        """
        An empty id counts as missing, so the client gets no gap.
        """
        self.assertEqual(RETRY, self.client(headers={"Last-Event-ID": ""}).body)

    def test_all(self) -> None:
        """
        With ``UnknownCursor.ALL`` the client gets the gap, then everything that is kept.
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
        With ``gap=None``, the client gets no event about the gap.
        """
        self.use(self.make_hub(gap=None))
        client = self.client(headers={"Last-Event-ID": "unknown"})
        self.publish("1")
        self.assertEqual(RETRY + b"id: #e.1\ndata: 1\n\n", client.body)


class LifetimeTests(StreamCase):
    """
    Streams that end by themselves, so that their clients resume.
    """

    def test_lifetime(self) -> None:
        """
        A stream ends properly in the last fifth of its lifetime, and its client resumes without a
        gap.
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
        An event published in the turn of the end is still sent.
        """
        client = self.client()
        self.hub.publish("news", Event("1"))
        self.hub.subscribers[0].end()
        self.assertEqual(["1"], self.heard(client))


class OtherMethodTests(StreamCase):
    """
    Methods other than GET.
    """

    def test_pitfall_K13_head(self) -> None:
        """
        HEAD gets the head of a stream without subscribing, and its connection stays open.
        """
        client = self.client(method="HEAD")
        self.assertIn(b"content-type: text/event-stream", client.head)
        self.assertEqual(b"", client.body)
        self.assertEqual(0, self.hub.subscriber_count)
        client.request()
        self.assertEqual(b"retry: 3000\n", client.body)

    def test_options(self) -> None:
        """
        OPTIONS lists the allowed methods.
        """
        client = self.client(method="OPTIONS")
        self.assertTrue(client.head.startswith(b"1 204"))
        self.assertIn(b"allow: get, head, options", client.head)
        self.assertNotIn(b"content-length", client.head)

    def test_others(self) -> None:
        """
        Any other method gets 405 and the list of the allowed ones.
        """
        for method in ("POST", "DELETE", "BREW"):
            client = self.client(method=method)
            self.assertTrue(client.head.startswith(b"1 405"))
            self.assertIn(b"allow: get, head, options", client.head)
        self.assertEqual(0, self.hub.subscriber_count)


class CompressorTests(StreamCase):
    """
    Pitfall C: a compressor around the stream.
    """

    def test_taken_off(self) -> None:
        """
        The events are not compressed, and a warning is given once.
        """
        root = Resource()
        root.putChild(b"", EncodingResourceWrapper(self.resource, [GzipEncoderFactory()]))
        self.site.resource = root
        # trial makes Python forget which warnings it has given; let it remember them.
        _http1.__warningregistry__ = {}  # type: ignore[attr-defined]
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
        A compressor that the client does not accept gives no warning.
        """
        self.site.resource = EncodingResourceWrapper(self.resource, [GzipEncoderFactory()])
        self.assertEqual(b"retry: 3000\n", self.client().body)
