"""
Streams for browsers, and for clients that find the hub full.
"""

from twisted.logger import capturedLogs, formatEvent

from ssetwist.eventstream import Event
from ssetwist.log import MemoryLog
from tests.conformance.reference import read
from tests.memory import Client
from tests.unit.web.case import BROWSER, EVENT_SOURCE, NO_CACHE, RETRY, StreamCase


class BrowserTests(StreamCase):
    """
    A browser gets an id at once, so that it can resume its stream.
    """

    def test_new_one(self) -> None:
        """
        A browser that comes without an id gets an id, but no event; so it can resume from there.
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
        A browser gets an id even if nothing was ever published.
        """
        self.assertEqual(RETRY + b"id: #e.0\n\n", self.client(headers=EVENT_SOURCE).body)
        self.publish("1")
        client = self.client(headers={**EVENT_SOURCE, "Last-Event-ID": "#e.0"})
        self.assertEqual(["1"], self.heard(client))

    def test_own_client(self) -> None:
        """
        Our own client also gets an id.  Otherwise an event that is published while it is away,
        before its first event, would be lost without a gap.
        """
        client = self.client(headers={"User-Agent": "ssetwist", "Cache-Control": "no-store"})
        self.assertEqual(RETRY + b"id: #e.0\n\n", client.body)

    def test_published_meanwhile(self) -> None:
        """
        An event that is published in the turn in which a browser comes is before the browser's id,
        and is not sent.
        """
        self.hub.publish("news", Event("1"))
        client = self.client(headers=EVENT_SOURCE)
        self.clock.advance(0)
        self.assertEqual(RETRY + b"id: #e.1\n\n", client.body)

    def test_with_a_cursor(self) -> None:
        """
        A browser that sends an id gets no other id, and a browser that asks for history gets the
        ids of its events.
        """
        self.publish("1", "2")
        client = self.client(headers={**EVENT_SOURCE, "Last-Event-ID": "#e.2"})
        self.assertEqual(RETRY, client.body)
        client = self.client(path="/?from=-1", headers=EVENT_SOURCE)
        self.assertEqual(RETRY + b"id: #e.2\ndata: 2\n\n", client.body)

    def test_others(self) -> None:
        """
        Other clients get no id, because some clients would turn it into an empty event.
        """
        for agent in ("curl/8.14.1", "python-requests/2.32", "", "node"):
            self.assertEqual(RETRY, self.client(headers={"User-Agent": agent, **NO_CACHE}).body)

    def test_fetch(self) -> None:
        """
        A script that reads the stream with ``fetch`` gets no id, because it may turn it into an
        empty event.
        """
        self.assertEqual(RETRY, self.client(headers={**BROWSER, "Sec-Fetch-Mode": "cors"}).body)

    def test_no_log(self) -> None:
        """
        If the log keeps nothing, a browser that comes back after new events gets a gap.
        """
        self.use(self.make_hub(log=MemoryLog(self.clock, epoch="e", max_count=0)))
        client = self.client(headers=EVENT_SOURCE)
        id = read(client.body).last_event_id
        client.close()
        self.publish("1")
        (gap,) = read(self.client(headers={**EVENT_SOURCE, "Last-Event-ID": id}).body).received
        self.assertEqual("gap", gap.type)


class FullTests(StreamCase):
    """
    Clients that find the hub full.
    """

    def setUp(self) -> None:
        super().setUp()
        self.use(self.make_hub(max_subscribers=1))

    def test_browser(self) -> None:
        """
        A browser gets 200, a longer reconnection time and the end: after any other answer it would
        never come back.
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
        Other clients get 503, with the seconds after which to come back.
        """
        self.client()
        client = self.client()
        self.assertTrue(client.head.startswith(b"1 503"))
        (after,) = [line for line in client.head.split(b"\r\n") if line.startswith(b"retry-after")]
        self.assertTrue(30 <= int(after.partition(b": ")[2]) <= 60, after)

    def test_room_again(self) -> None:
        """
        When one client leaves, another can subscribe in the same turn.
        """
        self.client().close()
        self.assertEqual(b"retry: 3000\n", self.client().body)

    def test_per_address(self) -> None:
        """
        If one address has reached the limit for each address, other addresses are not affected.
        """
        self.use(self.make_hub(max_per_address=1))
        self.client()
        with capturedLogs() as logged:
            self.assertTrue(self.client().head.startswith(b"1 503"))
        self.assertIn(
            "a client is sent away for a while: the limit of 1 subscribers from one address is "
            "reached",
            [formatEvent(event) for event in logged],
        )
        other = Client(self.site, self.clock, address="192.0.2.2")
        self.addCleanup(other.close)
        other.request()
        self.assertTrue(other.head.startswith(b"1 200"))

    def test_closed_hub(self) -> None:
        """
        A closed hub accepts no clients.
        """
        self.use(self.make_hub())
        self.hub.close()
        self.assertTrue(self.client().head.startswith(b"1 503"))
