"""
Routes of URL patterns match what the library matches.
"""

import tracemalloc
from functools import partial
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from urlpattern import URLPattern

from ssetwist.matching import Pattern
from ssetwist.matching._url_routes import UrlCut, _parsed, url_route
from ssetwist.matching.routes import MAX_SEGMENTS, MAX_TEXT
from tests.cost import assert_linear

BASE = "https://hub.example/.well-known/mercure"

_TEXTS = (
    "a", "b", "rooms", "1", "A", "x.json", "a b", "é", "%7E", "~", "%2F", "%", "..", ".", "", "^",
    "|", "'", "`", "<", "@", "!", "$", "+", "-", "_", ";", ",", "=", "&", '"', "\\\\", "%zz",
)  # fmt: skip

_ORIGINS = (
    "", "", "https://hub.example", "http://hub.example", "HTTPS://HUB.EXAMPLE:443",
    "https://hub.example:8443", "//other.example", "https://u:p@hub.example",
    "https://café.example", "https://xn--caf-dma.example", "urn:x", "https://*.example",
)  # fmt: skip

_LABELS = ("hub", "example", "a-b", "-a", "a-", "1", "1a", "0x7f", "xn--a", "A", "a_b", "é", "")

_ENDS = ("", "", "", "?", "?a=1", "?*", "#", "#h", "?a#h", "?a b", "#é")

#: Segments that URLs have as they are.
PLAIN = st.sampled_from(("a", "b", "rooms", "1", "A", "x.json", "", "~"))

SEGMENTS = st.sampled_from((*_TEXTS, ":id", ":room", ":é1", "*", ":id.json", "a:b", "{b}", "x*"))


