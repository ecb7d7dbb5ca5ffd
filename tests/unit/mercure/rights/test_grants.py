"""
Rights that a token's claims grant.
"""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import Refused
from ssetwist.hub import NOTHING, Everything, Matchers
from ssetwist.mercure.rights._grants import (
    DETAIL_TYPE,
    MAX_DETAILS,
    MAX_GRANTED,
    reading_details,
    reading_legacy,
    rights_of_details,
    rights_of_legacy,
)
from ssetwist.mercure.rights._rights import Rights
from ssetwist.mercure.topics._limits import Limits
from tests.unit.mercure.fake_tokens import HUB, detail

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3)
    ),
    max_leaves=5,
)


class DetailTests(SynchronousTestCase):
    """
    The claim ``authorization_details``.
    """

    def refusal(self, *details: object, limits: Limits | None = None) -> str:
        """
        Return the reason why details are refused.
        """
        error = self.assertRaises(
            Refused, rights_of_details, list(details), HUB, *(() if limits is None else (limits,))
        )
        self.assertEqual((401, "invalid_token"), (error.status, error.error))
        self.assertEqual("The token is not accepted.", error.text)
        return error.reason

    def test_no_details(self) -> None:
        """
        A token without a Mercure detail has no rights (D2, D9).
        """
        for details in (
            None,
            [],
            [{"type": "other", "actions": 5}],
            [{"type": "HTTPS://mercure.rocks/authorization-detail"}],
            [{"type": ["https://mercure.rocks/authorization-detail"]}],
            [{}],
        ):
            self.assertEqual(Rights(), rights_of_details(details, HUB))

    def test_actions(self) -> None:
        """
        Each detail grants its actions on its topics; several details add up.
        """
        rights = rights_of_details(
            [
                detail("publish", "a", "b"),
                detail("", "c", actions=["subscribe", "publish", "subscribe"]),
            ],
            HUB,
        )
        self.assertEqual(Matchers.of(["a", "b", "c"]), rights.publish)
        self.assertEqual(Matchers.of("c"), rights.subscribe)

    def test_unknown_action(self) -> None:
        """
        An unknown action grants nothing (D3).
        """
        self.assertEqual(Rights(), rights_of_details([detail("fly", "a")], HUB))

    def test_match_types(self) -> None:
        """
        A matcher is exact by default (D4); patterns are relative to the hub.
        """
        rights = rights_of_details(
            [
                detail(
                    "publish",
                    topics=[
                        {"match": "/books/:id"},
                        {"match": "/cars/:id", "match_type": "urlpattern"},
                        {"match": "*.txt", "match_type": "exact"},
                    ],
                )
            ],
            HUB,
        )
        assert rights.publish is not None
        for topic, expected in (
            ("/books/:id", True),
            ("/books/1", False),
            ("https://hub.example/cars/1", True),
            ("https://other.example/cars/1", False),
            ("*.txt", True),
            ("a.txt", False),
        ):
            self.assertEqual(expected, rights.publish.match((topic,)), topic)

    def test_wildcard(self) -> None:
        """
        A star grants all topics, with either type (D7).
        """
        for kind in ("exact", "urlpattern"):
            rights = rights_of_details(
                [detail("publish", topics=[{"match": "*", "match_type": kind}])], HUB
            )
            self.assertEqual(Matchers.of(Everything()), rights.publish)

    def test_broken(self) -> None:
        """
        One mistake rejects the whole claim; the reason names it (D1, D3, D4, D5).
        """
        place = "authorization_details[1]"
        for broken, expected in (
            (5, f"{place} is not an object"),
            (None, f"{place} is not an object"),
            (detail("x", "a", actions=None), f"{place}.actions is not an array"),
            (detail("x", "a", actions="publish"), f"{place}.actions is not an array"),
            (detail("x", "a", actions=[]), f"{place}.actions is empty"),
            (detail("x", "a", actions=["publish", 5]), f"{place}.actions has something"),
            (detail("x", topics=None), f"{place}.topics is not an array"),
            (detail("x", topics={"match": "a"}), f"{place}.topics is not an array"),
            (detail("x"), f"{place}.topics is empty"),
            (detail("x", topics=["a"]), f"{place}.topics[0] is not an object"),
            (detail("x", topics=[None]), f"{place}.topics[0] is not an object"),
            (detail("x", topics=[{}]), f"{place}.topics[0].match is not a string"),
            (detail("x", topics=[{"match": ""}]), f"{place}.topics[0].match is not a string"),
            (detail("x", topics=[{"match": 5}]), f"{place}.topics[0].match is not a string"),
            (detail("x", topics=[{"match": ["a"]}]), f"{place}.topics[0].match is not a string"),
            (
                detail("x", topics=[{"match": "a", "match_type": None}]),
                f"{place}.topics[0].match_type is not a string",
            ),
            (
                detail("x", topics=[{"match": "a", "match_type": "Exact"}]),
                f"{place}.topics[0].match_type is not one of exact",
            ),
            (
                detail("x", topics=[{"match": "*", "match_type": "regexp"}]),
                "match_type is not one of exact, urlpattern",
            ),
            (
                detail(
                    "x", "a", topics=[{"match": "a"}, {"match": "(", "match_type": "urlpattern"}]
                ),
                f"{place}.topics[1]: ",
            ),
            (detail("x", "a\n"), f"{place}.topics[0]: "),
            (detail("subscribe", "a", payload="\ud800"), f"{place}.payload cannot be written"),
        ):
            self.assertIn(expected, self.refusal(detail("publish", "*"), broken))

    def test_not_an_array(self) -> None:
        """
        A claim that is not an array is refused.
        """
        for claim in ({}, "x", 5, False):
            error = self.assertRaises(Refused, rights_of_details, claim, HUB)
            self.assertEqual("authorization_details is not an array", error.reason)

    def test_limits(self) -> None:
        """
        Details, topics and patterns have limits (D6).
        """
        rights_of_details([detail("publish", "a")] * MAX_DETAILS + [{}] * 100, HUB)
        self.assertIn(
            "authorization_details[100] is one too many: at most 100",
            self.refusal(*[detail("publish", "a")] * (MAX_DETAILS + 1)),
        )
        rights_of_details([detail("publish", *"abc"), detail("publish", *"de")], HUB, Limits(5))
        self.assertIn(
            "authorization_details[1].topics has too many entries: at most 4",
            self.refusal(
                detail("publish", *"abc"), detail("publish", *"de"), limits=Limits(max_matchers=4)
            ),
        )
        self.assertIn(
            "more than 9 bytes", self.refusal(detail("publish", "a" * 10), limits=Limits(9, 9))
        )
        pattern = {"match": "/" + "a" * 4096, "match_type": "urlpattern"}
        self.assertIn("topics[0]: ", self.refusal(detail("publish", topics=[pattern])))

    def test_payloads(self) -> None:
        """
        A subscription has the payload of the first detail that covers it (D10).
        """
        rights = rights_of_details(
            [
                detail("publish", "*", payload="not for subscriptions"),
                detail("subscribe", "a", "b"),
                detail("subscribe", "b", "c", payload={"x": [1]}),
                detail("subscribe", "*", payload=5),
            ],
            HUB,
        )
        for match, expected in (("a", None), ("b", None), ("c", {"x": [1]}), ("d", 5)):
            self.assertEqual(expected, rights.payload_of(match))

    @given(
        st.lists(
            st.fixed_dictionaries(
                {"type": st.just("https://mercure.rocks/authorization-detail")},
                optional={
                    "actions": st.lists(st.sampled_from(["publish", "subscribe"])) | JSON,
                    "topics": st.lists(
                        st.fixed_dictionaries(
                            {"match": st.text() | JSON},
                            optional={
                                "match_type": st.sampled_from(["exact", "urlpattern"]) | JSON
                            },
                        )
                    )
                    | JSON,
                    "payload": JSON,
                },
            )
        )
        | JSON
    )
    def test_anything(self, details: object) -> None:
        """
        Any JSON value grants rights, grants nothing, or is refused with 401.
        """
        try:
            rights = rights_of_details(details, HUB)
        except Refused as problem:
            self.assertEqual((401, "invalid_token"), (problem.status, problem.error))
            return
        self.assertFalse(rights.is_legacy)


