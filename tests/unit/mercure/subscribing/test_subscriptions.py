"""
What is told of active subscriptions.
"""

import json
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.mercure.subscribing._subscriptions import (
    ActiveSubscription,
    collection,
    encoded,
    new_subscriber,
    single,
    subscriptions_path,
)

HUB = "/.well-known/mercure"

#: One of each dialect, with the paths that they have.
MODERN = ActiveSubscription("urlpattern", "https://example.com/:id", "urn:uuid:1", {"name": "bob"})
MODERN_PATH = f"{HUB}/subscriptions/urlpattern/https%3A%2F%2Fexample.com%2F%3Aid/urn%3Auuid%3A1"
LEGACY = ActiveSubscription(None, "https://example.com/{id}", "urn:uuid:1")
LEGACY_PATH = f"{HUB}/subscriptions/https%3A%2F%2Fexample.com%2F%7Bid%7D/urn%3Auuid%3A1"


class PathTests(SynchronousTestCase):
    """
    The path of a subscription, which is its name.
    """

    def test_paths(self) -> None:
        """
        It says what was asked for, in which way, and on which connection; in 0.x not in which way.
        """
        self.assertEqual(MODERN_PATH, MODERN.path(HUB))
        self.assertEqual(LEGACY_PATH, LEGACY.path(HUB))

    def test_hub_elsewhere(self) -> None:
        """
        It is below the path of the hub, wherever that is.
        """
        self.assertEqual("/hub/subscriptions", subscriptions_path("/hub"))
        self.assertEqual("/subscriptions", subscriptions_path("/"))
        self.assertEqual(
            "/subscriptions/exact/a/b", ActiveSubscription("exact", "a", "b").path("/")
        )

    def test_encoded(self) -> None:
        """
        All but the unreserved is encoded, once, as UTF-8.
        """
        self.assertEqual("aZ09-._~", encoded("aZ09-._~"))
        self.assertEqual("%20%2B%25%2F%2A%C3%A9%F0%9F%90%88", encoded(" +%/*é🐈"))

    @given(st.text(st.characters(exclude_categories=["Cs"])))
    def test_any(self, text: str) -> None:
        """
        Whatever it is, it is one segment, and can be read again.
        """
        self.assertRegex(encoded(text), r"\A[A-Za-z0-9._~%-]*\Z")
        self.assertEqual(text, unquote(encoded(text), errors="strict"))

    def test_new_subscriber(self) -> None:
        """
        No two connections have the same name.
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
        In 1.0 it is plain JSON.
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
        In 0.x it is JSON-LD, and has the cursor in it.
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
        There is a payload only where there is one; what is empty is one.
        """
        for payload in ({}, [], 0, False, ""):
            document = ActiveSubscription("exact", "a", "b", payload).document(HUB)
            self.assertEqual(payload, document["payload"])
        self.assertNotIn("payload", ActiveSubscription("exact", "a", "b").document(HUB))

    def test_modern_collection(self) -> None:
        """
        In 1.0 a collection has the path that was asked for as its name.
        """
        path = f"{HUB}/subscriptions/urlpattern/https%3a//example.com"
        self.assertEqual(
            {
                "id": path,
                "type": "subscriptions",
                "subscriptions": [MODERN.document(HUB)],
            },
            collection(path, [MODERN], HUB, is_legacy=False, last_event_id="#e.1"),
        )

    def test_legacy_collection(self) -> None:
        """
        In 0.x the context and the cursor are the collection's, and not its members'.
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
            collection(path, [LEGACY], HUB, is_legacy=True, last_event_id="earliest"),
        )
        self.assertNotIn("@context", LEGACY.document(HUB))


class AnnouncementTests(SynchronousTestCase):
    """
    The updates that tell of a beginning and of an end.
    """

    def test_private(self) -> None:
        """
        They go to the path of the subscription alone, and are private.
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
        In 1.0 the event has a type that no publisher may give.
        """
        event = MODERN.announcement(HUB, is_active=True).event
        self.assertEqual("mercure", event.type)
        self.assertEqual(MODERN.document(HUB), json.loads(event.data))

    def test_legacy(self) -> None:
        """
        In 0.x it has none, and says what its words mean.
        """
        event = LEGACY.announcement(HUB, is_active=False).event
        self.assertEqual("message", event.type)
        self.assertEqual("https://mercure.rocks/", json.loads(event.data)["@context"])
