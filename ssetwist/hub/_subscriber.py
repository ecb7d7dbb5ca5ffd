"""
Subscriber: a client of the hub, as a state machine.  Its laws:

1. Events are written in the order of the log, and each at most once.  Either its audience writes
   or its catch-up does, never both.
2. While it keeps up it holds no data; while it does not, it holds its position in the log.
3. It ends once.  Fan-out and hub have forgotten it before the application hears about the end.

``State`` lists the states, ``_NEXT`` those that may follow each; only ``_become`` changes one.
"""

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from functools import partial

from twisted.logger import Logger
from twisted.python.failure import Failure

from ..eventstream import Event, encode_event
from ..matching import Matcher, Matchers, Topics
from ._audience import Audience
from ._catch_up import CatchUp
from ._ends import EndReason, HasEnd
from ._outlet import Outlet
from ._replay import ReplayContext
from ._streams import cut
from ._view import View

_log = Logger()

#: The id of the last event of a stream that was ended for good.  A client that comes back with it
#: is answered 204, which tells every ``EventSource`` not to come back (WHATWG HTML 9.2.3).  The
#: client carries it, so nothing needs to be remembered here, not even over a restart.
END_ID = "#end"

#: The event itself.  It has data, because some clients do not keep the id of an event without data.
END = encode_event(Event(type="end", id=END_ID))


class State(Enum):
    NEW = "It gets nothing yet."
    LIVE = "It keeps up: it is a member of an audience, and each flush writes to it."
    BEHIND = "Its connection has not taken everything; it holds its position and waits for room."
    READING = "It catches up: it reads the log from its position, as fast as its client takes it."
    ENDED = "Its stream has ended; it gets nothing more."


#: States that may follow each state.  A subscriber may become live again with other topics, and may
#: be reported as behind again.
_NEXT: dict[State, tuple[State, ...]] = {
    State.NEW: (State.LIVE, State.BEHIND, State.ENDED),
    State.LIVE: (State.LIVE, State.BEHIND, State.ENDED),
    State.BEHIND: (State.LIVE, State.BEHIND, State.READING, State.ENDED),
    State.READING: (State.LIVE, State.ENDED),
    State.ENDED: (),
}


