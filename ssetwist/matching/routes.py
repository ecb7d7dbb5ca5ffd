"""
Routes: the usual patterns, as paths of segments, in a tree.

Nearly every pattern that people write is a path in which some segments may vary, such as
``/rooms/:room/messages``.  In a tree of segments ten thousand of them cost an event what ten do:
only those are looked at that agree with its topic so far.  All other matchers are tried one by one.

Only matchers of this package have routes, and applications do not need them.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from ._steps import Steps

#: Maximum number of segments of a route.  In a tree each takes up to 0.3 KB, and a visit for each
#: topic.
MAX_SEGMENTS = 20

#: Maximum number of characters that a route may have in its texts; a tree holds them, too.
MAX_TEXT = 512

#: Cuts a topic into segments; ``None`` if no route can match it.  Equal ones cut in the same way.
#: After :data:`MAX_SEGMENTS` segments the rest may be left in one, because no route is that long.
Cut = Callable[[str], tuple[str, ...] | None]

#: Visits of nodes in one step, which take about a millisecond.
_VISITS = 2000

#: Visits that take as long as cutting a short topic; and the characters that are cut, or looked at
#: by a segment that may vary, in the time of one visit: fewer than usual, because those outside
#: ASCII take longer.
_CUT, _CHARACTERS = 20, 4

#: Keys that are found in the time of one visit.
_KEYS = 8

_Key = TypeVar("_Key", bound=Hashable)


class Wild(Hashable, Protocol):
    """
    A segment that may vary.
    """

    def takes(self, segment: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Route:
    """
    The topics that have these segments.

    :ivar cut: Cuts a topic into segments.
    :ivar segments: The segments: text that must be equal, or one that may vary.
    :ivar is_open: True if at least one more segment must follow, whatever it is.
    """

    cut: Cut
    segments: tuple[str | Wild, ...]
    is_open: bool = False

    @property
    def is_short(self) -> bool:
        """
        True if it may be in a tree.  Others would take too much memory, and too long to add.
        """
        characters = sum(len(one) for one in self.segments if isinstance(one, str))
        return len(self.segments) <= MAX_SEGMENTS and characters <= MAX_TEXT

    def matches(self, topic: str) -> bool:
        parts = self.cut(topic)
        if parts is None:
            return False
        more = len(parts) - len(self.segments)
        return (more > 0 if self.is_open else more == 0) and self._agrees(parts)

    def may_match_below(self, path: str) -> bool:
        """
        Return false if this never matches a topic that goes on after a path with a slash and plain
        segments.  A query, a fragment or a dot segment in the topic may lead elsewhere.
        """
        parts = self.cut(path)
        if parts is None:
            return False
        return (self.is_open or len(parts) < len(self.segments)) and self._agrees(parts)

    def _agrees(self, parts: tuple[str, ...]) -> bool:
        return all(
            part == one if isinstance(one, str) else one.takes(part)
            for one, part in zip(self.segments, parts, strict=False)
        )


class Routed:
    """
    Matcher that may have routes: it asks for their topics, and is found by them instead of being
    tried.

    :ivar routes: The routes, each once; none if the matcher must be tried.  They take time only in
        proportion to the topic, and do not raise.
    """

    __slots__ = ()

    routes: tuple[Route, ...]


def routes_of(matcher: object) -> tuple[Route, ...]:
    return matcher.routes if isinstance(matcher, Routed) else ()


#: Contents of a node before anything is added to it.
_NOTHING: dict[Any, Any] = {}


class _Node(Generic[_Key]):
    """
    The routes that agree so far.

    :ivar texts: Those that go on with a certain text.
    :ivar wilds: Those that go on with a segment that may vary.
    :ivar here: Keys of the routes that end here.
    :ivar open: Keys of the routes that end here, and must be followed by something.
    """

    __slots__ = ("here", "open", "texts", "wilds")

    def __init__(self) -> None:
        self.texts: dict[str, _Node[_Key]] = _NOTHING
        self.wilds: dict[Wild, _Node[_Key]] = _NOTHING
        self.here: dict[_Key, None] = _NOTHING
        self.open: dict[_Key, None] = _NOTHING

    def __bool__(self) -> bool:
        return bool(self.texts or self.wilds or self.here or self.open)

    def own(self, name: str) -> dict[Any, Any]:  # dicts of several kinds
        """
        Return one of the four, and make it before if it is empty: most nodes use only one.
        """
        found: dict[Any, Any] = getattr(self, name)
        if not found:
            found = {}
            setattr(self, name, found)
        return found

    def then(self, segment: str | Wild) -> "_Node[_Key]":
        """
        Return the node of the routes that go on with a segment, and make it if there is none.
        """
        below = self.own("texts" if isinstance(segment, str) else "wilds")
        found: _Node[_Key] | None = below.get(segment)
        if found is None:
            found = below[segment] = _Node()
        return found


class Routes(Generic[_Key]):
    """
    Keys, each found by the topics of its route.
    """

    def __init__(self) -> None:
        self._roots: dict[Cut, _Node[_Key]] = {}

    def __bool__(self) -> bool:
        return bool(self._roots)

    def add(self, route: Route, key: _Key) -> None:
        node = self._roots.get(route.cut)
        if node is None:
            node = self._roots[route.cut] = _Node()
        for one in route.segments:
            node = node.then(one)
        node.own("open" if route.is_open else "here")[key] = None

    def add_matcher(self, matcher: _Key) -> bool:
        """
        Add a matcher as the key of its routes.

        :returns: False if it has none, and must be tried.
        """
        routes = routes_of(matcher)
        for route in routes:
            self.add(route, matcher)
        return bool(routes)

    def remove(self, route: Route, key: _Key) -> None:
        root = node = self._roots[route.cut]
        way: list[tuple[Any, Any]] = []  # dicts of two kinds, and their keys
        for one in route.segments:
            below: Any = node.texts if isinstance(one, str) else node.wilds
            way.append((below, one))
            node = below[one]
        del (node.open if route.is_open else node.here)[key]
        for below, last in reversed(way):
            if below[last]:
                return
            del below[last]
        if not root:
            del self._roots[route.cut]

    def find(self, topics: Iterable[str]) -> Steps[set[_Key]]:
        """
        Find the keys of all routes that match one of the topics, in steps of about a millisecond.
        Routes that are added meanwhile may be missing.
        """
        found: set[_Key] = set()
        # Nodes whose keys are found, each once: there may be thousands, which differ only in names.
        ended: set[_Node[_Key]] = set()
        opened: set[_Node[_Key]] = set()
        work = 0  # in visits
        for cut, root in tuple(self._roots.items()):
            for topic in topics:
                work += _CUT + len(topic) // _CHARACTERS
                parts = cut(topic)
                # Nodes that agree so far, each with the segments that follow.
                ways = [] if parts is None else [(root, parts)]
                while ways:
                    node, segments = ways.pop()
                    for number, segment in enumerate(segments, 1):
                        work += 1
                        if node.open and node not in opened:
                            opened.add(node)
                            found.update(node.open)
                            work += len(node.open) // _KEYS
                        below = node.texts.get(segment)
                        if node.wilds:
                            work += len(segment) // _CHARACTERS * len(node.wilds)
                            for wild, other in node.wilds.items():
                                if not wild.takes(segment):
                                    continue
                                if below is None:
                                    below = other
                                else:
                                    ways.append((other, segments[number:]))
                        if below is None:
                            break
                        node = below
                    else:
                        work += 1
                        if node.here and node not in ended:
                            ended.add(node)
                            found.update(node.here)
                            work += len(node.here) // _KEYS
                    if work >= _VISITS:
                        work = 0
                        yield
                if work >= _VISITS:
                    work = 0
                    yield
        return found
