"""
What a subscriber asks for: topics, in one of three ways, or in one that is added elsewhere.

Matchers are values: two that ask for the same are equal, so that those who ask for the same can be
found, and told, together.
"""

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol, TypeGuard, runtime_checkable

from twisted.logger import Logger
from urlpattern import URLPattern

from ..errors import InvalidMatcher

_log = Logger()

#: What a pattern and a topic without a scheme and a host are relative to, unless told otherwise.
DEFAULT_BASE_URL = "https://localhost/"

#: The longest topic, in characters.  One of 4,096 bytes, which is what protocols allow, fits into
#: it also when all of it is percent-encoded.
MAX_LENGTH = 16 * 1024

#: The longest pattern of a client, in characters.  One with many groups takes long to match.
MAX_PATTERN = 512

#: The same of one that may have regular expressions.
MAX_REGEXP_PATTERN = 4096

#: A group that has a regular expression begins so; with a backslash it is a mere character.
_REGEXP = re.compile(r"(?<!\\)\(")


@runtime_checkable
class Matcher(Hashable, Protocol):
    """
    Some of all the topics there may be.  Anyone may add another kind.

    It is a value: it does not change, and equals what asks for the same.  Each event is shown to
    each matcher that is subscribed with, once, while nothing else can run.
    """

    def matches(self, topic: str) -> bool:
        """
        Tell whether this asks for a topic.  It says the same of the same topic every time, at once,
        and does not raise; if it does, that is logged, and it has said no.
        """


@dataclass(frozen=True, slots=True)
class Exact:
    """
    One topic, to the letter: nothing is normalised.

    :raises InvalidMatcher: If it is longer than 16,384 characters, or has no UTF-8.
    """

    topic: str

    def __post_init__(self) -> None:
        _check_text(self.topic)

    def matches(self, topic: str) -> bool:
        """
        Tell whether this asks for a topic.
        """
        return topic == self.topic


@dataclass(frozen=True, slots=True)
class Pattern:
    """
    The topics that a URL pattern matches (WHATWG URL Pattern).  A topic that is no URL, not even a
    relative one, is matched by none.  Matching takes time in proportion to the lengths of pattern
    and topic.

    :ivar base_url: What the pattern and a topic without a scheme and a host are relative to.
    :ivar allow_regexp: Whether there may be regular expressions in it, in parentheses.  Not for
        patterns that clients send: a short one may take long, and megabytes, to compile.
    :raises InvalidMatcher: If the pattern cannot be compiled, has a regular expression that is not
        allowed, has no UTF-8, or is longer than 512 characters, or 4,096 where they are allowed.
    """

    pattern: str
    base_url: str = DEFAULT_BASE_URL
    allow_regexp: bool = False
    _compiled: Any = field(init=False, repr=False, compare=False)  # the library has no types

    def __post_init__(self) -> None:
        _check_text(self.pattern, MAX_REGEXP_PATTERN if self.allow_regexp else MAX_PATTERN)
        if not self.allow_regexp and _REGEXP.search(self.pattern):
            raise InvalidMatcher(
                self.pattern, "has a regular expression; there may be :names and * only"
            )
        object.__setattr__(self, "_compiled", _compile(self.pattern, self.base_url))

    def matches(self, topic: str) -> bool:
        """
        Tell whether this asks for a topic.
        """
        return is_utf8(topic) and bool(self._compiled.test(topic, self.base_url))


@dataclass(frozen=True, slots=True)
class Everything:
    """
    Every topic.
    """

    def matches(self, topic: str) -> bool:
        """
        Tell whether this asks for a topic: yes.
        """
        return True


#: How topics are asked for: by themselves, or by matchers; several of them, or one.
Topics = str | Matcher | Iterable[str | Matcher]


@dataclass(frozen=True, slots=True)
class Matchers:
    """
    What one subscriber asks for, or has been granted.  Ten thousand exact topics cost what one
    does.
    """

    exact: frozenset[str]
    others: frozenset[Matcher]

    @classmethod
    def of(cls, topics: "Topics | Matchers") -> "Matchers":
        """
        Make them of topics and matchers, or of one.

        :raises InvalidMatcher: If one is too long.
        :raises TypeError: If one is neither a topic nor a matcher.
        """
        if isinstance(topics, Matchers):
            return topics
        if isinstance(topics, tuple) and not topics:
            return NOTHING
        given: Any = topics  # as it may well be, in spite of the annotation
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

    def match(self, topics: Sequence[str]) -> bool:
        """
        Tell whether any of them asks for any of the topics.
        """
        return not self.exact.isdisjoint(topics) or any(
            asks_for(matcher, topics) for matcher in self.others
        )


def asks_for(matcher: Matcher, topics: Sequence[str]) -> bool:
    """
    Tell whether a matcher asks for any of the topics.
    """
    try:
        return any(matcher.matches(topic) for topic in topics)
    except Exception:
        _log.failure("a matcher failed; it does not match this event")
        return False


#: What asks for nothing.
NOTHING = Matchers(frozenset(), frozenset())


def _is_matcher(value: object) -> TypeGuard[Matcher]:
    # As isinstance says, too, but in 20 us, ten times what the rest of making Matchers takes.
    # A class is none: somebody forgot to call it.
    return callable(getattr(value, "matches", None)) and not isinstance(value, type)


@lru_cache(maxsize=256)  # each takes 70 KiB at least
def _compile(pattern: str, base_url: str) -> Any:
    try:
        return URLPattern(pattern, base_url)
    except Exception:  # what it says of the pattern is not for those who sent it
        raise InvalidMatcher(pattern, "is no URL pattern") from None


def _check_text(text: str, limit: int = MAX_LENGTH) -> None:
    if len(text) > limit:
        raise InvalidMatcher(text[:20] + "...", f"is longer than {limit} characters")
    if not is_utf8(text):
        raise InvalidMatcher(text, "has a lone surrogate, for which there is no UTF-8")


def is_utf8(text: str) -> bool:
    """
    Tell whether a text can be written as UTF-8.
    """
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
