"""
Limits on the rate of publishing: a bucket of tokens for each publisher.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from math import inf

from twisted.internet.interfaces import IReactorTime

#: Publishers that are told apart.  Each takes about 200 bytes.
DEFAULT_MAX_IDENTITIES = 10_000

#: Publishers that one request forgets because they have been silent: after a burst of publishers
#: there may be all.
_MOST_FULL = 256

#: Seconds that are too short to wait for.  Floats that hold the time of day are not finer, and a
#: publisher that has waited for the time it was told must not be told to wait a microsecond more.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class _Bucket:
    """
    Tokens that a publisher had left, and the time at which it had them.
    """

    left: float
    at: float


class Rate:
    """
    A limit on what each publisher may publish: an average rate, and a burst after silence.

    :param clock: The reactor, or a ``Clock`` in tests.
    :param per_second: Publications a second, on average; 0 for no limit.
    :param burst: Publications at once, after silence; ``None`` for as many as in a second,
        at least 1.
    :param max_identities: Publishers that are told apart.  Beyond that, the publisher idle longest
        is forgotten, and may then begin with a full burst.
    :raises ValueError: If a number makes no sense.
    """

    def __init__(
        self,
        clock: IReactorTime,
        per_second: float,
        *,
        burst: float | None = None,
        max_identities: int = DEFAULT_MAX_IDENTITIES,
    ) -> None:
        burst = max(1.0, per_second) if burst is None else burst
        for name, value, least in (
            ("per_second", per_second, 0),
            ("burst", burst, 1),
            ("max_identities", max_identities, 1),
        ):
            if not least <= value < inf:
                raise ValueError(f"{name} {value!r} must be {least} or more")
        self._clock = clock
        self._per_second = per_second
        self._burst = burst
        self._max_identities = max_identities
        # The one that took something last is last.  A plain dict takes longer and longer to find
        # its first entry as entries are taken out.
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, identity: Hashable) -> float:
        """
        Take a token, if one is left.

        :returns: 0 if a token has been taken; otherwise the seconds until one can be.
        """
        if not self._per_second:
            return 0.0
        now = self._clock.seconds()
        left = self._left(self._buckets.get(identity), now)
        if wait := self._wait(left):
            self._buckets[identity] = _Bucket(left, now)
            return wait
        self._buckets.pop(identity, None)
        self._buckets[identity] = _Bucket(left - 1, now)
        self._forget(now)
        return 0.0

    def wait(self, identity: Hashable) -> float:
        """
        Return what :meth:`take` would return, and take nothing.
        """
        if not self._per_second:
            return 0.0
        return self._wait(self._left(self._buckets.get(identity), self._clock.seconds()))

    def _wait(self, left: float) -> float:
        wait = (1 - left) / self._per_second
        return wait if wait > _ROUNDING else 0.0

    def _left(self, bucket: _Bucket | None, now: float) -> float:
        if bucket is None:
            return self._burst
        # The time of day can be set back; the bucket then stays as it is, and does not shrink.
        passed = max(0.0, now - bucket.at)
        return min(self._burst, bucket.left + passed * self._per_second)

    def _forget(self, now: float) -> None:
        """
        Forget publishers with a full bucket: unknown publishers have a full one as well.
        """
        for _ in range(min(len(self._buckets), _MOST_FULL)):
            oldest, bucket = next(iter(self._buckets.items()))
            is_full = self._left(bucket, now) >= self._burst
            if not is_full and len(self._buckets) <= self._max_identities:
                return
            del self._buckets[oldest]
