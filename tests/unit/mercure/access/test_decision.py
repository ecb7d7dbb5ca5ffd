"""
The answer of an application that the hub asks about a request.
"""

import json
from math import inf
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.hub import EVERYTHING, NOTHING, Matchers
from ssetwist.matching import at_once
from ssetwist.mercure.access._decision import MAX_IDENTITY, InvalidDecision, reading_decision
from ssetwist.mercure.rights import MAX_GRANTED, Action, Rights
from ssetwist.mercure.topics._limits import Limits
from tests.unit.mercure.fake_tokens import HUB, NOW

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3)
    ),
    max_leaves=5,
)

NAMES = ("topics", "subscribe", "publish", "expires_in", "identity", "payload")


def decision(
    body: bytes, media_type: str | None = "application/json", action: Action = Action.SUBSCRIBE
) -> Rights:
    """
    Read an answer.
    """
    return at_once(reading_decision(body, media_type, action, base_url=HUB, now=NOW))


def said(**answer: Any) -> Rights:
    """
    Read an answer with these names and values.
    """
    return decision(json.dumps(answer).encode())


class GrantTests(SynchronousTestCase):
    """
    Rights that an answer grants.
    """

    def test_empty(self) -> None:
        """
        An empty answer of any media type allows the action: a publisher gets all topics, a
        subscriber gets public updates.
        """
        for media_type in (None, "", "text/html"):
            self.assertEqual(Rights(), decision(b"", media_type))
            self.assertEqual(
                Rights(publish=Matchers.of(EVERYTHING)),
                decision(b"", media_type, Action.PUBLISH),
            )

    def test_empty_object(self) -> None:
        """
        An empty object grants nothing: a publisher may not publish, a subscriber sees public
        updates.
        """
        for action in Action:
            self.assertEqual(Rights(), decision(b" {} \n", action=action))

    def test_null(self) -> None:
        """
        A value of ``null`` counts as missing.
        """
        self.assertEqual(Rights(), said(**dict.fromkeys(NAMES)))

    def test_all_names(self) -> None:
        """
        Each name sets its part of the rights.
        """
        payload = {"name": "Ann"}
        self.assertEqual(
            Rights(
                publish=Matchers.of("/p"),
                subscribe=Matchers.of("/s"),
                expires=NOW + 1.5,
                payloads=((Matchers.of(EVERYTHING), payload),),
                topics=Matchers.of(["/t", "/u"]),
                identity="ann",
            ),
            said(
                topics=["/t", "/u", "/t"],
                subscribe=["/s"],
                publish=["/p"],
                expires_in=1.5,
                identity="ann",
                payload=payload,
            ),
        )

    def test_action(self) -> None:
        """
        An answer with a body grants the same for both actions.
        """
        body = b'{"publish": ["/p"], "subscribe": ["/s"]}'
        self.assertEqual(decision(body), decision(body, action=Action.PUBLISH))

    def test_topics(self) -> None:
        """
        A string is an exact topic; an object may be a pattern, relative to the hub.
        """
        rights = said(
            subscribe=[
                "/books/:id",
                {"match": "/cars/:id", "match_type": "urlpattern"},
                {"match": "/plain"},
                {"match": "*.txt", "match_type": "exact"},
            ]
        )
        for topic, expected in (
            ("/books/:id", True),
            ("/books/1", False),
            ("https://hub.example/cars/1", True),
            ("https://other.example/cars/1", False),
            ("/plain", True),
            ("*.txt", True),
            ("a.txt", False),
        ):
            self.assertEqual(expected, rights.subscribe.match((topic,)), topic)

    def test_everything(self) -> None:
        """
        A star means every topic, as a string or an object of either type.
        """
        for entry in (
            "*",
            {"match": "*"},
            {"match": "*", "match_type": "exact"},
            {"match": "*", "match_type": "urlpattern"},
        ):
            self.assertEqual(Matchers.of(EVERYTHING), said(topics=[entry]).topics)

    def test_no_topics(self) -> None:
        """
        An empty list means no topics; the client then cannot choose topics either.
        """
        self.assertEqual(
            Rights(topics=NOTHING, publish=NOTHING), said(topics=[], publish=[], subscribe=[])
        )

    def test_payload(self) -> None:
        """
        Every subscription has the payload, which may be any JSON value.
        """
        for payload in (0, False, "", [], "é", {"a": [1.5]}):
            self.assertEqual(payload, said(payload=payload).payload_of("/anything"))


