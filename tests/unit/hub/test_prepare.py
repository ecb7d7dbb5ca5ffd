"""
Events that are prepared: their subscribers are looked for before they are published.
"""

from dataclasses import dataclass, field
from functools import partial

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event, Everything, Pattern, View
from ssetwist.errors import HubClosed, InvalidTopic
from ssetwist.hub import _audience
from ssetwist.hub._audience import _FEW_NEW, MAX_PREPARED, Audience, Index
from ssetwist.hub._turns import MAX_TURN
from ssetwist.log import Entry
from ssetwist.matching import at_once
from tests.unit.hub.case import HubTestCase
from tests.unit.hub.test_long_search import Slow

#: Views of few kinds, so that audiences share matchers: found by a route, tried, or looked up.
_VIEWS = [
    View.of(topics, grants=grants)
    for topics in ("/a", "/b", Pattern("/:x"), Pattern("/a"), Pattern("/{a}?"), Everything())
    for grants in ((), "/a", Everything())
]

_TOPICS = st.lists(st.sampled_from(("/a", "/b", "/c")), min_size=1, max_size=2).map(tuple)

_EVENTS = st.tuples(_TOPICS, st.booleans())


@dataclass(frozen=True)
class Counting:
    """
    A matcher of everything that writes down what it is asked.
    """

    number: int
    asked: list[str] = field(compare=False)

    def matches(self, topic: str) -> bool:
        self.asked.append(topic)
        return True


