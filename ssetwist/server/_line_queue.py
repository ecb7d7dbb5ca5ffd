"""
Lines that wait to be written: a bounded number of bytes, and where lines are missing, their number.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

#: Bytes of lines that may wait.  They are some five thousand lines: a reader that takes a moment to
#: rotate a file, or to start anew, misses none, and the memory does not matter.
MAX_WAITING = 1024 * 1024

#: Bytes of lines that are taken at once, if there are so many.
PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Gap:
    """
    A place where lines are missing.

    :ivar count: The number of lines.
    :ivar reason: The reason, for people.
    """

    count: int
    reason: str


class LineQueue:
    """
    Lines in their order.  A line that finds no room is dropped, and all that follow it until half
    of the room is free: one gap of many lines tells more than many gaps of one.

    :param max_waiting: Bytes that may wait.
    """

    def __init__(self, max_waiting: int = MAX_WAITING) -> None:
        self._max_waiting = max_waiting
        self._waiting: deque[bytes | Gap] = deque()
        self._size = 0
        self._is_dropping = False
        self._has_news = False

    @property
    def has_news(self) -> bool:
        """
        True if something was put in that was not taken.  Lines that were taken and lost are not
        news: they are reported before the next line, and nothing is gained by trying sooner.
        """
        return self._has_news

    def put(self, line: bytes) -> None:
        self._has_news = True
        room = self._max_waiting // 2 if self._is_dropping else self._max_waiting
        self._is_dropping = self._size + len(line) > room
        if not self._is_dropping:
            self._waiting.append(line)
            self._size += len(line)
        elif self._waiting and isinstance(last := self._waiting[-1], Gap):
            self._waiting[-1] = Gap(last.count + 1, last.reason)
        else:
            self._waiting.append(Gap(1, "nobody read them in time"))

    def take(self) -> list[bytes | Gap]:
        """
        Return the oldest lines and gaps, in order, and forget them: not many more than
        :data:`PIECE` bytes.
        """
        taken: list[bytes | Gap] = []
        size = 0
        while self._waiting and size < PIECE:
            taken.append(one := self._waiting.popleft())
            size += 0 if isinstance(one, Gap) else len(one)
        self._size -= size
        self._has_news = bool(self._waiting)
        return taken

    def lose(self, taken: Sequence[bytes | Gap], reason: str) -> None:
        """
        Take note that lines that were taken could not be written.
        """
        count = sum(one.count if isinstance(one, Gap) else 1 for one in taken)
        if self._waiting and isinstance(first := self._waiting[0], Gap):
            self._waiting.popleft()
            count += first.count
        self._waiting.appendleft(Gap(count, reason))
