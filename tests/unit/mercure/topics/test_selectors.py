"""
Matchers in the parameters of a request.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import Refused
from ssetwist.hub import Everything, Exact
from ssetwist.matching import Matcher
from ssetwist.mercure.topics._limits import DEFAULT_LIMITS, Limits
from ssetwist.mercure.topics._pattern import pattern_of
from ssetwist.mercure.topics._selectors import Selector, matcher_of, read_selectors
from ssetwist.mercure.topics._template import Template

BASE = "https://hub.example/.well-known/mercure"


class ReadSelectorsTests(SynchronousTestCase):
    """
    Reading matchers from the parameters of a request.
    """

    def read(
        self, *pairs: tuple[str, str], limits: Limits = DEFAULT_LIMITS
    ) -> dict[Selector, Matcher]:
        """
        Return the selectors in these parameters, and their matchers.
        """
        selectors = read_selectors(pairs, limits, is_legacy=True)
        return {one: one.matcher(BASE, limits) for one in selectors}

    def assert_refused(self, text: str, *pairs: tuple[str, str], is_legacy: bool = True) -> None:
        with self.assertRaises(Refused) as caught:
            for one in read_selectors(pairs, is_legacy=is_legacy):
                one.matcher(BASE)
        problem = caught.exception
        self.assertEqual(400, problem.status)
        self.assertIn(text, problem.text)

    def test_all_kinds(self) -> None:
        """
        Parameters of both dialects, repeated and mixed, make one list in the order of the request.
        """
        matchers = self.read(
            ("topic", "/c/{id}"),
            ("match", "a"),
            ("match_urlpattern", "/b/:id"),
            ("x", "y"),
            ("match_exact", "/b/:id"),
            ("topic", "d"),
        )
        self.assertEqual(
            [
                ((None, "/c/{id}"), Template("/c/{id}")),
                (("exact", "a"), Exact("a")),
                (("urlpattern", "/b/:id"), pattern_of("/b/:id", BASE)),
                (("exact", "/b/:id"), Exact("/b/:id")),
                ((None, "d"), Exact("d")),
            ],
            list(matchers.items()),
        )

    def test_each_once(self) -> None:
        """
        The same matcher twice is one subscription; the same text as two kinds of matcher is two
        subscriptions.
        """
        matchers = self.read(
            ("match", "a"), ("match_exact", "a"), ("topic", "a"), ("match", "a"), ("topic", "a")
        )
        self.assertEqual([("exact", "a"), (None, "a")], list(matchers))

    def test_text_as_sent(self) -> None:
        """
        A selector keeps its text as it was sent.
        """
        ((selector, matcher),) = self.read(("match_urlpattern", r"/(\d+)")).items()
        self.assertEqual(r"/(\d+)", selector.match)
        self.assertTrue(matcher.matches("/12"))

    def test_wildcard(self) -> None:
        """
        The wildcard matches every topic, in each parameter.
        """
        for name in ("match", "match_exact", "match_urlpattern", "topic"):
            self.assertEqual([Everything()], list(self.read((name, "*")).values()))

    def test_unknown(self) -> None:
        """
        Other names that begin with "match" in any case are refused; other parameters are ignored.
        """
        for name in (
            "Match",
            "MATCH",
            "matches",
            "matcher",
            "match_regexp",
            "match_",
            "match_Exact",
        ):
            self.assert_refused(repr(name), ("match", "a"), (name, "b"))
        self.read(("match", "a"), ("mat", "b"), ("xmatch", "c"), ("Topic", "d"), ("", "e"))

    def test_long_name(self) -> None:
        """
        An error repeats only the beginning of a long parameter name.
        """
        self.assert_refused(repr("match" + "x" * 35) + ";", ("match" + "x" * 9999, "a"))

    def test_no_matchers(self) -> None:
        """
        A request without a matcher is refused.
        """
        self.assert_refused("no topics are asked for")
        self.assert_refused("no topics are asked for", ("last_event_id", "1"))

    def test_legacy_off(self) -> None:
        """
        If 0.x is off, the error about its parameter names the parameters of 1.0.
        """
        self.assert_refused("match_urlpattern", ("topic", "a"), is_legacy=False)
        text = "the hub no longer knows topic;"
        self.assert_refused(text, ("match", "a"), ("topic", "a"), is_legacy=False)

    def test_invalid_matchers(self) -> None:
        """
        An invalid matcher is refused; the error names its parameter.
        """
        for name, value, text in (
            ("match", "a\n", "match must not have"),
            ("match_exact", "a\u202e", "match must not have"),
            ("match_urlpattern", "/\x7f", "match_urlpattern must not have"),
            ("match_urlpattern", "/(", "match_urlpattern: "),
            ("match_urlpattern", "/{", "match_urlpattern: "),
            ("match_urlpattern", "/(a{1000})", "is too complex"),
            ("topic", "\ud800", "topic must not have"),
            ("topic", "{x}" * 101, "topic: "),
        ):
            self.assert_refused(text, ("match", "a"), (name, value))

    def test_too_many(self) -> None:
        """
        The limit counts the matchers of all kinds together; repeated ones do not count.
        """
        pairs = [(("match", "topic")[number % 2], str(number)) for number in range(100)]
        self.assertEqual(100, len(self.read(*pairs, *pairs)))
        self.assert_refused("101 matchers are too many", *pairs, ("match", "one more"))
        self.assertRaises(Refused, self.read, *pairs[:3], limits=Limits(max_matchers=2))

    def test_too_long(self) -> None:
        """
        A matcher has at most 4,096 bytes.
        """
        self.read(("match", "x" * 4096), ("match", "é" * 2048))
        for name in ("match", "match_urlpattern", "topic"):
            self.assert_refused(f"{name} has more than 4096 bytes", (name, "é" * 2049))


class MatcherOfTests(SynchronousTestCase):
    """
    Making one matcher, of a request or of a token.
    """

    def test_types(self) -> None:
        """
        A matcher is of type exact or urlpattern.
        """
        self.assertEqual(Exact("/:id"), matcher_of("exact", "/:id", BASE))
        self.assertEqual(pattern_of("/:id", BASE), matcher_of("urlpattern", "/:id", BASE))

    def test_unknown_type(self) -> None:
        """
        Any other type is refused, even one that differs only in case.
        """
        for match_type in ("Exact", "URLPattern", "regexp", ""):
            problem = self.assertRaises(Refused, matcher_of, match_type, "a", BASE)
            self.assertEqual((400, repr(match_type)), (problem.status, problem.text.split()[-1]))

    def test_wildcard(self) -> None:
        """
        The wildcard matches every topic with any type, even with an unknown one.
        """
        for match_type in ("exact", "urlpattern", "regexp"):
            self.assertEqual(Everything(), matcher_of(match_type, "*", BASE))

    def test_own_topics(self) -> None:
        """
        A relative pattern matches the hub's own topics in relative and absolute form.
        """
        matcher = matcher_of("urlpattern", "/.well-known/mercure/subscriptions/:t/:m/:s", BASE)
        for topic in ("exact/a%2Fb/1", "urlpattern/%2A/1"):
            for base in ("", "https://hub.example"):
                self.assertTrue(
                    matcher.matches(f"{base}/.well-known/mercure/subscriptions/{topic}")
                )
        self.assertFalse(matcher.matches("/.well-known/mercure/subscriptions"))

    def test_limits(self) -> None:
        """
        The limit on a pattern's cost holds even if the operator allows longer patterns.
        """
        for match_type in ("exact", "urlpattern"):
            problem = self.assertRaises(
                Refused,
                matcher_of,
                match_type,
                "x" * 20_000,
                BASE,
                limits=Limits(max_pattern=99_999),
            )
            self.assertEqual(400, problem.status)
