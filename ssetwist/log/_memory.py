"""
The log in memory: the newest events, within three bounds.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import attrgetter

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from ..clock import date_of, steady
from ..eventstream import Event, encode_event
from ._followers import Followers
from ._ids import new_epoch, position_of, render_id
from ._log import Entry
from ._share import Share

#: The default bounds: a number of events, a number of bytes, and an age in seconds.
DEFAULT_MAX_COUNT = 10_000
DEFAULT_MAX_BYTES = 64 * 1024 * 1024
DEFAULT_MAX_AGE = 3600.0

#: Announcements may take one part in so many of the number and the bytes of all other events.
_PARTS = 4


class MemoryLog:
    """
    An :class:`ssetwist.log.EventLog` that forgets everything when its process ends.

    Positions and ids are found at once, however many events there are.  The bounds hold at every
    look; but a look forgets only some thousands of events that are too old.  Announcements have a
    share of their own: besides the other events, up to a quarter of ``max_count`` and of
    ``max_bytes``, rounded up.

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
        self._max_age = max_age
        self._events = Share(max_count, max_bytes)
        self._announcements = Share(-(-max_count // _PARTS), -(-max_bytes // _PARTS))
        self._head = 0
        self._oldest = self._oldest_announcement = 1
        self._positions: dict[str, int] = {}  # by ids that publishers gave
        self._repeated: dict[str, deque[int]] = {}  # later positions of ids that they gave again

    @property
    def head(self) -> int:
        return self._head

    @property
    def oldest(self) -> int:
        self._forget()
        return self._oldest

    @property
    def oldest_announcement(self) -> int:
        self._forget()
        return max(self._oldest, self._oldest_announcement)

    def follow(self, callback: Callable[[Entry], object]) -> Callable[[], None]:
        return self._followers.add(callback, after=self._head)

    def append(
        self,
        topics: tuple[str, ...],
        event: Event,
        *,
        is_private: bool = False,
        is_announcement: bool = False,
    ) -> Deferred[Entry]:
        position = self._head + 1
        if event.id is None:
            event = replace(event, id=render_id(self.epoch, position))
        elif is_announcement:
            raise ValueError(f"an announcement gets its id from the log; it has {event.id!r}")
        # If several have one id, which should not be, it means the first (Mercure).
        elif self._positions.setdefault(event.id, position) != position:
            self._repeated.setdefault(event.id, deque()).append(position)
        entry = Entry(position, topics, event, is_private, self._now(), encode_event(event))
        self._head = position
        share = self._announcements if is_announcement else self._events
        share.add(entry, self._clock.seconds())
        self._forget()
        self._followers.tell(entry)
        return succeed(entry)

    def read(self, after: int, most_bytes: int) -> Deferred[Sequence[Entry]]:
        after = max(after, self.oldest - 1)
        if not self._announcements.after(after, 0):
            return succeed(self._events.after(after, most_bytes))
        shares = (self._events, self._announcements)
        # With the entries that go beyond the bytes, the cut is never after a missing entry.
        both = [one for share in shares for one in share.after(after, most_bytes, beyond=True)]
        both.sort(key=attrgetter("position"))
        return succeed(_at_most(most_bytes, both))

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
        for entry in self._events.forget(too_old):
            self._oldest = entry.position + 1
            self._forget_id(entry)
        # Nobody can read announcements from before the oldest event.
        for entry in self._announcements.forget(too_old, before=self._oldest):
            self._oldest_announcement = entry.position + 1

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


def _at_most(most_bytes: int, entries: Sequence[Entry]) -> Sequence[Entry]:
    """
    Return the first entries that have at most so many bytes together, but at least one.
    """
    count = 0
    for entry in entries:
        most_bytes -= len(entry.encoded)
        if most_bytes < 0 and count:
            break
        count += 1
    return entries[:count]
