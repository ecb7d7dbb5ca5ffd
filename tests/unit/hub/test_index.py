"""
The index: the audiences of an event.
"""

from dataclasses import dataclass
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event, Everything, Pattern, View
from ssetwist.hub._audience import _LOOKS, Audience, Index
from ssetwist.log import Entry
from ssetwist.matching import Matchers, at_once
from ssetwist.matching.routes import MAX_SEGMENTS
from tests.cost import cost


@dataclass(frozen=True)
class Counting:
    """
    A matcher of everything that remembers its calls.
    """

    asked: list[str]

    def __hash__(self) -> int:
        return id(self.asked)

    def matches(self, topic: str) -> bool:
        self.asked.append(topic)
        return True


@dataclass(frozen=True)
class Failing:
    """
    A matcher that fails.
    """

    def matches(self, topic: str) -> bool:
        raise ZeroDivisionError


@dataclass(frozen=True)
class Never:
    """
    A matcher of nothing.
    """

    def matches(self, topic: str) -> bool:
        return False


class IndexTests(SynchronousTestCase):
    """
    Finding audiences.
    """

    def setUp(self) -> None:
        self.index = Index()
        self.names: dict[Audience, str] = {}

    def add(self, name: str, *topics: object) -> Audience:
        audience = Audience(View.of(topics))
        self.names[audience] = name
        self.index.add(audience)
        return audience

    def find(self, *topics: str, is_private: bool = False) -> list[str]:
        entry = Entry(1, topics, Event("data"), is_private, 0.0, b"")
        found, to_ask = at_once(self.index.find(entry))
        self.assertEqual([], [*to_ask])
        return sorted(self.names[audience] for audience in found)

    def test_nobody(self) -> None:
        """
        An empty index finds nothing.
        """
        self.assertEqual([], self.find("a"))

    def test_exact(self) -> None:
        """
        Audiences that ask for a topic by name are found, and no others.
        """
        self.add("A", "a")
        self.add("B", "b")
        self.add("AB", "a", "b")
        self.assertEqual(["A", "AB"], self.find("a"))
        self.assertEqual([], self.find("c"))

    def test_others(self) -> None:
        """
        Audiences that ask by pattern, or for everything, are found.
        """
        self.add("P", Pattern("/books/:id"))
        self.add("E", Everything())
        self.assertEqual(["E", "P"], self.find("/books/1"))
        self.assertEqual(["E"], self.find("/books/"))

    def test_once(self) -> None:
        """
        An audience is found once, however many of its matchers match however many topics.
        """
        self.add("A", "/books/1", "/books/2", Pattern("/books/:id"), Everything())
        self.assertEqual(["A"], self.find("/books/1", "/books/2", "/books/2"))

    def test_any_topic(self) -> None:
        """
        One matching topic of the event is enough.
        """
        self.add("B", "b")
        self.add("P", Pattern("/p/*"))
        self.assertEqual(["B", "P"], self.find("a", "b", "/p/1"))

    def test_steps(self) -> None:
        """
        Looking at many audiences, each for many matchers, lets other work be done.
        """
        filtered: list[str] = []

        def filter(topics: tuple[str, ...], event: Event) -> bool:
            filtered.append(topics[0])
            return True

        count = 5
        patterns = [Pattern(f"/{{a}}?:name{number}") for number in range(count)]
        topics = [f"t{number}" for number in range(count)]
        for number in range(_LOOKS):
            topics_of_all = (*patterns, *topics, str(number))
            self.index.add(Audience(View.of(topics_of_all, filter=filter)))
        for event, is_private in (("/a", False), ("/a", True), (topics, False), (topics, True)):
            steps = 0
            filtered.clear()
            event = (event,) if isinstance(event, str) else tuple(event)
            for _ in self.index.find(Entry(1, event, Event("data"), is_private, 0.0, b"")):
                if filtered:
                    break
                steps += 1
            self.assertGreaterEqual(steps, count)

    def test_grants_once(self) -> None:
        """
        The grants of an audience are looked up once for an event, whatever it asks for.
        """
        looked = []

        class Looking(Audience):
            @property
            def view(self) -> View:  # type: ignore[override]
                looked.append(self)
                return view

        patterns = [Pattern(f"/{{a}}?:name{number}") for number in range(5)]
        view = View.of(patterns, grants="b")
        audience = Looking.__new__(Looking)
        self.index.add(audience)
        looked.clear()
        self.assertEqual([], self.find("a", is_private=True))
        self.assertEqual([audience], looked)

    def test_tried_once(self) -> None:
        """
        A matcher is tried once for an event, however many audiences have it.
        """
        counting = Counting([])
        for topic in "abc":
            view = View(Matchers(frozenset(topic), frozenset([counting])), Matchers.of(()))
            audience = Audience(view)
            self.names[audience] = topic
            self.index.add(audience)
        self.assertEqual(["a", "b", "c"], self.find("x"))
        self.assertEqual(["x"], counting.asked)

    def test_private(self) -> None:
        """
        For a private event, only audiences with a grant are tried, so audiences without a grant
        cost nothing.
        """
        asked: dict[str, list[str]] = {"stranger": [], "friend": [], "other": []}
        for name, grants in (("stranger", ()), ("friend", ["a"]), ("other", ["b"])):
            audience = Audience(View.of([Counting(asked[name])], grants=grants))
            self.names[audience] = name
            self.index.add(audience)
        self.assertEqual(["friend"], self.find("a", "x", is_private=True))
        self.assertEqual({"stranger": [], "friend": ["a"], "other": []}, asked)

    def test_private_beside_a_stranger(self) -> None:
        """
        An audience with a grant gets a private event, even if an audience without a grant has the
        same matcher.
        """
        for name, grants in (("stranger", ()), ("friend", ["a"])):
            audience = Audience(View.of([Everything()], grants=grants))
            self.names[audience] = name
            self.index.add(audience)
        self.assertEqual(["friend"], self.find("a", is_private=True))

    def test_failing(self) -> None:
        """
        A matcher that fails is logged, and audiences with other matchers are found.
        """
        self.add("F", Failing())
        self.add("E", Everything())
        self.assertEqual(["E"], self.find("x"))
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_exact_not_tried(self) -> None:
        """
        Exact topics are looked up, not tried: a million costs as much as one.
        """
        for number in range(1000):
            self.add(str(number), str(number))
        self.assertEqual((1000, 0), (len(self.index._exact), len(self.index._others)))

    def test_remove(self) -> None:
        """
        After an audience is removed it is not found, and others with the same matchers still are.
        """
        first = self.add("A", "a", Everything())
        self.add("B", "a", Everything())
        self.index.remove(first)
        self.assertEqual(["B"], self.find("a"))

    def test_cost_of_long_patterns(self) -> None:
        """
        To add and remove an audience with the longest paths takes at most 20 times as long as one
        with short paths.
        """

        def add_and_remove(audience: Audience) -> None:
            self.index.add(audience)
            self.index.remove(audience)

        costs = []
        for length in (2, MAX_SEGMENTS - 3):  # beside the origin, the query and the fragment
            patterns = [Pattern(f"/{number}" * length) for number in range(100)]
            self.assertTrue(all(one.routes for one in patterns))
            audience = Audience(View.of(patterns))
            costs.append(cost(partial(add_and_remove, audience)))
        self.assertLess(costs[1], 20 * costs[0])

    def test_nothing_left(self) -> None:
        """
        Nothing is left of audiences that were removed.
        """
        audiences = [self.add("A", "a", Pattern("/a")), self.add("B", "a", "b", Everything())]
        for audience in audiences:
            self.index.remove(audience)
        self.assertEqual(({}, {}), (self.index._exact, self.index._others))
        self.assertFalse(self.index._routes)
        self.assertEqual({}, self.index._tried)

    def test_added_meanwhile(self) -> None:
        """
        Audiences that are added during a search are found or returned, unless they are gone at its
        end.
        """
        self.add("N", Never())
        early = self.add("A", "a")
        searching = self.index.find(Entry(1, ("a", "b"), Event("data"), False, 0.0, b""))
        next(searching)
        late = [self.add(name, Counting([])) for name in "BC"]
        self.index.remove(late[0])
        found, to_ask = at_once(searching)
        self.assertEqual(([early], late[1:]), ([*found], [*to_ask]))
