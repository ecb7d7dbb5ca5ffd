"""
Cache headers of the subscription API and of the hub, and the right to ask.
"""

import json
import re
from dataclasses import replace

from ssetwist import Hub
from ssetwist.hub import Matchers
from ssetwist.mercure import ALL_TOPICS, Rights
from tests.memory import Client
from tests.unit.mercure.case import ResourceCase, Slow, TickingClock

ADMIN = Rights(publish=Matchers.of(["news"]), subscribe=ALL_TOPICS, identity="admin")

#: Paths of the API: all subscriptions, and those to one topic.
PATHS = ("subscriptions", "subscriptions/exact/news")


class CacheTests(ResourceCase):
    """
    Answers to ``GET`` and ``HEAD``, which caches may keep unless that is forbidden.
    """

    def setUp(self) -> None:
        super().setUp()
        self.authorizer.people["admin"] = ADMIN
        self.ask()

    def cache_control(self, client: Client) -> list[str]:
        """
        Return the directives for caches.
        """
        (value,) = re.findall(r"\r\ncache-control: ([^\r]*)", client.head.decode()) or [""]
        return [one.strip() for one in value.split(",")]

    def assert_not_shared(self, client: Client, status: int) -> None:
        """
        Check that shared caches may not keep an answer.
        """
        self.assertEqual(status, self.status(client), client.received)
        said = self.cache_control(client)
        self.assertTrue({"private", "no-store"} & set(said), (status, said, client.received))

    def test_subscriptions(self) -> None:
        """
        No answer of the API, neither a document nor an error, may be kept by a shared cache.
        """
        listing = self.ask("subscriptions", name="admin")
        (one,) = json.loads(listing.body)["subscriptions"]
        for path in (*PATHS, one["id"].partition("/hub/")[2]):
            for method in ("GET", "HEAD"):
                found = self.ask(path, name="admin", method=method)
                self.assert_not_shared(found, 200)
                (tag,) = re.findall(r"\r\netag: ([^\r]*)", found.head.decode())
                current = self.ask(path, name="admin", method=method, If_None_Match=tag)
                self.assert_not_shared(current, 304)
                self.assert_not_shared(self.ask(path, name="bob", method=method), 403)
                self.assert_not_shared(self.ask(path, name="any", method=method), 401)
                self.assert_not_shared(self.ask(path, name="nobody", method=method), 401)
        gone = self.ask("subscriptions/exact/news/urn%3Auuid%3A1", name="admin")
        self.assert_not_shared(gone, 404)

    def test_link(self) -> None:
        """
        Each answer leads to the hub, by its URL if the hub knows it and otherwise by its path, and
        tells the newest event that the answer includes.
        """
        for url, target in (("https://hub.example/hub", "https://hub.example/hub"), (None, "")):
            settings = replace(self.settings, url=url)
            self.make(settings)
            client = self.ask("subscriptions", name="admin")
            (link,) = re.findall(r"\r\nlink: ([^\r]*)", client.head.decode())
            self.assertEqual(
                f'<{target or settings.path}>; rel="mercure"; '
                f'last-event-id="{self.hub.last_event_id}"; type="mercure"; '
                'content-type="application/json"',
                link,
            )

    def test_nothing_new(self) -> None:
        """
        An answer of 304 has neither a body nor fields that describe one: the length of nothing
        would be taken for that of the kept document.
        """
        (tag,) = re.findall(
            r"\r\netag: ([^\r]*)", self.ask("subscriptions", name="admin").head.decode()
        )
        current = self.ask("subscriptions", name="admin", If_None_Match=tag)
        self.assertEqual(304, self.status(current))
        self.assertEqual(b"", current.body)
        for name in (b"\r\ncontent-length: ", b"\r\ncontent-type: "):
            self.assertNotIn(name, current.head)

    def test_revalidated(self) -> None:
        """
        The client's own cache may keep an answer, but must check it each time.
        """
        for path in PATHS:
            said = self.cache_control(self.ask(path, name="admin"))
            self.assertEqual(["private", "must-revalidate"], said)

    def test_hub(self) -> None:
        """
        No answer to a subscriber, neither a stream nor an error, may be kept by a shared cache.
        """
        self.make(replace(self.settings, max_per_token=1))
        self.assert_not_shared(self.ask(), 200)
        self.assert_not_shared(self.ask(), 429)
        self.assert_not_shared(self.ask(Sec_Fetch_Mode="cors"), 200)
        self.assert_not_shared(self.ask(name="bob", method="HEAD"), 200)
        self.assert_not_shared(self.ask(name="nobody"), 401)
        self.assert_not_shared(self.ask(name="bob", Accept="text/html"), 406)
        self.assert_not_shared(self.ask(name="bob", Last_Event_ID="#end"), 204)


class GrantTests(ResourceCase):
    """
    The resource that a right must cover.
    """

    def test_dialects(self) -> None:
        """
        Paths of 0.x exist only if the hub speaks 0.x; a token of 0.x sees its own dialect at the
        path of all subscriptions.
        """
        for is_legacy_allowed in (True, False):
            self.make(replace(self.settings, is_legacy_allowed=is_legacy_allowed))
            self.authorizer.people["admin"] = replace(ADMIN, is_legacy=is_legacy_allowed)
            self.ask("?match=a")
            status = 200 if is_legacy_allowed else 404
            self.assertEqual(status, self.status(self.ask("subscriptions/a", name="admin")))
            listing = self.ask("subscriptions", name="admin")
            media_type = b"application/ld+json" if is_legacy_allowed else b"application/json"
            self.assertIn(b"\r\ncontent-type: " + media_type + b"\r\n", listing.head)

    def test_query(self) -> None:
        """
        In 0.x the resource is the path with its query (N6), in 1.0 without it.
        """
        path = "/hub/subscriptions"
        for is_legacy in (True, False):
            for granted in (path, f"{path}?a=1"):
                rights = Rights(
                    subscribe=Matchers.of([granted]), identity="admin", is_legacy=is_legacy
                )
                self.authorizer.people["admin"] = rights
                is_granted = (granted != path) is is_legacy
                found = self.status(self.ask("subscriptions?a=1", name="admin"))
                self.assertEqual(is_granted, found == 200, (is_legacy, granted, found))


class StepsTests(ResourceCase):
    """
    A right to ask with many patterns.
    """

    def test_steps(self) -> None:
        """
        Other work is done while a client's grants are matched with the path of its request.
        """
        self.clock = clock = TickingClock()
        self.hub = Hub(clock=clock, log=self.log, flush_threads=1, heartbeat=0)
        asked: list[str] = []
        grants = frozenset(Slow(clock, asked, is_match=False) for _ in range(3))
        self.authorizer.people["admin"] = replace(ADMIN, subscribe=Matchers(frozenset(), grants))
        self.make(self.settings)
        client = self.begin("subscriptions", "admin")
        for expected in (1, 2, 3):
            self.assertEqual((expected, b""), (len(asked), client.received))
            clock.turn()
        self.assertEqual(403, self.status(client))
