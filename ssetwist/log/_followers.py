"""
Telling several hubs, in order, what one log has taken.
"""

from collections import deque
from collections.abc import Callable

from twisted.logger import Logger

from ._log import Entry

_log = Logger()


class Followers:
    """
    Callbacks that hear of each entry of a log; for logs, which need it for
    :meth:`ssetwist.log.EventLog.follow`.

    Each hears of the entries in their order, also if one of them appends to the log while it is
    told of an entry, and whatever another one raises.
    """

    __slots__ = ("_all",)

    def __init__(self) -> None:
        self._all: dict[_Follower, None] = {}  # in the order in which they came

    def add(self, callback: Callable[[Entry], object], *, after: int) -> Callable[[], None]:
        """
        Tell a callback of each entry from now on.

        :param after: The log's head.  Entries up to it are not told.
        :returns: A function that ends it, at once.  Calling it twice is no error.
        """
        follower = _Follower(callback, after)
        self._all[follower] = None

        def unfollow() -> None:
            self._all.pop(follower, None)
            follower.due.clear()

        return unfollow

    def tell(self, entry: Entry) -> None:
        """
        Tell everybody of an entry, which is in the log.
        """
        followers = tuple(self._all)
        for follower in followers:
            if entry.position > follower.after:
                follower.due.append(entry)
        for follower in followers:
            follower.tell_due()


class _Follower:
    """
    One callback, and the entries of which it has not been told yet.
    """

    __slots__ = ("after", "callback", "due")

    def __init__(self, callback: Callable[[Entry], object], after: int) -> None:
        self.callback = callback
        self.after = after
        self.due: deque[Entry] = deque()

    def tell_due(self) -> None:
        """
        Tell it of all of them, the oldest first.
        """
        while self.due:
            try:
                self.callback(self.due.popleft())
            except Exception:
                _log.failure("something that follows the event log failed; the others go on")
