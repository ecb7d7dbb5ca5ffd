"""
Rights in tokens of 1.0 (section 8 of the checklist).
"""

import json
from collections.abc import Iterable
from typing import Any

from tests.conformance.mercure_hub import a_topic, encoded
from tests.conformance.mercure_publisher import (
    DETAIL_TYPE,
    PublisherCase,
    access_token,
    detail,
    log_lines,
)


class DetailCase(PublisherCase):
    """
    Tests of tokens with ``authorization_details``.
    """

    options = ("--anonymous", "--subscriptions")

    def status_of(self, token: str, *topics: str) -> int:
        """
        Publish with a token; return the status.
        """
        fields = [("topic", topic) for topic in topics or ("/a",)]
        return self.hub.publish(fields, token=token).status

    def assert_invalid(self, *details: Any, why: str = "authorization_details") -> None:
        """
        Check that a token with these details is refused, even if it also has a good one.

        :param why: A part of the reason in the log.
        """
        good = detail("publish", "*")
        for claim in ([*details, good], [good, *details]):
            token = access_token(authorization_details=claim)
            with log_lines() as lines:
                response = self.hub.publish({"topic": "/a"}, token=token)
            self.assert_status(401, response)
            self.assertIn('error="invalid_token"', response.headers["WWW-Authenticate"])
            self.assertTrue(any(why in line for line in lines), lines)

    def sees(self, token: str, update: Iterable[str], *matchers: str) -> bool:
        """
        Return true if a subscriber gets a private update.

        :param update: The topics of the update.
        :param matchers: Matchers of the subscriber, to which a marker is added.
        """
        marker = a_topic()
        stream = self.open([("match", one) for one in (*matchers, marker)], token=token)
        fields = [("topic", topic) for topic in update]
        self.assert_status(200, self.hub.publish([*fields, ("data", "secret"), ("private", "")]))
        self.hub.update(marker, "marker")
        return stream.next_event().data == "secret"


