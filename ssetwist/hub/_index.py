"""
Finding out whom an event concerns.
"""

from collections.abc import Iterable
from typing import TypeVar

from ._audience import Audience
from ._matchers import Matcher, Matchers, asks_for

_Key = TypeVar("_Key")


class Index:
    """
    Audiences by what they ask for.

    Exact topics are looked up; only the others are tried one by one, each once for an event however
    many audiences ask for it.
    """

    def __init__(self) -> None:
        self._exact: dict[str, dict[Audience, None]] = {}
        self._others: dict[Matcher, dict[Audience, None]] = {}

    def add(self, audience: Audience) -> None:
        """
        Have an audience found from now on.
        """
        matchers = audience.view.matchers
        for topic in matchers.exact:
            self._exact.setdefault(topic, {})[audience] = None
        for matcher in matchers.others:
            self._others.setdefault(matcher, {})[audience] = None

    def remove(self, audience: Audience) -> None:
        """
        Have an audience found no more.
        """
        matchers = audience.view.matchers
        for topic in matchers.exact:
            _remove(self._exact, topic, audience)
        for matcher in matchers.others:
            _remove(self._others, matcher, audience)

    def find(self, topics: tuple[str, ...], *, is_private: bool = False) -> Iterable[Audience]:
        """
        Find the audiences that ask for any of the topics, each once.

        :param is_private: Whether those do not matter that were granted none of them.  What they
            ask for is then not tried: who may see little can make nothing expensive.
        """
        found = [self._exact[topic] for topic in topics if topic in self._exact]
        granted: dict[Matchers, bool] = {}

        def may_see(audience: Audience) -> bool:
            grants = audience.view.grants
            if grants not in granted:
                granted[grants] = grants.match(topics)
            return granted[grants]

        found += [
            audiences
            for matcher, audiences in self._others.items()
            if (not is_private or any(map(may_see, audiences))) and asks_for(matcher, topics)
        ]
        if len(found) == 1:
            return found[0]
        return {audience: None for audiences in found for audience in audiences}


def _remove(audiences: dict[_Key, dict[Audience, None]], key: _Key, audience: Audience) -> None:
    del audiences[key][audience]
    if not audiences[key]:
        del audiences[key]
