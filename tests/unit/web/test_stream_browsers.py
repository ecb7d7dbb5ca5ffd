"""
Streams for browsers, and for those for whom there is no room.
"""

from ssetwist.eventstream import Event
from ssetwist.log import MemoryLog
from tests.conformance.reference import read
from tests.memory import Client
from tests.unit.web.case import BROWSER, EVENT_SOURCE, NO_CACHE, RETRY, StreamCase


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
