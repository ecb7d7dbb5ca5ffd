"""
The seam between the hub and its event log.
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
    :ivar topics: The topics that it was published to; the first is the canonical one.
    :ivar event: The event; it has an id.
    :ivar is_private: If true, only subscribers that were granted one of its topics may see it.
    :ivar at: The date when it was appended, in seconds since 1970.
    :ivar encoded: The event as bytes of an event stream, encoded once for all clients.
    """

    position: int
    topics: tuple[str, ...]
    event: Event
    is_private: bool
    at: float
    encoded: bytes


class EventLog(Protocol):
    """
    Events in a total order; the newest are kept.

    A method that may have to wait returns a Deferred, which has fired already if it did not.  Any
    event may be forgotten at any time, oldest first, so ``oldest`` never becomes smaller.

    Some events are announcements.  Strangers cause them, as many as they like: each connection of a
    client is announced to others.  So announcements must never make a log forget another event.  It
    keeps the newest in a share of their own, and may forget them earlier than other events.  Their
    positions are then missing between those of other events.

    :ivar epoch: The name of this life of this log; see :mod:`ssetwist.log._ids`.
    """

    epoch: str

    @property
    def head(self) -> int:
        """
        The position of the newest event; 0 before the first.
        """

    @property
    def oldest(self) -> int:
        """
        The position after the newest forgotten event that is not an announcement; 1 before the
        first.  From there on everything is kept, but perhaps not all announcements.
        """

    @property
    def oldest_announcement(self) -> int:
        """
        The position from which on all announcements are also kept; never smaller than ``oldest``.
        """

    def follow(self, callback: Callable[[Entry], object]) -> Callable[[], None]:
        """
        Call a function with each entry after the present head.  Several functions may follow one
        log; each gets all entries.  :class:`ssetwist.log.Followers` does that for a log.

        :param callback: Called in the order of the positions, when the entry is in the log, before
            the Deferred of its :meth:`append` fires, whether it was appended here or elsewhere.  It
            may append.  An exception from it is logged, and affects neither :meth:`append` nor the
            other followers.
        :returns: A function that ends this at once.  Calling it twice is not an error.
        """

    def append(
        self,
        topics: tuple[str, ...],
        event: Event,
        *,
        is_private: bool = False,
        is_announcement: bool = False,
    ) -> Deferred[Entry]:
        """
        Append an event, and give it an id if it lacks one.

        :param is_announcement: If true, it must not make the log forget other events, except
            announcements.  It has no id yet.
        :returns: A Deferred that fires with the entry when it is stored as safely as this log can.
            Cancelling it does not take the event back.
        """

    def read(self, after: int, most_bytes: int) -> Deferred[Sequence[Entry]]:
        """
        Read forward from a position, oldest first.  Only forgotten announcements are missing.

        :param after: The position before the first entry to read.
        :param most_bytes: The most encoded bytes to read; but at least one entry is read, if there
            is any.
        :returns: A Deferred that fires with the entries; with nothing if nothing after that is
            kept.  If ``oldest`` is after that, they begin there.
        """

    def find(self, id: str) -> Deferred[int | None]:
        """
        Find the position of an id, which the log or a publisher gave.

        :returns: A Deferred that fires with a position, from ``oldest - 1`` to ``head``; with
            ``None`` if the id is unknown, of another log or another life, or too old.
        """
