"""
View: the events that a subscriber sees.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from twisted.logger import Logger

from ..eventstream import Event
from ..log import Entry
from ..matching import EVERYTHING, NOTHING, Matchers, Steps, Topics

_log = Logger()

#: Events whose topics are looked up in one step: at most 20 us for an event with a thousand topics.
#: Patterns and filters may take far longer.
_QUICK_BATCH = 256

#: Called with the topics and the event; returns true if the subscriber is to get the event.
Filter = Callable[[tuple[str, ...], Event], bool]


@dataclass(frozen=True, slots=True)
class View:
    """
    The topics that a subscriber asked for, and the topics that it was granted.  Views are values:
    subscribers with equal views see the very same events, and are served together.

    :ivar matchers: An event must be published to a topic that one of these matches.
    :ivar grants: If the event is private, one of its topics must also match one of these.
    :ivar filter: If there is one, it must also return true.  If it raises, that counts as false.
    :ivar shows_ephemeral: If false, ephemeral events, which have no id, are not shown.
    :ivar may_ask_for_announcements: Set it to false if neither the matchers nor the filter let any
        announcement pass (:meth:`Hub.announce`).  The subscriber is then never told that the log
        has forgotten one.
    """

    matchers: Matchers
    grants: Matchers
    filter: Filter | None = field(default=None, hash=False)
    shows_ephemeral: bool = True
    may_ask_for_announcements: bool = True
    # In place of the filter's own hash, which raises now, and not when a subscriber leaves.
    _filter_hash: int = field(init=False, repr=False, compare=False, hash=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_filter_hash", hash(self.filter))

    @classmethod
    def of(
        cls,
        topics: Topics | Matchers,
        *,
        grants: Topics | Matchers = (),
        filter: Filter | None = None,
    ) -> "View":
        """
        Make a view of topics and matchers.

        :param topics: One or more topics or matchers.
        :param grants: Topics with private events to show; by default, only public events are shown.
            If an event has several topics, one may be asked for and another granted.
        :param filter: Called with the topics and the event; the subscriber gets the events for
            which it returns true.  It should always return the same for the same event.  If it
            raises, that is logged, and the event is not sent.  Subscribers with the same filter
            are served together, so share it where you can.
        :raises InvalidMatcher: If a topic is too long, or cannot be encoded as UTF-8.
        :raises TypeError: If one is neither a topic nor a matcher, or the filter is not hashable.
        """
        return cls(Matchers.of(topics), Matchers.of(grants), filter)

    @property
    def is_quick(self) -> bool:
        """
        True if looking up the topics of an event is enough to know if it is seen, apart from the
        filter.
        """
        return self.matchers.is_quick and self.grants.is_quick

    @property
    def may_show_announcements(self) -> bool:
        """
        True if an announcement may be seen; they are all private.
        """
        return self.may_ask_for_announcements and self.grants != NOTHING

    def shows(self, entry: Entry) -> Steps[bool]:
        """
        Find out if an event is seen, in steps.
        """
        # The grants before the matchers: a stranger chose those, and they may take longer.
        if entry.is_private and not (yield from self.grants.matching(entry.topics)):
            return False
        return (yield from self.matchers.matching(entry.topics)) and self.wants(entry)

    def selecting(self, entries: Sequence[Entry]) -> Steps[list[Entry]]:
        """
        Select the events that are seen, in steps.
        """
        seen: list[Entry] = []
        if self.is_quick:
            batch = _QUICK_BATCH if self.filter is None else 1
            for begin in range(0, len(entries), batch):
                seen += self._look_up(entries[begin : begin + batch])
                yield
            return seen
        for entry in entries:
            if (yield from self.shows(entry)):
                seen.append(entry)
            yield
        return seen

    def _look_up(self, entries: Sequence[Entry]) -> list[Entry]:
        may_see = self.grants.match
        if EVERYTHING in self.matchers.others:
            seen = [one for one in entries if not one.is_private or may_see(one.topics)]
        else:
            is_other = self.matchers.exact.isdisjoint
            seen = [
                one
                for one in entries
                if not is_other(one.topics) and (not one.is_private or may_see(one.topics))
            ]
        return seen if self.filter is None else [one for one in seen if self.wants(one)]

    def wants(self, entry: Entry) -> bool:
        """
        Leave out ephemeral events if that is asked for, and ask the filter, if there is one.
        """
        if not (entry.position or self.shows_ephemeral):
            return False
        if self.filter is None:
            return True
        try:
            return bool(self.filter(entry.topics, entry.event))
        except BaseException:
            _log.failure(
                "the filter of a subscriber failed; the subscriber does not get this event"
            )
            return False


class ViewHistory:
    """
    The view that a subscriber has, and the earlier ones, which still apply to the events of their
    time.

    :ivar earlier: The earlier views, oldest first, each behind the last position that it applies
        to.
    """

    __slots__ = ("_now", "earlier")

    def __init__(self, view: View) -> None:
        self._now = view
        self.earlier: tuple[tuple[int, View], ...] = ()

    def change(self, view: View, after: int) -> None:
        # A view that no event was published for is forgotten, so changes alone take no memory.
        if not self.earlier or self.earlier[-1][0] < after:
            self.earlier += ((after, self._now),)
        self._now = view

    def forget(self, until: int) -> None:
        self.earlier = tuple(one for one in self.earlier if one[0] > until)

    def may_show_announcements(self, after: int, until: int) -> bool:
        """
        Return true if an announcement after one position, and up to another, may be seen.
        """
        for end, view in self.earlier:
            if end > after and view.may_show_announcements:
                return True
            after = max(after, end)
            if after >= until:
                return False
        return self._now.may_show_announcements

    def selecting(self, entries: Sequence[Entry]) -> Steps[list[Entry]]:
        """
        Select the events that are seen from consecutive entries, in steps, each by the view that
        applies to it.
        """
        now = self._now  # it may change before the last step
        seen: list[Entry] = []
        for until, view in self.earlier:
            part = [entry for entry in entries if entry.position <= until]
            seen += yield from view.selecting(part)
            entries = entries[len(part) :]
        return seen + (yield from now.selecting(entries))
