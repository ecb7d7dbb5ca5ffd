"""
Distinct patterns that subscribers hold, and limits on their number.

An exact topic costs nothing when another one is published to.  A pattern may cost something for
each event, whoever has sent it; equal patterns cost the same as one.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from math import inf

from ...errors import Refused
from ..topics import Selector

#: Seconds after which a client that was refused may ask again.
_RETRY_AFTER = 10.0

#: The part of each limit that may be complex patterns: those that are not paths of segments.  They
#: are tried one by one, and take 75 KB or more each, where a path takes one or two.
COMPLEX_PART = 1 / 20


@dataclass(frozen=True, slots=True)
class Holder:
    """
    Holder of patterns: a subscriber's identity, or its address if it is anonymous.  The identity of
    a token without a subject is the token itself, so a client with many such tokens counts as many
    holders.
    """

    kind: str
    name: str


@dataclass(slots=True)
class HeldPatterns:
    """
    Patterns of all subscribers, counted in total and by holder.

    :ivar total: Distinct patterns that all may hold together; 0 for no limit.
    :ivar per_holder: The same for one holder, by its kind.
    """

    total: int
    per_holder: dict[str, int]
    _counts: dict[tuple[Holder | None, bool], Counter[Selector]] = field(default_factory=dict)

    @property
    def is_idle(self) -> bool:
        return not self._counts

    def take(
        self,
        holder: Holder,
        patterns: Collection[Selector],
        *,
        before: int = 0,
        are_complex: bool = False,
    ) -> None:
        """
        Count patterns of one more subscriber, at least one.

        :param before: Number of others that the subscriber has already.
        :param are_complex: If true, these have turned out to be complex, and are counted as such,
            besides the count of all patterns.
        :raises Refused: 429, or 503 for the total; 400, if the subscriber alone would have too
            many.  The error says which limit was met.
        """
        part, what = (COMPLEX_PART, "complex patterns") if are_complex else (1, "patterns")
        own = self._limit(self.per_holder[holder.kind], part)
        total = self._limit(self.total, part)
        allowed = f"different {what} at a time are allowed with one {holder.kind}."
        if before + len(patterns) > min(own, total):  # even when all others have gone
            raise Refused(400, f"At most {min(own, total)} {allowed}")
        if self._with(holder, patterns, are_complex) > own:
            raise Refused(
                429,
                f"At most {own} {allowed}",
                reason=f"the limit of {own} different {what} with its {holder.kind} is reached",
                retry_after=_RETRY_AFTER,
            )
        if self._with(None, patterns, are_complex) > total:
            raise Refused(
                503,
                f"The subscribers of this hub have too many different {what}; try again later.",
                reason=f"the limit of {total} different {what} of all subscribers is reached",
                retry_after=_RETRY_AFTER,
            )
        for scope in (holder, None):
            self._counts.setdefault((scope, are_complex), Counter()).update(patterns)

    def give_back(
        self, holder: Holder, patterns: Collection[Selector], *, are_complex: bool = False
    ) -> None:
        for scope in (holder, None):
            counter = self._counts[scope, are_complex]
            for pattern in patterns:
                counter[pattern] -= 1
                if not counter[pattern]:
                    del counter[pattern]
            if not counter:
                del self._counts[scope, are_complex]

    def _with(self, scope: Holder | None, patterns: Collection[Selector], are_complex: bool) -> int:
        held: Collection[Selector] = self._counts.get((scope, are_complex), ())
        return len(held) + sum(pattern not in held for pattern in patterns)

    def _limit(self, number: int, part: float) -> float:
        return max(1, int(number * part)) if number else inf


@dataclass(slots=True)
class TakenPatterns:
    """
    The patterns of one subscriber, which are counted until it gives them back.
    """

    held: HeldPatterns
    holder: Holder
    patterns: Collection[Selector] = ()
    complex: tuple[Selector, ...] = ()

    def take(self, patterns: Collection[Selector]) -> None:
        self.held.take(self.holder, patterns)
        self.patterns = patterns

    def take_complex(self, pattern: Selector) -> None:
        """
        Count one that has turned out to be complex.

        :raises Refused: 400, 429 or 503, as for all patterns.
        """
        self.held.take(self.holder, (pattern,), before=len(self.complex), are_complex=True)
        self.complex += (pattern,)

    def give_back(self) -> None:
        if self.patterns:
            self.held.give_back(self.holder, self.patterns)
        if self.complex:
            self.held.give_back(self.holder, self.complex, are_complex=True)
