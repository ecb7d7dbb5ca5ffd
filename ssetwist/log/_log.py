"""
The seam between the hub and where events are kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import Deferred

from ..eventstream import Event


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One event in its place.

    :ivar position: Its place in the log: 1 for the first, and one more for each that follows.
    :ivar topics: What it was published to; the first is the canonical one.
    :ivar event: The event; it has an id.
    :ivar is_private: Whether only those may see it who were granted to.
    :ivar at: When it was appended, in seconds of the log's clock.
    :ivar encoded: The event as bytes of an event stream, encoded once for everyone.
    """

    position: int
    topics: tuple[str, ...]
    event: Event
    is_private: bool
    at: float
    encoded: bytes


class EventLog(Protocol):
    """
    Events in a total order, of which the newest are kept.

    What may have to wait returns a Deferred; it has fired already where nothing had to.  An event
    that is kept may be forgotten at any time, oldest first, so ``oldest`` only ever grows.

    :ivar epoch: The name of this life of this log; see :mod:`ssetwist.log._ids`.
    """

    epoch: str

    @property
    def head(self) -> int:
        """
        The position of the newest event; 0 if there never was one.
        """

    @property
    def oldest(self) -> int:
        """
        The position of the oldest event that is kept; ``head + 1`` if none is.
        """

    def follow(self, callback: Callable[[Entry], object]) -> Callable[[], None]:
        """
        Call back with each entry that comes into the log from now on, after its present head.
        Several may follow one log, and each is told of all; :class:`ssetwist.log.Followers` does
        that for a log.

        :param callback: Called in the order of the positions, once the entry is in the log, before
            the Deferred of its :meth:`append` fires, whether it was appended here or elsewhere.  It
            may append.  What it raises is logged, and hurts neither :meth:`append` nor the others.
        :returns: A function that ends this, at once.  Calling it twice is no error.
        """

    def append(
        self, topics: tuple[str, ...], event: Event, *, is_private: bool = False
    ) -> Deferred[Entry]:
        """
        Append an event, and give it an id if it has none.

        :returns: A Deferred that fires with the entry when it is as safe as this log makes it.
            Cancelling it does not take the event back.
        """

    def read(self, after: int, most_bytes: int) -> Deferred[Sequence[Entry]]:
        """
        Read forward from a position, oldest first, without gaps.

        :param after: The position before the first that is wanted.
        :param most_bytes: Stop before their encoded bytes are more than that; but if there is
            anything to read at all, there is at least one entry.
        :returns: A Deferred that fires with the entries, none of them if ``after`` is the head.  If
            ``after + 1`` is no longer kept, they begin with the oldest that is.
        """

    def find(self, id: str) -> Deferred[int | None]:
        """
        Find the position of an id, whoever gave it.

        :returns: A Deferred that fires with a position after which everything is kept, or with
            ``None``: the id is unknown, of another log or another life, or too old.
        """