class Subscriber(HasEnd):
    """
    Receiver of the events of a hub, from :meth:`Hub.subscribe` to its end.

    :ivar address: The IP address of the client; ``""`` if it is not known.
    :ivar since: The date of subscribing, in seconds since 1970.
    :ivar who: Anything that the application knows it by: a user's name, an object, ``None``.
    """

    __slots__ = (
        "_asked", "_forget", "_place", "_replay", "_state", "address", "outlet", "since", "view",
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
        self._asked: View | None = None  # the newest view, if it does not hold yet
        super().__init__(on_end and partial(on_end, self))
        self._state = State.NEW
        #: Its audience while it is live, its catch-up while it is behind or reads.
        self._place: Audience | CatchUp | None = None
        outlet.writer = self

    def __repr__(self) -> str:
        topics = ", ".join(map(str, self.topics[:3]))
        more = ", ..." if len(self.topics) > 3 else ""
        state = "" if self.end_reason is None else f", {self.end_reason.value}"
        return f"<Subscriber {self.who or self.address or 'local'} to {topics}{more}{state}>"

    @property
    def topics(self) -> tuple[str | Matcher, ...]:
        """
        The topics that it is subscribed to: text, and matchers other than :class:`Exact`.
        """
        matchers = (self._asked or self.view).matchers
        return (*matchers.exact, *matchers.others)

    @property
    def behind(self) -> int:
        """
        The number of events, of whatever topic, that have been published and not been sent to it; 0
        if it keeps up.
        """
        place = self._place
        return self._replay.live.head - place.walk.position if isinstance(place, CatchUp) else 0

    def change_topics(self, topics: Topics, *, grants: Topics | None = None) -> None:
        """
        Subscribe to other topics instead, from now on.  For events that were published before this
        call, the earlier topics decide.

        :param grants: Topics with private events to show; ``None`` leaves them as they are.
        :raises InvalidMatcher: If one makes no sense; nothing has changed then.
        """
        view = self._asked or self.view
        granted = view.grants if grants is None else Matchers.of(grants)
        view = replace(view, matchers=Matchers.of(topics), grants=granted)
        if self._state is not State.ENDED:
            self._asked = view
            self._replay.live.in_order(self, partial(self._change, view))

    def end(
        self, *, for_good: bool = False, reason: EndReason = EndReason.ENDED_BY_APPLICATION
    ) -> None:
        """
        End the stream properly.  The subscriber is gone at once, or, while the hub looks for the
        subscribers of earlier events, as soon as they are found.  Events that were published for it
        before this call still follow as the client takes them; if it was behind, only those that
        its connection holds already.  Ending twice is not an error.

        :param for_good: If true, also tell the client not to come back: it gets an event of type
            ``end``, and its next attempt, which a browser makes by itself, gets 204.
        :param reason: The reason that logs and callbacks get.
        """
        end = partial(self.outlet.end, reason, last_words=END if for_good else b"")
        if self._state is State.LIVE:
            self._replay.live.in_order(self, end)
        else:
            end()

    def abort(self) -> None:
        """
        Cut the connection now, and throw away everything that waits.  A browser comes back.
        """
        self.outlet.abort(EndReason.ENDED_BY_APPLICATION)

    # Called by the hub

    def start(self, last_event_id: str | None, last: int) -> None:
        if last_event_id is None and not last and not self.outlet.is_behind:
            self._join()
            return
        self.begin_catch_up(self._replay.live.head)
        if last_event_id is not None or last:
            self._read(last_event_id, last)

    def begin_catch_up(self, position: int) -> None:
        """
        Leave the audience, because the connection has not taken everything up to a position.  The
        log is read from there when :meth:`has_room` is called.
        """
        if self._state is not State.ENDED:
            self._leave()
            self._place = CatchUp(self._replay, self.outlet, self.view, position)
            self._become(State.BEHIND)

    def cut(self) -> None:
        cut(self.outlet)
        self.ended(EndReason.CONNECTION_LOST)  # even if it could not be cut

    # Called by the outlet, see Writer

    def has_room(self) -> None:
        place = self._place
        if not isinstance(place, CatchUp):
            return
        if self._state is State.READING:
            place.has_room()
        elif place.walk.is_at_live_end:
            try:
                self._join()
            except BaseException:  # of a matcher; it would be silent from now on
                self._failed(Failure())
        else:
            self._read()

    def before_end(self) -> None:
        self._write_due()

    def ended(self, reason: EndReason) -> None:
        if self._state is State.ENDED:
            return
        # First the fan-out and the hub forget it, then the application hears about it: a callback
        # that asks the hub must not find this subscriber there.
        self._leave()
        self._forget(self)
        place, self._place = self._place, None
        self._become(State.ENDED)
        self._tell_end(reason)
        if isinstance(place, CatchUp):
            place.end()

    # Inside

    def _change(self, view: View) -> None:
        if self._asked is view:
            self._asked = None
        if isinstance(self._place, CatchUp):
            self.view = view
            self._place.change_view(view)
        else:
            keeps_up = self._write_due()
            self.view = view
            if not keeps_up:
                self.begin_catch_up(self._replay.live.head)
            elif self.end_reason is None:
                self._join()

    def _become(self, state: State) -> None:
        assert state in _NEXT[self._state], f"{self._state.name} -> {state.name}"
        self._state = state

    def _join(self) -> None:
        self._place = audience = self._replay.live.join(self)
        self.view = audience.view  # equal, and shared
        self._become(State.LIVE)

    def _read(self, after: str | None = None, last: int = 0) -> None:
        assert isinstance(self._place, CatchUp)
        self._become(State.READING)
        done = self._place.run(after, last).addCallback(lambda _: self._join())
        done.addErrback(self._failed)

    def _write_due(self) -> bool:
        """
        Leave the audience, and write the events that were on their way.

        :returns: True if the connection keeps up.
        """
        audience = self._place
        due = audience.due_to(self) if isinstance(audience, Audience) else None
        self._leave()
        if due is None:
            return True
        try:
            return self.outlet.write(due)
        except BaseException:
            _log.failure("an event could not be handed to a subscriber, which is cut")
            self.cut()
            return True

    def _leave(self) -> None:
        audience = self._place
        if isinstance(audience, Audience):
            self._place = None
            self._replay.live.leave(self, audience)

    def _failed(self, problem: Failure) -> None:
        if self._state is State.ENDED:
            return  # and its catch-up was cancelled
        _log.failure("a subscriber could not be caught up and is cut", problem)
        cut(self.outlet, EndReason.CATCH_UP_FAILED)
        self.ended(EndReason.CATCH_UP_FAILED)