def made(segments: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """
    Make URLs, most of them relative, of such segments.
    """
    return st.builds(
        lambda origin, slash, parts, end: f"{origin}{slash}{'/'.join(parts)}{end}",
        st.sampled_from(_ORIGINS),
        st.sampled_from(("/", "/", "/", "")),
        st.lists(segments, max_size=4),
        st.sampled_from(_ENDS),
    )


class UrlRouteTests(SynchronousTestCase):
    def assert_route(self, pattern: str, *, is_route: bool) -> None:
        compiled: Any = URLPattern(pattern, BASE)
        self.assertEqual(is_route, url_route(compiled, BASE) is not None, pattern)

    def test_no_web_address(self) -> None:
        """
        A route matches neither a topic with another scheme nor one that is not a URL.
        """
        pattern = Pattern("/rooms/:room")
        self.assertTrue(pattern.routes)
        for topic in ("urn:rooms", "mailto:rooms/1", "https://[", "\ud800"):
            self.assertFalse(pattern.matches(topic), topic)

    def test_usual(self) -> None:
        """
        Paths of texts and names are routes, with a star at the end or without, relative or not.
        """
        for pattern in (
            "/a", "/", "/a/", "/rooms/:room", "/rooms/:room/messages", "/rooms/*", "/*", ":room",
            "https://hub.example/:a/:b", "http://hub.example:8080/a", "/a?x=1", "/:a#h", "/é/:b",
        ):  # fmt: skip
            self.assert_route(pattern, is_route=True)

    def test_others(self) -> None:
        """
        Everything else is left to the library.
        """
        for pattern in (
            "/:a.json", "/x-:a", "/a*", "/*/a", "/{a}?", "/:a?", "/:a+", "/:a*", "https://*.example/a",
            "https://:host/a", "*://hub.example/a", "urn:a:*", "/a?x=:y", "/(a|b)",
            "https://café.example/a", "https://u@hub.example/a", "https://hub.example:*/a",
        ):  # fmt: skip
            self.assert_route(pattern, is_route=False)

    def test_long(self) -> None:
        """
        A pattern with many segments, or with much text, is left to the library.
        """
        for ending, beside in (("", 1), ("?x", 3)):  # the origin; and the query and the fragment
            most = MAX_SEGMENTS - beside
            self.assert_route("/a" * most + ending, is_route=True)
            self.assert_route("/a" * (most + 1) + ending, is_route=False)
        self.assert_route("/" * 1200, is_route=False)
        self.assert_route("/" + "a" * (MAX_TEXT + 1), is_route=False)

    def test_long_topic(self) -> None:
        """
        A topic may have any number of segments after those of an open route, and must have as many
        as any other.
        """
        longest = Pattern("/a" * (MAX_SEGMENTS - 1), BASE)
        self.assertTrue(longest.matches("/a" * (MAX_SEGMENTS - 1)))
        for length in (MAX_SEGMENTS - 2, MAX_SEGMENTS, 1000):
            topic = "/a" * length
            self.assertTrue(Pattern("/a/*", BASE).matches(topic))
            self.assertFalse(longest.matches(topic))

    def test_two_cuts(self) -> None:
        """
        Only a pattern that asks for a query or a fragment has topics cut into these.
        """
        for pattern, is_whole in (
            ("/a", False),
            ("/a?*#*", False),
            ("/a?x", True),
            ("/a?x#*", True),
            ("/a?*#h", True),
            ("/a#h", True),
            ("/a#", True),
        ):
            [route] = Pattern(pattern, BASE).routes
            self.assertEqual(UrlCut(BASE, is_whole), route.cut, pattern)

    def test_below_with_query(self) -> None:
        """
        That nothing below a path is asked for holds for topics without a query.
        """
        pattern = Pattern("/a/b?x", BASE)
        self.assertTrue(pattern.matches("/a/b?x"))
        self.assertFalse(pattern.routes[0].may_match_below("/a"))

    @given(made(SEGMENTS), st.lists(PLAIN, min_size=1), st.lists(PLAIN, min_size=1))
    def test_below(self, pattern: str, begin: list[str], end: list[str]) -> None:
        """
        A pattern that matches a topic of plain segments says before that it may match below each
        beginning of the topic.
        """
        try:
            compiled: Any = URLPattern(pattern, BASE)
        except Exception:  # the library's own, for a text that is not a pattern
            return
        route, path = url_route(compiled, BASE), "".join(f"/{one}" for one in begin)
        if route is not None and route.matches(path + "".join(f"/{one}" for one in end)):
            self.assertTrue(route.may_match_below(path))

    def test_cuts_kept(self) -> None:
        """
        The cuts that are kept for the next subscriber take 8 KB at most for each topic.
        """
        cut = UrlCut(BASE)
        for ending in ("/a" * 60, "/\U0001f600" * 60, "/a" * 2000, "a" * 4000):
            tracemalloc.start()
            try:
                for number in range(20):
                    cut(f"/{number}{ending}")
                self.assertLess(tracemalloc.get_traced_memory()[0], 20 * 8 * 1024, ending[:9])
            finally:
                tracemalloc.stop()

    @given(
        st.sampled_from(("http://", "https://", "HTTP://", "https:/", "ftp://")),
        st.lists(st.sampled_from(_LABELS), min_size=1, max_size=3),
        st.sampled_from(("", "", ":8080", ":80", ":443", ":0", ":080", ":99999", ":")),
        st.lists(st.text(st.characters(max_codepoint=0xFF), max_size=3) | SEGMENTS, max_size=4),
    )
    @example("http://", ["a"], ":80", ["b"])
    @example("https://", ["a"], ":443", ["b"])
    @example("https://", ["a"], "", ["b", ".", "c"])
    @example("https://", ["a"], "", ["b", ".."])
    def test_plain(self, scheme: str, labels: list[str], port: str, path: list[str]) -> None:
        """
        A topic that looks as a library would write it is cut like any other.
        """
        topic = "/".join([f"{scheme}{'.'.join(labels)}{port}", *path])
        for is_whole in (False, True):
            cut = UrlCut(BASE, is_whole)
            self.assertEqual(_parsed(topic, BASE, is_whole), cut(topic))

    def test_linear(self) -> None:
        """
        Cutting takes time in proportion to the length of the topic.
        """
        for begin, part, end in (
            ("https://a", ".a", ""), ("https://a", "-", "_"), ("https://a", "/a", "?"),
            ("https://a/", "a", "."), ("https://", "1.", "1"),
        ):  # fmt: skip
            assert_linear(
                lambda size, begin=begin, part=part, end=end: partial(
                    UrlCut(BASE), begin + part * (size // len(part)) + end
                ),
                256,
            )

    @given(made(SEGMENTS), st.data())
    @example("/a/:b", None)
    def test_same_as_the_library(self, pattern: str, data: Any) -> None:
        """
        A route matches the topics that the library matches, whatever both look like.
        """
        try:
            compiled: Any = URLPattern(pattern, BASE)
        except Exception:  # the library's own, for a text that is not a pattern
            return
        route = url_route(compiled, BASE)
        if route is None:
            return
        likely = "/".join(
            "x" if one[:1] == ":" else "y/z" if one == "*" else one for one in pattern.split("/")
        )
        topics = [pattern, likely, likely.replace("x", ""), f"{likely}/", "\ud800", "", "https://["]
        if data is not None:
            topics += data.draw(st.lists(made(st.sampled_from(_TEXTS)), max_size=5))
        for topic in topics:
            expected = topic.isprintable() and bool(compiled.test(topic, BASE))
            self.assertEqual(expected, route.matches(topic), (pattern, topic))
