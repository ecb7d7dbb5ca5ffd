"""
Matchers: the ways to ask for topics.  There are three here, and others may be added elsewhere.

Matchers are values: two that ask for the same topics are equal, so that subscribers that ask for
the same can be found, and served, together.
"""

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import NoneType
from typing import Any, Protocol, TypeGuard, runtime_checkable
from weakref import WeakValueDictionary

from twisted.logger import Logger
from urlpattern import URLPattern

from ..errors import InvalidMatcher
from ._steps import Steps, at_once
from ._url_routes import url_route
from .routes import Route, Routed, Routes, routes_of

_log = Logger()

#: The default base of patterns and topics without a scheme and a host.
DEFAULT_BASE_URL = "https://localhost/"

#: The longest topic, in characters.  A topic of 4,096 bytes, the most that protocols allow, fits in
#: even when every byte is percent-encoded.
MAX_LENGTH = 16 * 1024

#: The longest pattern of a client, in characters.  A pattern with many groups takes long to match.
MAX_PATTERN = 512

#: The longest pattern that may have regular expressions, in characters.
MAX_REGEXP_PATTERN = 4096

#: The least number of matchers for which a tree is made: fewer are tried in less time.
_MANY = 8

#: The beginning of a regular expression in a pattern; after a backslash it is a plain character.
_REGEXP = re.compile(r"(?<!\\)\(")


@runtime_checkable
class Matcher(Hashable, Protocol):
    """
    Value that asks for some topics.  Applications may add other kinds.

    A matcher does not change, and equals every matcher that asks for the same topics.  Each event
    is shown once to each matcher that a subscriber has, while nothing else can run.
    """

    def matches(self, topic: str) -> bool:
        """
        Return true if this asks for a topic: the same for the same topic every time, at once, and
        without raising.  If it raises, that is logged, and counts as false.
        """


@dataclass(frozen=True, slots=True)
class Exact:
    """
    Matcher of one topic, compared character by character: nothing is normalised.

    :raises InvalidMatcher: If it is longer than 16,384 characters, or cannot be encoded as UTF-8.
    """

    topic: str

    def __post_init__(self) -> None:
        _check_text(self.topic)

    def matches(self, topic: str) -> bool:
        return topic == self.topic


@dataclass(frozen=True, slots=True)
class Pattern(Routed):
    """
    Matcher of the topics that a URL pattern matches (WHATWG URL Pattern).  A topic that is not a
    URL, not even a relative one, never matches.  Matching takes time in proportion to the lengths
    of pattern and topic.

    :ivar base_url: The base of the pattern, and of topics without a scheme and a host.
    :ivar allow_regexp: If true, the pattern may have regular expressions in parentheses.  Do not
        let clients send them: a short one may take long, and megabytes, to compile.
    :raises InvalidMatcher: If the pattern cannot be compiled or encoded as UTF-8, has a regular
        expression without permission, or is longer than 512 characters (4,096 with permission).
    """

    pattern: str
    base_url: str = DEFAULT_BASE_URL
    allow_regexp: bool = False
    routes: tuple[Route, ...] = field(init=False, repr=False, compare=False)
    _compiled: Any = field(init=False, repr=False, compare=False)  # the library is not typed

    def __post_init__(self) -> None:
        _check_text(self.pattern, MAX_REGEXP_PATTERN if self.allow_regexp else MAX_PATTERN)
        if not self.allow_regexp and _REGEXP.search(self.pattern):
            raise InvalidMatcher(
                self.pattern, "has a regular expression; only :names and * are allowed"
            )
        compiled = _compile(self.pattern, self.base_url)
        is_route = isinstance(compiled, Route)
        object.__setattr__(self, "routes", (compiled,) if is_route else ())
        object.__setattr__(self, "_compiled", None if is_route else compiled)

    def matches(self, topic: str) -> bool:
        if self.routes:
            return self.routes[0].matches(topic)
        return is_utf8(topic) and bool(self._compiled.test(topic, self.base_url))


@dataclass(frozen=True, slots=True)
class Everything:
    """
    Matcher of every topic.
    """

    def matches(self, topic: str) -> bool:
        return True


#: The default matcher of a subscriber that names no topics.
EVERYTHING = Everything()

#: Topics to ask for: text, or matchers; several, or one.
Topics = str | Matcher | Iterable[str | Matcher]


