"""
Publications that may be requested again, but happen only once.

A publisher that lost the answer cannot know if the event was published.  With a key of its own
choosing (the ``Idempotency-Key`` header, draft-ietf-httpapi-idempotency-key-header) it may simply
repeat the request: it gets the answer that it missed, and nothing is published twice.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from math import inf
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..._waiters import Waiters
from ...errors import Refused

_log = Logger()

T = TypeVar("T")

#: Seconds for which an answer is kept: a day, within which publishers have retried.
DEFAULT_TTL = 86_400.0

#: Answers that are kept; in a batch, each line has its own.  Each takes about half a kilobyte.
DEFAULT_MAX_ENTRIES = 50_000

#: Answers that one request forgets because they are old: a day after a burst there may be all.
_MOST_OLD = 256

#: Seconds after which to try again if too many publications are under way.
_RETRY_AFTER = 1.0

#: A key: any text that is not too long.  Quotes around it, which the draft wants, are part of the
#: key, because a publisher that repeats its request repeats them also.
_KEY = re.compile(rb"[ -~]{1,255}")


def idempotency_key(values: Sequence[bytes] | None) -> str | None:
    """
    Read the key from the values of the header.

    :returns: ``None`` without such a header.
    :raises Refused: With 400 if there are two headers, or the key is empty, longer than 255 bytes,
        or not ASCII.
    """
    if not values:
        return None
    if len(values) > 1 or not _KEY.fullmatch(values[0]):
        raise Refused(400, "Idempotency-Key must be one value of 1 to 255 ASCII characters.")
    return values[0].decode("ascii")


@dataclass(slots=True)
class _UnderWay(Generic[T]):
    digest: bytes
    waiting: Waiters[T] = field(default_factory=Waiters)


@dataclass(frozen=True, slots=True)
class _Done(Generic[T]):
    digest: bytes
    result: T | Failure
    at: float


class Idempotency(Generic[T]):
    """
    Remembers the answers to publications by their keys.

    A failed publication published nothing and may be tried again, so it is not remembered; unless
    nobody knows if it failed (504), because then another try might publish twice.

    :param clock: The reactor, or a ``Clock`` in tests.
    :param ttl: Seconds for which an answer is remembered.
    :param max_entries: Keys that are remembered; beyond that, the oldest answer is forgotten
        early.
    :raises ValueError: If a limit is not more than zero.
    """

    def __init__(
        self,
        clock: IReactorTime,
        *,
        ttl: float = DEFAULT_TTL,
        max_entries: int = DEFAULT_MAX_ENTRIES,
    ) -> None:
        for name, value in (("ttl", ttl), ("max_entries", max_entries)):
            if not 0 < value < inf:
                raise ValueError(f"{name} {value!r} must be more than 0")
        self._clock = clock
        self._ttl = ttl
        self._max_entries = max_entries
        self._under_way: dict[Hashable, _UnderWay[T]] = {}
        # In the order in which they were answered.  A plain dict takes longer and longer to find
        # its first entry as entries are taken out.
        self._done: OrderedDict[Hashable, _Done[T]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._under_way) + len(self._done)

    def knows(self, key: Hashable) -> bool:
        """
        Return true if :meth:`once` would not publish, because that has been done or is being done.
        """
        return key in self._under_way or key in self._done

    def once(self, key: Hashable, body: bytes, publish: Callable[[], Deferred[T]]) -> Deferred[T]:
        """
        Publish, unless that has been done, or is being done, under the same key.

        :param key: The publisher, together with the key of its publication.
        :param body: The request.  The same key with another body is a mistake.
        :param publish: Called if the key is not known.
        :returns: A Deferred that fires with the result of ``publish``, even of an earlier call, or
            fails with its error.  Cancelling it does not stop the publication, and the next request
            gets the answer.  It also fails with :class:`Refused`: 422 if the body differs, 503 if
            too many publications are under way.
        """
        self._forget_old()
        digest = sha256(body).digest()
        known = self._under_way.get(key) or self._done.get(key)
        if isinstance(known, _Done) and self._is_old(known):
            del self._done[key]
            known = None
        if known is None:
            return self._begin(key, digest, publish)
        if known.digest != digest:
            return fail(
                Refused(422, "This Idempotency-Key has been used for something else already.")
            )
        if isinstance(known, _UnderWay):
            return known.waiting.wait()
        return fail(known.result) if isinstance(known.result, Failure) else succeed(known.result)

    def _is_old(self, done: _Done[T]) -> bool:
        return done.at <= self._clock.seconds() - self._ttl

    def _forget_old(self) -> None:
        for _ in range(_MOST_OLD):
            oldest = next(iter(self._done.items()), None)
            if oldest is None or not self._is_old(oldest[1]):
                return
            del self._done[oldest[0]]

    def _begin(
        self, key: Hashable, digest: bytes, publish: Callable[[], Deferred[T]]
    ) -> Deferred[T]:
        if len(self) >= self._max_entries:
            if not self._done:
                return fail(
                    Refused(
                        503,
                        "Too many publications are under way; try again later.",
                        retry_after=_RETRY_AFTER,
                    )
                )
            self._done.popitem(last=False)
        self._under_way[key] = under_way = _UnderWay[T](digest)
        answer = under_way.waiting.wait()  # first, because publishing may be over at once
        maybeDeferred(publish).addCallbacks(
            self._succeeded, self._failed, callbackArgs=(key,), errbackArgs=(key,)
        )
        return answer

    def _succeeded(self, result: T, key: Hashable) -> None:
        under_way = self._under_way.pop(key)
        self._done[key] = _Done(under_way.digest, result, self._clock.seconds())
        under_way.waiting.fire(result)

    def _failed(self, failure: Failure, key: Hashable) -> None:
        under_way = self._under_way.pop(key)
        if isinstance(failure.value, Refused) and failure.value.status == 504:
            self._done[key] = _Done(under_way.digest, failure, self._clock.seconds())
        if not under_way.waiting:
            _log.failure("a publication failed after its publisher had gone", failure=failure)
        under_way.waiting.fire(failure)
