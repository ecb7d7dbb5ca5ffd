"""
Selectors of the 0.x dialect.
"""

from collections.abc import Callable
from functools import partial
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import InvalidMatcher, Refused
from ssetwist.hub import Everything, Exact, Matcher
from ssetwist.matching.routes import Routes
from ssetwist.mercure.topics._limits import Limits
from ssetwist.mercure.topics._template import Template, selector_of
from tests.cost import assert_linear, cost

#: By operator, the text before the first value and between two values, and true if names are also
#: written (RFC 6570, appendix A).
OPERATORS = {
    "": ("", ",", False),
    "+": ("", ",", False),
    "#": ("#", ",", False),
    ".": (".", ".", False),
    "/": ("/", "/", False),
    ";": (";", ";", True),
    "?": ("?", "&", True),
    "&": ("&", "&", True),
}


def expand(operator: str, values: list[str], is_exploded: bool) -> tuple[str, str]:
    """
    Return an expression, and its expansion with these values by the rules of RFC 6570 (3.2.1).
    """
    first, between, has_names = OPERATORS[operator]
    safe = "-._~:/?#[]@!$&'()*+,;=" if operator in ("+", "#") else "-._~"
    written = [quote(value, safe=safe) for value in values]
    names = [f"v{number}" for number in range(len(values))]
    if has_names or is_exploded:
        written = [f"{name}={value}" for name, value in zip(names, written, strict=True)]
    variables = "v*" if is_exploded else ",".join(names)
    return f"{{{operator}{variables}}}", first + between.join(written)


