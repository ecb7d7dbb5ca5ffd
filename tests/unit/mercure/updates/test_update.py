"""
The rules for updates.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event, Hub
from ssetwist.errors import Refused
from ssetwist.eventstream._event import MAX_RETRY
from ssetwist.hub import MAX_TOPICS
from ssetwist.log import MAX_ID
from ssetwist.matching import at_once
from ssetwist.mercure.updates._update import MAX_TOPIC, MAX_TYPE, Update, update_from_form
from tests.clock import Clock

HUB = "https://hub.example/.well-known/mercure"

#: The fields of the form; the message of a refusal begins with one.
FIELDS = ("topic", "data", "private", "id", "type", "retry")

#: Text with much that is not allowed.
difficult = st.one_of(
    st.text(max_size=20),
    st.text(st.sampled_from("*#/%0127.٣ \0\n\r\x7f\x85\u200b\ufeff\ud800é🐈"), max_size=20),
    st.sampled_from(["", "*", "#1", "earliest", "mercure", "message", "mercure/x", HUB, "0", "-1"]),
    st.integers(-(2**70), 2**70).map(str),
)


def form(*pairs: tuple[str, str], **fields: str) -> Update:
    """
    Return the update from a form with a topic and these fields.
    """
    return at_once(update_from_form([("topic", "a"), *pairs, *fields.items()], HUB))


class FormTests(SynchronousTestCase):
    """
    An update from a form.
    """

    def assert_refused(self, status: int, field: str, *pairs: tuple[str, str]) -> None:
        """
        Check that a form is refused with a message that begins with the field's name.
        """
        refused = self.assertRaises(Refused, at_once, update_from_form(pairs, HUB))
        self.assertEqual((status, field), (refused.status, refused.text.split()[0]), pairs)
        self.assertLess(len(refused.text), 200)

    def assert_bad(self, field: str, *values: str) -> None:
        """
        Check that each of these values is refused for a field.
        """
        for value in values:
            self.assert_refused(400, field, ("topic", "a"), (field, value))

    def test_only_a_topic(self) -> None:
        """
        A form needs nothing but a topic.
        """
        self.assertEqual(Update(("a",), Event("")), form())

    def test_all_fields(self) -> None:
        """
        Each field sets its part of the update.
        """
        self.assertEqual(
            Update(("a", "b"), Event("1\n2", type="t", id="i", retry=5), is_private=True),
            form(("topic", "b"), data="1\n2", type="t", id="i", retry="5", private="on"),
        )

    def test_steps(self) -> None:
        """
        A step checks one long topic, or a few dozen short ones.
        """
        for topic, least, most in (("/a", 24, 100), ("/" + "a" * (MAX_TOPIC - 1), 1, 1)):
            steps = update_from_form([("topic", topic)] * MAX_TOPICS, HUB)
            count = sum(1 for _ in steps) + 1
            self.assertTrue(MAX_TOPICS / most <= count <= MAX_TOPICS / least, count)

    def test_topics(self) -> None:
        """
        Topics are kept unchanged and in order; the first is the canonical one.
        """
        topics = ("https://example.com/é", "b", "https://EXAMPLE.com/é", "b")
        pairs = [("topic", topic) for topic in topics]
        self.assertEqual(topics, at_once(update_from_form(pairs, HUB)).topics)

    def test_no_topic(self) -> None:
        """
        A form without a topic, or with an empty one, is refused.
        """
        self.assert_refused(400, "topic")
        self.assert_refused(400, "topic", ("data", "x"))
        self.assert_refused(400, "topic", ("Topic", "a"))
        refused = self.assertRaises(Refused, at_once, update_from_form([("topic", "")], HUB))
        self.assertEqual((400, "topic must not be empty"), (refused.status, refused.text))

    def test_bad_topic(self) -> None:
        """
        A topic with control or invisible characters is refused, as are the wildcard and the hub's
        own topics.
        """
        for topic in (
            "a\n",
            "a\x7f",
            "a\x85",
            "a\u200b",
            "*",
            HUB,
            f"{HUB}/x",
            "mercure",
            "\ud800",
        ):
            self.assert_refused(400, "topic", ("topic", "a"), ("topic", topic))
        self.assertEqual(("**",), at_once(update_from_form([("topic", "**")], HUB)).topics)

    def test_many_topics(self) -> None:
        """
        Too many topics, and a topic that is too long, are refused with 413.
        """
        most = [("topic", "a")] * MAX_TOPICS
        self.assertEqual(MAX_TOPICS, len(at_once(update_from_form(most, HUB)).topics))
        self.assert_refused(413, "topic", *most, ("topic", "a"))
        self.assert_refused(413, "topic", ("topic", "a" * (MAX_TOPIC + 1)))
        self.assert_refused(413, "topic", ("topic", "é" * (MAX_TOPIC // 2 + 1)))
        self.assertEqual(
            1, len(at_once(update_from_form([("topic", "a" * MAX_TOPIC)], HUB)).topics)
        )

    def test_private(self) -> None:
        """
        The field ``private`` makes an update private with any value.
        """
        for value in ("", "on", "false", "0"):
            self.assertTrue(form(private=value).is_private)
        self.assertFalse(form(Private="on").is_private)

    def test_id(self) -> None:
        """
        An id with forbidden characters, or one that belongs to the hub, is refused.
        """
        self.assertEqual("urn:uuid:1", form(id="urn:uuid:1").event.id)
        self.assertEqual("a#b", form(id="a#b").event.id)
        self.assert_bad("id", "#1", "#", "earliest", "a\0", "a\r", "a\x9f", "a\u202e", "\ud800")
        self.assert_refused(413, "id", ("topic", "a"), ("id", "i" * (MAX_ID + 1)))
        self.assertEqual("i" * MAX_ID, form(id="i" * MAX_ID).event.id)

    def test_type(self) -> None:
        """
        A type with forbidden characters, or the type of the hub's own events, is refused.
        """
        self.assertEqual("Mercure", form(type="Mercure").event.type)
        self.assert_bad("type", "mercure", "a\n", "a\0", "a\x80", "a\u200f", "\ud800")
        self.assert_refused(413, "type", ("topic", "a"), ("type", "t" * (MAX_TYPE + 1)))
        self.assertEqual("t" * MAX_TYPE, form(type="t" * MAX_TYPE).event.type)

    def test_retry(self) -> None:
        """
        A reconnection time consists of ASCII digits and is at most what browsers can count.
        """
        for text, expected in (
            ("0", 0),
            ("5000", 5000),
            ("0" * 5000 + "7", 7),
            (str(MAX_RETRY), MAX_RETRY),
        ):
            self.assertEqual(expected, form(retry=text).event.retry)
        self.assert_bad("retry", "-1", "+1", "1.0", "1_000", " 1", "1\n", "٣", "²", "x", "1e3")
        self.assert_bad("retry", str(MAX_RETRY + 1), "9" * 5000)

    def test_empty(self) -> None:
        """
        An empty id, type or reconnection time counts as missing.
        """
        self.assertEqual(form(), form(id="", type="", retry=""))

    def test_data(self) -> None:
        """
        Data may be any text that UTF-8 can encode.
        """
        for data in ("", "\0", "\u200b\ufeff", "a\r\nb", "é🐈"):
            self.assertEqual(data, form(data=data).event.data)
        self.assert_bad("data", "\ud800")

    def test_unknown(self) -> None:
        """
        Unknown fields are ignored.
        """
        self.assertEqual(form(), form(target="x", Data="x", topics="*"))

    def test_repeated(self) -> None:
        """
        The first value of a repeated field counts.
        """
        pairs = [(name, value) for value in ("1", "2") for name in ("data", "id", "type", "retry")]
        self.assertEqual(form(data="1", id="1", type="1", retry="1"), form(*pairs))

    def test_topics_first(self) -> None:
        """
        Topics are checked before the other fields.
        """
        self.assert_refused(400, "topic", ("id", "#1"), ("type", "mercure"))

    @given(
        st.lists(st.tuples(st.one_of(st.sampled_from(FIELDS), st.text(max_size=5)), difficult)),
        st.booleans(),
    )
    def test_any(self, pairs: list[tuple[str, str]], has_topic: bool) -> None:
        """
        Any form either makes an update that a hub takes, or is refused with the name of a field.
        """
        if has_topic:
            pairs.insert(0, ("topic", "a"))
        try:
            update = at_once(update_from_form(pairs, HUB))
        except Refused as refused:
            self.assertIn(refused.status, (400, 413))
            self.assertIn(refused.text.split()[0], FIELDS)
            return
        hub = Hub(clock=Clock())
        asked = hub.publish(update.topics, update.event, private=update.is_private)
        self.assertEqual(update.event.id or hub.resume_id, self.successResultOf(asked))

    def test_largest(self) -> None:
        """
        A hub takes the largest update that the rules allow.
        """
        pairs = [("topic", "é" * (MAX_TOPIC // 2))] * MAX_TOPICS
        update = at_once(
            update_from_form(
                [*pairs, ("id", "i" * MAX_ID), ("type", "t" * MAX_TYPE), ("retry", str(MAX_RETRY))],
                HUB,
            )
        )
        asked = Hub(clock=Clock()).publish(update.topics, update.event)
        self.assertEqual("i" * MAX_ID, self.successResultOf(asked))
