"""
One subscriber of the hub.
"""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..eventstream import Event, encode_event
from ._audience import Audience
from ._catch_up import CatchUp
from ._chunk import Chunk
from ._ends import EndReason, HasEnd
from ._matchers import Matcher, Matchers, Topics
from ._outlet import Outlet
from ._replay import ReplayContext
from ._streams import cut
from ._view import View

_log = Logger()

#: The id of the last event of a stream that was ended for good.  A client that comes back with it
#: is answered 204, which every ``EventSource`` takes as "do not come back" (WHATWG HTML 9.2.3).
#: It is carried by the client, so nothing needs to be remembered here, not even over a restart.
END_ID = "#end"

#: The event itself.  It has data, because some clients do not keep the id of an event without.
END = encode_event(Event(type="end", id=END_ID))


class Subscriber(HasEnd):
    """
    Who receives the events of a hub, from :meth:`Hub.subscribe` to its end.

    A subscriber is a place in the log.  One that has kept up is a member of an audience and holds
    no data; one that has not holds its cursor, and reads on when its connection takes more.

    :ivar address: Where it connects from: an IP address, or ``""`` where there is none.
    :ivar since: When it subscribed, in seconds of the hub's clock.
    :ivar who: Whatever the application knows it by: a user's name, an object, ``None``.
    """

    __slots__ = (
        "_audience",
        "_catch_up",
        "_forget",
        "_replay",
        "address",
        "outlet",
        "since",
        "view",
        "who",
    )  # fmt: skip

    def __init__(
        self,
        outlet: Outlet,
        replay: ReplayContext,
        view: View,
        forget: Callable[["Subscriber"], None],
        *,
        address: str,
        since: float,
        who: object,
        on_end: Callable[["Subscriber", EndReason], object] | None,
    ) -> None:
        self.address = address
        self.since = since
        self.who = who
        self.outlet = outlet
        self.view = view
        self._replay = replay
        self._forget = forget
        super().__init__(on_end and partial(on_end, self))
        self._audience: Audience | None = None
        self._catch_up: CatchUp | None = None
        outlet.writer = self

    def __repr__(self) -> str:
        topics = ", ".join(map(str, self.topics[:3]))
        more = ", ..." if len(self.topics) > 3 else ""
        state = "" if self.end_reason is None else f", {self.end_reason.value}"
        return f"<Subscriber {self.who or self.address or 'local'} to {topics}{more}{state}>"

    @property
    def topics(self) -> tuple[str | Matcher, ...]:
        """
        What it is subscribed to: topics as text, and other matchers.
        """
        matchers = self.view.matchers
        return (*matchers.exact, *matchers.others)

    @property
    def behind(self) -> int:
        """
        How many events, of whatever topic, have been published that it has not been sent; 0 for one
        that has kept up.
        """
        return self._replay.live.head - self._catch_up.position if self._catch_up else 0

    def change_topics(self, topics: Topics, *, grants: Topics | None = None) -> None:
        """
        Subscribe to other topics instead, from now on.  What was published before this call is sent
        to it, or not, by what it was subscribed to then.

        :param grants: Of which topics it may see private events; ``None`` leaves that as it is.
        :raises InvalidMatcher: If one makes no sense; nothing has changed then.
        """
        view = View(
            Matchers.of(topics),
            self.view.grants if grants is None else Matchers.of(grants),
            self.view.filter,
        )
        if self.end_reason is not None:
            return
        if self._catch_up is not None:
            self.view = view
            self._catch_up.change_view(view)
        else:
            keeps_up = self._write_due()
            self.view = view
            if not keeps_up:
                self.begin_catch_up(self._replay.live.head)
            elif self.end_reason is None:
                self._join()

    def end(
        self,
        *,
        for_good: bool = False,
        reason: EndReason = EndReason.ENDED_BY_APPLICATION,
    ) -> None:
        """
        End the stream properly.  The subscriber is gone at once; what has been published for it
        still follows as it takes it; if it was behind, only what its connection holds already.
        Ending twice is no error.

        :param for_good: Also tell it not to come back: it gets an event of type ``end``, and
            its next attempt, which a browser makes by itself, gets 204.
        :param reason: What logs and callbacks are told.
        """
        self.outlet.end(reason, last_words=END if for_good else b"")

    def abort(self) -> None:
        """
        Cut the connection now, throwing away what waits.  A browser comes back.
        """
        self.outlet.abort(EndReason.ENDED_BY_APPLICATION)

    # What the hub tells it

    def start(self, last_event_id: str | None, last: int) -> None:
        """
        Begin; to be called once, by :meth:`Hub.subscribe`.
        """
        if last_event_id is None and not last and not self.outlet.is_behind:
            self._join()
            return
        self.begin_catch_up(self._replay.live.head)
        assert self._catch_up is not None
        if last_event_id is not None:
            self._run(self._catch_up.from_id(last_event_id))
        elif last:
            self._run(self._catch_up.from_last(last))

    def begin_catch_up(self, position: int) -> None:
        """
        Leave the live end for the log, of which everything up to a position has been written.

        In a replay :meth:`start` has it read at once.  For one that has fallen behind,
        :meth:`has_room` does so when the connection has taken all of that.
        """
        if self._end_reason is None:
            self._leave()
            self._catch_up = CatchUp(self._replay, self.outlet, self.view, position)

    def cut(self) -> None:
        """
        The connection failed under our hands.
        """
        cut(self.outlet)
        self.ended(EndReason.CONNECTION_LOST)  # also if it could not even be cut

    # What the outlet tells it

    def has_room(self) -> None:
        """
        The connection has taken all that was written.
        """
        catch_up = self._catch_up
        if catch_up is None:
            return
        if catch_up.is_under_way:
            catch_up.has_room()
        elif catch_up.is_at_live_end:
            self._join()
        else:
            self._run(catch_up.from_position())

    def before_end(self) -> None:
        """
        The last moment to write.
        """
        self._write_due()

    def ended(self, reason: EndReason) -> None:
        """
        The stream has ended.
        """
        if self._end_reason is not None:
            return
        # First the fan-out and the hub forget it, then the application hears of it: a callback that
        # asks the hub must not find this subscriber there.
        self._leave()
        self._forget(self)
        catch_up, self._catch_up = self._catch_up, None
        self._tell_end(reason)
        if catch_up is not None:
            catch_up.end()

    # Inside

    def _run(self, way: Coroutine[Deferred[Any], Any, None]) -> None:
        assert self._catch_up is not None
        self._catch_up.is_under_way = True
        Deferred.fromCoroutine(way).addCallbacks(lambda _: self._join(), self._failed)

    def _join(self) -> None:
        self._catch_up = None
        self._audience = self._replay.live.join(self)
        self.view = self._audience.view  # equal, and shared

    def _write_due(self) -> bool:
        """
        Be no member of an audience any more, after getting what was on its way.

        :returns: Whether the connection keeps up.
        """
        if (due := self._leave()) is None:
            return True
        try:
            return self.outlet.write(due)
        except Exception:
            _log.failure("an event could not be handed to a subscriber, which is cut")
            self.cut()
            return True

    def _leave(self) -> Chunk | None:
        """
        Be no member of an audience any more, and return what was on its way.
        """
        audience, self._audience = self._audience, None
        return None if audience is None else self._replay.live.leave(self, audience)

    def _failed(self, problem: Failure) -> None:
        if self.end_reason is not None:
            return  # it was cancelled
        _log.failure("a subscriber could not be caught up and is cut", problem)
        cut(self.outlet, EndReason.CATCH_UP_FAILED)
        self.ended(EndReason.CATCH_UP_FAILED)
