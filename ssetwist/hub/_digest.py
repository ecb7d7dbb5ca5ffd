"""
Digest of a log: only the newest event of each topic.
"""

from array import array
from collections.abc import Sequence

from ..log import Entry
from ._log_walk import Gap, LogWalk
from ._view import ViewHistory


class Digest:
    """
    Reads from a log the newest event of each topic.  A dashboard that is behind wants no others.

    A first reading, up to the live end or a gap, finds them.  A second one returns them piece by
    piece, as fast as the client takes the pieces.
    """

    __slots__ = ("_newest", "_until", "_views", "_walk")

    def __init__(self, walk: LogWalk, views: ViewHistory) -> None:
        self._walk = walk
        self._views = views
        #: The positions that have been found and not been returned yet, the next one last.
        self._newest = array("q")
        self._until = 0  # the end of the first reading

    async def read(self) -> Sequence[Entry] | Gap:
        if self._walk.position >= self._until:
            await self._find_newest()
        entries = await self._walk.read(self._until)
        if isinstance(entries, Gap):
            self._until = 0  # so that the newest are found again, after the gap
            return entries
        wanted = set()
        while self._newest and self._newest[-1] <= self._walk.position:
            wanted.add(self._newest.pop())
        chosen = [entry for entry in entries if entry.position in wanted]
        if len(chosen) < len(wanted):  # an announcement was forgotten after the first reading
            self._walk.has_missed = True
        return chosen

    async def _find_newest(self) -> None:
        walk, begin = self._walk, self._walk.position
        newest: dict[str, int] = {}
        while not walk.is_at_live_end:
            seen = await walk.read_seen(self._views)
            if isinstance(seen, Gap):
                break
            newest.update((entry.topics[0], entry.position) for entry in seen)
            await walk.rest()
        self._newest = array("q", sorted(newest.values(), reverse=True))
        self._until, walk.position = walk.position, begin