class DetailTests(DetailCase):
    """
    The claim and the rights that it grants.
    """

    def test_D1_members(self) -> None:
        """
        A detail must have a type, actions and topics, and these must not be empty.
        """
        self.assertEqual(200, self.status_of(access_token()))
        for changes in (
            {"actions": None},
            {"actions": []},
            {"actions": "publish"},
            {"actions": {"publish": 1}},
            {"topics": None},
            {"topics": []},
            {"topics": "*"},
            {"topics": {"match": "*"}},
        ):
            self.assert_invalid({**detail("publish", "/a"), **changes})
        for name in ("actions", "topics"):
            incomplete = detail("publish", "/a")
            del incomplete[name]
            self.assert_invalid(incomplete)

    def test_D1_payload(self) -> None:
        """
        A payload may be any JSON value, as in the reference; the specification knows only objects.
        """
        for payload in ({"a": 1}, [1], "x", 0, None):
            token = access_token(authorization_details=[detail("publish", "*", payload=payload)])
            self.assertEqual(200, self.status_of(token))

    def test_D1_claim(self) -> None:
        """
        The claim is an array of objects.
        """
        for claim in ({}, "x", 1, True, detail("publish", "*")):
            token = access_token(authorization_details=claim)
            self.assertEqual(401, self.status_of(token))
        for entry in (None, "x", 1, [], [detail("publish", "*")]):
            self.assert_invalid(entry)

    def test_D2_other_types(self) -> None:
        """
        A detail of another type is ignored, whatever it contains.
        """
        good = detail("publish", "/a")
        for other in (
            {"type": "payment_initiation", "actions": 1, "topics": "x"},
            {"type": f"{DETAIL_TYPE}/", "actions": ["publish"], "topics": [{"match": "/b"}]},
            {"type": DETAIL_TYPE.upper(), "actions": ["publish"], "topics": [{"match": "/b"}]},
            {"type": [DETAIL_TYPE], "actions": ["publish"], "topics": [{"match": "/b"}]},
            {"type": None},
            {},
        ):
            token = access_token(authorization_details=[other, good])
            self.assertEqual((200, 403), (self.status_of(token), self.status_of(token, "/b")))

    def test_D3_actions(self) -> None:
        """
        Unknown actions are ignored; an action that is not a string makes the token invalid.
        """
        unknown = detail("publish", "/b") | {"actions": ["delete", "PUBLISH", "", "*"]}
        both = detail("publish", "/a") | {"actions": ["delete", "publish"]}
        token = access_token(authorization_details=[unknown, both])
        self.assertEqual((200, 403), (self.status_of(token), self.status_of(token, "/b")))
        for action in (None, 1, ["publish"], {}):
            self.assert_invalid(detail("publish", "/a") | {"actions": ["publish", action]})

    def test_D4_topics(self) -> None:
        """
        An entry has a matcher and a type, which is ``exact`` by default.
        """
        for entry in (
            "/a",
            None,
            1,
            {},
            {"match": None},
            {"match": ""},
            {"match": 1},
            {"match": ["/a"]},
            {"match": "/a", "match_type": "Exact"},
            {"match": "/a", "match_type": "regexp"},
            {"match": "*", "match_type": "regexp"},
            {"match": "/a", "match_type": ""},
            {"match": "/a", "match_type": None},
            {"match": "/a", "match_type": ["exact"]},
            {"match": "/a\n"},
            {"match": "/\u202ea"},
            {"match": "/(", "match_type": "urlpattern"},
            {"match": "/:a:a", "match_type": "urlpattern"},
        ):
            self.assert_invalid(detail("publish", "/b") | {"topics": [{"match": "/b"}, entry]})

    def test_D4_types(self) -> None:
        """
        Each type of matcher matches as it does for subscribers.
        """
        for entry, topic, other in (
            ({"match": "/a"}, "/a", "/A"),
            ({"match": "/a", "match_type": "exact"}, "/a", "/a/"),
            ({"match": "/:a", "match_type": "exact"}, "/:a", "/a"),
            ({"match": "/:a", "match_type": "urlpattern"}, "/a", "/a/b"),
            (
                {"match": "https://*.x.example/*", "match_type": "urlpattern"},
                "https://a.x.example/b",
                "https://x.example/b",
            ),
        ):
            token = access_token(authorization_details=[detail("publish", entry)])
            found = self.status_of(token, topic), self.status_of(token, other)
            self.assertEqual((200, 403), found, entry)

    def test_D5_all_or_nothing(self) -> None:
        """
        One bad detail makes the whole token invalid, even for the other action, and even where
        tokens are optional.
        """
        bad = detail("subscribe", {"match": "/a", "match_type": "regexp"})
        token = access_token(authorization_details=[detail("publish", "*"), bad])
        self.assertEqual(401, self.status_of(token))
        self.assertEqual(401, self.open({"match": "/a"}, token=token).head.status)

    def test_D6_limits(self) -> None:
        """
        A token may have 100 details, 100 topics in all details together, and 4096 bytes per
        matcher; more make it invalid.
        """
        for details, status in (
            ([detail("publish", "/a")] * 100, 200),
            ([detail("publish", "/a")] * 101, 401),
            ([detail("publish", *["/a"] * 100)], 200),
            ([detail("publish", *["/a"] * 101)], 401),
            ([detail("publish", *["/a"] * 60), detail("publish", *["/b"] * 41)], 401),
            ([detail("publish", "/a", "x" * 4096)], 200),
            ([detail("publish", "/a", "x" * 4097)], 401),
            ([detail("publish", "/a", "é" * 2049)], 401),
        ):
            token = access_token(authorization_details=details)
            self.assertEqual(status, self.status_of(token), str(details)[:100])

    def test_D6_head(self) -> None:
        """
        A token that does not fit into the head of a request gets 431, before it is read.  The
        specification lacks this limit, and would demand 401.
        """
        token = access_token(authorization_details=[detail("publish", *["x" * 200] * 100)])
        self.assertEqual(431, self.status_of(token))

    def test_D7_star(self) -> None:
        """
        The wildcard grants every topic, with either type.
        """
        for entry in (
            {"match": "*"},
            {"match": "*", "match_type": "exact"},
            {"match": "*", "match_type": "urlpattern"},
        ):
            token = access_token(authorization_details=[detail("publish", entry)])
            topics = ("/a", "urn:x", "https://other.example/", "no url at all: [")
            self.assertEqual(200, self.status_of(token, *topics))

    def test_D8_private_updates(self) -> None:
        """
        A subscriber gets a private update if it asks for one of its topics and is granted one of
        them, which may be another one.
        """
        granted, asked, other = a_topic(), a_topic(), a_topic()
        token = self.hub.mint(subscribe=[granted])
        self.assertTrue(self.sees(token, [granted, asked], asked))
        self.assertTrue(self.sees(token, [asked, granted], asked))
        self.assertTrue(self.sees(token, [granted], granted))
        self.assertFalse(self.sees(token, [asked, other], asked))
        self.assertFalse(self.sees(token, [granted], asked))
        self.assertFalse(self.sees(token, [other], "*"))
        self.assertTrue(self.sees(token, [granted], "*"))

    def test_D8_no_token(self) -> None:
        """
        A client without a token gets no private updates.
        """
        topic, marker = a_topic(), a_topic()
        stream = self.open([("match", "*"), ("match_urlpattern", "*")])
        self.hub.update(topic, "secret", private="")
        self.hub.update(marker, "marker")
        self.assertEqual("marker", stream.next_event().data)

    def test_D9_no_detail(self) -> None:
        """
        A token without a Mercure detail is valid, but without rights.
        """
        topic = a_topic()
        for claim in ([], [{"type": "other"}], None):
            token = access_token(authorization_details=claim)
            self.assertEqual(403, self.status_of(token))
            self.assertFalse(self.sees(token, [topic], topic))

    def test_D9_null(self) -> None:
        """
        A claim of ``null`` counts as missing.
        """
        token = access_token(authorization_details=None, mercure={"publish": ["*"]})
        self.assertEqual(403, self.status_of(token))


