"""
Clients of Mercure 0.x: section 16 of the protocol clause by clause (Z), and telling the two
dialects apart (section 0).
"""

import json
import time
from typing import Any

from tests.conformance.mercure_hub import (
    HUB,
    KEYS,
    PATH,
    SECRET,
    MercureCase,
    Response,
    Stream,
    a_topic,
    encoded,
    hub,
)
from tests.unit.mercure.fake_tokens import signed

ROOT = f"{PATH}/subscriptions"

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class DialectTests(MercureCase):
    """
    Both dialects at the same URL; the hub recognises the dialect of each request (section 0).
    """

    def test_0_cursor_parameters(self) -> None:
        """
        The last event id may be in any of the parameters that clients use.
        """
        topic = a_topic()
        first = self.hub.update(topic, "1")
        self.hub.update(topic, "2")
        for name in ("last_event_id", "lastEventID", "lastEventId", "Last-Event-ID"):
            stream = self.open({"topic": topic, name: first})
            self.assertEqual("2", stream.next_event().data, name)

    def test_0_cursor_headers(self) -> None:
        """
        The answer names the last event in the headers of both dialects.
        """
        id = self.hub.update(a_topic(), "1")
        headers = self.open({"topic": "a", "lastEventID": id}).head.headers
        self.assertEqual(id, headers["Mercure-Last-Event-ID"])
        self.assertEqual(id, headers["Last-Event-ID"])

    def test_0_mixed_parameters(self) -> None:
        """
        A request may have matchers of 1.0 and selectors of 0.x together.
        """
        one, other = a_topic(), a_topic()
        stream = self.open({"match": one, "topic": other})
        for topic in (one, other):
            self.hub.update(topic, topic)
            self.assertEqual(topic, stream.next_event().data)

    def test_0_mixed_token(self) -> None:
        """
        A token of one dialect works for a request in the other.
        """
        topic = a_topic()
        for name, token in (
            ("topic", self.hub.mint(subscribe=[topic])),
            ("match", self.hub.mint_legacy(subscribe=[topic])),
        ):
            stream = self.open({name: topic}, token=token)
            self.hub.update(topic, name, private="on")
            self.assertEqual(name, stream.next_event().data)

    def test_0_no_relaxation(self) -> None:
        """
        A token that looks like one of 1.0 is checked by the rules of 1.0, even if those of 0.x
        would accept it.
        """
        now = time.time()
        good: dict[str, Any] = {
            "iss": HUB,
            "aud": HUB,
            "exp": now + 60,
            "mercure": {"subscribe": ["*"]},
        }
        self.assert_status(200, self._head(signed(good, SECRET, typ="at+jwt")))
        for wrong in ({"aud": "https://other.example"}, {"iss": "x"}, {"exp": None}):
            token = signed({**good, **wrong}, SECRET, typ="at+jwt")
            self.assert_status(401, self._head(token))
        details = {**good, "authorization_details": []}
        self.assert_status(401, self._head(signed(details, SECRET, typ="JWT")))

    def test_0_no_claim_of_other_dialect(self) -> None:
        """
        The claim of 0.x grants nothing in a token of 1.0.
        """
        topic = a_topic()
        claims = {
            "iss": HUB,
            "aud": HUB,
            "exp": time.time() + 60,
            "mercure": {"subscribe": ["*"]},
        }
        stream = self.open({"match": topic}, token=signed(claims, SECRET, typ="at+jwt"))
        self.hub.update(topic, "secret", private="on")
        self.hub.update(topic, "public")
        self.assertEqual("public", stream.next_event().data)

    def test_0_switched_off(self) -> None:
        """
        One option turns off all of 0.x: selectors, tokens, cookie, and tokens in URLs.
        """
        other = hub(*KEYS, "--no-legacy", "--subscriptions")
        token, legacy = other.mint(subscribe=["*"]), other.mint_legacy(subscribe=["*"])
        self.assert_status(400, other.request("GET", "?topic=a", token=token))
        self.assert_status(401, other.request("GET", "?match=a", token=legacy))
        cookie = {"Cookie": f"mercureAuthorization={token}"}
        self.assert_status(401, other.request("GET", "?match=a", cookie))
        self.assert_status(401, other.request("GET", f"?match=a&authorization={legacy}"))
        self.assert_status(400, other.request("GET", f"{ROOT}/a/b", token=token))
        self.assertEqual(200, self.open_at(other, {"match": "a"}, token=token).head.status)

    def _head(self, token: str) -> Response:
        return self.hub.request("HEAD", "?match=a", token=token)