class TemplateTests(SynchronousTestCase):
    """
    Topics that a URI template selects.
    """

    def test_examples(self) -> None:
        """
        Each operator selects the topics that its expansion can produce, and no others.
        """
        for template, topics, others in (
            (
                "/b/{id}",
                ["/b/1", "/b/", "/b/a-._~,%C3%A9"],
                ["/b/1/", "/b/1:", "/b/é", "/b/%C3%A", "/b"],
            ),
            ("/b/{id}.jsonld", ["/b/1.jsonld", "/b/.jsonld"], ["/b/1xjsonld", "/b/1.JSONLD"]),
            ("/b{+path}", ["/b/1/2?x=1#y", "/b"], ["/b é", "/b%", "/c"]),
            ("/b{#x}", ["/b#1/2", "/b#", "/b"], ["/b1"]),
            ("/b{.x}", ["/b.json", "/b.a.b", "/b"], ["/b/a", "/bjson"]),
            ("/b{/x}", ["/b/1", "/b/", "/b"], ["/b/1/2", "/b1"]),
            ("/b{/x,y}", ["/b/1", "/b/1/2", "/b"], ["/b/1/2/3"]),
            ("/b{/x*}", ["/b/1/2/3/4", "/b/k=v"], ["/b1"]),
            ("/b{;x}", ["/b;x=1", "/b;x", "/b"], ["/b;x=1;y=2", "/b,x"]),
            ("/b{?x}", ["/b?x=1", "/b"], ["/b?x=1&y=2", "/bx=1"]),
            ("/b{?x,y}", ["/b?x=1", "/b?x=1&y=2"], ["/b?x=1&y=2&z=3"]),
            ("/b?a=1{&x}", ["/b?a=1&x=2", "/b?a=1"], ["/b?a=1?x=2"]),
            ("{x}{y}", ["", "ab"], ["/"]),
            ("{x:3}", ["abcdef"], ["a/"]),
            ("{a.b,c%20d}", ["1,2"], ["/"]),
            ("é{x}", ["é1"], ["e1", "%C3%A91"]),
            ("/a.b*{x}", ["/a.b*1"], ["/aXb*1", "/a.bbb1"]),
        ):
            matcher = Template(template)
            for topic in (template, *topics):
                self.assertTrue(matcher.matches(topic), (template, topic))
            for topic in others:
                self.assertFalse(matcher.matches(topic), (template, topic))

    def test_routes(self) -> None:
        """
        The usual templates have routes, each once; a long one is left to the library.
        """
        for template, expected in (
            ("https://example.com/rooms/{id}", 2),
            ("https://example.com/rooms/1", 1),
            ("/rooms/{id}.json", 0),
            ("/" * 4000 + "{x}", 0),
            ("/" + "a" * 600 + "/{x}", 0),
        ):
            matcher = Template(template)
            self.assertEqual(expected, len(matcher.routes), template[:50])
            self.assertTrue(matcher.matches(template))
            routes: Routes[Template] = Routes()
            for route in matcher.routes:
                routes.add(route, matcher)
            for route in matcher.routes:
                routes.remove(route, matcher)
            self.assertFalse(routes)

    def test_long_topic(self) -> None:
        """
        A topic with more segments than a template is not selected.
        """
        self.assertFalse(Template("/{x}" * 10).matches("/a" * 11))
        self.assertFalse(Template("/{x}" * 10).matches("/a" * 4000))

    def test_whole(self) -> None:
        """
        A template must match the whole topic.
        """
        self.assertFalse(Template("/b/{x}").matches("/b/1\n"))
        self.assertFalse(Template("/b/{x}").matches("https://a/b/1"))

    @given(
        st.sampled_from(sorted(OPERATORS)),
        st.lists(st.text(max_size=5), min_size=1, max_size=4),
        st.booleans(),
    )
    def test_expanded(self, operator: str, values: list[str], is_exploded: bool) -> None:
        """
        A template selects each topic that it expands to.
        """
        expression, expanded = expand(operator, values, is_exploded)
        self.assertTrue(Template(f"https://a{expression}z").matches(f"https://a{expanded}z"))

    def test_equality(self) -> None:
        """
        Templates with the same text are equal; the representation shows the text.
        """
        self.assertEqual({Template("{a}")}, {Template("{a}"), Template("{a}")})
        self.assertEqual("Template(template='{a}')", repr(Template("{a}")))
        self.assertIsInstance(Template("{a}"), Matcher)

    def test_not_a_template(self) -> None:
        """
        A text that is not a URI template is refused.
        """
        for text in (
            "{",
            "}",
            "{}",
            "{a",
            "a}",
            "{=a}",
            "{a b}",
            "{a,}",
            "{a:0}",
            "{a..b}",
            "a b{x}",
            "%{x}",
        ):
            self.assertRaises(InvalidMatcher, Template, text)

    def test_linear(self) -> None:
        """
        Matching one of the most expensive templates takes time in proportion to the length of the
        topic.
        """
        template = Template("{+x}{/y*}" * 5 + "1")

        def matching(size: int) -> Callable[[], object]:
            topic = "a" * (size // 2) + "/a" * (size // 4) + "!"
            self.assertFalse(template.matches(topic))
            return partial(template.matches, topic)

        assert_linear(matching, 240)

    def test_cheap_to_make(self) -> None:
        """
        Making one of the most expensive templates costs at most as much as 300 plain ones.
        """
        dear = cost(lambda: Template("{+x}{/y*}" * 5 + "dear"))
        self.assertLess(dear, 300 * cost(lambda: Template("plain/{x}")))


class SelectorOfTests(SynchronousTestCase):
    """
    Telling wildcard, template and topic apart.
    """

    def test_kinds(self) -> None:
        """
        The wildcard matches every topic; a text that is not a URI template is a topic.
        """
        self.assertEqual(Everything(), selector_of("*"))
        self.assertEqual(Template("/b/{id}"), selector_of("/b/{id}"))
        for text in ("", "a", "/b/*", "/b/:id", "{", "{}", "{a b}", "a b {x}"):
            self.assertEqual(Exact(text), selector_of(text))

    def test_refused(self) -> None:
        """
        Forbidden characters and selectors that are too long or too complex are refused; the error
        names the field.
        """
        for text, problem in (
            ("a\n", "U+000A"),
            ("\u200b{x}", "U+200B"),
            ("x" * 4097, "4096 bytes"),
            ("é" * 2049, "4096 bytes"),
            ("{x}" * 11, "10 expressions"),
            ("{/" + "a," * 900 + "a}", "is too complex"),
            (("{/" + "a," * 100 + "a}") * 9, "is too complex"),
        ):
            error = self.assertRaises(Refused, selector_of, text)
            self.assertEqual(400, error.status)
            self.assertIn(problem, error.text)
            self.assertTrue(error.text.startswith("topic"))
        self.assertRaises(Refused, selector_of, "abc", limits=Limits(max_pattern=2))
        self.assertRaises(Refused, selector_of, "x" * 20_000, limits=Limits(max_pattern=99_999))

    @given(
        st.lists(st.sampled_from(("a", "/", "{", "}", "*", ",", ":3", "%41", "é", " ", "+", "?")))
    )
    def test_any(self, pieces: list[str]) -> None:
        """
        Any selector selects the topic with its own text.
        """
        text = "".join(pieces)
        self.assertTrue(selector_of(text).matches(text))
