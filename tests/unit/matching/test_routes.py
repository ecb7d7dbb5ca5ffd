"""
Routes in a tree: the same topics as each route alone, at a cost that does not grow with them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.matching.routes import Route, Routes
from ssetwist.matching._steps import at_once


@dataclass(frozen=True)
class Long:
    """
    A segment with at least so many characters.
    """

    least: int

    def takes(self, segment: str) -> bool:
        return len(segment) >= self.least


def cut(topic: str) -> tuple[str, ...] | None:
    return None if topic == "?" else tuple(topic.split("/"))


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
        many = self.routes.find(["x"] * 1000)
        self.assertGreater(sum(1 for _ in many), 5)
