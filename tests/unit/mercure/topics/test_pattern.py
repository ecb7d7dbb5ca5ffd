"""
URL patterns from strangers.
"""

import contextlib
from collections.abc import Callable
from functools import partial
from itertools import count

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import InvalidMatcher
from ssetwist.hub import Matcher, Pattern
from ssetwist.mercure.topics._pattern import pattern_of
from tests.cost import assert_linear, cost

BASE = "https://hub.example/.well-known/mercure"

#: The most expensive patterns that are accepted, of many kinds, each with a place for a number.
DEAR = (
    "/{}(a{{0,34}})+",
    "/{}(.{{5}})+",
    "/{}([^a]{{4}})*b",
    "/{}((?:a?){{25}})*b",
    "/{}([0-9a-f]{{95}})+",
    "/{}([b-c]*?[\\t\\n\\v\\f\\r ]{{2,}})*" + "é" * 66,
    "/{}" + "*a" * 11,
    "/{}:n:m(a{{0,25}})",
    "/{}(a*?)" + "{{a}}?" * 19,
    "/{}" + "x" * 1700,
)

#: The length of the longest topic of a client.
LONGEST = 4096

_numbers = count(1)


class PatternOfTests(SynchronousTestCase):
    """
    URL patterns that are accepted, and their cost.
    """

    def test_patterns(self) -> None:
        """
        Names, wildcards, groups and regular expressions match as in browsers.
        """
        for pattern, topic, expected in (
            ("/books/:id", "https://hub.example/books/1", True),
            ("https://example.com/books/:id", "https://example.com/books/1?x", True),
            ("https://example.com/*", "https://example.org/", False),
            ("/books{/:id}?", "/books", True),
            (r"/books/:id(\d+)", "/books/12", True),
            (r"/books/:id(\d+)", "/books/x", False),
            ("/(a|b(?:c|d)+)", "/bcd", True),
            (r"/a\(b", "/a(b", True),
            ("/é", "/%C3%A9", True),
            (r"/\é", "/é", True),
            ("room-*", "room-1", True),  # both relative to the hub's URL
        ):
            self.assertEqual(expected, pattern_of(pattern, BASE).matches(topic), pattern)

    def test_ascii_sets(self) -> None:
        r"""
        As in browsers, ``\d`` and ``\w`` match only ASCII.
        """
        self.assertFalse(pattern_of(r"/(\d)", BASE).matches("/\u0663"))
        self.assertFalse(pattern_of(r"/(\w+)", BASE).matches("/é"))

    def test_equality(self) -> None:
        """
        Patterns with the same meaning are equal, even to a pattern of the hub's own class.
        """
        self.assertEqual(Pattern("/:id", BASE, allow_regexp=True), pattern_of("/:id", BASE))
        self.assertEqual(pattern_of("/([0-9])", BASE), pattern_of(r"/(\d)", BASE))

    def test_real_patterns(self) -> None:
        """
        Patterns as applications use them are accepted.
        """
        uuid = "([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
        some = "01234567-89ab-cdef-0123-456789abcdef"
        for pattern, topic in (
            (
                f"https://example.com/users/{uuid}/orders/{uuid}",
                f"https://example.com/users/{some}/orders/{some}",
            ),
            (
                "/.well-known/mercure/subscriptions/:match_type/:match/:subscriber",
                "/.well-known/mercure/subscriptions/exact/a/urn%3Auuid%3A1",
            ),
            (
                "https://:tenant.example.com/:a/:b/:c/:d/:e/:f/:g",
                "https://ann.example.com/1/2/3/4/5/6/7",
            ),
            ("https://example.com/([^/]+)/([^/]+)/([^/]+)", "https://example.com/a/b/c"),
            (
                "https://example.com/:a([\\w-]+)/:b([\\w-]+)/:c(\\d{1,10})",
                "https://example.com/a-b/c_d/12",
            ),
            ("https://example.com/" + "x" * 1000, "https://example.com/" + "x" * 1000),
        ):
            matcher = pattern_of(pattern, BASE)
            self.assertTrue(matcher.matches(topic), pattern)
            self.assertFalse(matcher.matches(f"{topic}/y"), pattern)

    def test_too_expensive(self) -> None:
        """
        A pattern that would take much time or memory is refused before it is compiled.  The refusal
        takes no longer than making a few plain patterns.
        """
        most = 20 * self.plain()
        for pattern in (
            "/([^a]{100})",
            "/(.{100})",
            "/(a{1000})",
            "/((?:a{100}){100})",
            "/((?:(?:a{999}){999}){999})",
            "/(a*?)" + "(a{0,20})" * 6,
            "/(a*?)(a*?)" + "a" * 200,
            "/" + "*a" * 20,
            "/" + "(a)" * 20,
            "/" + "{a}?" * 250,
            "/" + "x" * 2000,
            "https://" + "é." * 1000,
        ):
            problem = self.assertRaises(InvalidMatcher, pattern_of, pattern, BASE)
            self.assertIn("is too complex", str(problem))
            self.assertLess(cost(partial(self.refuse, pattern)), most, pattern[:50])

    def plain(self) -> float:
        """
        Return the cost of making a plain pattern that has not been made before.
        """
        return cost(partial(self.make, "/{}/:id"))

    def make(self, kind: str) -> None:
        pattern_of(kind.format(next(_numbers)), BASE).matches("/")

    def refuse(self, pattern: str) -> None:
        with contextlib.suppress(InvalidMatcher):
            pattern_of(pattern, BASE)

    def test_most_expensive(self) -> None:
        """
        The most expensive patterns take no longer to make than a few plain ones, and matching
        takes time in proportion to the length of the topic.
        """

        def matching(pattern: Matcher, begin: str, end: str, size: int) -> Callable[[], object]:
            return partial(pattern.matches, f"{begin}{'a' * size}{end}")

        most = 20 * self.plain()
        for kind in DEAR:
            self.assertLess(cost(partial(self.make, kind)), most, kind)
            pattern = pattern_of(kind.format(0), BASE)
            for begin, end in (("/", ""), ("/1", "b")):
                assert_linear(partial(matching, pattern, begin, end), 250)

    def test_most_expensive_match(self) -> None:
        """
        A match of one of the most expensive patterns takes at most a hundred times as long as a
        match of a plain one, with the longest topic.
        """

        def matching(pattern: str) -> float:
            topic = "/".ljust(LONGEST, "a")
            return cost(partial(pattern_of(pattern, BASE).matches, topic))

        most = 100 * matching("/:id-*")
        for kind in DEAR:
            self.assertLess(matching(kind.format("")), most, kind)

    def test_not_a_pattern(self) -> None:
        """
        A text that is not a URL pattern is refused.
        """
        for pattern in ("/{a", "/(?:a)", "/:a/:a", "/a\\", "https://[", "/(a"):
            self.assertRaises(InvalidMatcher, pattern_of, pattern, BASE)

    @given(
        st.lists(
            st.sampled_from(("/", "a", "é", "*", ":n", "(", ")", "{", "}", "?", "\\", "[", "{9}"))
        ),
        st.text("/aé", max_size=6),
    )
    def test_any(self, pieces: list[str], path: str) -> None:
        """
        Any text is refused, or makes the same matcher as the hub's own class; a relative topic
        matches exactly if the absolute one does.
        """
        pattern, path = "".join(pieces), "/" + path.lstrip("/")
        try:
            matcher = pattern_of(pattern, BASE)
        except InvalidMatcher:
            return
        expected = Pattern(pattern, BASE, allow_regexp=True).matches(path)
        self.assertEqual(expected, matcher.matches(path))
        self.assertEqual(expected, matcher.matches(f"https://hub.example{path}"))
