"""
Updates as JSON.
"""

import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event, Hub
from ssetwist.client import Update as Sent
from ssetwist.client.mercure._bulk import MAX_BATCH, batches_of
from ssetwist.errors import Refused
from ssetwist.eventstream._event import MAX_RETRY
from ssetwist.matching import at_once
from ssetwist.mercure import DEFAULT_MAX_BODY
from ssetwist.mercure.updates._json import MAX_LINES, answer_line, lines_of, update_from_json
from ssetwist.mercure.updates._update import Update
from tests.clock import Clock
from tests.unit.mercure.updates.test_update import FIELDS, HUB, difficult

#: Any JSON value, including strings that UTF-8 cannot encode.
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), difficult),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


def read(**fields: object) -> Update:
    """
    Return the update from an object with a topic and these fields.
    """
    return at_once(update_from_json(json.dumps({"topic": "a", **fields}).encode(), HUB))


class JSONTests(SynchronousTestCase):
    """
    An update from a JSON object.
    """

    def assert_refused(self, status: int, words: str, text: bytes) -> None:
        """
        Check that a text is refused with a message that begins with these words.
        """
        refused = self.assertRaises(Refused, at_once, update_from_json(text, HUB))
        self.assertEqual((status, words), (refused.status, refused.text[: len(words)]), text)
        self.assertLess(len(refused.text), 200)

    def assert_bad(self, field: str, *values: object) -> None:
        """
        Check that each of these values is refused for a field.
        """
        for value in values:
            text = json.dumps({"topic": "a", field: value}).encode()
            self.assert_refused(400, f"{field} ", text)

    def test_only_a_topic(self) -> None:
        """
        An object needs nothing but a topic.
        """
        self.assertEqual(Update(("a",), Event("")), read())

    def test_all_names(self) -> None:
        """
        Each name sets its field of the update.
        """
        self.assertEqual(
            Update(("a", "é"), Event("x", type="t", id="i", retry=5), is_private=True),
            read(topic=["a", "é"], data="x", type="t", id="i", retry=5, private=True),
        )

    def test_data(self) -> None:
        """
        A string is sent as it is, any other value as JSON on one line.
        """
        for value, data in (
            ("", ""),
            ('"quoted"', '"quoted"'),
            ({"b": [1, 2.5, None], "a": "é\n"}, '{"b":[1,2.5,null],"a":"é\\n"}'),
            ([], "[]"),
            (None, "null"),
            (False, "false"),
            (10**30, "1" + "0" * 30),
        ):
            self.assertEqual(data, read(data=value).event.data)

    def test_null_and_empty(self) -> None:
        """
        ``null`` and empty strings count as missing.
        """
        self.assertEqual(read(), read(id=None, type=None, retry=None, private=None))
        self.assertEqual(read(), read(id="", type="", retry="", private=False))

    def test_topic(self) -> None:
        """
        A topic, or an array of topics, is needed; each is a non-empty string that is allowed.
        """
        self.assert_bad("topic", None, [], "", [""], 1, {}, ["a", 1], ["a", ["b"]], [None])
        self.assert_refused(400, "topic", b"{}")
        self.assert_bad("topic", "*", ["a", HUB], "a\n", "\ud800")
        self.assert_refused(413, "topic", json.dumps({"topic": ["a"] * 1001}).encode())

    def test_wrong_type(self) -> None:
        """
        A value of a wrong JSON type is refused.
        """
        self.assert_bad("id", 1, True, [], {})
        self.assert_bad("type", 1, False, ["t"])
        self.assert_bad("private", "on", 1, 0, "", [])
        self.assert_bad("retry", "1", 1.0, True, False, [1], -1, MAX_RETRY + 1, 10**300)

    def test_same_rules(self) -> None:
        """
        Values that are refused in a form are refused in JSON.
        """
        self.assert_bad("id", "#1", "earliest", "a\0", "\ud800")
        self.assert_bad("type", "mercure", "a\n")
        self.assert_bad("data", "\ud800", ["\ud800"], {"\ud800": 1})

    def test_unknown(self) -> None:
        """
        Unknown names are ignored.
        """
        self.assertEqual(read(), read(target="x", Topic="*", topics=["b"]))

    def test_not_json(self) -> None:
        """
        Text that is not a JSON object is refused; a syntax error names its place.
        """
        self.assert_refused(400, "the update is not JSON: ", b"topic=a")
        self.assert_refused(400, "the update is not a JSON object", b'[{"topic":"a"}]')
        refused = self.assertRaises(Refused, at_once, update_from_json(b'{"topic" "a"}', HUB))
        self.assertIn("at line 1, column 10", refused.text)

    def test_too_large_number(self) -> None:
        """
        A number that is too large for a float is refused, because JSON cannot express infinity.
        """
        self.assert_refused(400, "data ", b'{"topic":"a","data":1e999}')

    @given(
        st.dictionaries(st.one_of(st.sampled_from(FIELDS), st.text(max_size=3)), values),
        st.booleans(),
    )
    def test_any(self, fields: dict[str, object], has_topic: bool) -> None:
        """
        Any object either makes an update that a hub takes, or is refused with the name of a field.
        """
        if has_topic:
            fields["topic"] = "a"
        try:
            update = at_once(update_from_json(json.dumps(fields).encode(), HUB))
        except Refused as refused:
            self.assertIn(refused.status, (400, 413))
            self.assertIn(refused.text.split()[0], (*FIELDS, "the"))
            return
        hub = Hub(clock=Clock())
        asked = hub.publish(update.topics, update.event, private=update.is_private)
        self.assertEqual(update.event.id or hub.resume_id, self.successResultOf(asked))

    @given(
        st.one_of(
            st.binary(max_size=50),
            st.text('{}[]":,topicdata01eE.-\\u', max_size=50),
            st.text('{}[]":,topicdata01eE.-\\u', max_size=20).map('{{"topic":"a"{}}}'.format),
            st.lists(st.sampled_from(["a", "b", "c"]), max_size=3).map(
                lambda topics: json.dumps({"topic": topics})
            ),
        )
    )
    def test_any_bytes(self, text: bytes | str) -> None:
        """
        Any bytes make an update or are refused.
        """
        body = text if isinstance(text, bytes) else text.encode()
        try:
            update = at_once(update_from_json(body, HUB))
        except Refused as refused:
            self.assertEqual(400, refused.status)
            return
        given = json.loads(body)["topic"]
        self.assertEqual(given if isinstance(given, list) else [given], list(update.topics))