class StepsTests(SynchronousTestCase):
    """
    Many rights.
    """

    def test_each_is_a_step(self) -> None:
        """
        Each topic of a token is a step, because it may be a pattern to compile.
        """
        topics = [{"match": f"/{number}/*", "match_type": "urlpattern"} for number in range(50)]
        details = [{"type": DETAIL_TYPE, "actions": ["subscribe"], "topics": topics}] * 2
        self.assertEqual(100, sum(1 for _ in reading_details(details, HUB)))
        templates = [f"https://example.com/{number}/{{id}}" for number in range(50)]
        claims = {"mercure": {"publish": templates, "subscribe": templates}}
        self.assertEqual(100, sum(1 for _ in reading_legacy(claims)))


class LegacyTests(SynchronousTestCase):
    """
    The claim ``mercure``.
    """

    def test_no_claim(self) -> None:
        """
        A token without the claim has no rights.
        """
        for claims in ({}, {"mercure": None}, {"sub": "x"}):
            self.assertEqual(Rights(is_legacy=True), rights_of_legacy(claims))

    def test_publish(self) -> None:
        """
        A claim without ``publish`` says nothing about publishing; an empty list grants nothing
        (Z4).
        """
        for claim, expected in (
            ({}, None),
            ({"publish": None}, None),
            ({"publish": []}, NOTHING),
            ({"publish": ["a", "b"]}, Matchers.of(["a", "b"])),
            ({"publish": ["*"]}, Matchers.of(Everything())),
        ):
            self.assertEqual(expected, rights_of_legacy({"mercure": claim}).publish)

    def test_subscribe(self) -> None:
        """
        The list ``subscribe`` grants private updates (Z5).
        """
        for claim, expected in (
            ({}, NOTHING),
            ({"subscribe": []}, NOTHING),
            ({"subscribe": ["a", "*"]}, Matchers.of(["a", Everything()])),
        ):
            self.assertEqual(expected, rights_of_legacy({"mercure": claim}).subscribe)

    def test_template(self) -> None:
        """
        A selector may be a URI template (Z1).
        """
        rights = rights_of_legacy({"mercure": {"publish": ["https://a.example/books/{id}"]}})
        assert rights.publish is not None
        self.assertTrue(rights.publish.match(("https://a.example/books/1",)))
        self.assertFalse(rights.publish.match(("https://a.example/cars/1",)))

    def test_payload(self) -> None:
        """
        The payload of the claim belongs to all subscriptions.
        """
        rights = rights_of_legacy({"mercure": {"payload": {"a": 1}}})
        self.assertEqual({"a": 1}, rights.payload_of("whatever"))
        self.assertIsNone(rights_of_legacy({"mercure": {}}).payload_of("whatever"))

    def test_namespace(self) -> None:
        """
        The claim with the long name wins over the claim with the short name (Z3).
        """
        claims = {"mercure": {"publish": ["a"]}, "https://mercure.rocks/": {"publish": ["b"]}}
        self.assertEqual(Matchers.of("b"), rights_of_legacy(claims).publish)

    def test_broken(self) -> None:
        """
        One mistake rejects the whole claim; the reason names it.
        """
        for claim, expected in (
            (5, "the claim mercure is not an object"),
            (["*"], "the claim mercure is not an object"),
            ({"publish": "*"}, "mercure.publish is not an array"),
            ({"subscribe": {"a": 1}}, "mercure.subscribe is not an array"),
            ({"publish": ["a", 5]}, "mercure.publish[1] is not a string"),
            ({"publish": [None]}, "mercure.publish[0] is not a string"),
            ({"publish": ["\ud800"]}, "mercure.publish[0]: "),
            ({"publish": ["a" * 5000]}, "mercure.publish[0]: "),
            ({"publish": ["a"] * (MAX_GRANTED + 1)}, "at most 1000"),
            ({"payload": "\ud800"}, "mercure.payload cannot be written"),
        ):
            error = self.assertRaises(Refused, rights_of_legacy, {"mercure": claim})
            self.assertEqual((401, "invalid_token"), (error.status, error.error))
            self.assertIn(expected, error.reason)

    @given(
        st.fixed_dictionaries(
            {},
            optional={
                "publish": st.lists(st.text(st.characters())) | JSON,
                "subscribe": st.lists(st.text(st.characters())) | JSON,
                "payload": JSON,
            },
        )
        | JSON
    )
    def test_anything(self, claim: object) -> None:
        """
        Any JSON value grants rights, grants nothing, or is refused with 401.
        """
        try:
            rights = rights_of_legacy({"mercure": claim})
        except Refused as problem:
            self.assertEqual((401, "invalid_token"), (problem.status, problem.error))
            return
        self.assertTrue(rights.is_legacy)
