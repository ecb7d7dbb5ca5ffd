"""
What a subscriber asks for: topics, in one of three ways.

Matchers are values: two that ask for the same are equal, so that those who ask for the same can be
found, and told, together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from urlpattern import URLPattern

from ..errors import InvalidMatcher

#: What a pattern and a topic without a scheme and a host are relative to, unless told otherwise.
DEFAULT_BASE_URL = "https://localhost/"

#: The longest topic or pattern, in characters.
MAX_LENGTH = 4096


@dataclass(frozen=True, slots=True)
class Exact:
    """
    One topic, to the letter: nothing is normalised.

    :raises InvalidMatcher: If it is longer than 4,096 characters, or has no UTF-8.
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
    relative one, is matched by none.  Matching takes time in proportion to the topic.

    :ivar base_url: What the pattern and a topic without a scheme and a host are relative to.
    :raises InvalidMatcher: If the pattern cannot be compiled, has no UTF-8, or is longer than 4,096
        characters.
    """

    pattern: str
    base_url: str = DEFAULT_BASE_URL
    _compiled: Any = field(init=False, repr=False, compare=False)  # the library has no types

    def __post_init__(self) -> None:
        _check_text(self.pattern)
        try:
            compiled = URLPattern(self.pattern, self.base_url)
        except Exception:  # what it says of the pattern is not for those who sent it
            raise InvalidMatcher(self.pattern, "is no URL pattern") from None
        object.__setattr__(self, "_compiled", compiled)

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


Matcher = Exact | Pattern | Everything

#: How topics are asked for: by themselves, or by matchers; several of them, or one.
Topics = str | Matcher | Iterable[str | Matcher]


@dataclass(frozen=True, slots=True)
class Matchers:
    """
    What one subscriber asks for, or has been granted.  Ten thousand exact topics cost what one
    does.
    """

    exact: frozenset[str]
    others: frozenset[Pattern | Everything]

    @classmethod
    def of(cls, topics: Topics) -> "Matchers":
        """
        Make them of topics and matchers, or of one.

        :raises InvalidMatcher: If one is too long.
        :raises TypeError: If one is neither a topic nor a matcher.
        """
        if isinstance(topics, tuple) and not topics:
            return NOTHING
        exact, others = set(), set()
        for one in (topics,) if isinstance(topics, str | Matcher) else topics:
            if isinstance(one, str):
                _check_text(one)
                exact.add(one)
            elif isinstance(one, Exact):
                exact.add(one.topic)
            elif isinstance(one, Pattern | Everything):
                others.add(one)
            else:
                raise TypeError(f"{one!r} is neither a topic (str) nor a matcher")
        return cls(frozenset(exact), frozenset(others))

    def match(self, topics: Sequence[str]) -> bool:
        """
        Tell whether any of them asks for any of the topics.
        """
        return not self.exact.isdisjoint(topics) or any(
            matcher.matches(topic) for matcher in self.others for topic in topics
        )


#: What asks for nothing.
NOTHING = Matchers(frozenset(), frozenset())


def _check_text(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise InvalidMatcher(text[:20] + "...", f"is longer than {MAX_LENGTH} characters")
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
