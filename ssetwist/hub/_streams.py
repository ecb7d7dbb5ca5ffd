"""
The open streams of one server, and the one timer that looks after all of them.

A timer for each stream would cost more than everything else that an idle stream costs; here ten
thousand of them are one walk over a set, a few times in each heartbeat.
"""

import random
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ..eventstream import encode_comment, encode_reconnection_time
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

#: How often the timer looks, in parts of the shorter of the two times.
_LOOKS = 5

#: How many clients a second may come back after a server has stopped.  Each comes back at a moment
#: of its own, so that they do not all begin their TLS at once.
_RETURNS_PER_SECOND = 200.0


class Streams:
    """
    The open streams of one server.

    Those that were silent get a comment, so that no proxy between takes the silence for death, and
    so that a peer that vanished leaves something unacknowledged behind.  No stream stays silent
    for longer than the heartbeat.  Those that stay behind without any progress are cut.

    :param heartbeat: Seconds of silence until a comment is sent; 0 for never.
    :param stall_timeout: Seconds without progress after which a client that is behind is cut.
    :param jitter: Returns a number of ``[0, 1)``, another one each time.
    """

    def __init__(
        self,
        clock: IReactorTime,
        *,
        heartbeat: float = DEFAULT_HEARTBEAT,
        stall_timeout: float = DEFAULT_STALL_TIMEOUT,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.clock = clock
        self.heartbeat = heartbeat
        self.stall_timeout = stall_timeout
        self.jitter = jitter
        self._period = min(heartbeat or stall_timeout, stall_timeout) / _LOOKS
        self._open: set[Outlet] = set()
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def __len__(self) -> int:
        return len(self._open)

    def add(self, outlet: Outlet) -> None:
        """
        Look after an outlet.  The timer runs while there is one.
        """
        self._open.add(outlet)
        if not self._looking.running:
            self._looking.start(self._period, now=False).addErrback(
                lambda problem: _log.failure("the heartbeat has stopped", problem)
            )

    def discard(self, outlet: Outlet) -> None:
        """
        Look after an outlet no more.
        """
        self._open.discard(outlet)
        if not self._open and self._looking.running:
            self._looking.stop()

    def drain(self, retry: float) -> None:
        """
        End every stream properly because the server stops, and tell each client to come back at a
        moment of its own.

        :param retry: The least number of seconds after which they come back.
        """
        spread = len(self._open) / _RETURNS_PER_SECOND
        for outlet in tuple(self._open):
            retry_line = encode_reconnection_time(retry + spread * self.jitter())
            outlet.end(EndReason.DRAINING, last_words=retry_line)

    def abort(self) -> None:
        """
        Cut whatever is still open because the server stops.
        """
        for outlet in tuple(self._open):
            outlet.abort(EndReason.DRAINING)

    def _look(self) -> None:
        now = self.clock.seconds()
        stalled_since = now - self.stall_timeout
        # Who would be silent for too long by the next look gets its comment now.
        silent_since = now + self._period - self.heartbeat if self.heartbeat else float("-inf")
        for outlet in tuple(self._open):
            try:
                if outlet.behind_since is not None:
                    if outlet.behind_since <= stalled_since:
                        outlet.abort(EndReason.STALLED)
                elif outlet.last_write < silent_since:
                    outlet.write(HEARTBEAT, 0)
            except Exception:
                # One broken outlet must not stop the heartbeat of all the others.
                _log.failure("a stream could not be looked after and is cut")
                outlet.abort(EndReason.CONNECTION_LOST)