class InvalidTests(SynchronousTestCase):
    """
    Answers that are invalid.
    """

    def problem(self, body: bytes, media_type: str | None = "application/json") -> str:
        """
        Return the problem of an answer, which is the same for both actions.
        """
        problems = {
            str(self.assertRaises(InvalidDecision, decision, body, media_type, action))
            for action in Action
        }
        self.assertEqual(1, len(problems))
        return problems.pop()

    def assert_invalid(self, expected: str, **answer: Any) -> None:
        """
        Check the problem of an answer with these names and values.
        """
        problem = self.problem(json.dumps(answer).encode())
        self.assertTrue(problem.startswith(expected), problem)

    def test_media_type(self) -> None:
        """
        A body must have the media type of JSON, so a login page is not an answer.
        """
        for media_type, shown in (
            ("text/html", "text/html"),
            ("application/problem+json", "application/problem+json"),
            ("", "without a media type"),
            (None, "without a media type"),
        ):
            self.assertEqual(
                f"it is {shown}; expected application/json", self.problem(b"{}", media_type)
            )

    def test_not_json(self) -> None:
        """
        A syntax error is reported with its place, and without the content.
        """
        for body, expected in (
            (b'{"identity":\n s3cret}', "it is not JSON: Expecting value at line 2, column 2"),
            (b'{"payload": NaN}', "it has a number that is too long or not in JSON"),
        ):
            self.assertIn(expected, self.problem(body))
            self.assertNotIn("s3cret", self.problem(body))

    def test_not_an_object(self) -> None:
        """
        A JSON value that is not an object is invalid, even ``null``.
        """
        for body in (b"null", b"true", b"[]", b'"*"', b"1"):
            self.assertEqual("it is not a JSON object", self.problem(body))

    def test_unknown_name(self) -> None:
        """
        An unknown name is invalid, because it may be misspelled and meant to restrict something.
        """
        self.assert_invalid(
            "it has 'expires', which is unknown; known are topics, subscribe, publish, "
            "expires_in, identity, payload",
            expires=5,
        )
        self.assert_invalid("it has 'Topics', which is unknown", Topics=["/a"])
        self.assert_invalid(f"it has '{'x' * 100}...', which", **{"x" * 1000: 1})
        self.assert_invalid(
            "topics[1] has 'type', which is unknown; known are match, match_type",
            topics=["/a", {"match": "/:a", "type": "urlpattern"}],
        )

    def test_topics(self) -> None:
        """
        The problem of a list of topics names the entry that is wrong.
        """
        for name in ("topics", "subscribe", "publish"):
            for value, expected in (
                ("*", f"{name} is not an array"),
                ({"match": "*"}, f"{name} is not an array"),
                (False, f"{name} is not an array"),
                (["/a", None], f"{name}[1] is not a string, or empty"),
                (["/a", ["/b"]], f"{name}[1] is not a string, or empty"),
                ([""], f"{name}[0] is not a string, or empty"),
                ([{}], f"{name}[0].match is not a string, or empty"),
                ([{"match": 5}], f"{name}[0].match is not a string, or empty"),
                ([{"match": ""}], f"{name}[0].match is not a string, or empty"),
                (
                    [{"match": "*", "match_type": "regexp"}],
                    f"{name}[0].match_type is 'regexp'; expected exact or urlpattern",
                ),
                (
                    [{"match": "/a", "match_type": ["exact"]}],
                    f"{name}[0].match_type is an array; expected exact",
                ),
                ([{"match": "/a", "match_type": None}], f"{name}[0].match_type is missing"),
                (["/a\nb"], f"{name}[0] must not have control"),
                (["\ud800"], f"{name}[0] must not have control"),
                (["é" * 2049], f"{name}[0] has more than 4096 bytes"),
                (
                    ["/a", {"match": "/{", "match_type": "urlpattern"}],
                    f"{name}[1]: '/{{' is not a URL pattern",
                ),
            ):
                self.assert_invalid(expected, **{name: value})

    def test_too_many_topics(self) -> None:
        """
        A list has at most 1,000 entries.
        """
        topics = [f"/{number}" for number in range(MAX_GRANTED)]
        self.assertEqual(Matchers.of(topics), said(topics=topics).topics)
        self.assert_invalid("topics has 1001 entries; at most 1000", topics=[*topics, "/"])

    def test_too_many_patterns(self) -> None:
        """
        The number of patterns has the same limit as for clients; exact topics do not count.
        """
        patterns = [{"match": f"/{number}/*", "match_type": "urlpattern"} for number in range(3)]

        def read(*topics: Any) -> Rights:
            return at_once(
                reading_decision(
                    json.dumps({"publish": topics, "subscribe": topics}).encode(),
                    "application/json",
                    Action.PUBLISH,
                    base_url=HUB,
                    now=NOW,
                    limits=Limits(max_matchers=2),
                )
            )

        rights = read("/a", "/b", {"match": "/c"}, *patterns[:2])
        self.assertTrue(rights.subscribe.match(("https://hub.example/1/x",)))
        error = self.assertRaises(InvalidDecision, read, "/a", *patterns)
        self.assertEqual("subscribe[3] is one pattern too many: at most 2", str(error))

    def test_steps(self) -> None:
        """
        Each topic is a step, because it may be a pattern to compile.
        """
        topics = [{"match": f"/{number}/*", "match_type": "urlpattern"} for number in range(50)]
        body = json.dumps({"topics": topics, "subscribe": topics}).encode()
        reading = reading_decision(
            body, "application/json", Action.SUBSCRIBE, base_url=HUB, now=NOW
        )
        self.assertEqual(100, sum(1 for _ in reading))

    def test_expires_in(self) -> None:
        """
        ``expires_in`` is a number above 0.
        """
        for value in ("60", True, 0, -1, [], 10**309):
            self.assert_invalid("expires_in is not a number of seconds above 0", expires_in=value)
        self.assertIn("expires_in is not a number", self.problem(b'{"expires_in": 1e999}'))

    def test_identity(self) -> None:
        """
        An identity is a string with visible characters, of limited length.
        """
        self.assert_invalid("identity is not a string", identity=5)
        self.assert_invalid("identity must not have control", identity="a\nb")
        self.assert_invalid(f"identity has more than {MAX_IDENTITY} characters", identity="x" * 201)
        self.assertEqual("é" * MAX_IDENTITY, said(identity="é" * MAX_IDENTITY).identity)

    def test_payload(self) -> None:
        """
        A payload that cannot be written as JSON is invalid.
        """
        for payload in (b'"\\ud800"', b'{"a": [1e999]}'):
            self.assertEqual(
                "payload cannot be written as JSON",
                self.problem(b'{"payload": ' + payload + b"}"),
            )

    def assert_read_or_invalid(self, body: bytes) -> None:
        try:
            rights = decision(body)
        except InvalidDecision:
            return
        # Not above: a time may be too short for a float to hold.
        self.assertTrue(NOW <= rights.expires <= inf)

    @example({"expires_in": 1e-12})
    @given(st.dictionaries(st.sampled_from(NAMES), JSON))
    def test_any_json(self, answer: Any) -> None:
        """
        Any JSON object is read or invalid.
        """
        self.assert_read_or_invalid(json.dumps(answer).encode())

    @given(st.binary() | st.text(st.sampled_from('{}[]",:*pubtopicsh01e ')).map(str.encode))
    def test_any_bytes(self, body: bytes) -> None:
        """
        Any bytes are read or invalid.
        """
        self.assert_read_or_invalid(body)
