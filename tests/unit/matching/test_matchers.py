"""
Matchers.
"""

import gc
from dataclasses import dataclass, field
from functools import partial
from weakref import ref

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import InvalidMatcher
from ssetwist.matching._matchers import (
    MAX_LENGTH,
    MAX_REGEXP_PATTERN,
    Everything,
    Exact,
    Matcher,
    Matchers,
    Pattern,
)
from ssetwist.matching.routes import Route, Routed
from tests.cost import assert_linear

BASE = "https://hub.example/.well-known/mercure"


@dataclass(frozen=True)
class Prefix:
    """
    A kind of matcher that the hub does not know.
    """

    prefix: str

    def matches(self, topic: str) -> bool:
        return topic.startswith(self.prefix)


@dataclass(frozen=True)
class Broken:
    """
    A matcher that fails.
    """

    def matches(self, topic: str) -> bool:
        raise ZeroDivisionError


@dataclass
class Changing:
    """
    An object that matches, but is not a value.
    """

    topics: list[str] = field(default_factory=list)

    def matches(self, topic: str) -> bool:
        return topic in self.topics


def whole(topic: str) -> tuple[str, ...]:
    return (topic,)


class Routing(Routed):
    """
    A matcher with a route.
    """

    def __init__(self, topic: str) -> None:
        self.routes = (Route(whole, (topic,)),)

    def matches(self, topic: str) -> bool:
        raise AssertionError("it is found by its route")


class MatcherTests(SynchronousTestCase):
    """
    Topics that each kind of matcher asks for.
    """

    @given(st.text(), st.text())
    def test_exact(self, one: str, other: str) -> None:
        """
        ``Exact`` matches its topic and nothing else.
        """
        self.assertTrue(Exact(one).matches(one))
        self.assertEqual(one == other, Exact(one).matches(other))

    @given(st.text())
    def test_everything(self, topic: str) -> None:
        """
        ``Everything`` matches every topic.
        """
        self.assertTrue(Everything().matches(topic))

    def test_patterns(self) -> None:
        """
        A pattern matches URLs part by part, relative ones against its base.
        """
        for pattern, topic, expected in (
            ("https://example.com/books/:id", "https://example.com/books/1", True),
            ("https://example.com/books/:id", "https://example.com/books/1?x=2", True),
            ("https://example.com/books/:id", "https://example.com/books/1/pages", False),
            ("https://example.com/books/:id", "https://example.org/books/1", False),
            ("https://example.com/books/*", "https://example.com/books/1/pages", True),
            ("/books/:id", "https://hub.example/books/1", True),
            ("/books/:id", "/books/1", True),
            ("/books/:id", "books/1", False),
            ("/Books/:id", "/books/1", False),
            ("https://*/books", "http://[", False),
        ):
            self.assertEqual(expected, Pattern(pattern, BASE).matches(topic), (pattern, topic))

    @given(
        st.text(st.characters(), max_size=50) | st.text("/ab*:{}?", max_size=8),
        st.text(st.characters(), max_size=50),
        st.text("/ab", max_size=8),
    )
    @example("/*", "\ud800", "a")
    def test_any_pattern(self, pattern: str, topic: str, path: str) -> None:
        """
        A pattern either compiles, and then answers for every topic, or is refused.  A topic that
        UTF-8 cannot encode never matches; a relative topic matches like the whole URL.
        """
        try:
            matcher = Pattern(pattern, BASE)
        except InvalidMatcher:
            return
        self.assertFalse(matcher.matches(f"{topic}\ud800"))
        self.assertEqual(matcher.matches(topic), Matchers.of(matcher).match([topic]))
        path = "/" + path.lstrip("/")
        self.assertEqual(matcher.matches(f"https://hub.example{path}"), matcher.matches(path))

    def test_lone_surrogate(self) -> None:
        """
        A lone surrogate is refused, because no event could have such a topic.
        """
        for kind in (Exact, Pattern):
            error = self.assertRaises(InvalidMatcher, kind, "/\ud800")
            self.assertIn("surrogate", str(error))

    def test_refused(self) -> None:
        """
        An invalid or endless pattern is refused, and the error names it.
        """
        for pattern in ("/books/(", "/((?=a).*)"):
            error = self.assertRaises(InvalidMatcher, Pattern, pattern)
            self.assertEqual(pattern, error.matcher)
        for kind in (Exact, Pattern):
            error = self.assertRaises(InvalidMatcher, kind, "/" + "x" * MAX_LENGTH)
            self.assertLess(len(str(error)), 100)

    def test_linear(self) -> None:
        """
        The time to match grows in proportion to the length of the topic, for any pattern.
        """
        matcher = Pattern("/(a*)*b", BASE, allow_regexp=True)
        self.assertFalse(matcher.matches("/" + "a" * 320))
        assert_linear(lambda size: partial(matcher.matches, "/" + "a" * size), 20)
        assert_linear(lambda size: partial(matcher.matches, "/" + "a" * size), 320)

    def test_values(self) -> None:
        """
        Matchers that ask for the same are equal.
        """
        self.assertEqual(
            {Exact("a"), Pattern("/a"), Everything()},
            {Exact("a"), Exact("a"), Pattern("/a"), Pattern("/a"), Everything(), Everything()},
        )
        self.assertNotEqual(Pattern("/a", "https://a/"), Pattern("/a", "https://b/"))
        self.assertEqual(
            "Pattern(pattern='/a', base_url='https://localhost/', allow_regexp=False)",
            repr(Pattern("/a")),
        )

    def test_regexp(self) -> None:
        """
        A regular expression, which may take megabytes to compile, needs permission; an escaped
        parenthesis does not.
        """
        problem = self.assertRaises(InvalidMatcher, Pattern, r"/(\w{100})")
        self.assertIn("has a regular expression; only :names and * are allowed", str(problem))
        self.assertTrue(Pattern(r"/(\d+)", allow_regexp=True).matches("/12"))
        self.assertTrue(Pattern(r"/a\(b\)").matches("/a(b)"))

    def test_long_pattern(self) -> None:
        """
        A pattern must be shorter than a topic may be, because each of its groups costs time with
        each event.
        """
        self.assertRaises(InvalidMatcher, Pattern, "/*" * 257)

    def test_long_regexp(self) -> None:
        """
        With permission for regular expressions, which means trust, a pattern may be as long as a
        topic.
        """
        pattern = "/" + "x" * (MAX_REGEXP_PATTERN - 1)
        self.assertTrue(Pattern(pattern, allow_regexp=True).matches(pattern))
        self.assertRaises(InvalidMatcher, Pattern, pattern + "x", allow_regexp=True)