class SelectorTests(MercureCase):
    """
    The parameter ``topic``.
    """

    def hears(self, selector: str, topic: str) -> bool:
        """
        Return true if a subscriber with a selector gets an update of a topic.
        """
        last = a_topic("urn:last:")
        stream = self.open([("topic", selector), ("match", last)])
        self.assertEqual(200, stream.head.status, stream.head.body)
        self.hub.update(topic, "it")
        self.hub.update(last, "nothing")
        event = stream.next_event()
        stream.close()
        return event.data == "it"

    def test_Z1_selectors(self) -> None:
        """
        A selector is ``*`` for all topics, a topic, or a URI template.
        """
        for selector, topic in (
            ("*", a_topic()),
            ("*", "{"),
            ("/Z1/a", "/Z1/a"),
            ("/Z1/{id}", "/Z1/a"),
            ("/Z1/{id}", "/Z1/{id}"),
        ):
            self.assertTrue(self.hears(selector, topic), (selector, topic))
        for selector in ("/Z1/*", "/Z1/:id", "/z1/a", "/Z1/a/"):
            self.assertFalse(self.hears(selector, "/Z1/a"), selector)

    def test_Z1_several(self) -> None:
        """
        A request may have several selectors.
        """
        one, other = a_topic(), a_topic()
        stream = self.open([("topic", one), ("topic", other)])
        for topic in (one, other):
            self.hub.update(topic, topic)
            self.assertEqual(topic, stream.next_event().data)

    def test_Z1_too_many(self) -> None:
        """
        Selectors and matchers together may be a hundred; 0.24 takes a thousand.
        """
        query = "&".join(f"topic={number}" for number in range(100))
        self.assertEqual(200, self.open(query).head.status)
        self.assert_status(400, self.hub.request("GET", f"?{query}&match=a"))

    def test_Z2_simple(self) -> None:
        """
        ``{x}`` stands for any number of unreserved characters, and does not match a slash.
        """
        for topic in ("/Z2/1.jsonld", "/Z2/a-b_c~d.jsonld", "/Z2/%20a.jsonld", "/Z2/.jsonld"):
            self.assertTrue(self.hears("/Z2/{id}.jsonld", topic), topic)
        for topic in (
            "/Z2/a/b.jsonld",
            "/Z2/a:b.jsonld",
            "/Z2/a?.jsonld",
            "/Z2/a.jsonldx",
            "x/Z2/",
        ):
            self.assertFalse(self.hears("/Z2/{id}.jsonld", topic), topic)

    def test_Z2_reserved(self) -> None:
        """
        ``{+x}`` also stands for reserved characters, and so for paths and whole URLs.
        """
        for topic in ("https://example.com/a/b?c=d#e", "https://example.com/"):
            self.assertTrue(self.hears("https://example.com/{+path}", topic), topic)
            self.assertTrue(self.hears("{+url}", topic), topic)
        self.assertFalse(self.hears("https://example.com/{+path}", "https://example.org/"))

    def test_Z2_operators(self) -> None:
        """
        Other expressions stand for text that begins with the character of their operator, or for
        nothing.
        """
        for template, matching, other in (
            ("/Z2o{/a,b}", ("/Z2o", "/Z2o/1", "/Z2o/1/2"), "/Z2o/1/2/3"),
            ("/Z2o{/a*}", ("/Z2o/1/2/3/4",), "/Z2o1"),
            ("/Z2o{?a}", ("/Z2o", "/Z2o?a=1"), "/Z2oa=1"),
            ("/Z2o{.a}", ("/Z2o.html",), "/Z2ohtml"),
            ("/Z2o{;a}", ("/Z2o;a=1",), "/Z2o,a=1"),
            ("/Z2o?x=1{&a}", ("/Z2o?x=1&a=2",), "/Z2o?x=1?a=2"),
            ("/Z2o{#a}", ("/Z2o#b",), "/Z2o?b"),
        ):
            for topic in matching:
                self.assertTrue(self.hears(template, topic), (template, topic))
            self.assertFalse(self.hears(template, other), (template, other))

    def test_Z2_whole(self) -> None:
        """
        A template matches whole topics, case-sensitively.
        """
        self.assertFalse(self.hears("/Z2w/{id}", "/Z2w/a/"))
        self.assertFalse(self.hears("/Z2w/{id}", "https://example.com/Z2w/a"))
        self.assertFalse(self.hears("/Z2w/{id}", "/Z2W/a"))

    def test_Z2_no_template(self) -> None:
        """
        Text that is not a template is a topic.
        """
        for text in ("/Z2n/{", "/Z2n/{}", "/Z2n/{a", "/Z2n/{!a}"):
            self.assertTrue(self.hears(text, text), text)
            self.assertFalse(self.hears(text, "/Z2n/a"), text)


