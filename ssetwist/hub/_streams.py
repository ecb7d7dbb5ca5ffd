"""
The open streams of one server, and the one timer that looks after all of them.

A timer for each stream would cost more than everything else that an idle stream costs.  Here one
timer walks over all of them a few times in each heartbeat, and looks after a part of them at a
time, so that ten thousand comments are not sent in one moment.
"""

import random
from collections.abc import Callable, Iterable
from math import inf

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ..eventstream import encode_comment, encode_reconnection_time
from ._chunk import Chunk
from ._ends import EndReason
from ._outlet import Outlet

_log = Logger()

#: What a silent stream is sent: the shortest comment.  It is no event, and it has no blank line
#: behind it, because some clients make an empty event of that.
HEARTBEAT = encode_comment()

#: Seconds of silence until a comment.  Below the shortest idle limit of the usual gateways (29 s).
DEFAULT_HEARTBEAT = 15.0

#: Seconds that a client may take nothing of what waits for it.
DEFAULT_STALL_TIMEOUT = 20.0

#: Seconds after which a client comes back, unless told otherwise; what browsers do by themselves.
DEFAULT_RECONNECTION_TIME = 3.0

#: How often each stream is looked after, in parts of the shorter of the two times.  A little more
#: than 5, so that a silent one gets its comment at the fifth look, and not now and then at the
#: fourth already, because a look was late by a moment.
_LOOKS = 5.05

#: Seconds from one part of the streams to the next, and how many parts there may be.
_STEP = 0.2
_MAX_PARTS = 64

#: How many clients a second may come back after a server has stopped.  Each comes back at a moment
#: of its own, so that they do not all begin their TLS at once.
_RETURNS_PER_SECOND = 200.0


class Streams:
    """
    The open streams of one server.

    Those that were silent get a comment, so that no proxy between takes the silence for death, and
    so that a peer that vanished leaves something unacknowledged behind.  No stream stays silent
    for longer than the heartbeat.  Those that stay behind without any progress are cut, and those
    whose lifetime is over are ended.

    :param heartbeat: Seconds of silence until a comment is sent; 0 for never.
    :param stall_timeout: Seconds without progress after which a client that is behind is cut.
    :param jitter: Returns a number of ``[0, 1)``, another one each time.
    :ivar is_draining: Whether the server stops, and no new stream should begin.
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
        self.clock = clock
        self.heartbeat = heartbeat
        self.stall_timeout = stall_timeout
        self.jitter = jitter
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
        self._looking.clock = clock

    def __len__(self) -> int:
        return self._count

    def __contains__(self, outlet: Outlet) -> bool:
        return outlet in self._part_of(outlet)

    @property
    def is_idle(self) -> bool:
        """
        True while no stream is open.
        """
        return not self._count and not any(self._parts)

    def add(self, outlet: Outlet) -> None:
        """
        Look after an outlet, which has not written yet.  The timer runs while there is one.
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
        Look after an outlet no more, and return its age.
        """
        made_at = self._part_of(outlet).pop(outlet, None)
        if made_at is None:
            return self.age_of(outlet)
        self._count -= 1
        self._rest()
        return self.clock.seconds() - made_at

    def age_of(self, outlet: Outlet) -> float:
        """
        Return how many seconds ago an outlet was made.
        """
        return self.clock.seconds() - self._part_of(outlet).get(outlet, outlet.last_write)

    def drain(self, reconnection_time: float) -> None:
        """
        End every stream properly because the server stops, and tell each client to come back at a
        moment of its own.

        :param reconnection_time: The least number of seconds after which they come back.
        """
        self.is_draining = True
        spread = self._count / _RETURNS_PER_SECOND

        def end(outlet: Outlet) -> None:
            retry_line = encode_reconnection_time(reconnection_time + spread * self.jitter())
            outlet.end(EndReason.DRAINING, last_words=retry_line)

        for part in self._parts:
            self._for_each(part, end)

    def abort(self) -> None:
        """
        Cut whatever is still open because the server stops.
        """
        for part in self._parts:
            self._for_each(part, lambda outlet: outlet.abort(EndReason.DRAINING))

    def _look(self) -> None:
        """
        Look after the next part; if the reactor was late, after as many as it has left out.
        """
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
        # Who would be silent for too long by the next look gets its comment now.
        silent_since = now + self._period - self.heartbeat if self.heartbeat else -inf
        heartbeat = Chunk(HEARTBEAT)

        def act(outlet: Outlet) -> None:
            if outlet.behind_since is not None and outlet.behind_since <= stalled_since:
                outlet.abort(EndReason.STALLED)
            elif outlet.expires <= now:
                outlet.end(EndReason.LIFETIME_OVER)
            elif outlet.behind_since is None and outlet.last_write < silent_since:
                outlet.write(heartbeat)

        # Most need nothing, so those who do are picked out first.
        some = [
            outlet
            for outlet in part
            if outlet.last_write < silent_since
            or outlet.behind_since is not None
            or outlet.expires <= now
        ]
        self._for_each(some, act)

    def _part_of(self, outlet: Outlet) -> dict[Outlet, float]:
        # Not the hash of the outlet alone, which is its address and so has a common factor.
        return self._parts[hash((outlet,)) % len(self._parts)]

    def _rest(self) -> None:
        # Not from within a look: a LoopingCall that is stopped and started again while it calls
        # goes on twice.
        if not self._count and self._looking.running and not self._is_looking:
            self._looking.stop()

    def _for_each(self, some: Iterable[Outlet], act: Callable[[Outlet], None]) -> None:
        """
        Do something to every outlet; one that breaks under it must not hurt the others.
        """
        for outlet in tuple(some):
            try:
                act(outlet)
            except Exception:
                _log.failure("a stream broke and is cut")
                self.discard(outlet)
                cut(outlet)
        self._rest()


def cut(outlet: Outlet, reason: EndReason = EndReason.CONNECTION_LOST) -> None:
    """
    Cut a connection that failed under our hands; if that fails, too, there is nothing left to do.
    """
    try:
        outlet.abort(reason)
    except Exception:
        _log.failure("a stream that broke could not be cut")
