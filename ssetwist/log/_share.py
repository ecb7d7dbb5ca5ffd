"""
Share of a log in memory: the newest entries of one kind, within three bounds.
"""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import cast

from ._log import Entry

#: Entries that one look forgets because they are old: after a burst and a long silence there may be
#: a million, which would take a second.
_MOST_OLD = 2048

_position = attrgetter("position")


class Share:
    """
    Entries in the order of their positions, which need not be consecutive.

    Everything but cutting the list takes the same time however many entries there are, or nearly:
    a position is found by halving.

    :param max_count: The largest number of entries.
    :param max_bytes: The largest number of bytes that they have together, as they are sent.
    """

    __slots__ = ("_entries", "_forgotten", "_max_bytes", "_max_count", "_offsets", "_times")

    def __init__(self, max_count: int, max_bytes: int) -> None:
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._entries: list[Entry | None] = []
        self._offsets = array("q", (0,))  # bytes before each entry in the list, and at its end
        self._times = array("d")  # when each entry in the list was added
        self._forgotten = 0  # entries at the beginning of the list

    def add(self, entry: Entry, at: float) -> None:
        """
        Add the newest entry.  The bounds hold again after :meth:`forget`.

        :param at: The time now, in seconds of a steady clock.
        """
        self._entries.append(entry)
        self._times.append(at)
        self._offsets.append(self._offsets[-1] + len(entry.encoded))

    def after(self, position: int, most_bytes: int, *, beyond: bool = False) -> list[Entry]:
        """
        Return the entries after a position, oldest first.

        :param most_bytes: The most bytes to return, but at least one entry if there is any.
        :param beyond: If true, also return the entry that goes beyond these bytes.
        """
        # Only entries before the first are None, because they are forgotten.
        entries = cast("list[Entry]", self._entries)
        first = bisect_right(entries, position, lo=self._forgotten, key=_position)
        if first == len(entries):
            return []
        end = bisect_right(self._offsets, self._offsets[first] + most_bytes, lo=first + 1) - 1
        return entries[first : end + 1 if beyond else max(end, first + 1)]

    def forget(self, until: float, *, before: int = 0) -> Sequence[Entry]:
        """
        Forget the oldest entries until the bounds hold.

        :param until: Entries that were added at this time or earlier are also forgotten.
        :param before: Entries before this position are also forgotten.  If there are very many of
            these or those, some are left for the next time.
        :returns: Those that were forgotten now, oldest first.
        """
        entries, offsets = self._entries, self._offsets
        forgotten: list[Entry] = []
        while self._forgotten < len(entries):
            oldest = entries[self._forgotten]
            assert oldest is not None, "forgotten entries are before it"
            is_within = (
                len(entries) - self._forgotten <= self._max_count
                and offsets[-1] - offsets[self._forgotten] <= self._max_bytes
            )
            is_new = self._times[self._forgotten] > until and oldest.position >= before
            if is_within and (is_new or len(forgotten) >= _MOST_OLD):
                break
            entries[self._forgotten] = None  # freed now; the list is cut later
            self._forgotten += 1
            forgotten.append(oldest)
        if self._forgotten > len(entries) - self._forgotten:  # a cut moves fewer than it drops
            for each in (entries, offsets, self._times):
                del each[: self._forgotten]
            self._forgotten = 0
        return forgotten