@dataclass(frozen=True, slots=True)
class Matchers:
    """
    All matchers of one subscriber, or all that it has been granted.  Ten thousand exact topics
    cost the same as one.

    :ivar exact: The topics that are compared character by character.
    :ivar others: The other matchers.
    """

    exact: frozenset[str]
    others: frozenset[Matcher]
    # Made when it is first needed.  In a class with slots, a field that is no parameter loses a
    # plain default, so None has to come from a function.
    _split: "_Split | None" = field(init=False, repr=False, compare=False, default_factory=NoneType)

    @classmethod
    def of(cls, topics: "Topics | Matchers") -> "Matchers":
        """
        Make matchers of topics and other matchers, or of a single one.

        :param topics: Text is an exact topic, also ``"*"``; ``Everything()`` matches every topic.
        :raises InvalidMatcher: If one is too long.
        :raises TypeError: If one is neither a topic nor a matcher.
        """
        if isinstance(topics, Matchers):
            return topics
        if isinstance(topics, tuple) and not topics:
            return NOTHING
        given: Any = topics  # callers do not always keep to the annotation
        is_one = isinstance(given, str) or _is_matcher(given)
        if isinstance(given, bytes) or not (is_one or isinstance(given, Iterable)):
            raise TypeError(f"topics are str and matchers, or several of them, not {given!r}")
        exact: set[str] = set()
        others: set[Matcher] = set()
        for one in (given,) if is_one else given:
            if isinstance(one, str):
                _check_text(one)
                exact.add(one)
            elif isinstance(one, Exact):
                exact.add(one.topic)
            elif _is_matcher(one):
                others.add(one)
            else:
                raise TypeError(f"{one!r} is neither a topic (str) nor a matcher")
        return cls(frozenset(exact), frozenset(others))

    @property
    def is_quick(self) -> bool:
        """
        True if topics only have to be looked up.
        """
        return self.others <= _QUICK

    def match(self, topics: Sequence[str]) -> bool:
        """
        Return true if any matcher asks for any of the topics.
        """
        if not self.exact.isdisjoint(topics) or EVERYTHING in self.others:
            return True
        return bool(self.others) and at_once(self.matching(topics))

    def matching(self, topics: Sequence[str]) -> Steps[bool]:
        """
        Do what :meth:`match` does, in steps: of about a millisecond where matchers have routes,
        otherwise of one matcher with one topic.
        """
        if not self.exact.isdisjoint(topics) or EVERYTHING in self.others:
            return True
        tried: Iterable[Matcher] = self.others
        if len(self.others) >= _MANY:
            if (split := self._split) is None:
                split = _split_of(self.others)
                object.__setattr__(self, "_split", split)
            if split.routes and (yield from split.routes.find(topics)):
                return True
            tried = split.tried
        for matcher in tried:
            if (yield from trying(matcher, topics)):
                return True
        return False

    def may_match_below(self, path: str) -> bool:
        """
        Return false if no matcher ever asks for a topic below a path.  True may be wrong for a
        matcher without routes: only trying it would tell.

        :param path: The path, without a slash at its end; empty for all topics.
        """
        if not path:
            return bool(self.exact or self.others)
        beginning = f"{path}/"
        if any(topic.startswith(beginning) for topic in self.exact):
            return True
        return any(_may_match_below(matcher, path) for matcher in self.others)


class _Split:
    """
    Matchers that are found by their routes, and those that are tried.
    """

    __slots__ = ("__weakref__", "routes", "tried")

    def __init__(self, matchers: Iterable[Matcher]) -> None:
        self.routes: Routes[Matcher] = Routes()
        tried = []
        for one in matchers:
            routes = routes_of(one)
            for route in routes:
                self.routes.add(route, one)
            if not routes:
                tried.append(one)
        self.tried = tuple(tried)


#: Splits that are in use.  Equal :class:`Matchers` share one, as long as one of them lives.
_splits: "WeakValueDictionary[frozenset[Matcher], _Split]" = WeakValueDictionary()


def _split_of(matchers: frozenset[Matcher]) -> _Split:
    found = _splits.get(matchers)
    if found is None:
        found = _splits[matchers] = _Split(matchers)
    return found


def _may_match_below(matcher: Matcher, path: str) -> bool:
    routes = routes_of(matcher)
    return not routes or any(route.may_match_below(path) for route in routes)


def trying(matcher: Matcher, topics: Sequence[str]) -> Steps[bool]:
    """
    Ask a matcher for each of the topics.

    :returns: True if it asks for one of them; false also if it fails.
    """
    for topic in topics:
        try:
            if matcher.matches(topic):
                return True
        except BaseException:
            _log.failure("a matcher failed; it does not match this event")
            return False
        yield
    return False


#: Matchers that ask for nothing.
NOTHING = Matchers(frozenset(), frozenset())

#: The matchers that need not be tried one by one.
_QUICK = frozenset((EVERYTHING,))


def _is_matcher(value: object) -> TypeGuard[Matcher]:
    # isinstance says the same, but takes 20 us, ten times as long as the rest of making Matchers.
    # A class is not a matcher: somebody forgot to call it.
    return callable(getattr(value, "matches", None)) and not isinstance(value, type)


@lru_cache(maxsize=256)  # each takes at least 70 KiB, unless it is a route
def _compile(pattern: str, base_url: str) -> Any:
    """
    Return the route of a pattern, or the pattern as the library compiles it.
    """
    try:
        compiled = URLPattern(pattern, base_url)
    except Exception:  # its text is not for the client that has sent the pattern
        raise InvalidMatcher(pattern, "is not a URL pattern") from None
    return url_route(compiled, base_url) or compiled


def _check_text(text: str, limit: int = MAX_LENGTH) -> None:
    if len(text) > limit:
        raise InvalidMatcher(text[:20] + "...", f"is longer than {limit} characters")
    if not is_utf8(text):
        raise InvalidMatcher(text, "has a lone surrogate, which is not possible in UTF-8")


def is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
