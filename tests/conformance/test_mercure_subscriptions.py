"""
Active subscriptions (section 12 of the protocol), clause by clause (N).
"""

import json
import re
from typing import Any

from tests.conformance.mercure_hub import (
    HUB,
    KEYS,
    PATH,
    MercureCase,
    MercureHub,
    Response,
    Stream,
    a_topic,
    encoded,
    hub,
)

#: The path of all subscriptions.
ROOT = f"{PATH}/subscriptions"


class AnnouncementTests(MercureCase):
    """
    Updates that announce subscriptions.
    """

    def watch(self, topic: str, **options: str) -> Stream:
        """
        Subscribe to announcements of exact subscriptions to a topic, with the right to see them.
        """
        pattern = f"{ROOT}/exact/{encoded(topic)}/*"
        token = self.hub.mint(subscribe=[("urlpattern", pattern)])
        return self.open({"match_urlpattern": pattern}, token=token)

    def document(self, stream: Stream) -> dict[str, Any]:  # a JSON object
        """
        Wait for the next event, and return its data.
        """
        document: dict[str, Any] = json.loads(stream.next_event().data)
        return document

    def test_N1_begin_and_end(self) -> None:
        """
        For each matcher, the hub publishes an update when the subscription begins, and one when it
        ends.
        """
        one, other = a_topic(), a_topic()
        watching = [self.watch(topic) for topic in (one, other)]
        stream = self.open([("match", one), ("match", other)])
        for topic, watcher in zip((one, other), watching, strict=True):
            document = self.document(watcher)
            self.assertEqual((topic, True), (document["match"], document["active"]))
        stream.close()
        for topic, watcher in zip((one, other), watching, strict=True):
            document = self.document(watcher)
            self.assertEqual((topic, False), (document["match"], document["active"]))

    def test_N1_own_subscription(self) -> None:
        """
        A subscriber with the right sees its own subscription begin.
        """
        pattern = f"{ROOT}/urlpattern/*"
        stream = self.open({"match_urlpattern": pattern}, token=self.hub.mint(subscribe=["*"]))
        self.assertEqual(pattern, self.document(stream)["match"])

    def test_N1_removed_before_told(self) -> None:
        """
        A client that learns about the end of a subscription no longer finds this subscription.
        """
        topic = a_topic()
        watcher = self.watch(topic)
        stream = self.open({"match": topic})
        path = self.document(watcher)["id"]
        token = self.hub.mint(subscribe=["*"])
        self.assert_status(200, self.hub.request("GET", path, token=token))
        stream.close()
        self.assertEqual(path, self.document(watcher)["id"])
        self.assert_status(404, self.hub.request("GET", path, token=token))

    def test_N2_topic(self) -> None:
        """
        The topic consists of type, matcher and subscriber, each percent-encoded once as a whole.
        """
        topic = a_topic("https://example.com/a b/%20?\u00e9=~")
        watcher = self.watch(topic)
        self.open({"match": topic})
        document = self.document(watcher)
        path = f"{ROOT}/exact/{encoded(topic)}/{encoded(document['subscriber'])}"
        self.assertEqual(path, document["id"])
        self.assertIn("https%3A%2F%2Fexample.com%2Fa%20b%2F%2520%3F%C3%A9%3D~", path)
        self.assertIn("/urn%3Auuid%3A", path)

    def test_N3_type(self) -> None:
        """
        The type of the event is ``mercure``.
        """
        topic = a_topic()
        watcher = self.watch(topic)
        self.open({"match": topic})
        self.assertEqual("mercure", watcher.next_event().type)

    def test_N3_private(self) -> None:
        """
        Only clients with a grant for the topic get the announcement.
        """
        topic = a_topic()
        pattern = f"{ROOT}/exact/{encoded(topic)}/*"
        for token in (None, self.hub.mint(subscribe=[topic])):
            stream = self.open([("match", "*"), ("match_urlpattern", pattern)], token=token)
            self.open({"match": topic})
            self.hub.update(topic, "an update")
            self.assertEqual("an update", stream.next_event().data)

    def test_N4_keys(self) -> None:
        """
        A document has the keys that the specification names; it has a payload only if the
        subscription has one.
        """
        topic = a_topic()
        watcher = self.watch(topic)
        stream = self.open({"match": topic})
        document = self.document(watcher)
        self.assertRegex(document.pop("id"), f"^{re.escape(ROOT)}/exact/")
        self.assertRegex(document.pop("subscriber"), "^urn:uuid:")
        self.assertEqual(
            {"type": "subscription", "match_type": "exact", "match": topic, "active": True},
            document,
        )
        stream.close()
        self.document(watcher)
        token = self.hub.mint(subscribe=[topic], payload={"name": "Anna"})
        self.open({"match": topic}, token=token)
        self.assertEqual({"name": "Anna"}, self.document(watcher)["payload"])

    def test_N5_subscriber(self) -> None:
        """
        All matchers of a connection have the same subscriber, which differs for each connection and
        is never chosen by the client.
        """
        one, other = a_topic(), a_topic()
        watching = [self.watch(topic) for topic in (one, other)]
        token = self.hub.mint(subscribe=[one])
        seen = []
        for _ in range(2):
            query = [("match", one), ("match", other), ("subscriber", "urn:mine")]
            stream = self.open(query, token=token)
            names = {self.document(watcher)["subscriber"] for watcher in watching}
            self.assertEqual(1, len(names))
            seen += names
            stream.close()
            for watcher in watching:
                self.document(watcher)
        self.assertEqual(2, len({*seen, "urn:mine"}) - 1)