class LinesTests(SynchronousTestCase):
    """
    Updates on the lines of one body.
    """

    def test_lines(self) -> None:
        """
        Lines end with LF or CRLF, except perhaps the last one; blank lines are skipped.
        """
        self.assertEqual([(1, b"{}"), (2, b"{}\r"), (5, b" {}")], lines_of(b"{}\n{}\r\n\n \r\n {}"))
        self.assertEqual([(1, b"{}")], lines_of(b"{}\n"))
        self.assertEqual([], lines_of(b""))

    def test_no_other_line_end(self) -> None:
        """
        U+2028 and U+0085 do not end a line; they may be in a value.
        """
        line = '{"topic":"a","data":"\u2028\x85"}'.encode()
        self.assertEqual([(1, line)], lines_of(line))
        self.assertEqual("\u2028\x85", at_once(update_from_json(line, HUB)).event.data)

    def test_crlf(self) -> None:
        """
        The CR of a CRLF is white space to JSON.
        """
        [(_, line)] = lines_of(b'{"topic":"a"}\r\n')
        self.assertEqual(read(), at_once(update_from_json(line, HUB)))

    def test_too_many(self) -> None:
        """
        A body has at most 1,000 lines, including blank ones.
        """
        self.assertEqual(MAX_LINES, len(lines_of(b"{}\n" * MAX_LINES)))
        self.assertEqual(MAX_LINES, len(lines_of(b"{}\n" * (MAX_LINES - 1) + b"{}")))
        for body in (b"{}\n" * MAX_LINES + b"{}", b"\n" * (MAX_LINES + 1)):
            refused = self.assertRaises(Refused, lines_of, body)
            self.assertEqual(413, refused.status)


class AnswerTests(SynchronousTestCase):
    """
    The answer to each line.
    """

    def test_id(self) -> None:
        """
        A line whose update was published is answered with the id.
        """
        self.assertEqual(b'{"id": "#e.1"}\n', answer_line(1, "#e.1"))

    def test_error(self) -> None:
        """
        A line that was refused is answered with the error, the status and the line's number.
        """
        refused = Refused(400, "topic is missing")
        self.assertEqual(
            {"error": "topic is missing", "status": 400, "line": 7},
            json.loads(answer_line(7, refused)),
        )

    def test_retry_after(self) -> None:
        """
        The answer tells when to try again, in seconds.
        """
        answer = json.loads(answer_line(1, Refused(503, "Not now.", retry_after=2.5)))
        self.assertEqual(2.5, answer["retry_after"])

    def test_batches_of_our_publisher(self) -> None:
        """
        A hub takes the largest batches that our publisher sends, in lines and in bytes.
        """
        for data in ("", "x" * (MAX_BATCH // 2)):
            batch = next(batches_of(iter([Sent("a", data)] * (MAX_LINES + 1))))
            body = b"".join(update.line() for update in batch)
            self.assertEqual(len(batch), len(lines_of(body)))
            self.assertLessEqual(len(body), DEFAULT_MAX_BODY)

    @given(st.text(st.characters(exclude_categories=["Cs"])))
    def test_one_line(self, text: str) -> None:
        """
        Every answer is one line of UTF-8.
        """
        for answer in (answer_line(1, text), answer_line(1, Refused(400, text))):
            self.assertEqual([b"\n"], [answer[-1:]])
            self.assertEqual(1, answer.count(b"\n"))
            self.assertIn(text, json.loads(answer.decode()).values())
