"""
Searches that are done before their events are published.
"""

from dataclasses import dataclass, field
from functools import partial

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event, Everything, Pattern, View
from ssetwist.errors import InvalidTopic
from ssetwist.hub._audience import _PUT, MAX_SEARCHES, Audience, Index
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


class SearchTests(SynchronousTestCase):
    """
    ``Index.search``.
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

    def search(self, *topics: str, is_private: bool = False) -> None:
        at_once(self.index.search(topics, is_private=is_private))

    def test_asked_once(self) -> None:
        """
        Matchers that a search has asked are not asked again for its event, but for the next one.
        """
        audience = self.add(View.of(self.counting()))
        self.search("a")
        self.assertEqual(["a"], self.asked)
        for expected in (["a"], ["a", "a"]):
            self.assertEqual({audience}, self.find("a"))
            self.assertEqual(expected, self.asked)

    def test_other_event(self) -> None:
        """
        A search is for an event with these topics, in this order, and public or private as it is.
        """
        self.add(View.of(self.counting(), grants=Everything()))
        self.search("a", "b")
        for topics, is_private in ((("b", "a"), False), (("a",), False), (("a", "b"), True)):
            self.asked.clear()
            self.find(*topics, is_private=is_private)
            self.assertEqual([topics[0]], self.asked)

    def test_new(self) -> None:
        """
        Matchers that come after a search are asked besides, however many, unless they have gone.
        """
        early = self.add(View.of(self.counting()))
        self.search("a")
        self.asked.clear()
        late = [self.add(View.of(self.counting())) for _ in range(20)]
        self.index.remove(late.pop())
        routed = self.add(View.of([Pattern("/r/:x"), Pattern("/r/b")]))
        self.assertEqual({early, *late}, self.find("a"))
        self.assertEqual(["a"] * len(late), self.asked)
        self.search("/r/b")
        self.index.remove(routed)
        self.index.add(routed)
        self.assertEqual({early, *late, routed}, self.find("/r/b"))

    def test_new_meanwhile(self) -> None:
        """
        Matchers that come during a search are asked by it, and not when its event is placed.
        """
        audiences = {self.add(View.of(self.counting())) for _ in range(3)}
        for is_private in (False, True):
            steps = self.index.search(("a",), is_private=is_private)
            next(steps)
            audiences |= {self.add(View.of(self.counting(), grants="a")) for _ in range(20)}
            at_once(steps)
            self.asked.clear()
            self.find("a", is_private=is_private)
            self.assertEqual([], self.asked)

    def test_restless(self) -> None:
        """
        A client that sends matchers all the time does not keep a search from its end.
        """
        self.add(View.of(self.counting()))
        steps = self.index.search(("a",), is_private=False)
        for count, _ in enumerate(steps, 1):
            self.assertLess(count, 20)
            self.add(View.of(self.counting()))
        self.assertEqual(count + 1, len(self.find("a")))

    def test_many_new_in_steps(self) -> None:
        """
        Looking at very many new matchers lets other work be done.
        """
        self.add(View.of(self.counting()))
        self.search("/b")
        for number in range(0, 1000, 100):
            self.add(View.of([Pattern(f"/{number + more}/:x") for more in range(100)]))
        entry = Entry(1, ("/b",), Event("a"), False, 0.0, b"")
        self.assertGreaterEqual(sum(1 for _ in self.index.find(entry)), 1000 // _PUT)

    def test_gone(self) -> None:
        """
        A search holds no matcher of clients that have gone.
        """
        kept = self.add(View.of(self.counting()))
        gone = [self.add(View.of(self.counting())) for _ in range(3)]
        steps = self.index.search(("a",), is_private=False)
        next(steps)
        self.index.remove(gone.pop())
        at_once(steps)
        self.index.remove(gone.pop())
        gone.append(self.add(View.of(self.counting())))
        for audience in gone:
            self.index.remove(audience)
        (search,) = self.index._searches
        self.assertEqual((kept.view.matchers.others, set()), (search.found, search.new))

    def test_gone_at_its_turn(self) -> None:
        """
        A search does not hold a matcher whose client goes while it is asked.
        """
        gone = self.add(View.of(Pattern("/{a}?")))
        steps = self.index.search(("/b", "/a"), is_private=False)
        next(steps)
        kept = self.add(View.of(self.counting()))
        self.index.remove(gone)
        at_once(steps)
        (search,) = self.index._searches
        self.assertEqual(kept.view.matchers.others, search.found)

    def test_granted_later(self) -> None:
        """
        A private event's search leaves out what only strangers ask for; a friend that comes later
        with the same matcher gets the event.
        """
        matcher = self.counting()
        self.add(View.of(matcher))
        self.search("a", is_private=True)
        self.assertEqual([], self.asked)
        friend = self.add(View.of(matcher, grants="a"))
        self.assertEqual({friend}, self.find("a", is_private=True))

    def test_unfinished(self) -> None:
        """
        A search that is given up, or not at its end yet, is done again for its event.
        """
        audiences = {self.add(View.of(self.counting())) for _ in range(3)}
        for is_closed in (False, True):
            steps = self.index.search(("a",), is_private=False)
            next(steps)
            if is_closed:
                steps.close()
                self.assertEqual({}, self.index._searches)
            self.asked.clear()
            self.assertEqual(audiences, self.find("a"))
            self.assertEqual(["a"] * 3, self.asked)
            steps.close()

    def test_twice(self) -> None:
        """
        Two events that are alike have a search each, also at the same time.
        """
        audiences = {self.add(View.of(self.counting())) for _ in range(3)}
        searches = [self.index.search(("a",), is_private=False) for _ in range(2)]
        for steps in searches:
            next(steps)
        for steps in searches:
            at_once(steps)
        self.asked.clear()
        for _ in searches:
            self.assertEqual(audiences, self.find("a"))
        self.assertEqual([], self.asked)

    def test_many_at_once(self) -> None:
        """
        However many searches are under way at a time, none is in vain.
        """
        self.add(View.of(self.counting()))
        count = 5 * MAX_SEARCHES
        searches = [self.index.search((str(number),), is_private=False) for number in range(count)]
        for steps in searches:
            next(steps)
        for number, steps in enumerate(searches):
            at_once(steps)
            self.asked.clear()
            self.find(str(number))
            self.assertEqual([], self.asked)

    def test_bounded(self) -> None:
        """
        The oldest search makes room for one too many.
        """
        self.add(View.of(self.counting()))
        for number in range(MAX_SEARCHES + 1):
            self.search(str(number))
        self.asked.clear()
        for number in range(MAX_SEARCHES + 1):
            self.find(str(number))
        self.assertEqual(["0"], self.asked)

    def test_no_patterns(self) -> None:
        """
        Topics are looked up, so nothing is searched for, and nothing is kept.
        """
        audience = self.add(View.of("a"))
        self.search("a")
        self.assertEqual({}, self.index._searches)
        self.assertEqual({audience}, self.find("a"))

    @given(
        st.lists(
            st.sampled_from(_VIEWS).map(lambda view: ("add", view))
            | st.integers(0, 9).map(lambda number: ("remove", number))
            | _EVENTS.map(lambda event: ("search", event))
            | _EVENTS.map(lambda event: ("find", event))
            | st.just(("step", None)),
            max_size=20,
        )
    )
    def test_same(self, acts: list[tuple[str, object]]) -> None:
        """
        Whatever comes and goes between a search and its event, the event is found for those that
        see it.
        """
        self.index = Index()
        audiences: list[Audience] = []
        searches = []
        for act, value in acts:
            if act == "add":
                audiences.append(self.add(value))  # type: ignore[arg-type]
            elif act == "remove" and audiences:
                self.index.remove(audiences.pop(value % len(audiences)))  # type: ignore[operator]
            elif act == "step" and searches:
                next(searches[-1], None)
            elif act == "search":
                topics, is_private = value  # type: ignore[misc]
                searches.append(self.index.search(topics, is_private=is_private))
                next(searches[-1], None)
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

    def prepare(self, *topics: str) -> Deferred[None]:
        return Deferred.fromCoroutine(self.hub.streams.turns.do(self.hub.prepare(topics)))

    def test_others_do_not_wait(self) -> None:
        """
        An event that is published during a search before another event does not wait.
        """
        searching = self.prepare("a", "b")
        self.publish("first", to="t")
        self.assertFalse(searching.called)
        while not self.exact.data:
            self.assertFalse(searching.called)
            self.clock.turn()
        self.settle()

    def test_published(self) -> None:
        """
        The event that follows a search is sent in the next turn, to all that see it.
        """
        searching = self.prepare("a", "b")
        self.assertGreater(self.clock.turns_until(searching), 3)
        self.publish("data", to=("a", "b"))
        self.clock.turn()
        self.assertEqual([["data"]] * 4 + [[]], [one.data for one in self.slow])

    def test_invalid(self) -> None:
        """
        Topics are checked as they are when an event is published.
        """
        self.assertRaises(InvalidTopic, self.hub.prepare, "")
        self.assertRaises(TypeError, self.hub.prepare, 1)