class MatchersTests(SynchronousTestCase):
    """
    Several matchers together.
    """

    def test_one(self) -> None:
        """
        A single topic or matcher does not need a list.
        """
        for one in ("ab", Exact("ab"), Pattern("/ab"), Everything()):
            self.assertEqual(Matchers.of([one]), Matchers.of(one))

    def test_text_is_exact(self) -> None:
        """
        Text asks for exactly that topic, even if it looks like a pattern.
        """
        self.assertEqual(Matchers.of(Exact("/*")), Matchers.of("/*"))
        self.assertFalse(Matchers.of("/*").match(["/a"]))

    def test_any_iterable(self) -> None:
        """
        Matchers may be any iterable, in any order and with repetitions.
        """
        matchers = Matchers.of(iter(["b", "a", Everything(), "a", Everything()]))
        self.assertEqual(Matchers(frozenset("ab"), frozenset([Everything()])), matchers)

    def test_none(self) -> None:
        """
        Without matchers nothing matches, and all ``Matchers`` without matchers are equal.
        """
        for none in ((), [], iter(())):
            self.assertFalse(Matchers.of(none).match(["a"]))
        self.assertIs(Matchers.of(()), Matchers.of(()))

    def test_match(self) -> None:
        """
        One matcher that asks for one of the topics is enough.
        """
        matchers = Matchers.of(["a", Pattern("/p/*"), Pattern("/q/*")])
        for topics, expected in (
            (["x", "a"], True),
            (["x", "/q/1"], True),
            (["x", "/p"], False),
            ([], False),
        ):
            self.assertEqual(expected, matchers.match(topics), topics)

    def test_mistakes(self) -> None:
        """
        A value that is neither a topic nor a matcher, or a topic that is too long, is refused; the
        error shows it.
        """
        error = self.assertRaises(TypeError, Matchers.of, ["a", b"b"])
        self.assertIn("b'b'", str(error))
        self.assertRaises(InvalidMatcher, Matchers.of, ["a", "x" * (MAX_LENGTH + 1)])
        self.assertEqual({"x" * MAX_LENGTH}, Matchers.of("x" * MAX_LENGTH).exact)

    def test_other_kinds(self) -> None:
        """
        Any object with the method ``matches`` is a matcher.
        """
        for one in (Exact("a"), Pattern("/a"), Everything(), Prefix("a")):
            self.assertIsInstance(one, Matcher)
        self.assertNotIsInstance("a", Matcher)
        matchers = Matchers.of(["b", Prefix("a"), Prefix("a")])
        self.assertEqual(Matchers(frozenset("b"), frozenset([Prefix("a")])), matchers)
        self.assertEqual(matchers.others, Matchers.of(Prefix("a")).others)
        self.assertTrue(matchers.match(["x", "ab"]))
        self.assertFalse(matchers.match(["x", "ba"]))

    def test_not_a_matcher(self) -> None:
        """
        A class in place of its instance is not a matcher, and neither is an object that may change.
        """
        for mistake in (Prefix, Everything, Changing()):
            self.assertRaises(TypeError, Matchers.of, mistake)
            self.assertRaises(TypeError, Matchers.of, [mistake])
        self.assertNotIsInstance(Changing(), Matcher)

    def test_routes(self) -> None:
        """
        Many matchers with routes are found by them, beside others that are tried.
        """
        matchers = Matchers.of([*map(Routing, "acdefghi"), Prefix("b")])
        for topic, expected in (("a", True), ("b1", True), ("x", False)):
            self.assertEqual(expected, matchers.match([topic]))

    def test_nothing_kept(self) -> None:
        """
        Nothing keeps matchers that have been asked; while they live, equal ones share their tree.
        """
        some = list(map(Routing, "abcdefgh"))
        matchers, equal = Matchers.of([*some, "x"]), Matchers.of([*some, "y"])
        self.assertTrue(matchers.match(["a"]))
        self.assertTrue(equal.match(["a"]))
        self.assertIs(matchers._split, equal._split)
        kept = ref(some[0])
        del some, matchers
        gc.collect()
        self.assertTrue(equal.match(["a"]))
        del equal
        gc.collect()
        self.assertIsNone(kept())

    def test_failing(self) -> None:
        """
        An exception of a matcher is logged, and the matcher matches nothing; other matchers go on.
        """
        matchers = Matchers.of([Broken(), Prefix("a")])
        self.assertTrue(matchers.match(["ab"]))
        self.assertFalse(matchers.match(["b"]))
        failures = self.flushLoggedErrors(ZeroDivisionError)
        self.assertIn(len(failures), (1, 2))  # it may come after the one that matches


