"""
The matchers of a Mercure hub (section 3.1 of the protocol), clause by clause (X).
"""

import time

from ssetwist.mercure.topics._selectors import MATCHER_TYPES
from tests.conformance.mercure_hub import HUB, PATH, SECRET, MercureCase, a_topic, encoded
from tests.unit.mercure.fake_tokens import signed


class MatcherTests(MercureCase):
    """
    Topics that matchers match.
    """

    def hears(self, name: str, matcher: str, topic: str) -> bool:
        """
        Return true if a subscriber with a matcher gets an update of a topic.
        """
        last = a_topic("urn:last:")
        stream = self.open([(name, matcher), ("match", last)])
        self.assertEqual(200, stream.head.status, stream.head.body)
        self.hub.update(topic, "it")
        self.hub.update(last, "nothing")
        event = stream.next_event()
        stream.close()
        return event.data == "it"

    def assert_pattern(self, pattern: str, matching: list[str], others: list[str]) -> None:
        """
        Check a URL pattern with topics that it matches, and others.
        """
        for topic in (*matching, *others):
            hears = self.hears("match_urlpattern", pattern, topic)
            self.assertEqual(topic in matching, hears, (pattern, topic))

    def test_X1_exact(self) -> None:
        """
        An exact matcher is compared byte by byte, case-sensitively, and is not resolved.
        """
        for name in ("match", "match_exact"):
            self.assertTrue(self.hears(name, "/a/X1", "/a/X1"))
            for topic in ("/a/x1", "https://hub.example/a/X1", "/a/X1/", "/a/X1?", "a/X1"):
                self.assertFalse(self.hears(name, "/a/X1", topic), topic)

    def test_X1_no_pattern(self) -> None:
        """
        An exact matcher does not have wildcards.
        """
        self.assertFalse(self.hears("match", "/a/*", "/a/b"))
        self.assertFalse(self.hears("match", "/a/{id}", "/a/b"))
        self.assertTrue(self.hears("match", "/a/{id}", "/a/{id}"))

    def test_X2_urlpattern(self) -> None:
        """
        A URL pattern is one of WHATWG: names, wildcards, groups, regular expressions, modifiers.
        """
        for pattern, topic, other in (
            (
                "https://example.com/books/:id",
                "https://example.com/books/1",
                "https://example.com/",
            ),
            ("https://example.com/*", "https://example.com/a/b", "https://example.org/a/b"),
            ("https://*.example.com/a", "https://b.example.com/a", "https://example.com/a"),
            ("/books{/:id}?", "/books", "/book"),
            (r"/books/(\d+)", "/books/12", "/books/a"),
            ("/a/:b+", "/a/b/c", "/a"),
            ("/a?b=*", "/a?b=c", "/a?c=b"),
        ):
            self.assert_pattern(pattern, [topic], [other])

    def test_X2_base_url(self) -> None:
        """
        Relative patterns and relative topics are resolved against the hub's URL.
        """
        self.assert_pattern("/a/:b", ["/a/1", "https://hub.example/a/1"], ["https://x.example/a/1"])
        self.assert_pattern("https://hub.example/a/:b", ["/a/2"], ["a/2"])
        self.assert_pattern("https://hub.example/.well-known/:b", ["c"], ["/c"])

    def test_X2_case(self) -> None:
        """
        Patterns are case-sensitive.
        """
        self.assert_pattern("/Books/:id", ["/Books/1"], ["/books/1"])

    def test_X3_no_url(self) -> None:
        """
        Only the URL pattern ``*`` matches a topic that is not even a relative URL.
        """
        for pattern in ("*://*/*", "/*", "https://*/*"):
            self.assertFalse(self.hears("match_urlpattern", pattern, "http://["), pattern)
        self.assertTrue(self.hears("match_urlpattern", "*", "http://["))

    def test_X4_expensive_patterns(self) -> None:
        """
        A pattern that is expensive to compile is refused; a hundred ordinary patterns are accepted.
        """
        for pattern in (r"/(\D{100})", "/((?:(?:a{99}){99}){99})", "/" + ":a{b}?" * 400):
            response = self.hub.request("GET", f"?match_urlpattern={encoded(pattern)}")
            self.assert_status(400, response)
        names = "/".join(f":name{number}" for number in range(12))
        stream = self.open([("match_urlpattern", f"/X4/{number}/{names}") for number in range(100)])
        self.assertEqual(200, stream.head.status, stream.head.body)

    def test_X4_linear_time(self) -> None:
        """
        Nested repetitions, which never end in other engines, are matched at once.
        """
        topic = "/X4/" + "a" * 2000 + "!"
        self.assert_pattern("/X4/((?:a+)+)", [topic.replace("!", "")], [topic])

    def test_X5_unknown_type(self) -> None:
        """
        An unknown matcher type is refused; in a token it makes the whole token invalid.
        """
        self.assert_status(400, self.hub.request("GET", "?match_regexp=a"))
        for match in ("a", "*"):
            details = [
                {
                    "type": "https://mercure.rocks/authorization-detail",
                    "actions": ["subscribe"],
                    "topics": [{"match": "a"}, {"match": match, "match_type": "regexp"}],
                }
            ]
            claims = {
                "iss": HUB,
                "aud": HUB,
                "exp": time.time() + 60,
                "authorization_details": details,
            }
            token = signed(claims, SECRET, typ="at+jwt")
            response = self.hub.request("GET", "?match=a", token=token)
            self.assert_status(401, response)
            self.assertIn("invalid_token", response.headers["WWW-Authenticate"])

    def test_X6_types(self) -> None:
        """
        The hub has the two types that every hub has, so the metadata need not list them.
        """
        self.assertEqual(("exact", "urlpattern"), MATCHER_TYPES)
        response = self.hub.request("GET", f"/.well-known/oauth-protected-resource{PATH}")
        self.assertNotIn(b"mercure_matcher_types_supported", response.body)

    def test_X7_surprises(self) -> None:
        """
        A pattern without a query matches any query; a slash at the end matters; a name ends at a
        slash; URNs are only matched exactly; and a plain name is relative to the hub.
        """
        self.assert_pattern("/X7/a", ["/X7/a", "/X7/a?b=c", "/X7/a#b"], ["/X7/a/"])
        self.assert_pattern("/X7/:x", ["/X7/b"], ["/X7/b/c"])
        self.assert_pattern("urn:*", [], ["urn:uuid:1"])
        self.assert_pattern("room-*", ["room-1", "/.well-known/room-1"], ["/room-1"])

    def test_X8_look_ahead(self) -> None:
        """
        A pattern with look-ahead is refused, although browsers accept it.
        """
        response = self.hub.request("GET", f"?match_urlpattern={encoded('/(?!a).*')}")
        self.assert_status(400, response)