class SubscriptionApiTests(MercureCase):
    """
    Requests to the subscription API.  Each test has its own hub: when a client of another test
    leaves late, the hub publishes an event.
    """

    def setUp(self) -> None:
        self._hub = self.fresh_hub(*KEYS, *self.options)

    @property
    def hub(self) -> MercureHub:
        return self._hub

    def ask(self, path: str, *granted: str | tuple[str, str], **headers: str) -> Response:
        """
        Send a request with a token for these topics.
        """
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        token = self.hub.mint(subscribe=granted) if granted else None
        return self.hub.request("GET", path, sent, token=token)

    def test_N6_path_must_be_granted(self) -> None:
        """
        The token must grant the path itself, without the query.
        """
        of_one = f"{ROOT}/exact/{encoded(a_topic())}"
        for path in (ROOT, of_one):
            self.assert_status(200, self.ask(path, path))
            self.assert_status(200, self.ask(f"{path}?a=b", path))
            self.assert_status(200, self.ask(path, "*"))
            response = self.ask(path, "https://example.com/other")
            self.assert_status(403, response)
            self.assertIn("insufficient_scope", response.headers["WWW-Authenticate"])
            self.assert_status(403, self.ask(path, f"https://hub.example{path}"))

    def test_N6_patterns(self) -> None:
        """
        A grant for a pattern of three segments does not cover collections; one for a pattern with
        an optional rest does.
        """
        for pattern, status in ((f"{ROOT}/:t/:m/:s", 403), (f"{ROOT}{{/*}}?", 200)):
            for path in (ROOT, f"{ROOT}/exact/a"):
                self.assert_status(status, self.ask(path, ("urlpattern", pattern)))

    def test_N6_without_token(self) -> None:
        """
        A client without a good token is refused.
        """
        response = self.ask(ROOT)
        self.assert_status(401, response)
        self.assertNotIn("error", response.headers["WWW-Authenticate"])
        self.assert_status(401, self.hub.request("GET", ROOT, token="x" * 50))

    def test_N7_collection(self) -> None:
        """
        A collection has the path of the request as its id, a type, and the active subscriptions.
        """
        topic = a_topic()
        path = f"{ROOT}/exact/{encoded(topic)}"
        self.assertEqual([], json.loads(self.ask(path, "*").body)["subscriptions"])
        self.open({"match": topic})
        self.open({"match": topic})
        response = self.ask(path, "*")
        document = json.loads(response.body)
        self.assertEqual("application/json", response.headers["Content-Type"])
        self.assertEqual({"id", "type", "subscriptions"}, set(document))
        self.assertEqual((path, "subscriptions"), (document["id"], document["type"]))
        self.assertEqual([topic] * 2, [one["match"] for one in document["subscriptions"]])
        everything = json.loads(self.ask(ROOT, "*").body)
        self.assertEqual(ROOT, everything["id"])
        for one in document["subscriptions"]:
            self.assertIn(one, everything["subscriptions"])
            alone = self.ask(one["id"], "*")
            self.assertEqual("application/json", alone.headers["Content-Type"])
            self.assertEqual(one, json.loads(alone.body))

    def test_N7_other_types(self) -> None:
        """
        Two subscriptions with the same text and different matcher types are in different
        collections; an unknown type is refused.
        """
        topic = a_topic()
        self.open({"match_urlpattern": topic})
        response = self.ask(f"{ROOT}/exact/{encoded(topic)}", "*")
        self.assertEqual([], json.loads(response.body)["subscriptions"])
        response = self.ask(f"{ROOT}/urlpattern/{encoded(topic)}", "*")
        self.assertEqual(1, len(json.loads(response.body)["subscriptions"]))
        self.assert_status(400, self.ask(f"{ROOT}/regexp/a/b", "*"))
        self.assert_status(400, self.ask(f"{ROOT}/exact/%zz", "*"))

    def test_N8_link(self) -> None:
        """
        Each answer, also a 404, links to the hub with the last event id after which a subscriber
        misses nothing.
        """
        last = self.hub.update(a_topic(), "x", id=a_topic('urn:N8:"\\:'))
        quoted = last.replace("\\", "\\\\").replace('"', '\\"')
        for path in (ROOT, f"{ROOT}/exact/a", f"{ROOT}/exact/a/urn:none"):
            link = self.ask(path, "*").headers["Link"]
            self.assertEqual(
                f'<{HUB}>; rel="mercure"; last-event-id="{quoted}"; type="mercure"; '
                'content-type="application/json"',
                link,
            )

    def test_N8_earliest(self) -> None:
        """
        Before the first update the id is ``earliest``.
        """
        other = self.fresh_hub(*KEYS, "--subscriptions")
        response = other.request("GET", ROOT, token=other.mint(subscribe=["*"]))
        self.assertIn('last-event-id="earliest"', response.headers["Link"])

    def test_N8_snapshot_and_stream(self) -> None:
        """
        A client that subscribes after the id in the answer sees all changes since the answer.
        """
        topic = a_topic()
        token = self.hub.mint(subscribe=["*"])
        link = self.ask(ROOT, "*").headers["Link"]
        self.open({"match": topic})
        found = re.search('last-event-id="([^"]*)"', link)
        assert found is not None
        pattern = f"{ROOT}/exact/{encoded(topic)}/*"
        query = {"match_urlpattern": pattern, "last_event_id": found[1]}
        event = self.open(query, token=token).next_event()
        self.assertEqual(topic, json.loads(event.data)["match"])

    def test_N9_etag(self) -> None:
        """
        A client with the newest answer gets 304, until the next event.
        """
        last = self.hub.update(a_topic(), "x")
        response = self.ask(ROOT, "*")
        tag = response.headers["ETag"]
        self.assertEqual(f'"{last}"', tag)
        self.assertIn("must-revalidate", response.headers["Cache-Control"])
        for given in (tag, f"W/{tag}", f'"a", {tag}', "*"):
            response = self.ask(ROOT, "*", If_None_Match=given)
            self.assert_status(304, response)
            self.assertEqual(b"", response.body)
            self.assertIn("Link", response.headers)
        self.hub.update(a_topic(), "x")
        self.assert_status(200, self.ask(ROOT, "*", If_None_Match=tag))

    def test_N9_etag_of_nothing(self) -> None:
        """
        A subscription that does not exist never gives 304.
        """
        response = self.ask(f"{ROOT}/exact/a/urn:none", "*", If_None_Match="*")
        self.assert_status(404, response)

    def test_N9_unsafe_id(self) -> None:
        """
        Characters that are not allowed in an ``ETag`` are percent-encoded.
        """
        self.hub.update(a_topic(), "x", id=a_topic('urn:N9:"% \u00e9'))
        tag = self.ask(ROOT, "*").headers["ETag"]
        self.assertIn("urn:N9:%22%25%20%C3%A9", tag)
        self.assert_status(304, self.ask(ROOT, "*", If_None_Match=tag))

    def test_N10_no_subscriber_key(self) -> None:
        """
        A hub without a key for subscribers refuses requests to the API, even if it lets everybody
        subscribe.
        """
        key = f"--publisher-{KEYS[0][2:]}"
        for options in ((key, KEYS[1], "--anonymous"), ("--tick=0",)):
            other = hub(*options, "--subscriptions")
            for token in (None, other.mint(subscribe=["*"])):
                self.assert_status(401, other.request("GET", ROOT, token=token))

    def test_N10_feature_is_off(self) -> None:
        """
        If the API is off, it answers 404, and the metadata says so.
        """
        other = hub(*KEYS)
        response = other.request("GET", ROOT, token=other.mint(subscribe=["*"]))
        self.assert_status(404, response)
        metadata = f"/.well-known/oauth-protected-resource{PATH}"
        for at, has in ((other, False), (self.hub, True)):
            document = json.loads(at.request("GET", metadata).body)
            self.assertIs(has, document["mercure_subscriptions"])

    def test_N11_plain_json(self) -> None:
        """
        Documents are plain JSON, without a context and without the last event id.
        """
        document = json.loads(self.ask(ROOT, "*").body)
        self.assertNotIn("@context", document)
        self.assertNotIn("last_event_id", document)
