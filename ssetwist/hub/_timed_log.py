"""
Event log that answers in time, whatever the log behind it does.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime

from .._within import within
from ..errors import LogUnavailable
from ..eventstream import Event
from ..log import Entry, EventLog

_T = TypeVar("_T")

#: Seconds after which a publisher or a reader may ask a log again that has not answered.
_RETRY_AFTER = 5.0


class TimedLog:
    """
    The questions of a hub to its log, each answered within a time.

    A method returns a Deferred in any case: if the log raises at once, the Deferred fails.  If the
    log does not answer in time, it fails with :class:`ssetwist.errors.LogUnavailable`.

    :param timeout: Seconds for an answer.
    """

    def __init__(self, log: EventLog, clock: IReactorTime, *, timeout: float) -> None:
        self._log = log
        self._clock = clock
        self._timeout = timeout

    def append(
        self,
        topics: tuple[str, ...],
        event: Event,
        *,
        is_private: bool,
        is_announcement: bool = False,
    ) -> Deferred[Entry]:
        return self._ask(
            lambda: self._log.append(
                topics, event, is_private=is_private, is_announcement=is_announcement
            ),
            "has not stored an event",
            is_uncertain=True,
        )

    def read(self, after: int, most_bytes: int) -> Deferred[Sequence[Entry]]:
        return self._ask(lambda: self._log.read(after, most_bytes), "has not given its events")

    def find(self, id: str) -> Deferred[int | None]:
        return self._ask(lambda: self._log.find(id), "has not found an id")

    def follow_up(self, coming: Awaitable[_T]) -> Deferred[_T]:
        """
        Wait for an entry that the log has and has not told its followers yet.
        """
        return self._ask(lambda: coming, "has not told an event that it has")

    def _ask(
        self, ask: Callable[[], Awaitable[_T]], what: str, *, is_uncertain: bool = False
    ) -> Deferred[_T]:
        def late() -> LogUnavailable:
            return LogUnavailable(
                f"the event log {what} within {self._timeout:g} s",
                retry_after=_RETRY_AFTER,
                is_uncertain=is_uncertain,
            )

        try:
            return within(self._timeout, ask(), self._clock, late=late)
        except BaseException:
            return fail()
