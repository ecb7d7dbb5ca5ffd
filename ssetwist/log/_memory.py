"""
The log in memory: the newest events, within three bounds.
"""

from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from ..clock import date_of, steady
from ..eventstream import Event, encode_event
from ._followers import Followers
from ._ids import new_epoch, position_of, render_id
from ._log import Entry

#: The default bounds: a number of events, a number of bytes, and an age in seconds.
DEFAULT_MAX_COUNT = 10_000
DEFAULT_MAX_BYTES = 64 * 1024 * 1024
DEFAULT_MAX_AGE = 3600.0

#: The list is cut when its forgotten entries are more than this, and more than the kept ones.
_CUT = 1024


class MemoryLog:
    """
    An :class:`ssetwist.log.EventLog` that forgets everything when its process ends.

    Everything but cutting the list takes the same time however many events there are: a position is
    an index, and a publisher's id is found in a dict.  The bounds hold at every look.

    :param clock: The reactor, or a ``Clock`` in tests.
    :param max_count: The largest number of events that are kept; 0 keeps nothing.
    :param max_bytes: The largest number of bytes that they have together, as they are sent.  An
        event larger than that is not kept.  In memory, where each is also text, they take twice
        that, and up to five times with characters beyond U+FFFF.
    :param max_age: Seconds after which an event is forgotten.
    :param epoch: The name of this life, for tests; by default, a random one.

    :raises ValueError: If a bound is negative.
    """

    def __init__(
        self,
        clock: IReactorTime,
        *,
        max_count: int = DEFAULT_MAX_COUNT,
        max_bytes: int = DEFAULT_MAX_BYTES,
        max_age: float = DEFAULT_MAX_AGE,
        epoch: str | None = None,
    ) -> None:
        bounds = {"max_count": max_count, "max_bytes": max_bytes, "max_age": max_age}
        for name, bound in bounds.items():
            if not bound >= 0:
                raise ValueError(f"{name} {bound!r} must be 0 or more")
        self.epoch = new_epoch() if epoch is None else epoch
        self._followers = Followers()
        self._clock = steady(clock)
        self._now = date_of(clock)
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._entries: list[Entry | None] = []
        self._offsets = array("q", (0,))  # bytes before each entry in the list, and at its end
        self._times = array("d")  # of each entry in the list, by the steady clock
        self._forgotten = 0  # entries at the beginning of the list
        self._head = 0
        self._positions: dict[str, int] = {}  # by ids that publishers gave
        self._repeated: dict[str, deque[int]] = {}  # later positions of ids that they gave again

    @property
    def head(self) -> int:
        return self._head

    @property
    def oldest(self) -> int:
        self._forget()
        return self._head + 1 - (len(self._entries) - self._forgotten)

    def follow(self, callback: Callable[[Entry], object]) -> Callable[[], None]:
        return self._followers.add(callback, after=self._head)

    def append(
        self, topics: tuple[str, ...], event: Event, *, is_private: bool = False
    ) -> Deferred[Entry]:
        position = self._head + 1
        if event.id is None:
            event = replace(event, id=render_id(self.epoch, position))
        else:
            # If several have one id, which should not be, it means the first (Mercure).
            if self._positions.setdefault(event.id, position) != position:
                self._repeated.setdefault(event.id, deque()).append(position)
        entry = Entry(position, topics, event, is_private, self._now(), encode_event(event))
        self._head = position
        self._entries.append(entry)
        self._offsets.append(self._offsets[-1] + len(entry.encoded))
        self._times.append(self._clock.seconds())
        self._forget()
        self._followers.tell(entry)
        return succeed(entry)

    def read(self, after: int, most_bytes: int) -> Deferred[Sequence[Entry]]:
        oldest = self.oldest
        first = min(self._forgotten + max(0, after + 1 - oldest), len(self._entries))
        end = bisect_right(self._offsets, self._offsets[first] + most_bytes, lo=first + 1) - 1
        # Only entries before the first are None, because they are forgotten.
        return succeed(cast("list[Entry]", self._entries[first : max(end, first + 1)]))

    def find(self, id: str) -> Deferred[int | None]:
        oldest = self.oldest
        position = self._positions.get(id)
        if position is None:
            position = position_of(self.epoch, id)
        if position is None or not oldest - 1 <= position <= self._head:
            return succeed(None)
        return succeed(position)

    def _forget(self) -> None:
        too_old = self._clock.seconds() - self._max_age
        entries = self._entries
        while self._forgotten < len(entries):
            oldest = entries[self._forgotten]
            assert oldest is not None, "forgotten entries are before it"
            if (
                len(entries) - self._forgotten <= self._max_count
                and self._offsets[-1] - self._offsets[self._forgotten] <= self._max_bytes
                and self._times[self._forgotten] > too_old
            ):
                break
            entries[self._forgotten] = None  # freed now; the list is cut later
            self._forgotten += 1
            self._forget_id(oldest)
        if self._forgotten > max(_CUT, len(entries) - self._forgotten):
            for each in (entries, self._offsets, self._times):
                del each[: self._forgotten]
            self._forgotten = 0

    def _forget_id(self, entry: Entry) -> None:
        id = entry.event.id
        assert id is not None, "append gives an id"
        if id not in self._positions:
            return  # the log gave it
        if repeated := self._repeated.get(id):
            self._positions[id] = repeated.popleft()
            if not repeated:
                del self._repeated[id]
        else:
            del self._positions[id]
