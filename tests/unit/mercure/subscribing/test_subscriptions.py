"""
Documents and announcements of active subscriptions.
"""

import json
from typing import Any
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.mercure.subscribing._subscriptions import (
    ActiveSubscription,
    collection,
    new_subscriber,
    single,
    subscriptions_path,
)

HUB = "/.well-known/mercure"

#: One subscription of each dialect, with its path.
MODERN = ActiveSubscription("urlpattern", "https://example.com/:id", "urn:uuid:1", {"name": "bob"})
MODERN_PATH = f"{HUB}/subscriptions/urlpattern/https%3A%2F%2Fexample.com%2F%3Aid/urn%3Auuid%3A1"
LEGACY = ActiveSubscription(None, "https://example.com/{id}", "urn:uuid:1")
LEGACY_PATH = f"{HUB}/subscriptions/https%3A%2F%2Fexample.com%2F%7Bid%7D/urn%3Auuid%3A1"


def encoded(text: str) -> str:
    """
    Return a matcher as it is written in a path.
    """
    return ActiveSubscription("exact", text, "").path("/").split("/")[3]


class PathTests(SynchronousTestCase):
    """
    The path of a subscription, which is its id.
    """

    def test_paths(self) -> None:
        """
        The path names matcher type, matcher and connection; in 0.x it lacks the matcher type.
        """
        self.assertEqual(MODERN_PATH, MODERN.path(HUB))
        self.assertEqual(LEGACY_PATH, LEGACY.path(HUB))

    def test_hub_elsewhere(self) -> None:
        """
        The path is below the path of the hub.
        """
        self.assertEqual("/hub/subscriptions", subscriptions_path("/hub"))
        self.assertEqual("/subscriptions", subscriptions_path("/"))
        self.assertEqual(
            "/subscriptions/exact/a/b", ActiveSubscription("exact", "a", "b").path("/")
        )

    def test_encoded(self) -> None:
        """
        All but unreserved characters are encoded once, as UTF-8.
        """
        self.assertEqual("aZ09-._~", encoded("aZ09-._~"))
        self.assertEqual("%20%2B%25%2F%2A%C3%A9%F0%9F%90%88", encoded(" +%/*é🐈"))

    @given(st.text(st.characters(exclude_categories=["Cs"])))
    def test_any(self, text: str) -> None:
        """
        The path has any matcher as one segment, from which the matcher can be decoded.
        """
        self.assertRegex(encoded(text), r"\A[A-Za-z0-9._~%-]*\Z")
        self.assertEqual(text, unquote(encoded(text), errors="strict"))

    def test_new_subscriber(self) -> None:
        """
        Each connection gets a unique name.
        """
        self.assertNotEqual(new_subscriber(), new_subscriber())
        self.assertRegex(
            new_subscriber(), r"\Aurn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z"
        )


class DocumentTests(SynchronousTestCase):
    """
    The documents of the API.
    """

    def test_modern(self) -> None:
        """
        In 1.0 a document is plain JSON.
        """
        self.assertEqual(
            {
                "id": MODERN_PATH,
                "type": "subscription",
                "match_type": "urlpattern",
                "match": "https://example.com/:id",
                "subscriber": "urn:uuid:1",
                "active": True,
                "payload": {"name": "bob"},
            },
            single(MODERN, HUB, last_event_id="#e.1"),
        )

    def test_legacy(self) -> None:
        """
        In 0.x a document is JSON-LD with the id of the last event.
        """
        self.assertEqual(
            {
                "@context": "https://mercure.rocks/",
                "id": LEGACY_PATH,
                "type": "Subscription",
                "topic": "https://example.com/{id}",
                "subscriber": "urn:uuid:1",
                "active": True,
                "lastEventID": "#e.1",
            },
            single(LEGACY, HUB, last_event_id="#e.1"),
        )

    def test_payload(self) -> None:
        """
        A document has a payload only if the subscription has one, which may be an empty value.
        """
        for payload in ({}, [], 0, False, ""):
            document = ActiveSubscription("exact", "a", "b", payload).document(HUB)
            self.assertEqual(payload, document["payload"])
        self.assertNotIn("payload", ActiveSubscription("exact", "a", "b").document(HUB))

    def collected(
        self, path: str, subscriptions: list[ActiveSubscription | None], **options: Any
    ) -> object:
        """
        Return the document of a collection, put together from its pieces.
        """
        return json.loads(b"".join(collection(path, subscriptions, HUB, **options)))

    def test_pieces(self) -> None:
        """
        A large collection comes in pieces of a bounded size, also where little is selected.
        """
        for subscriptions, least in (([MODERN] * 1000, 10), ([None] * 3000, 3)):
            pieces = list(
                collection("/", subscriptions, HUB, is_legacy=False, last_event_id="#e.1")
            )
            self.assertGreater(len(pieces), least)
            self.assertLess(max(map(len, pieces)), 17_000)
            found = json.loads(b"".join(pieces))["subscriptions"]
            self.assertEqual(len(found), sum(one is not None for one in subscriptions))

    def test_empty_collection(self) -> None:
        """
        A collection without members is a whole document.
        """
        found = self.collected("/", [], is_legacy=False, last_event_id="#e.1")
        self.assertEqual({"id": "/", "type": "subscriptions", "subscriptions": []}, found)

    def test_modern_collection(self) -> None:
        """
        In 1.0 the id of a collection is the path of the request.
        """
        path = f"{HUB}/subscriptions/urlpattern/https%3a//example.com"
        self.assertEqual(
            {
                "id": path,
                "type": "subscriptions",
                "subscriptions": [MODERN.document(HUB)],
            },
            self.collected(path, [MODERN, None], is_legacy=False, last_event_id="#e.1"),
        )

    def test_legacy_collection(self) -> None:
        """
        In 0.x a collection has the context and the last id, and its members do not.
        """
        path = f"{HUB}/subscriptions"
        self.assertEqual(
            {
                "@context": "https://mercure.rocks/",
                "id": path,
                "type": "Subscriptions",
                "lastEventID": "earliest",
                "subscriptions": [LEGACY.document(HUB)],
            },
            self.collected(path, [None, LEGACY], is_legacy=True, last_event_id="earliest"),
        )
        self.assertNotIn("@context", LEGACY.document(HUB))


class AnnouncementTests(SynchronousTestCase):
    """
    Updates that announce a beginning or an end.
    """

    def test_private(self) -> None:
        """
        An announcement is private, and its only topic is the path of the subscription.
        """
        for subscription in (MODERN, LEGACY):
            for is_active in (True, False):
                update = subscription.announcement(HUB, is_active=is_active)
                self.assertEqual((subscription.path(HUB),), update.topics)
                self.assertTrue(update.is_private)
                self.assertIsNone(update.event.id)
                self.assertIs(is_active, json.loads(update.event.data)["active"])

    def test_modern(self) -> None:
        """
        In 1.0 an announcement has a type that publishers may not use.
        """
        event = MODERN.announcement(HUB, is_active=True).event
        self.assertEqual("mercure", event.type)
        self.assertEqual(MODERN.document(HUB), json.loads(event.data))

    def test_legacy(self) -> None:
        """
        In 0.x an announcement has the default type, and a JSON-LD context.
        """
        event = LEGACY.announcement(HUB, is_active=False).event
        self.assertEqual("message", event.type)
        self.assertEqual("https://mercure.rocks/", json.loads(event.data)["@context"])
