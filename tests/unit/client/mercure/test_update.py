"""
Updates as a publisher sends them.
"""

from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client import Update
from ssetwist.errors import InvalidEvent
from ssetwist.eventstream import Event
from ssetwist.matching import at_once
from ssetwist.mercure.updates._form import read_form
from ssetwist.mercure.updates._json import update_from_json
from ssetwist.mercure.updates._update import update_from_form

HUB = "https://hub.example/.well-known/mercure"

FULL = Update(["/a", "/b"], Event("x", type="t", id="1", retry=5), private=True)

TEXT = st.text(alphabet=st.characters(exclude_categories=["C"], include_characters="\n\t"))


class UpdateTests(SynchronousTestCase):
    """
    An update, as a form and as JSON.
    """

    def test_form(self) -> None:
        """
        A form has the fields that are set, and no others.
        """
        self.assertEqual(b"topic=%2Fa&data=x%26%20y%2Bz", Update("/a", "x& y+z").form())
        self.assertEqual(
            ["topic=/a", "topic=/b", "data=x", "private=on", "id=1", "type=t", "retry=5"],
            [f"{name}={value}" for name, value in parse_qsl(FULL.form().decode())],
        )

    def test_line(self) -> None:
        """
        A line has the fields that are set, and a line break in the data does not end it.
        """
        self.assertEqual(b'{"topic":"/a","data":"\xc3\xa9\\n"}\n', Update("/a", "é\n").line())
        self.assertEqual(
            b'{"topic":["/a","/b"],"data":"x","private":true,"id":"1","type":"t","retry":5}\n',
            FULL.line(),
        )

    def test_defaults(self) -> None:
        """
        The default type and an empty id are not sent, because some hubs refuse them.
        """
        self.assertEqual(b"topic=a&data=", Update("a", Event(type="message", id="")).form())

    def test_retry_at_once(self) -> None:
        """
        A reconnection time of 0 is sent: it is not the same as none.
        """
        update = Update("a", Event("x", retry=0))
        self.assertEqual(b"topic=a&data=x&retry=0", update.form())
        self.assertEqual(b'{"topic":"a","data":"x","retry":0}\n', update.line())

    @given(TEXT)
    def test_as_the_hub_reads_it(self, data: str) -> None:
        """
        The hub reads the same update, from a form and from a line.
        """
        event = Event(data, type="t", id="1", retry=5)
        update = Update(["/a", "é b"], event, private=True)
        for read in (
            at_once(update_from_form(read_form(update.form()), HUB)),
            at_once(update_from_json(update.line(), HUB)),
        ):
            self.assertEqual(update.topics, read.topics)
            self.assertEqual(event, read.event)
            self.assertTrue(read.is_private)

    def test_wrong_arguments(self) -> None:
        """
        Arguments that do not make an update are refused before anything is sent.
        """
        for topics in ([], "", ["a", ""], "\ud800"):
            with self.subTest(topics=topics):
                self.assertRaises(ValueError, Update, topics)
        for topics in ([b"a"], None, 1, Event("a")):
            with self.subTest(topics=topics):
                self.assertRaisesRegex(TypeError, "topic.* must be ", Update, topics)
        self.assertRaises(InvalidEvent, Update, "a", "\ud800")
