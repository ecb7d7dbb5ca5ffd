"""
Answers that depend on a token, and caches.
"""

import json
import re
from dataclasses import replace

from ssetwist.hub import Matchers
from ssetwist.mercure import ALL_TOPICS, Rights
from tests.memory import Client
from tests.unit.mercure.case import ResourceCase

ADMIN = Rights(publish=Matchers.of(["news"]), subscribe=ALL_TOPICS, identity="admin")

#: What asks for other answers of the API: all subscriptions, those to one topic, and one.
PATHS = ("subscriptions", "subscriptions/exact/news")


class CacheTests(ResourceCase):
    """
    Answers to requests that a cache may keep if nothing forbids it: ``GET`` and ``HEAD``.
    """

    def setUp(self) -> None:
        super().setUp()
        self.authorizer.people["admin"] = ADMIN
        self.ask()

    def cache_control(self, client: Client) -> list[str]:
        """
        Return what the answer says to caches.
        """
        (value,) = re.findall(r"\r\ncache-control: ([^\r]*)", client.head.decode()) or [""]
        return [one.strip() for one in value.split(",")]

    def assert_not_shared(self, client: Client, status: int) -> None:
        """
        No cache that serves several people may keep it.
        """
        self.assertEqual(status, self.status(client), client.received)
        said = self.cache_control(client)
        self.assertTrue({"private", "no-store"} & set(said), (status, said, client.received))

    def test_subscriptions(self) -> None:
        """
        Whatever is told of who is subscribed, or of why it is not told, is for who asks alone.
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

    def test_asked_again(self) -> None:
        """
        The browser of who asks may keep it, but asks each time whether it is still true.
        """
        for path in PATHS:
            said = self.cache_control(self.ask(path, name="admin"))
            self.assertEqual(["private", "must-revalidate"], said)

    def test_hub(self) -> None:
        """
        Nor may it keep what the hub answers to a subscriber: a stream, or something else instead.
        """
        self.make(replace(self.settings, max_per_token=1))
        self.assert_not_shared(self.ask(), 200)
        self.assert_not_shared(self.ask(), 429)
        self.assert_not_shared(self.ask(Sec_Fetch_Mode="cors"), 200)
        self.assert_not_shared(self.ask(name="bob", method="HEAD"), 200)
        self.assert_not_shared(self.ask(name="nobody"), 401)
        self.assert_not_shared(self.ask(name="bob", Accept="text/html"), 406)
        self.assert_not_shared(self.ask(name="bob", Last_Event_ID="#end"), 204)