class IndexTests(SynchronousTestCase):
    """
    ``Index.prepare``.
    """

    def setUp(self) -> None:
        self.index = Index()
        self.asked: list[str] = []
        self.count = 0

    def add(self, view: View) -> Audience:
        audience = Audience(view)
        self.index.add(audience)
        return audience

    def counting(self) -> Counting:
        """
        Make another matcher.
        """
        self.count += 1
        return Counting(self.count, self.asked)

    def find(self, *topics: str, is_private: bool = False) -> set[Audience]:
        found, to_ask = at_once(
            self.index.find(Entry(1, topics, Event("a"), is_private, 0.0, b"data: a\n\n"))
        )
        self.assertEqual([], [*to_ask])
        return set(found)

    def prepare(self, *topics: str, is_private: bool = False) -> None:
        at_once(self.index.prepare(topics, is_private=is_private))

    def test_asked_once(self) -> None:
        """
        Matchers that were asked before an event are not asked again for it, but for the next one.
        """
        audience = self.add(View.of(self.counting()))
        self.prepare("a")
        self.assertEqual(["a"], self.asked)
        for expected in (["a"], ["a", "a"]):
            self.assertEqual({audience}, self.find("a"))
            self.assertEqual(expected, self.asked)

    def test_other_event(self) -> None:
        """
        Only an event with the same topics, in the same order, and public or private, was prepared.
        """
        self.add(View.of(self.counting(), grants=Everything()))
        self.prepare("a", "b")
        for topics, is_private in ((("b", "a"), False), (("a",), False), (("a", "b"), True)):
            self.asked.clear()
            self.find(*topics, is_private=is_private)
            self.assertEqual([topics[0]], self.asked)

    def test_new(self) -> None:
        """
        Matchers that come meanwhile are asked besides; after more than a few all are asked.
        Matchers that others have already do not count.
        """
        for count, expected in ((_FEW_NEW, ["a"] * _FEW_NEW), (_FEW_NEW + 1, [])):
            early = self.add(View.of(self.counting()))
            self.prepare("a")
            self.asked.clear()
            late = [self.add(View.of(self.counting())) for _ in range(count)]
            like_early = [
                self.add(View.of((*early.view.matchers.others, topic))) for topic in "bcdefg"
            ]
            self.assertEqual({early, *late, *like_early}, self.find("a"))
            self.assertEqual(expected or ["a"] * (count + 1), self.asked)
            for audience in (early, *late, *like_early):
                self.index.remove(audience)

    def test_new_meanwhile(self) -> None:
        """
        Matchers that come while an event is prepared are asked then, however many, and not when it
        is published.
        """
        early = self.add(View.of(self.counting()))
        preparing = self.index.prepare(("a",), is_private=False)
        next(preparing)
        late = [self.add(View.of(self.counting())) for _ in range(20)]
        self.index.remove(late.pop())
        again = self.add(View.of(Pattern("/{a}?")))
        next(preparing)
        self.index.remove(again)
        self.index.add(again)
        at_once(preparing)
        self.asked.clear()
        self.assertEqual({early, *late, again}, self.find("a"))
        self.assertEqual([], self.asked)

    def test_restless(self) -> None:
        """
        A client that sends matchers all the time does not keep an event from being prepared.
        """
        self.add(View.of(self.counting()))
        for count, _ in enumerate(self.index.prepare(("a",), is_private=False), 1):
            self.assertLess(count, 20)
            self.add(View.of(Pattern(f"/{{a}}?:name{count}")))
        self.assertEqual(count + 1, len(self.find("a")))

    def test_leaving_while_united(self) -> None:
        """
        A subscriber may leave while audiences are united, also if a like event is to follow.
        """
        self.patch(_audience, "_LOOKS", 1)
        kept, gone = (self.add(View.of(self.counting())) for _ in range(2))
        for _ in range(2):
            self.prepare("a")
        finding = self.index.find(Entry(1, ("a",), Event("a"), False, 0.0, b""))
        next(finding)
        next(finding)
        self.index.remove(gone)
        at_once(finding)
        self.assertEqual({kept}, self.find("a"))

    def test_granted_later(self) -> None:
        """
        A private event leaves out matchers that only strangers have; a friend that comes later with
        the same matcher gets the event.
        """
        matcher = self.counting()
        self.add(View.of(matcher))
        self.prepare("a", is_private=True)
        self.assertEqual([], self.asked)
        friend = self.add(View.of(matcher, grants="a"))
        self.assertEqual({friend}, self.find("a", is_private=True))

    def test_unfinished(self) -> None:
        """
        Work that was given up, or is not at its end yet, is done again for the event.
        """
        audiences = {self.add(View.of(self.counting())) for _ in range(3)}
        for is_closed in (False, True):
            steps = self.index.prepare(("a",), is_private=False)
            next(steps)
            if is_closed:
                steps.close()
            self.asked.clear()
            self.assertEqual(audiences, self.find("a"))
            self.assertEqual(["a"] * 3, self.asked)

    def test_alike(self) -> None:
        """
        Two events that are alike are both prepared, by one search if one follows the other.
        """
        audience = self.add(View.of(self.counting()))
        self.prepare("a")
        self.prepare("a")
        self.assertEqual(["a"], self.asked)
        for expected in (["a"], ["a"], ["a", "a"]):
            self.assertEqual({audience}, self.find("a"))
            self.assertEqual(expected, self.asked)

    def test_alike_meanwhile(self) -> None:
        """
        An event that is prepared while another one like it still is does not wait for that, and
        leaves it prepared.
        """
        audiences = {self.add(View.of(self.counting())) for _ in range(3)}
        first, second = (self.index.prepare(("a",), is_private=False) for _ in range(2))
        for steps in (first, second, first):
            next(steps)
        for steps in (second, first):
            at_once(steps)
            self.asked.clear()
            self.assertEqual(audiences, self.find("a"))
            self.assertEqual([], self.asked)
        self.assertEqual({}, self.index._prepared)

    def test_begun_anew(self) -> None:
        """
        An event that was given up does not keep another one like it from being prepared.
        """
        audiences = {self.add(View.of(self.counting())) for _ in range(3)}
        steps = self.index.prepare(("a",), is_private=False)
        next(steps)
        steps.close()
        self.prepare("a")
        self.asked.clear()
        self.assertEqual(audiences, self.find("a"))
        self.assertEqual([], self.asked)

    def test_bounded(self) -> None:
        """
        The event that was prepared first makes room for one too many.
        """
        self.add(View.of(self.counting()))
        for number in range(MAX_PREPARED + 1):
            self.prepare(str(number))
        self.asked.clear()
        for number in range(MAX_PREPARED + 1):
            self.find(str(number))
        self.assertEqual(["0"], self.asked)

    def test_no_patterns(self) -> None:
        """
        Topics are looked up, so nothing is done before, and nothing is kept.
        """
        audience = self.add(View.of("a"))
        self.prepare("a")
        self.assertEqual({}, self.index._prepared)
        self.assertEqual({audience}, self.find("a"))

    def test_left(self) -> None:
        """
        Matchers of subscribers that have left, before, during or after the search, are not held
        until the event comes.
        """
        self.add(View.of(self.counting()))
        early, late = (self.add(View.of(self.counting())) for _ in range(2))
        preparing = self.index.prepare(("a",), is_private=False)
        next(preparing)
        new = self.add(View.of(self.counting()))
        self.index.remove(early)
        at_once(preparing)
        self.index.remove(late)
        self.index.remove(new)
        (prepared,) = self.index._prepared.values()
        self.assertEqual((1, set()), (len(prepared.found or ()), prepared.new))

    def test_left_meanwhile(self) -> None:
        """
        A matcher that leaves while those that came since are asked lets none of them be left out.
        """
        self.add(View.of(self.counting()))
        for _ in range(2):  # so that something is held for the second
            self.prepare("a")
        first, second = self.add(View.of(Pattern("/b"))), self.add(View.of(self.counting()))
        finding = self.index.find(Entry(1, ("a",), Event("a"), False, 0.0, b"data: a\n\n"))
        next(finding)
        self.index.remove(first)
        found, _ = at_once(finding)
        self.assertIn(second, found)

    def test_others_meanwhile(self) -> None:
        """
        A pattern that comes while an event is prepared, and does not match, changes nothing.
        """
        audience = self.add(View.of(self.counting()))
        steps = self.index.prepare(("a",), is_private=False)
        next(steps)
        self.add(View.of(Pattern("/b")))
        at_once(steps)
        self.asked.clear()
        self.assertEqual({audience}, self.find("a"))
        self.assertEqual([], self.asked)

    def test_nobody_left(self) -> None:
        """
        When the last subscriber with a pattern has gone, nothing is held for events to come.
        """
        audiences = [self.add(View.of(self.counting())) for _ in range(2)]
        self.prepare("a")
        for audience, count in zip(audiences, (1, 0), strict=True):
            self.index.remove(audience)
            self.assertEqual(count, len(self.index._prepared))

    @given(
        st.lists(
            st.sampled_from(_VIEWS).map(lambda view: ("add", view))
            | st.integers(0, 9).map(lambda number: ("remove", number))
            | _EVENTS.map(lambda event: ("prepare", event))
            | _EVENTS.map(lambda event: ("find", event))
            | st.just(("step", None)),
            max_size=20,
        )
    )
    def test_same(self, acts: list[tuple[str, object]]) -> None:
        """
        Although subscribers come and go while an event is prepared, and after that, the event is
        found for all that see it.
        """
        self.index = Index()
        audiences: list[Audience] = []
        preparing = []
        for act, value in acts:
            if act == "add":
                audiences.append(self.add(value))  # type: ignore[arg-type]
            elif act == "remove" and audiences:
                self.index.remove(audiences.pop(value % len(audiences)))  # type: ignore[operator]
            elif act == "step" and preparing:
                next(preparing[-1], None)
            elif act == "prepare":
                topics, is_private = value  # type: ignore[misc]
                preparing.append(self.index.prepare(topics, is_private=is_private))
                next(preparing[-1], None)
            elif act == "find":
                topics, is_private = value  # type: ignore[misc]
                entry = Entry(1, topics, Event("a"), is_private, 0.0, b"")
                expected = {one for one in audiences if at_once(one.view.shows(entry))}
                self.assertEqual(expected, self.find(*topics, is_private=is_private))


