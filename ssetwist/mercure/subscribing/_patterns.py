"""
Distinct patterns that subscribers hold, and limits on their number.

An exact topic costs nothing when an event is published.  A pattern costs memory, and time for each
event, whoever sent it; equal patterns cost the same as one.
"""

from collections import Counter
from collections.abc import Collection, Hashable
from dataclasses import dataclass, field

from ...errors import Refused

#: Seconds after which a client that was refused may ask again.
_RETRY_AFTER = 10.0


@dataclass(frozen=True, slots=True)
class PatternLimits:
    """
    Numbers of distinct patterns that may be held at the same time; 0 for no limit.

    :ivar total: By all subscribers.
    :ivar per_address: By those from one IP address that have no identity.
    :ivar per_token: By those with one identity.
    """

    total: int
    per_address: int
    per_token: int


@dataclass(slots=True)
class HeldPatterns:
    """
    Patterns of all subscribers, counted in total and by holder.
    """

    limits: PatternLimits
    _all: Counter[Hashable] = field(default_factory=Counter)
    _by_holder: dict[str, Counter[Hashable]] = field(default_factory=dict)

    @property
    def is_idle(self) -> bool:
        return not self._all and not self._by_holder

    def check(self, identity: str, address: str, patterns: Collection[Hashable]) -> None:
        """
        Check that a subscriber may hold some more patterns, before anything is done for them.

        :param identity: The identity of the subscriber; empty for an anonymous one.
        :raises Refused: 429, or 503 for the total; the error names the limit.
        """
        holder = _holder(identity, address)
        if identity:
            limit, option, whose = self.limits.per_token, "token", "with one token"
        else:
            limit, option, whose = self.limits.per_address, "address", "from one address"
        held = self._by_holder.get(holder, {})
        if limit and _union(held, patterns) > limit:
            raise Refused(
                429,
                f"At most {limit} different patterns at a time are allowed {whose}.",
                reason=f"--max-distinct-patterns-per-{option} is reached",
                retry_after=_RETRY_AFTER,
            )
        total = self.limits.total
        if total and _union(self._all, patterns) > total:
            raise Refused(
                503,
                f"The hub has {total} different patterns, and takes no other ones now.",
                reason="--max-distinct-patterns is reached",
                retry_after=_RETRY_AFTER,
            )

    def take(self, identity: str, address: str, patterns: Collection[Hashable]) -> None:
        self._all.update(patterns)
        self._by_holder.setdefault(_holder(identity, address), Counter()).update(patterns)

    def give_back(self, identity: str, address: str, patterns: Collection[Hashable]) -> None:
        holder = _holder(identity, address)
        for counter in (self._all, self._by_holder[holder]):
            counter.subtract(patterns)
            for pattern in patterns:
                if not counter[pattern]:
                    del counter[pattern]
        if not self._by_holder[holder]:
            del self._by_holder[holder]


def _holder(identity: str, address: str) -> str:
    return f"token {identity}" if identity else f"address {address}"


def _union(held: Collection[Hashable], patterns: Collection[Hashable]) -> int:
    return len(held) + sum(pattern not in held for pattern in patterns)
