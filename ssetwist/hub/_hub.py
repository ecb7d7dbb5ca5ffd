"""
The hub: subscribers, and the events that are published to them.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable
from math import inf
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..clock import date_of, reactor_behind, steady
from ..errors import HubClosed, InvalidEvent, InvalidTopic
from ..eventstream import EARLIEST, GAP, Event, encode_event, is_hub_id, require_event
from ..log import MAX_ID, Entry, EventLog, MemoryLog, render_id
from ..matching import EVERYTHING, MAX_LENGTH, Steps, Topics, is_utf8
from ._ends import EndReason
from ._fan_out import FanOut
from ._insides import installed_reactor, is_reactor_elsewhere
from ._outlet import Outlet
from ._replay import ReplayContext, ReplayPolicy, UnknownCursor, WhenBehind
from ._streams import DEFAULT_HEARTBEAT, DEFAULT_STALL_TIMEOUT, Streams
from ._subscriber import Subscriber
from ._timed_log import TimedLog
from ._view import View

_log = Logger()

#: The largest number of topics of one event.
MAX_TOPICS = 1000

#: Seconds within which a log must answer: a disk that is busy, or another machine.
DEFAULT_LOG_TIMEOUT = 10.0

#: The largest part of its lifetime by which a stream ends early, so that clients that came together
#: do not come back together.
_JITTER = 0.2


def usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Hub:
    """
    Keeps published events in a log, and hands each one to every subscriber with a matching view, in
    the order of publishing.

    Events that are published in one turn of the reactor are sent together in the next.  Everything
    but the sends to a large audience runs in the reactor's thread.

    :param clock: The reactor, or a ``Clock`` in tests.  Durations do not depend on the time of day;
        see :func:`ssetwist.clock.steady`.
    :param log: The log that keeps the events; by default, a ``MemoryLog``.  Several hubs may share
        one log: an event that is published to one of them reaches the subscribers of all, unless it
        is ephemeral.  A hub follows its log until it is closed.
    :param heartbeat: Seconds of silence until a comment is sent; 0 for never.
    :param stall_timeout: Seconds without progress after which a client that is behind is cut.
    :param lifetime: Seconds after which a stream ends, less a random part of up to a fifth, so that
        clients do not come back together; 0 for never.  A browser resumes where it was.
    :param when_behind: The treatment of a subscriber that fell so far behind that the log has
        forgotten the events that it missed.
    :param unknown_cursor: The treatment of a subscriber that comes back with an unknown id.
    :param gap: The type of the event that tells a subscriber that it has missed something; ``None``
        for no such event.
    :param max_subscribers: The largest number of subscribers; 0 for no limit.
    :param max_per_address: The largest number of subscribers from one IP address; 0 for no limit.
        Behind a proxy all have the proxy's address.
    :param flush_threads: The number of threads that send to a large audience; 1 for the reactor's
        alone, ``None`` for one per core that this process may use.
    :param log_timeout: Seconds within which the log must answer.  Without an answer, a publication
        fails with :class:`ssetwist.errors.LogUnavailable`, and a subscriber that catches up is cut.
    :ivar streams: The open streams, with their heartbeat.
    :ivar log: The log.
    :ivar is_closed: True after :meth:`close`.
    :raises ValueError: If a time, a number or the type of an event makes no sense.
    :raises TypeError: If a number that must be whole is something else.
    """

    def __init__(
        self,
        *,
        clock: IReactorTime,
        log: EventLog | None = None,
        heartbeat: float = DEFAULT_HEARTBEAT,
        stall_timeout: float = DEFAULT_STALL_TIMEOUT,
        lifetime: float = 0,
        when_behind: WhenBehind = WhenBehind.DISCONNECT,
        unknown_cursor: UnknownCursor = UnknownCursor.LIVE,
        gap: str | None = GAP,
        max_subscribers: int = 0,
        max_per_address: int = 0,
        flush_threads: int | None = None,
        log_timeout: float = DEFAULT_LOG_TIMEOUT,
    ) -> None:
        threads = usable_cores() if flush_threads is None else flush_threads
        for name, value, least in (
            ("max_subscribers", max_subscribers, 0),
            ("max_per_address", max_per_address, 0),
            ("flush_threads", threads, 1),
        ):
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"{name} must be a whole number, not {value!r}")
            if value < least:
                raise ValueError(f"{name} {value!r} must be {least} or more")
        if not 0 <= lifetime < inf:
            raise ValueError(f"lifetime {lifetime!r} must be 0 or more")
        if not 0 < log_timeout < inf:
            raise ValueError(f"log_timeout {log_timeout!r} must be more than 0 seconds")
        # Twisted knows only the thread of the installed reactor; a clock, or another reactor, may
        # run in any thread.
        self._is_of_reactor = reactor_behind(clock) is installed_reactor()
        clock = steady(clock)
        policy = ReplayPolicy(when_behind, unknown_cursor, gap)
        self.streams = Streams(clock, heartbeat=heartbeat, stall_timeout=stall_timeout)
        self.log = MemoryLog(clock) if log is None else log
        self.is_closed = False
        self._clock = clock
        self._now = date_of(clock)
        self._lifetime = lifetime
        self._max_subscribers = max_subscribers or inf
        self._max_per_address = max_per_address or inf
        self._subscribers: dict[Subscriber, None] = {}
        self._per_address: Counter[str] = Counter()
        self._live = FanOut(self.streams.turns, threads=threads, head=self.log.head)
        self._timed_log = TimedLog(self.log, clock, timeout=log_timeout)
        self._replay = ReplayContext(
            self.log, self._timed_log, clock, self.streams.turns, self._live, policy
        )
        # The log, and not publish, calls the fan-out: other hubs may also append to the log.
        self._unfollow = self.log.follow(self._live.place)
        self._forget = self._forget_subscriber  # one bound method for all, instead of one for each

    @property
    def subscribers(self) -> tuple[Subscriber, ...]:
        """
        The present subscribers, the oldest first.
        """
        return tuple(self._subscribers)

    @property
    def subscriber_count(self) -> int:
        """
        The number of present subscribers, counted without making a tuple.
        """
        return len(self._subscribers)

    @property
    def is_idle(self) -> bool:
        """
        True while nothing is held for any client: no subscriber, open stream, count or event that
        is on its way.  Tests check it at their end.
        """
        held = self._subscribers or self._per_address
        return not held and self.streams.is_idle and self._live.is_idle

    @property
    def resume_id(self) -> str:
        """
        The id after which a client gets the events that are published from now on.
        """
        return render_id(self.log.epoch, self._live.head)

    @property
    def last_event_id(self) -> str:
        """
        The id of the newest event that has been published here; ``"earliest"`` before the first.
        """
        return self._live.head_id or (self.resume_id if self._live.head else EARLIEST)

    def is_full(self, address: str) -> bool:
        """
        Return true if one more subscriber from this address would be too many.
        """
        return bool(self.why_full(address))

    def why_full(self, address: str) -> str:
        """
        Return the reason why one more subscriber from this address would be too many; ``""`` if it
        would not.
        """
        if len(self._subscribers) >= self._max_subscribers:
            return f"the limit of {self._max_subscribers} subscribers is reached"
        if address and self._per_address[address] >= self._max_per_address:
            return f"the limit of {self._max_per_address} subscribers from one address is reached"
        return ""

    def subscribe(
        self,
        outlet: Outlet,
        view: Topics | View = EVERYTHING,
        *,
        last_event_id: str | None = None,
        last: int = 0,
        address: str = "",
        who: object = None,
        on_end: Callable[[Subscriber, EndReason], object] | None = None,
    ) -> Subscriber:
        """
        Subscribe an open outlet.  By default, it gets events that are published from now on.

        :param view: One or more topics or matchers; or a :class:`View`, which may also grant
            private events, or filter.
        :param last_event_id: The id of the event after which to go on.  If that is not possible,
            the subscriber is told by an event of type ``gap``.  ``"earliest"`` asks for all events
            that are kept.
        :param last: Without a ``last_event_id``, the number of newest events to begin with.
        :param who: The application's name for the subscriber: :attr:`Subscriber.who`.
        :param on_end: Called with the subscriber and the reason when its stream ends, after the
            hub has forgotten it, in the reactor turn in which the end is known.  An exception from
            it is logged, and does nothing else.
        :raises HubClosed: If the hub has been closed.
        :raises InvalidMatcher: If a topic or matcher makes no sense.
        :raises ValueError: If ``last`` is negative.
        """
        self._check("subscribe")
        if last < 0:
            raise ValueError(f"last {last!r} must be 0 or more")
        view = view if isinstance(view, View) else View.of(view)
        if self._lifetime:
            lifetime = self._lifetime * (1 - _JITTER * self.streams.jitter())
            outlet.expires = self._clock.seconds() + lifetime
        subscriber = Subscriber(
            outlet,
            self._replay,
            view,
            self._forget,
            address=address,
            since=self._now(),
            who=who,
            on_end=on_end,
        )
        self._subscribers[subscriber] = None
        self._per_address[address] += 1
        try:
            subscriber.start(last_event_id, last)
        except BaseException:  # of the outlet, or of a matcher
            subscriber.ended(EndReason.ENDED_BY_APPLICATION)
            raise
        return subscriber

    def publish(
        self,
        topics: str | Iterable[str],
        event: Event,
        *,
        private: bool = False,
        ephemeral: bool = False,
    ) -> Deferred[str]:
        """
        Publish an event.  It never waits for a subscriber.

        The event is appended to the log.  The log then calls ``FanOut.place`` of each hub that
        follows it, also of this one, and the next turn hands the event out.  An ephemeral event
        goes to this hub's ``FanOut.place`` directly.

        Call it from anywhere in reactor code, even from a callback of the hub itself; every
        subscriber sees the events in the order of publishing.  A mistake in the call raises at
        once, and the Deferred does not report it.

        A call takes a few microseconds for each audience, and at most some milliseconds: if it
        takes longer to find the subscribers of the events of one turn, that goes on in later turns,
        and later events wait (:meth:`prepare` avoids that).  Until then, and until it is sent, the
        event waits in memory.  A loop that publishes many thousands of events should let the
        reactor have a turn after each thousand, ``await deferLater(reactor, 0)``: otherwise nothing
        is sent, and nobody is served, before the loop ends.  A publisher that can wait for the
        Deferred should: it fires later if the events that wait take more than 16 MiB, and beyond
        64 MiB a call takes as long as it needs.

        :param topics: One or more.  The first is the canonical one.
        :param event: The event.  Without an id, it gets one from the log.
        :param private: If true, only subscribers that were granted one of its topics see it.
        :param ephemeral: If true, the event gets neither an id nor a place in the log, and reaches
            only the present subscribers that keep up.
        :returns: A Deferred that fires with the id as soon as the log has stored the event, and not
            too many wait; with ``""`` for an ephemeral one.  It fails with
            :class:`ssetwist.errors.LogUnavailable` if the log does not answer in time; the event
            may have been stored then.  Cancelling it does not take the event back.
        :raises HubClosed: If the hub has been closed.
        :raises InvalidTopic: If a topic is missing, empty or too long.
        :raises InvalidEvent: If the id is too long or the hub's own, or an ephemeral event has one.
        :raises TypeError: If it is not an event, or a topic is not text.
        :raises RuntimeError: If it is called from another thread than the reactor's.
        """
        self._check("publish")
        checked = _check_topics(topics)
        require_event(event)
        if event.id is not None:
            _check_id(event.id, ephemeral=ephemeral)
        if ephemeral:
            entry = Entry(0, checked, event, private, self._now(), encode_event(event))
            self._live.place(entry)
            return succeed(entry).addCallback(self._live.accept)
        appended = self._timed_log.append(checked, event, is_private=private)
        return appended.addCallback(self._live.accept)

    def prepare(self, topics: str | Iterable[str], *, private: bool = False) -> Deferred[None]:
        """
        Look for the subscribers of an event that will be published in a moment.

        If an event has many topics, and subscribers have many patterns, that takes milliseconds,
        and events that are published meanwhile wait.  They do not if it is done before::

            await hub.prepare(topics)
            await hub.publish(topics, event)

        It changes only who waits: subscribers that come or go before the event are heeded, and an
        event that does not follow, or has other topics, does no harm.  Up to eight events may be
        prepared at the same time; the oldest makes room for another one.

        :param topics: As for :meth:`publish`, in the same order.
        :param private: As for :meth:`publish`.
        :returns: A Deferred that fires when they are found, which may take several turns of the
            reactor.  Cancelling it ends the search.
        :raises HubClosed: If the hub has been closed.
        :raises InvalidTopic: If a topic is missing, empty or too long.
        :raises TypeError: If a topic is not text.
        :raises RuntimeError: If it is called from another thread than the reactor's.
        """
        self._check("prepare")
        preparing = self.preparing(topics, private=private)
        return Deferred.fromCoroutine(self.streams.turns.do(preparing))

    def preparing(self, topics: str | Iterable[str], *, private: bool = False) -> Steps[None]:
        """
        Do what :meth:`prepare` does, in steps of about a millisecond, or of one matcher with one
        topic where a matcher is the application's own.  The work begins with the first step.
        """
        return self._live.prepare(_check_topics(topics), is_private=private)

    def knows(self, id: str) -> Deferred[bool]:
        """
        Find out if a stream can go on after an event.

        :returns: A Deferred that fires with true if everything after the event is kept, but perhaps
            not all announcements (:meth:`announce`).  It fails with
            :class:`ssetwist.errors.LogUnavailable` if the log does not answer in time.
        """
        return self._timed_log.find(id).addCallback(lambda position: position is not None)

    def announce(self, topics: str | Iterable[str], event: Event) -> Deferred[str]:
        """
        Publish a private event that a stranger has caused, and may cause as often as he likes: that
        a client has come or gone, for example.

        The log keeps announcements in a share of their own, so they never make it forget what was
        published.  If it has forgotten an announcement that a subscriber may have missed, only
        subscribers that may see announcements are told of a gap; no other event is missing then.

        :param topics: As for :meth:`publish`.
        :param event: The event, without an id.
        :returns: As for :meth:`publish`, which also says what is raised.
        :raises InvalidEvent: If it has an id.
        """
        self._check("announce")
        checked = _check_topics(topics)
        require_event(event)
        if event.id is not None:
            raise InvalidEvent("id", "must not be set on an announcement: the log gives it one")
        appended = self._timed_log.append(checked, event, is_private=True, is_announcement=True)
        return appended.addCallback(self._live.accept)

    def close(self) -> None:
        """
        Refuse events and subscribers from now on.  Open streams stay; ``streams.drain`` ends them.
        """
        if not self.is_closed:
            self.is_closed = True
            try:
                self._unfollow()
            except BaseException:
                _log.failure("the event log failed when it was no longer followed")
            self._live.close()

    def _check(self, what: str) -> None:
        if self.is_closed:
            raise HubClosed(f"this hub has been closed: cannot {what}")
        if self._is_of_reactor and is_reactor_elsewhere():
            raise RuntimeError(
                f"{what} was called from another thread than the reactor's; use "
                f"reactor.callFromThread(hub.{what}, ...), or blockingCallFromThread for its result"
            )

    def _forget_subscriber(self, subscriber: Subscriber) -> None:
        del self._subscribers[subscriber]
        self._per_address[subscriber.address] -= 1
        if not self._per_address[subscriber.address]:
            del self._per_address[subscriber.address]


def _check_topics(topics: Any) -> tuple[str, ...]:  # Any, because callers pass anything
    if isinstance(topics, bytes) or not isinstance(topics, Iterable):
        raise TypeError(f"topics must be str, or several of them, not {topics!r}")
    checked = (topics,) if isinstance(topics, str) else tuple(topics)
    if not 0 < len(checked) <= MAX_TOPICS:
        raise InvalidTopic(f"an event has 1 to {MAX_TOPICS} topics, not {len(checked)}")
    for topic in checked:
        if not isinstance(topic, str):
            raise TypeError(f"a topic must be str, not {topic.__class__.__name__}")
        if not 0 < len(topic) <= MAX_LENGTH:
            raise InvalidTopic(f"a topic has 1 to {MAX_LENGTH} characters, not {len(topic)}")
        if not is_utf8(topic):
            raise InvalidTopic(f"the topic {topic!r} has a lone surrogate, not possible in UTF-8")
    return checked


def _check_id(value: str, *, ephemeral: bool) -> None:
    if ephemeral:
        raise InvalidEvent(
            "id", "must not be set on an ephemeral event: clients cannot resume after it"
        )
    if is_hub_id(value):
        raise InvalidEvent("id", f"must not be {value!r}: only the hub may give such an id")
    if len(value) > MAX_ID:
        raise InvalidEvent("id", f"must not be longer than {MAX_ID} characters")