class LegacyTokenTests(MercureCase):
    """
    Tokens of 0.x, and the rights that they give to subscribers.
    """

    def gets(self, topic: str, token: str) -> bool:
        """
        Return true if a subscriber with a token gets a private update.
        """
        stream = self.open({"topic": topic}, token=token)
        self.assertEqual(200, stream.head.status, stream.head.body)
        self.hub.update(topic, "secret", private="on")
        self.hub.update(topic, "public")
        event = stream.next_event()
        stream.close()
        return event.data == "secret"

    def test_Z3_token(self) -> None:
        """
        Any JWT with a good signature is accepted, with or without a type, and needs no claim but
        ``mercure``.
        """
        topic = a_topic()
        claims = {"mercure": {"subscribe": [topic]}}
        for typ in ("JWT", None):
            self.assertTrue(self.gets(topic, signed(claims, SECRET, typ=typ)))
        other = signed(claims, b"another secret of thirty-two bytes or more", typ="JWT")
        self.assert_status(401, self.hub.request("GET", "?topic=a", token=other))

    def test_Z3_expiry(self) -> None:
        """
        A token with a time of expiry is refused after that time, and its stream ends then.
        """
        expired = self.hub.mint_legacy(subscribe=["*"], lifetime=-1)
        self.assert_status(401, self.hub.request("GET", "?topic=a", token=expired))
        token = self.hub.mint_legacy(subscribe=["*"], lifetime=2)
        self.open({"topic": "a"}, token=token).read_to_end()

    def test_Z5_subscribe(self) -> None:
        """
        The claim grants private updates only; public ones need no grant.
        """
        topic = a_topic("/Z5/")
        for granted, expected in (
            ([topic], True),
            (["/Z5/{id}"], True),
            (["*"], True),
            (["/other"], False),
            ([], False),
            (None, False),
        ):
            token = self.hub.mint_legacy(subscribe=granted)
            self.assertEqual(expected, self.gets(topic, token), granted)

    def test_Z5_payload(self) -> None:
        """
        All subscriptions with a token have the payload in its claim.
        """
        one, other = a_topic(), a_topic()
        token = self.hub.mint_legacy(subscribe=["*"], payload={"name": "Anna"})
        self.open([("topic", one), ("topic", other)], token=token)
        for topic in (one, other):
            response = self.hub.request("GET", f"{ROOT}/{encoded(topic)}", token=token)
            [subscription] = json.loads(response.body)["subscriptions"]
            self.assertEqual({"name": "Anna"}, subscription["payload"])

    def test_Z6_errors(self) -> None:
        """
        A request without the needed grant gets 401, and a request without a topic gets 400.
        """
        other = hub(*KEYS, "--subscriptions")
        self.assert_status(401, other.request("GET", "?topic=a"))
        token = other.mint_legacy(subscribe=["/other"])
        self.assert_status(401, other.request("GET", ROOT, token=token))
        self.assert_status(401, other.publish({"topic": "a"}, token=token))
        self.assert_status(400, other.request("GET", "", token=token))

    def test_Z9_cookie(self) -> None:
        """
        The token may be in the cookie ``mercureAuthorization``.
        """
        topic = a_topic()
        token = self.hub.mint_legacy(subscribe=[topic])
        stream = self.open({"topic": topic}, {"Cookie": f"a=b; mercureAuthorization={token}"})
        self.hub.update(topic, "secret", private="on")
        self.assertEqual("secret", stream.next_event().data)

    def test_Z9_parameter(self) -> None:
        """
        The token may be in the URL; there it wins over a cookie, and a header wins over it.
        """
        topic = a_topic()
        good, other = self.hub.mint_legacy(subscribe=[topic]), self.hub.mint_legacy()
        query = {"topic": topic, "authorization": good}
        for headers, token, expected in (
            ({}, None, "secret"),
            ({"Cookie": f"mercureAuthorization={other}"}, None, "secret"),
            ({}, other, "public"),
        ):
            stream = self.open(query, headers, token=token)
            self.hub.update(topic, "secret", private="on")
            self.hub.update(topic, "public")
            self.assertEqual(expected, stream.next_event().data)
        token = self.hub.mint(subscribe=["*"])
        response = self.hub.request("GET", f"?topic=a&authorization={token}")
        self.assert_status(401, response)


