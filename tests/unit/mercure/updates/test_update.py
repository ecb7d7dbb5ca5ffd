"""
What is published, and by which rules.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event, Hub
from ssetwist.errors import Refused
from ssetwist.eventstream._event import MAX_RETRY
from ssetwist.hub import MAX_TOPICS
from ssetwist.log import MAX_ID
from ssetwist.mercure.updates._update import MAX_TOPIC, MAX_TYPE, Update, update_from_form

HUB = "https://hub.example/.well-known/mercure"

#: The fields of the form, by whose names a refusal begins.
FIELDS = ("topic", "data", "private", "id", "type", "retry")

#: Text of which much is not allowed.
difficult = st.one_of(
    st.text(max_size=20),
    st.text(st.sampled_from("*#/%0127.٣ \0\n\r\x7f\x85\u200b\ufeff\ud800é🐈"), max_size=20),
    st.sampled_from(["", "*", "#1", "earliest", "mercure", "message", "mercure/x", HUB, "0", "-1"]),
    st.integers(-(2**70), 2**70).map(str),
)


def form(*pairs: tuple[str, str], **fields: str) -> Update:
    """
    Publish a form with a topic and such fields.
    """
    return update_from_form([("topic", "a"), *pairs, *fields.items()], HUB)


class FormTests(SynchronousTestCase):
    """
    Updates out of forms.
    """

    def assert_refused(self, status: int, field: str, *pairs: tuple[str, str]) -> None:
        """
        Check that such a form is refused, and that the refusal begins with the field's name.
        """
        refused = self.assertRaises(Refused, update_from_form, pairs, HUB)
        self.assertEqual((status, field), (refused.status, refused.text.split()[0]), pairs)
        self.assertLess(len(refused.text), 200)

    def assert_bad(self, field: str, *values: str) -> None:
        """
        Check that a field must not have any of these values.
        """
        for value in values:
            self.assert_refused(400, field, ("topic", "a"), (field, value))

    def test_least(self) -> None:
        """
        A topic is enough.
        """
        self.assertEqual(Update(("a",), Event("")), form())

    def test_most(self) -> None:
        """
        Each field has its meaning.
        """
        self.assertEqual(
            Update(("a", "b"), Event("1\n2", type="t", id="i", retry=5), is_private=True),
            form(("topic", "b"), data="1\n2", type="t", id="i", retry="5", private="on"),
        )

    def test_topics(self) -> None:
        """
        Topics stay as they are, in their order; the first is the canonical one.
        """
        topics = ("https://example.com/é", "b", "https://EXAMPLE.com/é", "b")
        pairs = [("topic", topic) for topic in topics]
        self.assertEqual(topics, update_from_form(pairs, HUB).topics)

    def test_no_topic(self) -> None:
        """
        Without a topic, or with an empty one, it goes nowhere.
        """
        self.assert_refused(400, "topic")
        self.assert_refused(400, "topic", ("data", "x"))
        self.assert_refused(400, "topic", ("Topic", "a"))
        refused = self.assertRaises(Refused, update_from_form, [("topic", "")], HUB)
        self.assertEqual((400, "topic must not be empty"), (refused.status, refused.text))

    def test_bad_topic(self) -> None:
        """
        A topic has no control characters and nothing invisible, is not the wildcard, and is not
        the hub's own.
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
        self.assertEqual(("**",), update_from_form([("topic", "**")], HUB).topics)

    def test_many_topics(self) -> None:
        """
        Of too many, and of too long ones, it is said that it is too much.
        """
        most = [("topic", "a")] * MAX_TOPICS
        self.assertEqual(MAX_TOPICS, len(update_from_form(most, HUB).topics))
        self.assert_refused(413, "topic", *most, ("topic", "a"))
        self.assert_refused(413, "topic", ("topic", "a" * (MAX_TOPIC + 1)))
        self.assertEqual(1, len(update_from_form([("topic", "a" * MAX_TOPIC)], HUB).topics))

    def test_private(self) -> None:
        """
        To be there is enough, whatever the value.
        """
        for value in ("", "on", "false", "0"):
            self.assertTrue(form(private=value).is_private)
        self.assertFalse(form(Private="on").is_private)

    def test_id(self) -> None:
        """
        An id is a name, and none of those that the hub gives, or that ask for all.
        """
        self.assertEqual("urn:uuid:1", form(id="urn:uuid:1").event.id)
        self.assertEqual("a#b", form(id="a#b").event.id)
        self.assert_bad("id", "#1", "#", "earliest", "a\0", "a\r", "a\x9f", "a\u202e", "\ud800")
        self.assert_refused(413, "id", ("topic", "a"), ("id", "i" * (MAX_ID + 1)))
        self.assertEqual("i" * MAX_ID, form(id="i" * MAX_ID).event.id)

    def test_type(self) -> None:
        """
        A type is a name, and not that of the hub's own events.
        """
        self.assertEqual("Mercure", form(type="Mercure").event.type)
        self.assert_bad("type", "mercure", "a\n", "a\0", "a\x80", "a\u200f", "\ud800")
        self.assert_refused(413, "type", ("topic", "a"), ("type", "t" * (MAX_TYPE + 1)))
        self.assertEqual("t" * MAX_TYPE, form(type="t" * MAX_TYPE).event.type)

    def test_retry(self) -> None:
        """
        A reconnection time is made of ASCII digits only, and no longer than a browser can count.
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
        An id, a type and a reconnection time that nobody has filled in are none.
        """
        self.assertEqual(form(), form(id="", type="", retry=""))

    def test_data(self) -> None:
        """
        Data is any text that there is.
        """
        for data in ("", "\0", "\u200b\ufeff", "a\r\nb", "é🐈"):
            self.assertEqual(data, form(data=data).event.data)
        self.assert_bad("data", "\ud800")

    def test_unknown(self) -> None:
        """
        Unknown fields do not count.
        """
        self.assertEqual(form(), form(target="x", Data="x", topics="*"))

    def test_first(self) -> None:
        """
        Of what may be there once, the first counts.
        """
        pairs = [(name, value) for value in ("1", "2") for name in ("data", "id", "type", "retry")]
        self.assertEqual(form(data="1", id="1", type="1", retry="1"), form(*pairs))

    def test_order(self) -> None:
        """
        Topics are looked at first.
        """
        self.assert_refused(400, "topic", ("id", "#1"), ("type", "mercure"))

    @given(
        st.lists(st.tuples(st.one_of(st.sampled_from(FIELDS), st.text(max_size=5)), difficult)),
        st.booleans(),
    )
    def test_any(self, pairs: list[tuple[str, str]], has_topic: bool) -> None:
        """
        Whatever is sent makes an update that a hub takes, or is refused by the name of a field.
        """
        if has_topic:
            pairs.insert(0, ("topic", "a"))
        try:
            update = update_from_form(pairs, HUB)
        except Refused as refused:
            self.assertIn(refused.status, (400, 413))
            self.assertIn(refused.text.split()[0], FIELDS)
            return
        hub = Hub(clock=Clock())
        asked = hub.publish(update.topics, update.event, private=update.is_private)
        self.assertEqual(update.event.id or hub.resume_id, self.successResultOf(asked))

    def test_largest(self) -> None:
        """
        A hub takes also the largest update.
        """
        pairs = [("topic", "é" * MAX_TOPIC)] * MAX_TOPICS
        update = update_from_form(
            [*pairs, ("id", "i" * MAX_ID), ("type", "t" * MAX_TYPE), ("retry", str(MAX_RETRY))],
            HUB,
        )
        asked = Hub(clock=Clock()).publish(update.topics, update.event)
        self.assertEqual("i" * MAX_ID, self.successResultOf(asked))
