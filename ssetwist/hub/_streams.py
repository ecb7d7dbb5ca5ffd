"""
The open streams of one server, and one timer for all of them.

A timer for each stream would cost more than everything else that an idle stream costs.  This one
goes over all streams a few times in each heartbeat, and checks a part of them at a time, so that it
does not send ten thousand comments in one moment.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from math import inf

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ..clock import steady
from ..eventstream import encode_comment, encode_reconnection_time
from ._chunk import Chunk
from ._ends import EndReason
from ._outlet import Outlet
from ._turns import MAX_TURN, Turns

_log = Logger()

#: The shortest comment, which is sent on a silent stream.  No blank line follows it, because some
#: clients would make an empty event of that.
HEARTBEAT = encode_comment()

#: Seconds of silence until a comment: below the shortest idle limit of the usual gateways (29 s).
DEFAULT_HEARTBEAT = 15.0

#: Seconds without progress after which a client that is behind is cut.
DEFAULT_STALL_TIMEOUT = 20.0

#: Seconds after which a client comes back by default, as browsers do by themselves.
DEFAULT_RECONNECTION_TIME = 3.0

#: The number of checks of each stream in a heartbeat or a stall time-out, whichever is shorter.  A
#: little more than 5, so that a silent stream gets its comment at the fifth check, and not
#: sometimes at the fourth because a check was a moment late.
_LOOKS = 5.05

#: The least number of seconds between two parts of the streams, and the largest number of parts.
_STEP = 0.2
_MAX_PARTS = 64

#: The number of clients that may come back in one second after a server has stopped.  They come at
#: different moments, so that they do not all begin their TLS at once.
_RETURNS_PER_SECOND = 200.0

#: Factor of the reconnection time for a client that cannot be taken now.
_FULL_RETRY_FACTOR = 10

#: The least number of seconds after which a client comes back to a server that did not take it, or
#: has stopped.  With 0 it would ask again and again, as fast as it can.
_LEAST_AWAY = 1.0


class Streams:
    """
    The open streams of one server.

    A silent stream gets a comment, so that proxies do not take the silence for death, and so that
    something stays unacknowledged if the peer has vanished.  No stream is silent for longer than
    the heartbeat.  A stream that stays behind without any progress is cut, and a stream is ended
    when its lifetime is over.

    :param clock: The reactor, or a ``Clock`` in tests.
    :param heartbeat: Seconds of silence until a comment is sent; 0 for never.
    :param stall_timeout: Seconds without progress after which a client that is behind is cut.
    :param jitter: Returns another random number of ``[0, 1)`` each time.
    :ivar clock: A steady clock, of that reactor.
    :ivar turns: Turns of the reactor for the rest of a replay, and for other work that can wait.
    :ivar is_draining: True if the server stops, and no new stream should begin.
    :raises ValueError: If a time makes no sense.
    """

    def __init__(
        self,
        clock: IReactorTime,
        *,
        heartbeat: float = DEFAULT_HEARTBEAT,
        stall_timeout: float = DEFAULT_STALL_TIMEOUT,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        if not (0 <= heartbeat < inf and 0 < stall_timeout < inf):
            raise ValueError(
                f"heartbeat {heartbeat!r} must be 0 or more seconds, "
                f"stall_timeout {stall_timeout!r} more than 0"
            )
        self.clock: IReactorTime = steady(clock)
        self.heartbeat = heartbeat
        self.stall_timeout = stall_timeout
        self.jitter = jitter
        self.turns = Turns(self.clock)
        self._period = min(heartbeat or stall_timeout, stall_timeout) / _LOOKS
        self.is_draining = False
        parts = max(1, min(int(self._period / _STEP), _MAX_PARTS))
        #: Outlets of each part, and when each was made.
        self._parts: list[dict[Outlet, float]] = [{} for _ in range(parts)]
        self._step = self._period / parts
        self._looked_at = 0.0
        self._next_part = 0
        self._count = 0
        self._is_looking = False
        self._looking = LoopingCall(self._look)
        self._looking.clock = self.clock
        self._draining: IDelayedCall | None = None

    def __len__(self) -> int:
        return self._count

    def __contains__(self, outlet: Outlet) -> bool:
        return outlet in self._part_of(outlet)

    @property
    def is_idle(self) -> bool:
        """
        True while no stream is open, and nothing waits for a turn of the reactor.
        """
        is_empty = not self._count and not any(self._parts)
        return is_empty and self._draining is None and self.turns.is_idle

    def add(self, outlet: Outlet) -> None:
        """
        Check an outlet, which has not written yet, from now on.  The timer runs while there is one.
        """
        self._part_of(outlet)[outlet] = outlet.last_write
        self._count += 1
        if not self._looking.running:
            self._looked_at = self.clock.seconds()
            self._looking.start(self._step, now=False).addErrback(
                lambda problem: _log.failure("the heartbeat has stopped", problem)
            )

    def discard(self, outlet: Outlet) -> float:
        """
        Stop checking an outlet, if it is here, and return its age in seconds.
        """
        age = self.age_of(outlet)
        self._forget(outlet)
        return age

    def _forget(self, outlet: Outlet) -> None:
        if self._part_of(outlet).pop(outlet, None) is not None:
            self._count -= 1
            self._rest()

    def age_of(self, outlet: Outlet) -> float:
        """
        Return how many seconds ago an outlet was made.
        """
        return self.clock.seconds() - self._part_of(outlet).get(outlet, outlet.last_write)

    def time_away(self, reconnection_time: float | None) -> float:
        """
        Return the seconds after which a client comes back that cannot be taken now; clients that
        are turned away together come back at different moments.

        :param reconnection_time: Seconds after which a client comes back that has lost its stream.
        """
        usual = DEFAULT_RECONNECTION_TIME if reconnection_time is None else reconnection_time
        return max(_LEAST_AWAY, usual * _FULL_RETRY_FACTOR) * (1 + self.jitter())

    def drain(self, reconnection_time: float) -> None:
        """
        End every stream properly because the server stops, and tell the clients to come back at
        different moments.  If there are many, that goes on in later turns of the reactor.

        :param reconnection_time: The least number of seconds after which they come back; a second
            if it is less.
        """
        self.is_draining = True
        least = max(_LEAST_AWAY, reconnection_time)
        spread = self._count / _RETURNS_PER_SECOND

        def end(outlet: Outlet) -> None:
            retry_line = encode_reconnection_time(least + spread * self.jitter())
            outlet.end(EndReason.DRAINING, last_words=retry_line)

        self._drain(chain.from_iterable(map(tuple, self._parts)), end)

    def abort(self) -> None:
        """
        Cut every stream that is still open because the server stops, all in this turn: the process
        must not outlive its deadline.
        """
        self._stop_draining()
        for part in self._parts:
            self._for_each(part, lambda outlet: outlet.abort(EndReason.DRAINING))

    def _drain(self, some: Iterator[Outlet], end: Callable[[Outlet], None]) -> None:
        self._stop_draining()
        until = self.clock.seconds() + MAX_TURN
        for outlet in some:
            if outlet in self:  # it may have ended meanwhile
                self._for_each((outlet,), end)
            if self.clock.seconds() >= until:
                self._draining = self.clock.callLater(0, self._drain, some, end)
                return

    def _stop_draining(self) -> None:
        draining, self._draining = self._draining, None
        if draining is not None and draining.active():
            draining.cancel()

    def _look(self) -> None:
        # If the reactor was late, the parts that it has left out also have their turn now.
        now = self.clock.seconds()
        steps = round((now - self._looked_at) / self._step)
        self._looked_at = now
        self._is_looking = True
        for _ in range(max(1, min(steps, len(self._parts)))):
            self._next_part = (self._next_part + 1) % len(self._parts)
            self._look_after(self._parts[self._next_part])
        self._is_looking = False
        self._rest()

    def _look_after(self, part: Iterable[Outlet]) -> None:
        now = self.clock.seconds()
        stalled_since = now - self.stall_timeout
        # A stream that would be silent for too long before the next check gets its comment now.
        silent_since = now + self._period - self.heartbeat if self.heartbeat else -inf
        heartbeat = Chunk(HEARTBEAT)

        def act(outlet: Outlet) -> None:
            if outlet.behind_since is not None and outlet.behind_since <= stalled_since:
                outlet.abort(EndReason.STALLED)
            elif outlet.expires <= now:
                outlet.end(EndReason.LIFETIME_OVER)
            elif outlet.behind_since is None and outlet.last_write < silent_since:
                outlet.write(heartbeat)

        some = part
        try:
            # Most streams need nothing, so the others are picked out first.
            some = [
                outlet
                for outlet in part
                if outlet.last_write < silent_since
                or outlet.behind_since is not None
                or outlet.expires <= now
            ]
        except BaseException:  # one is broken, which is found below
            _log.debug("the streams that need something cannot be picked out")
        self._for_each(some, act)

    def _part_of(self, outlet: Outlet) -> dict[Outlet, float]:
        # The hash of the outlet alone is its address, and all addresses have a common factor.
        return self._parts[hash((outlet,)) % len(self._parts)]

    def _rest(self) -> None:
        # Not during a check: a LoopingCall that is stopped and started again while it calls would
        # go on twice.
        if not self._count and self._looking.running and not self._is_looking:
            self._looking.stop()

    def _for_each(self, some: Iterable[Outlet], act: Callable[[Outlet], None]) -> None:
        for outlet in tuple(some):
            try:
                act(outlet)
            except BaseException:
                _log.failure("a stream broke and is cut")
                self._forget(outlet)  # asks it nothing
                cut(outlet)
        self._rest()


def cut(outlet: Outlet, reason: EndReason = EndReason.CONNECTION_LOST) -> None:
    """
    Cut a connection that has failed.  If that also fails, it is logged, and its writer is told.
    """
    try:
        outlet.abort(reason)
    except BaseException:
        _log.failure("a stream that broke could not be cut")
        if outlet.writer is not None:
            outlet.writer.ended(reason)
