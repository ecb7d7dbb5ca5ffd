"""
Routes: the usual patterns, as paths of segments, in a tree.

Nearly every pattern that people write is a path in which some segments may vary, such as
``/rooms/:room/messages``.  In a tree of segments ten thousand of them cost an event what ten do:
only those are looked at that agree with its topic so far.  All other matchers are tried one by one.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from ._steps import Steps

#: Cuts a topic into segments; ``None`` if no route can match it.  Equal ones cut in the same way.
Cut = Callable[[str], tuple[str, ...] | None]

#: Cuts, and nodes of the tree that are visited, in one step: either takes about a millisecond.
_CUTS, _VISITS = 100, 2000

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

    def matches(self, topic: str) -> bool:
        parts = self.cut(topic)
        if parts is None:
            return False
        wanted = self.segments
        if len(parts) <= len(wanted) if self.is_open else len(parts) != len(wanted):
            return False
        return all(
            part == one if isinstance(one, str) else one.takes(part)
            for one, part in zip(wanted, parts, strict=False)
        )


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
        self.texts: dict[str, _Node[_Key]] = {}
        self.wilds: dict[Wild, _Node[_Key]] = {}
        self.here: dict[_Key, None] = {}
        self.open: dict[_Key, None] = {}

    def __bool__(self) -> bool:
        return bool(self.texts or self.wilds or self.here or self.open)


class Routes(Generic[_Key]):
    """
    Keys, each found by the topics of its route.
    """

    def __init__(self) -> None:
        self._roots: dict[Cut, _Node[_Key]] = {}

    def __bool__(self) -> bool:
        return bool(self._roots)

    def add(self, route: Route, key: _Key) -> None:
        node = self._roots.setdefault(route.cut, _Node())
        for one in route.segments:
            if isinstance(one, str):
                node = node.texts.setdefault(one, _Node())
            else:
                node = node.wilds.setdefault(one, _Node())
        (node.open if route.is_open else node.here)[key] = None

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
        work = 0
        for cut, root in tuple(self._roots.items()):
            for topic in topics:
                work += _VISITS // _CUTS
                parts = cut(topic)
                if parts is None:
                    continue
                nodes = [(root, 0)]
                while nodes:
                    work += 1
                    if work >= _VISITS:
                        work = 0
                        yield
                    node, at = nodes.pop()
                    if at == len(parts):
                        found.update(node.here)
                        continue
                    found.update(node.open)
                    part = parts[at]
                    if (below := node.texts.get(part)) is not None:
                        nodes.append((below, at + 1))
                    for wild, below in node.wilds.items():
                        if wild.takes(part):
                            nodes.append((below, at + 1))
        return found
