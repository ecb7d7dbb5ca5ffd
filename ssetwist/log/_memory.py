"""
The log in memory: the newest events, within three bounds.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from ..eventstream import Event, encode_event
from ._followers import Followers
from ._ids import new_epoch, position_of, render_id
from ._log import Entry

#: How many events are kept, how many bytes of them, and for how many seconds.
DEFAULT_MAX_COUNT = 10_000
DEFAULT_MAX_BYTES = 64 * 1024 * 1024
DEFAULT_MAX_AGE = 3600.0

#: The list is cut when so many at its beginning are forgotten, and more than are left.
_CUT = 1024


class MemoryLog:
    """
    An :class:`ssetwist.log.EventLog` that forgets when its process ends.

    Everything but cutting the list is done in constant time: a position is an index, a publisher's
    id is found in a dict.  The bounds hold whenever anybody looks.

    :param clock: The reactor, or a ``Clock`` in tests.
    :param max_count: How many events are kept at most; 0 keeps none.
    :param max_bytes: How many bytes they may have together, as they are sent.  An event larger than
        that is not kept.  In memory, where each is text, too, they take twice that; up to five
        times, if they have characters beyond U+FFFF.
    :param max_age: Seconds after which an event is forgotten.
    :param epoch: The name of this life, for tests; a random one if there is none.

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
        for name, bound in (
            ("max_count", max_count),
            ("max_bytes", max_bytes),
            ("max_age", max_age),
        ):
            if not bound >= 0:
                raise ValueError(f"{name} {bound!r} must be 0 or more")
        self.epoch = new_epoch() if epoch is None else epoch
        self._followers = Followers()
        self._clock = clock
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._entries: list[Entry | None] = []
        self._forgotten = 0  # of those in the list, from its beginning
        self._bytes = 0
        self._head = 0
        self._positions: dict[str, int] = {}  # of ids that publishers gave
        self._repeated: dict[str, deque[int]] = {}  # the later ones of ids that they gave again

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
            # Of several with one id, which there should not be, the first is meant (Mercure).
            if self._positions.setdefault(event.id, position) != position:
                self._repeated.setdefault(event.id, deque()).append(position)
        entry = Entry(
            position, topics, event, is_private, self._clock.seconds(), encode_event(event)
        )
        self._head = position
        self._entries.append(entry)
        self._bytes += len(entry.encoded)
        self._forget()
        self._followers.tell(entry)
        return succeed(entry)

    def read(self, after: int, most_bytes: int) -> Deferred[Sequence[Entry]]:
        oldest = self.oldest
        index = self._forgotten + max(after + 1, oldest) - oldest
        entries: list[Entry] = []
        size = 0
        while index < len(self._entries):
            entry = self._entries[index]
            assert entry is not None, "only those at the beginning are forgotten"
            size += len(entry.encoded)
            if entries and size > most_bytes:
                break
            entries.append(entry)
            index += 1
        return succeed(entries)

    def find(self, id: str) -> Deferred[int | None]:
        oldest = self.oldest
        position = self._positions.get(id)
        if position is None:
            position = position_of(self.epoch, id)
        if position is None or not oldest - 1 <= position <= self._head:
            return succeed(None)
        return succeed(position)

    def _forget(self) -> None:
        """
        Forget, oldest first, what is beyond a bound.
        """
        too_old = self._clock.seconds() - self._max_age
        entries = self._entries
        while self._forgotten < len(entries):
            oldest = entries[self._forgotten]
            assert oldest is not None, "it is the first that is not forgotten"
            if (
                len(entries) - self._forgotten <= self._max_count
                and self._bytes <= self._max_bytes
                and oldest.at > too_old
            ):
                break
            entries[self._forgotten] = None  # freed now; the list is cut later
            self._forgotten += 1
            self._bytes -= len(oldest.encoded)
            self._forget_id(oldest)
        if self._forgotten > max(_CUT, len(entries) - self._forgotten):
            del entries[: self._forgotten]
            self._forgotten = 0

    def _forget_id(self, entry: Entry) -> None:
        id = entry.event.id
        assert id is not None, "append gives one"
        if id not in self._positions:
            return  # one of ours
        if repeated := self._repeated.get(id):
            self._positions[id] = repeated.popleft()
            if not repeated:
                del self._repeated[id]
        else:
            del self._positions[id]
