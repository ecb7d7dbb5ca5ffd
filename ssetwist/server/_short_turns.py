"""
Short turns of the reactor: a crowd that connects or leaves at once is served in several turns, so
that timers and the streams of others have theirs in between.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from time import monotonic
from typing import Any, Protocol

from ._insides import accept_at_most, poller_of, set_poller

#: Seconds after which the events of one turn are too many.
MAX_TURN = 0.005

#: The least and the largest number of events of one turn, and by how many it grows.
_FEWEST, _MOST, _MORE = 4, 64, 4

#: Events of a turn for each connection that it accepts.  A crowd waits in the backlog, which costs
#: nothing; a connection that is accepted must be served in its turn among all others.
_EVENTS_PER_ACCEPT = 8

_Events = list[tuple[int, int]]  # of descriptors, with their masks


class _Poller(Protocol):
    def poll(self, timeout: float, maxevents: int) -> _Events: ...


class ShortTurns:
    """
    An ``epoll`` object that reports only as many events at a time as are served in
    :data:`MAX_TURN`.  By itself it reports all, and four thousand new connections are one turn.

    The kernel reports events that are left the next time, before those that it has reported: every
    connection has its turn.

    :ivar most: The number of events that the next turn has at most.
    :ivar ports: The ports that accept connections.
    """

    def __init__(self, poller: _Poller, *, seconds: Callable[[], float] = monotonic) -> None:
        self._poller = poller
        self._seconds = seconds
        self.most = _MOST // 4
        self.ports: Sequence[object] = ()

    def poll(self, timeout: float = -1, maxevents: int = -1) -> Iterable[tuple[int, int]]:
        for port in self.ports:
            accept_at_most(port, max(1, self.most // _EVENTS_PER_ACCEPT))
        return self._timed(self._poller.poll(timeout, self.most))

    def _timed(self, events: _Events) -> Iterator[tuple[int, int]]:
        begin = self._seconds()
        yield from events
        took = self._seconds() - begin
        if took > MAX_TURN:
            self.most = max(_FEWEST, self.most // 2)
        elif len(events) == self.most and took < MAX_TURN / 2:
            self.most = min(_MOST, self.most + _MORE)

    def __getattr__(self, name: str) -> Any:  # the other methods of the poller
        return getattr(self._poller, name)


def shorten_turns(reactor: object) -> ShortTurns | None:
    """
    Let each turn of a reactor that uses ``epoll`` serve only some of the events that have come.

    :returns: ``None`` for any other reactor, which stays as it is.
    """
    poller = poller_of(reactor)
    if poller is None:
        return None
    turns = ShortTurns(poller)
    set_poller(reactor, turns)
    return turns
