"""
What a subscriber may see.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twisted.logger import Logger

from ..eventstream import Event
from ..log import Entry
from ._matchers import Matchers, Topics

_log = Logger()

#: Told the topics and the event; returns whether the subscriber is to see it.
Filter = Callable[[tuple[str, ...], Event], bool]


@dataclass(frozen=True, slots=True)
class View:
    """
    What a subscriber asked for, and what it was granted.  A value: subscribers with equal views see
    the very same events, and so are told together.

    :ivar matchers: An event must be published to a topic that one of these matches.
    :ivar grants: If the event is private, one of its topics must also be matched by one of these.
    :ivar filter: If there is one, it must say yes, too.  One that raises has said no.
    """

    matchers: Matchers
    grants: Matchers
    filter: Filter | None = None

    def __post_init__(self) -> None:
        hash(self.filter)  # or it says so now, and not in the middle of something

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

        :param topics: What is asked for: topics, matchers, or one of them.
        :param grants: Of which topics private events may be seen, too; none, unless told otherwise.
            The topic that is asked for and the one that is granted may be two of the same event.
        :param filter: Called with the topics and the event; the subscriber gets those for which it
            returns true.  It should always say the same of the same event.  If it raises, that is
            logged, and the event is not sent.  Subscribers with the same filter are served
            together; so share it where you can.
        :raises InvalidMatcher: If a topic is too long, or has no UTF-8.
        :raises TypeError: If one is neither a topic nor a matcher, or the filter is not hashable.
        """
        return cls(Matchers.of(topics), Matchers.of(grants), filter)

    @property
    def is_quick(self) -> bool:
        """
        Whether it takes no time worth mentioning to tell what is seen: all of it is looked up.
        """
        return self.filter is None and not (self.matchers.others or self.grants.others)

    def shows(self, entry: Entry) -> bool:
        """
        Tell whether an event is seen.
        """
        if entry.is_private and not self.grants.match(entry.topics):
            return False  # before what was asked for: a stranger chose that, and it may take longer
        return self.matchers.match(entry.topics) and self._is_wanted(entry)

    def permits(self, entry: Entry) -> bool:
        """
        Tell whether an event is seen if it has been asked for.
        """
        if entry.is_private and not self.grants.match(entry.topics):
            return False
        return self._is_wanted(entry)

    def _is_wanted(self, entry: Entry) -> bool:
        if self.filter is None:
            return True
        try:
            return bool(self.filter(entry.topics, entry.event))
        except Exception:
            _log.failure("the filter of a subscriber failed; it does not see this event")
            return False

    def select(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """
        Return those that are seen.
        """
        return [entry for entry in entries if self.shows(entry)]
