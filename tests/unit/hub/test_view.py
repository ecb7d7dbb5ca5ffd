"""
What a subscriber may see.
"""

from dataclasses import dataclass

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event, Everything, Exact, InvalidMatcher, Pattern, View
from ssetwist.log import Entry
from tests.unit.hub.fake import Broken, fail


def entry(*topics: str, data: str = "", is_private: bool = False) -> Entry:
    """
    Make an event in its place.
    """
    return Entry(1, topics, Event(data), is_private, 0.0, b"")


def always(topics: tuple[str, ...], event: Event) -> bool:
    """
    See everything.
    """
    return True


@dataclass(frozen=True)
class Slow:
    """
    A matcher that remembers what it was asked.
    """

    asked: list[str]

    def __hash__(self) -> int:
        return id(self.asked)

    def matches(self, topic: str) -> bool:
        self.asked.append(topic)
        return True


class ViewTests(SynchronousTestCase):
    """
    What is asked for, and what is granted.
    """

    def test_topics(self) -> None:
        """
        An event is seen if one of its topics is asked for.
        """
        view = View.of(["a", Pattern("/p/*")])
        for topics, expected in (
            (("a",), True),
            (("b", "a"), True),
            (("b", "/p/1"), True),
            (("b",), False),
        ):
            self.assertEqual(expected, view.shows(entry(*topics)), topics)

    def test_public_needs_no_grant(self) -> None:
        """
        What is not private is seen without any grant.
        """
        self.assertTrue(View.of("a").shows(entry("a")))

    def test_private(self) -> None:
        """
        What is private is seen by those alone who were granted one of its topics.
        """
        private = entry("a", "b", is_private=True)
        for grants, expected in (
            ((), False),
            ("c", False),
            ("a", True),
            ("b", True),
            (Pattern("/*"), True),
            (Everything(), True),
        ):
            self.assertEqual(expected, View.of("a", grants=grants).shows(private), grants)

    def test_private_is_not_matched(self) -> None:
        """
        What somebody asks for is not tried with what it was not granted: it may take long.
        """
        slow = Slow([])
        self.assertFalse(View.of(slow).shows(entry("a", is_private=True)))
        self.assertEqual([], slow.asked)
        self.assertTrue(View.of(slow, grants="a").shows(entry("a", is_private=True)))
        self.assertEqual(["a"], slow.asked)

    def test_union(self) -> None:
        """
        The topic that is asked for and the one that is granted may be two of the same event.
        """
        private = entry("a", "b", is_private=True)
        self.assertTrue(View.of("a", grants="b").shows(private))
        self.assertFalse(View.of("c", grants="b").shows(private))

    def test_grant_asks_for_nothing(self) -> None:
        """
        What is granted but not asked for is not seen.
        """
        self.assertFalse(View.of("a", grants="b").shows(entry("b")))

    def test_filter(self) -> None:
        """
        A filter is told the topics and the event, and has the last word.
        """
        asked = []

        def only_b(topics: tuple[str, ...], event: Event) -> bool:
            asked.append((topics, event))
            return event.data == "b"

        view = View.of("t", filter=only_b)
        self.assertEqual(
            (False, True),
            (view.shows(entry("t", "u", data="a")), view.shows(entry("t", data="b"))),
        )
        self.assertEqual([(("t", "u"), Event("a")), (("t",), Event("b"))], asked)

    def test_filter_is_no_grant(self) -> None:
        """
        A filter cannot show what is not asked for or not granted; it is not even asked.
        """
        view = View.of("t", filter=fail)
        self.assertFalse(view.shows(entry("u")))
        self.assertFalse(view.shows(entry("t", is_private=True)))

    def test_truth(self) -> None:
        """
        Whatever a filter returns counts as yes or no.
        """
        for value, expected in (("yes", True), (0, False), (None, False), ([1], True)):
            view = View.of("t", filter=lambda topics, event, value=value: value)
            self.assertIs(expected, view.shows(entry("t")))

    def test_raising_filter(self) -> None:
        """
        A filter that raises is logged and has said no.
        """
        self.assertFalse(View.of("t", filter=fail).shows(entry("t")))
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))

    def test_select(self) -> None:
        """
        Those that are seen are selected, in their order.
        """
        entries = [entry("a"), entry("b"), entry("a", is_private=True), entry("b", "a")]
        self.assertEqual([entries[0], entries[3]], View.of("a").select(entries))

    def test_value(self) -> None:
        """
        Views of the same are equal, however it was said.
        """
        view = View.of(["a", "b", Everything()], grants=["c"], filter=always)
        same = View.of([Everything(), Exact("b"), "a", "a"], grants=Exact("c"), filter=always)
        self.assertEqual((view, hash(view)), (same, hash(same)))
        others = (
            View.of(["a", "b"], grants="c", filter=always),
            View.of(["a", "b", Everything()], filter=always),
            View.of(["a", "b", Everything()], grants="c"),
        )
        self.assertEqual(4, len({view, *others}))

    def test_mistakes(self) -> None:
        """
        What asks for nothing that there could be is refused, as a topic and as a grant.
        """
        for value, error in (("x" * 16385, InvalidMatcher), (1, TypeError), ([b"a"], TypeError)):
            self.assertRaises(error, View.of, value)
            self.assertRaises(error, View.of, "a", grants=value)