class LegacySubscriptionTests(MercureCase):
    """
    Active subscriptions in the documents of 0.x.
    """

    def watch(self, topic: str) -> Stream:
        """
        Subscribe to announcements of subscriptions to a topic.
        """
        template = f"{ROOT}/{encoded(topic)}{{/subscriber}}"
        token = self.hub.mint_legacy(subscribe=[f"{ROOT}{{/topic}}{{/subscriber}}"])
        return self.open({"topic": template}, token=token)

    def test_Z7_event(self) -> None:
        """
        An announcement lacks a type, its topic lacks the matcher type, and its data is JSON-LD.
        """
        topic = a_topic()
        watcher = self.watch(topic)
        self.open({"topic": topic})
        event = watcher.next_event()
        document = json.loads(event.data)
        self.assertNotIn(b"event:", watcher.raw)
        path = f"{ROOT}/{encoded(topic)}/{encoded(document['subscriber'])}"
        self.assertEqual(
            {
                "@context": "https://mercure.rocks/",
                "id": path,
                "type": "Subscription",
                "topic": topic,
                "subscriber": document["subscriber"],
                "active": True,
            },
            document,
        )

    def test_Z7_end(self) -> None:
        """
        The end of a subscription is announced in the same form.
        """
        topic = a_topic()
        watcher = self.watch(topic)
        self.open({"topic": topic}).close()
        began, ended = (json.loads(event.data) for event in watcher.next_events(2))
        self.assertEqual({**began, "active": False}, ended)

    def test_Z7_documents(self) -> None:
        """
        The documents are JSON-LD with the id of the last event.
        """
        topic = a_topic()
        self.open({"topic": topic})
        token = self.hub.mint_legacy(subscribe=["*"])
        path = f"{ROOT}/{encoded(topic)}"
        response = self.hub.request("GET", path, token=token)
        self.assertEqual("application/ld+json", response.headers["Content-Type"])
        document = json.loads(response.body)
        self.assertEqual({"@context", "id", "type", "lastEventID", "subscriptions"}, set(document))
        self.assertEqual((path, "Subscriptions"), (document["id"], document["type"]))
        [subscription] = document["subscriptions"]
        self.assertEqual(("Subscription", topic), (subscription["type"], subscription["topic"]))
        single = self.hub.request("GET", subscription["id"], token=token)
        self.assertEqual("application/ld+json", single.headers["Content-Type"])
        document = json.loads(single.body)
        self.assertTrue(document["lastEventID"])
        self.assertEqual("https://mercure.rocks/", document["@context"])
        self.assertEqual(subscription["id"], document["id"])

    def test_Z7_all(self) -> None:
        """
        The path of all subscriptions selects those of the token's dialect.
        """
        topic, other = a_topic(), a_topic()
        self.open({"topic": topic, "match": other})
        for token, type, wanted, unwanted in (
            (self.hub.mint_legacy(subscribe=["*"]), "Subscriptions", topic, other),
            (self.hub.mint(subscribe=["*"]), "subscriptions", other, topic),
        ):
            document = json.loads(self.hub.request("GET", ROOT, token=token).body)
            self.assertEqual(type, document["type"])
            found = [one.get("topic") or one.get("match") for one in document["subscriptions"]]
            self.assertIn(wanted, found)
            self.assertNotIn(unwanted, found)

    def test_Z7_etag(self) -> None:
        """
        The entity tag is quoted, as HTTP requires; 0.24 sends it without quotes.
        """
        token = self.hub.mint_legacy(subscribe=["*"])
        response = self.hub.request("GET", ROOT, token=token)
        self.assertRegex(response.headers["ETag"], '^"[^"]+"$')

    def test_Z7_authorization(self) -> None:
        """
        The token must grant the path with its query.
        """
        token = self.hub.mint_legacy(subscribe=[ROOT])
        self.assert_status(200, self.hub.request("GET", ROOT, token=token))
        self.assert_status(401, self.hub.request("GET", f"{ROOT}?a=b", token=token))
        token = self.hub.mint_legacy(subscribe=[f"{ROOT}{{?a}}"])
        self.assert_status(200, self.hub.request("GET", f"{ROOT}?a=b", token=token))

    def test_Z8_ambiguous_path(self) -> None:
        """
        Two segments are a collection of 1.0 if the first is the name of a matcher type, and
        otherwise one subscription of 0.x.
        """
        token = self.hub.mint_legacy(subscribe=["*"])
        for type in ("exact", "urlpattern"):
            response = self.hub.request("GET", f"{ROOT}/{type}/a", token=token)
            self.assertEqual("application/json", response.headers["Content-Type"])
            self.assertEqual("subscriptions", json.loads(response.body)["type"])
        self.assert_status(404, self.hub.request("GET", f"{ROOT}/a/b", token=token))
