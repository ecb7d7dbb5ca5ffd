"""
Followers: callbacks that get each entry of a log, in order.
"""

from collections import deque
from collections.abc import Callable

from twisted.logger import Logger

from ._log import Entry

_log = Logger()


class Followers:
    """
    Callbacks that get each entry of a log.  A log uses this class for
    :meth:`ssetwist.log.EventLog.follow`.

    Each callback gets the entries in their order, even if a callback appends to the log while it
    gets an entry, or raises.
    """

    __slots__ = ("_all",)

    def __init__(self) -> None:
        self._all: dict[_Follower, None] = {}  # the oldest first

    def add(self, callback: Callable[[Entry], object], *, after: int) -> Callable[[], None]:
        """
        Call a function with each entry from now on.

        :param after: The log's head; entries up to it are left out.
        :returns: A function that ends this at once.  Calling it twice is not an error.
        """
        follower = _Follower(callback, after)
        self._all[follower] = None

        def unfollow() -> None:
            self._all.pop(follower, None)
            follower.due.clear()

        return unfollow

    def tell(self, entry: Entry) -> None:
        """
        Call every callback with an entry that is in the log.
        """
        followers = tuple(self._all)
        for follower in followers:
            if entry.position > follower.after:
                follower.due.append(entry)
        for follower in followers:
            while follower.due:
                try:
                    follower.callback(follower.due.popleft())
                except BaseException:
                    _log.failure("a follower of the event log failed; the others go on")


class _Follower:
    __slots__ = ("after", "callback", "due")

    def __init__(self, callback: Callable[[Entry], object], after: int) -> None:
        self.callback = callback
        self.after = after
        self.due: deque[Entry] = deque()  # the entries that it has not got yet