class BelowTests(SynchronousTestCase):
    """
    Matchers that may ask for topics below a path.
    """

    def test_below(self) -> None:
        """
        Topics below the path, everything, and patterns that fit may be asked for; a matcher that
        can only be tried may be wrong.
        """
        path = "/.well-known/mercure"
        for topics, expected in (
            (f"{path}/subscriptions/exact/a/b", True),
            (Everything(), True),
            (Pattern(f"{path}/subscriptions/:type/:match/:who", BASE), True),
            (Pattern("/:a/:b/:c/:d", BASE), True),
            (Pattern("/*", BASE), True),
            (Prefix("/"), True),
            (("/rooms/1", Everything()), True),
            (("/rooms/1", path, f"{path}-2/x"), False),
            (Pattern("/rooms/:room", BASE), False),
            (Pattern("https://other.example/*", BASE), False),
            (Pattern(f"{path}", BASE), False),
            ((), False),
        ):
            self.assertEqual(expected, Matchers.of(topics).may_match_below(path), topics)

    def test_below_everything(self) -> None:
        """
        Every topic is below an empty path.
        """
        self.assertTrue(Matchers.of("a").may_match_below(""))
        self.assertTrue(Matchers.of(Pattern("/a", BASE)).may_match_below(""))
        self.assertFalse(Matchers.of(()).may_match_below(""))