class PayloadTests(DetailCase):
    """
    Payloads of subscriptions.
    """

    def payload_of(self, match: str, *details: Any, name: str = "match") -> Any:
        """
        Return the payload of a subscription, or ``"none"``.
        """
        self.open([(name, match)], token=access_token(authorization_details=[*details]))
        kind = "exact" if name == "match" else "urlpattern"
        path = f"/subscriptions/{kind}/{encoded(match)}"
        found = self.hub.request("GET", self.hub.path + path, token=access_token())
        self.assert_status(200, found)
        (document,) = json.loads(found.body)["subscriptions"]
        return document.get("payload", "none")

    def test_D10_first_detail(self) -> None:
        """
        A subscription has the payload of the first detail that grants its matcher.
        """
        topic = a_topic()
        first = detail("subscribe", a_topic(), payload={"number": 1})
        second = detail("subscribe", "/x", topic, payload={"number": 2})
        third = detail("subscribe", "*", payload={"number": 3})
        self.assertEqual({"number": 2}, self.payload_of(topic, first, second, third))

    def test_D10_order(self) -> None:
        """
        The first matching detail counts, even if a later one is more precise.
        """
        topic = a_topic()
        every = detail("subscribe", "*", payload={"number": 1})
        exact = detail("subscribe", topic, payload={"number": 2})
        self.assertEqual({"number": 1}, self.payload_of(topic, every, exact))

    def test_D10_matcher_as_topic(self) -> None:
        """
        A detail grants a subscription if it matches the matcher's text as a topic.
        """
        prefix = a_topic()
        pattern = {"match": f"{prefix}/*", "match_type": "urlpattern"}
        granted = detail("subscribe", pattern, payload={"number": 1})
        self.assertEqual({"number": 1}, self.payload_of(f"{prefix}/a", granted))
        text = f"{prefix}/:id"
        self.assertEqual({"number": 1}, self.payload_of(text, granted, name="match_urlpattern"))
        self.assertEqual("none", self.payload_of("https://*/x", granted, name="match_urlpattern"))

    def test_D10_none(self) -> None:
        """
        If the first matching detail has no payload, the subscription has no payload either.
        """
        topic = a_topic()
        bare = detail("subscribe", topic)
        other = detail("subscribe", "*", payload={"number": 2})
        self.assertEqual("none", self.payload_of(topic, bare, other))

    def test_D10_publish(self) -> None:
        """
        A detail that only grants publishing does not give a payload.
        """
        topic = a_topic()
        publish = detail("publish", topic, payload={"number": 1})
        subscribe = detail("subscribe", topic, payload={"number": 2})
        self.assertEqual({"number": 2}, self.payload_of(topic, publish, subscribe))
