"""
Routes in a tree: the same topics as each route alone, at a cost that does not grow with them.
"""

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.matching._steps import at_once
from ssetwist.matching.routes import MAX_SEGMENTS, MAX_TEXT, Route, Routed, Routes, routes_of
from tests.cost import cost


@dataclass(frozen=True)
class Long:
    """
    A segment with at least so many characters.
    """

    least: int

    def takes(self, segment: str) -> bool:
        return len(segment) >= self.least


def cut(topic: str) -> tuple[str, ...] | None:
    return None if topic[:1] == "?" else tuple(topic.split("/"))


def backwards(topic: str) -> tuple[str, ...]:
    return tuple(reversed(topic.split("/")))


ANY, SOME = Long(0), Long(1)

SEGMENTS = st.sampled_from(("a", "b", "", ANY, SOME))

ROUTES = st.builds(
    Route,
    st.sampled_from((cut, backwards)),
    st.lists(SEGMENTS, max_size=4).map(tuple),
    st.booleans(),
)

TOPICS = st.lists(st.sampled_from(("a", "b", "c", "")), min_size=1, max_size=5).map("/".join)


def _find(routes: Routes[int], topics: list[str]) -> None:
    at_once(routes.find(topics))


class RouteTests(SynchronousTestCase):
    """
    One route.
    """

    @given(ROUTES, TOPICS, TOPICS)
    def test_below(self, route: Route, path: str, rest: str) -> None:
        """
        A route that matches a topic below a path says before that it may.
        """
        if route.cut is cut and route.matches(f"{path}/{rest}"):
            self.assertTrue(route.may_match_below(path))

    def test_not_below(self) -> None:
        """
        A route that differs from a path, or ends there, never matches a topic below it.
        """
        for segments, is_open, expected in (
            (("a", "b"), False, False),
            (("a", "b"), True, True),
            (("a",), True, True),
            (("a", SOME, "c"), False, True),
            (("a", "c", "c"), False, False),
            ((SOME, "b", "c", ANY), False, True),
            ((Long(2), "b", "c"), True, False),
        ):
            self.assertEqual(expected, Route(cut, segments, is_open).may_match_below("a/b"))
        self.assertFalse(Route(cut, ("a", "b"), is_open=True).may_match_below("?"))

    def test_short(self) -> None:
        """
        A route is short if it has neither too many segments nor too much text.
        """
        for segments, expected in (
            ((SOME,) * MAX_SEGMENTS, True),
            (("",) * (MAX_SEGMENTS + 1), False),
            ((SOME, "x" * (MAX_TEXT - 1), "y"), True),
            (("x" * MAX_TEXT, SOME, "y"), False),
        ):
            self.assertEqual(expected, Route(cut, segments).is_short)

    def assert_matches(self, route: Route, *topics: str) -> None:
        """
        Assert that of some topics a route matches exactly these.
        """
        some = ("a", "a/", "a/b", "a/b/c", "a/c", "b", "/", "", "?")
        self.assertEqual(topics, tuple(filter(route.matches, some)))

    def test_texts(self) -> None:
        """
        Texts must be equal, and none may be missing or left over.
        """
        self.assert_matches(Route(cut, ("a", "b")), "a/b")
        self.assert_matches(Route(cut, ()))

    def test_wild(self) -> None:
        """
        A segment that may vary decides by itself.
        """
        self.assert_matches(Route(cut, ("a", SOME)), "a/b", "a/c")
        self.assert_matches(Route(cut, ("a", ANY)), "a/", "a/b", "a/c")

    def test_open(self) -> None:
        """
        An open route must be followed by one segment or more, which may be empty.
        """
        self.assert_matches(Route(cut, ("a",), True), "a/", "a/b", "a/b/c", "a/c")


class RoutesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.routes: Routes[object] = Routes()

    def find(self, *topics: str) -> set[object]:
        return at_once(self.routes.find(topics))

    @given(st.lists(ROUTES, max_size=12), st.lists(TOPICS, max_size=3), st.data())
    def test_same_as_each(self, some: list[Route], topics: list[str], data: st.DataObject) -> None:
        """
        The tree finds the keys whose routes match one of the topics, also after others were
        removed; and nothing is left of those that were.
        """
        routes: Routes[int] = Routes()
        for key, route in enumerate(some):
            routes.add(route, key)
        left = dict(enumerate(some))
        while True:
            expected = {key for key, route in left.items() if any(map(route.matches, topics))}
            self.assertEqual(expected, at_once(routes.find(topics)))
            if not left:
                break
            key = data.draw(st.sampled_from(sorted(left)))
            routes.remove(left.pop(key), key)
        self.assertFalse(routes)

    def test_equal_routes(self) -> None:
        """
        Keys with equal routes are found together, and removed one by one.
        """
        route = Route(cut, ("a", SOME))
        for key in (1, 2):
            self.routes.add(route, key)
        self.assertEqual({1, 2}, self.find("a/b"))
        self.routes.remove(route, 1)
        self.assertEqual({2}, self.find("a/b"))

    def visited(self, count: int, segments: Callable[[int], tuple[str | Long, ...]]) -> int:
        """
        Return how often a segment is looked at in a search among so many routes.
        """
        looked: list[str] = []

        @dataclass(frozen=True)
        class Counting(Long):
            def takes(self, segment: str) -> bool:
                looked.append(segment)
                return super().takes(segment)

        routes: Routes[int] = Routes()
        for number in range(count):
            wanted = (Counting(1) if isinstance(one, Long) else one for one in segments(number))
            routes.add(Route(cut, tuple(wanted)), number)
        self.assertEqual(1, len(at_once(routes.find(["rooms/1/7"]))))
        return len(looked)

    def test_cost(self) -> None:
        """
        Ten thousand routes cost a search what ten do.
        """
        for segments in (
            lambda number: ("rooms", SOME, str(number)),
            lambda number: (SOME, str(number - 6), "7"),
        ):
            self.assertEqual(self.visited(10, segments), self.visited(10_000, segments))

    def test_steps(self) -> None:
        """
        A search among many routes that all agree lets other work be done.
        """
        for number in range(3000):
            self.routes.add(Route(cut, (*(SOME for _ in range(number % 3)), str(number))), number)
            self.routes.add(Route(cut, (Long(-number), SOME, SOME)), -number - 1)
        search = self.routes.find(["a/b/c"])
        steps = sum(1 for _ in search)
        self.assertGreater(steps, 2)
        many = self.routes.find(["x"] * 20)
        self.assertGreater(sum(1 for _ in many), 5)

    def test_many_with_one_route(self) -> None:
        """
        Keys that share a route, such as patterns that differ only in names, are found once for all
        topics, and count as work.
        """
        for is_open in (False, True):
            routes: Routes[int] = Routes()
            for number in range(40_000):
                routes.add(Route(cut, ("a", SOME)[: 2 - is_open], is_open), number)
            one, many = (
                cost(partial(_find, routes, topics))
                for topics in (["a/0"], [f"a/{number}" for number in range(20)])
            )
            self.assertLess(many, 5 * one)
            self.assertEqual(1, sum(1 for _ in routes.find(["a/0"])))

    def most_in_a_step(self, topic: str, segments: tuple[str | Long, ...]) -> int:
        """
        Return how many characters are cut, or looked at, in one step of a search for many topics
        among a few routes with these segments.
        """
        work: list[int] = []

        @dataclass(frozen=True)
        class Counting(Long):
            def takes(self, segment: str) -> bool:
                work.append(len(segment))
                return super().takes(segment)

        def counting(topic: str) -> tuple[str, ...] | None:
            work.append(len(topic))
            return cut(topic)

        for number in range(10):
            wanted = (Counting(-number) if isinstance(one, Long) else one for one in segments)
            self.routes.add(Route(counting, tuple(wanted)), number)
        steps = []
        for _ in self.routes.find([topic] * 100):
            steps.append(sum(work))
            work.clear()
        self.assertGreater(len(steps), 1)
        return max(steps)

    def test_long_topics(self) -> None:
        """
        One step cuts two of the longest topics of clients, whether a route may match them or not.
        """
        longest = 4096
        for topic in ("x" * longest, "?" * longest):
            self.assertEqual(2 * longest, self.most_in_a_step(topic, ("a",)))

    def test_long_segments(self) -> None:
        """
        One step looks at the longest segment a few times.
        """
        longest = 4096
        most = self.most_in_a_step("x" * longest, (SOME,))
        self.assertLess(most, (10 + 2) * longest)


class CostTests(SynchronousTestCase):
    """
    The largest routes.
    """

    def largest(self, number: int) -> Route:
        """
        Return one of the largest routes that share nothing.
        """
        text = MAX_TEXT // MAX_SEGMENTS
        return Route(cut, tuple(f"{number}/{at}".rjust(text) for at in range(MAX_SEGMENTS)), True)

    def usual(self, number: int) -> Route:
        return Route(cut, ("rooms", str(number), SOME))

    def memory(self, routes: list[Route]) -> float:
        """
        Return the bytes that a tree takes for each of some routes.
        """
        tree: Routes[int] = Routes()
        tracemalloc.start()
        try:
            for number, route in enumerate(routes):
                tree.add(route, number)
            return tracemalloc.get_traced_memory()[0] / len(routes)
        finally:
            tracemalloc.stop()

    def test_memory(self) -> None:
        """
        In a tree, a route of the usual form takes 0.75 KB, and the largest 5 KB.
        """
        for make, most in ((self.usual, 768), (self.largest, 5 * 1024)):
            routes = [make(number) for number in range(200)]
            self.assertTrue(all(one.is_short for one in routes))
            self.assertLess(self.memory(routes), most)

    def test_add(self) -> None:
        """
        To add and remove the largest route takes at most 20 times as long as a usual one.
        """
        tree: Routes[int] = Routes()

        def add_and_remove(routes: list[Route]) -> None:
            for number, route in enumerate(routes):
                tree.add(route, number)
            for number, route in enumerate(routes):
                tree.remove(route, number)

        usual, largest = (
            cost(partial(add_and_remove, [make(number) for number in range(100)]))
            for make in (self.usual, self.largest)
        )
        self.assertLess(largest, 20 * usual)


class RoutedTests(SynchronousTestCase):
    """
    Matchers with routes.
    """

    def test_other_matcher(self) -> None:
        """
        A matcher of an application has no routes, even if it has an attribute of that name.
        """

        @dataclass(frozen=True)
        class Lorry:
            routes: tuple[Route, ...]

        class Path(Lorry, Routed):
            pass

        routes = (Route(cut, ("a",)),)
        self.assertEqual((), routes_of(Lorry(routes)))
        self.assertEqual(routes, routes_of(Path(routes)))
