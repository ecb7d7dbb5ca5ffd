"""
Views: the events that a subscriber sees.
"""

from dataclasses import dataclass, replace

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event, Everything, Exact, InvalidMatcher, Pattern, View
from ssetwist.hub._view import ViewHistory
from ssetwist.log import Entry
from ssetwist.matching._steps import at_once
from tests.unit.hub.fake import Broken, fail


def entry(*topics: str, data: str = "", is_private: bool = False) -> Entry:
    """
    Make an entry.
    """
    return Entry(1, topics, Event(data), is_private, 0.0, b"")


def shows(view: View, seen: Entry) -> bool:
    return at_once(view.shows(seen))


def always(topics: tuple[str, ...], event: Event) -> bool:
    """
    Return true.
    """
    return True


@dataclass(frozen=True)
class Slow:
    """
    A matcher that remembers its calls.
    """

    asked: list[str]

    def __hash__(self) -> int:
        return id(self.asked)

    def matches(self, topic: str) -> bool:
        self.asked.append(topic)
        return True


class ViewTests(SynchronousTestCase):
    """
    Matchers, grants and filters.
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
            self.assertEqual(expected, shows(view, entry(*topics)), topics)

    def test_public_needs_no_grant(self) -> None:
        """
        A public event is seen without a grant.
        """
        self.assertTrue(shows(View.of("a"), entry("a")))

    def test_private(self) -> None:
        """
        A private event is seen only with a grant for one of its topics.
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
            self.assertEqual(expected, shows(View.of("a", grants=grants), private), grants)

    def test_private_is_not_matched(self) -> None:
        """
        A view's matchers, which may be slow, are not tried with private events for which the view
        has no grant.
        """
        slow = Slow([])
        self.assertFalse(shows(View.of(slow), entry("a", is_private=True)))
        self.assertEqual([], slow.asked)
        self.assertTrue(shows(View.of(slow, grants="a"), entry("a", is_private=True)))
        self.assertEqual(["a"], slow.asked)

    def test_union(self) -> None:
        """
        An event is seen even if one of its topics is asked for, and another one is granted.
        """
        private = entry("a", "b", is_private=True)
        self.assertTrue(shows(View.of("a", grants="b"), private))
        self.assertFalse(shows(View.of("c", grants="b"), private))

    def test_grant_asks_for_nothing(self) -> None:
        """
        An event that is granted but not asked for is not seen.
        """
        self.assertFalse(shows(View.of("a", grants="b"), entry("b")))

    def test_filter(self) -> None:
        """
        A filter gets the topics and the event, and is called after all other checks.
        """
        asked = []

        def only_b(topics: tuple[str, ...], event: Event) -> bool:
            asked.append((topics, event))
            return event.data == "b"

        view = View.of("t", filter=only_b)
        self.assertEqual(
            (False, True),
            (shows(view, entry("t", "u", data="a")), shows(view, entry("t", data="b"))),
        )
        self.assertEqual([(("t", "u"), Event("a")), (("t",), Event("b"))], asked)

    def test_ephemeral(self) -> None:
        """
        A view that leaves out ephemeral events shows the others, also those with a filter.
        """
        ephemeral = replace(entry("t"), position=0)
        for filter in (None, lambda *_: True):
            view = View.of("t", filter=filter)
            without = replace(view, shows_ephemeral=False)
            found = [
                shows(one, event) for one in (view, without) for event in (entry("t"), ephemeral)
            ]
            self.assertEqual([True, True, True, False], found)

    def test_filter_is_no_grant(self) -> None:
        """
        A filter cannot show events that are not asked for or not granted; it is not even called.
        """
        view = View.of("t", filter=fail)
        self.assertFalse(shows(view, entry("u")))
        self.assertFalse(shows(view, entry("t", is_private=True)))

    def test_truth(self) -> None:
        """
        Any result of a filter counts as true or false.
        """
        for value, expected in (("yes", True), (0, False), (None, False), ([1], True)):
            view = View.of("t", filter=lambda topics, event, value=value: value)
            self.assertIs(expected, shows(view, entry("t")))

    def test_raising_filter(self) -> None:
        """
        A filter that raises is logged and counts as false.
        """
        self.assertFalse(shows(View.of("t", filter=fail), entry("t")))
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))

    def test_select(self) -> None:
        """
        ``selecting`` finds the events that are seen, in their order.
        """
        entries = [entry("a"), entry("b"), entry("a", is_private=True), entry("b", "a")]
        self.assertEqual([entries[0], entries[3]], at_once(View.of("a").selecting(entries)))
        everything = View.of(Everything())
        self.assertEqual(
            [entries[0], entries[1], entries[3]], at_once(everything.selecting(entries))
        )
        self.assertEqual(entries, at_once(View.of(Everything(), grants="a").selecting(entries)))

    def test_value(self) -> None:
        """
        Views that ask for the same are equal, however they were made.
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
        An impossible topic or grant is refused.
        """
        for value, error in (("x" * 16385, InvalidMatcher), (1, TypeError), ([b"a"], TypeError)):
            self.assertRaises(error, View.of, value)
            self.assertRaises(error, View.of, "a", grants=value)


class ViewHistoryTests(SynchronousTestCase):
    """
    A view that was changed twice, after two events and after four.
    """

    def setUp(self) -> None:
        self.views = [View.of(topic) for topic in "abc"]
        self.history = ViewHistory(self.views[0])
        self.history.change(self.views[1], 2)
        self.history.change(self.views[2], 4)

    def split(self, *positions: int) -> list[list[int]]:
        """
        Return the positions that each of the three views applies to.
        """
        parts = []
        for topic in "abc":
            entries = [replace(entry(topic), position=position) for position in positions]
            seen = at_once(self.history.selecting(entries))
            parts.append([one.position for one in seen])
        return parts

    def test_changed_often(self) -> None:
        """
        Any number of changes between two events leave one earlier view.
        """
        for number in range(100):
            self.history.change(View.of(str(number)), 6)
        self.assertEqual([2, 4, 6], [until for until, _ in self.history.earlier])
        self.assertEqual([[1, 2], [3, 4], [5, 6]], self.split(1, 2, 3, 4, 5, 6, 7))

    def test_split(self) -> None:
        """
        An earlier view applies to the events of its time, even if a piece begins or ends within.
        """
        self.assertEqual([[1, 2], [3, 4], [5, 6]], self.split(1, 2, 3, 4, 5, 6))
        self.assertEqual([[2], [3], []], self.split(2, 3))
        self.assertEqual([[], [], [5]], self.split(5))

    def test_changed_meanwhile(self) -> None:
        """
        A view that is changed while events are selected does not apply to them.
        """
        selecting = self.history.selecting([replace(entry("c"), position=at) for at in (1, 5)])
        next(selecting)
        self.history.change(View.of("t"), 6)
        self.assertEqual([5], [one.position for one in at_once(selecting)])

    def test_forget(self) -> None:
        """
        A view is forgotten when all events that it applies to have been passed, and not before.
        """
        for until, left in ((1, 2), (2, 1), (3, 1), (4, 0)):
            self.history.forget(until)
            self.assertEqual(left, len(self.history.earlier), until)
        self.assertEqual([[], [], [5]], self.split(5))