class PrepareTests(HubTestCase):
    """
    ``Hub.prepare``.
    """

    def setUp(self) -> None:
        super().setUp()
        self.slow = [
            self.subscribe(view=View.of(Slow(name, partial(self.clock.busy, MAX_TURN))))
            for name in "aaabc"
        ]
        self.exact = self.subscribe(view="t")

    def test_others_do_not_wait(self) -> None:
        """
        An event that is published while another one is prepared does not wait.
        """
        preparing = self.hub.prepare(("a", "b"))
        self.publish("first", to="t")
        self.assertFalse(preparing.called)
        while not self.exact.data:
            self.assertFalse(preparing.called)
            self.clock.turn()
        self.settle()

    def test_published(self) -> None:
        """
        An event that was prepared is sent in the next turn, to all that see it.
        """
        preparing = self.hub.prepare(("a", "b"))
        self.assertGreater(self.clock.turns_until(preparing), 3)
        self.publish("data", to=("a", "b"))
        self.clock.turn()
        self.assertEqual([["data"]] * 4 + [[]], [one.data for one in self.slow])

    def test_invalid(self) -> None:
        """
        Topics are checked as they are when an event is published.
        """
        self.assertRaises(InvalidTopic, self.hub.prepare, "")
        self.assertRaises(TypeError, self.hub.prepare, 1)

    def test_cancelled(self) -> None:
        """
        Cancelling ends the search; the event can be published all the same.
        """
        preparing = self.hub.prepare(("a", "b"))
        preparing.cancel()
        self.failureResultOf(preparing, CancelledError)
        self.assertTrue(self.hub.streams.turns.is_idle)
        self.publish("data", to=("a", "b"))
        self.settle()
        self.assertEqual([["data"]] * 4 + [[]], [one.data for one in self.slow])

    def test_closed(self) -> None:
        """
        A closed hub prepares nothing.
        """
        self.hub.close()
        self.assertRaises(HubClosed, self.hub.prepare, "a")
