"""
Short turns of the reactor: a crowd that connects, asks or leaves at once is served in many turns,
and a client that is already being served does not wait behind it.
"""

import select
from collections.abc import Callable, Iterable, Iterator, Sequence
from time import monotonic
from typing import Any, Protocol

from ..web.site import Urgency, urgency_of
from ._insides import accept_at_most, poller_of, selectables_of, set_poller

#: Seconds of a turn after which the events of each urgency let others have their turn.
ENDS = {Urgency.KNOWN: 0.005, Urgency.FIRST: 0.0075, Urgency.STREAM: 0.01}

#: Seconds for those of each urgency in any case, after those before.
LEAST = 0.0025

#: Events that one turn looks at, which takes half a millisecond.
_MOST = 2048

#: So few events are served as they come.
_FEW = 8

#: Connections that a port accepts in one turn; and if first requests wait already.  A crowd waits
#: in the backlog, which costs nothing; one that is accepted must be looked at in each turn.
ACCEPTS, FEW_ACCEPTS = 16, 1

#: The event of something that can be written to; only Linux has ``epoll``.
_TO_WRITE: int = getattr(select, "EPOLLOUT", 0)

_Event = tuple[int, int]  # a descriptor, and its mask


class _Poller(Protocol):
    def poll(self, timeout: float, maxevents: int) -> list[_Event]: ...


class ShortTurns:
    """
    An ``epoll`` object that reports only as many events as one turn can serve, the urgent ones
    first.  By itself it reports all in the order in which they came, and four thousand new
    connections are one turn.

    The kernel reports the events that are left once more, after those that it has not reported yet:
    everyone has a turn.

    :param selectables: The reactor's objects, by their descriptors.
    :ivar ports: The ports that accept connections.
    """

    def __init__(
        self,
        poller: _Poller,
        selectables: dict[int, object],
        *,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self._poller = poller
        self._selectables = selectables
        self._seconds = seconds
        self.ports: Sequence[object] = ()

    def poll(self, timeout: float = -1, maxevents: int = -1) -> Iterable[_Event]:
        for port in self.ports:
            accept_at_most(port, ACCEPTS)
        events = self._poller.poll(timeout, _MOST)
        return events if len(events) <= _FEW else self._in_order(events)

    def _in_order(self, events: Iterable[_Event]) -> Iterator[_Event]:
        by_urgency: dict[Urgency, list[_Event]] = {urgency: [] for urgency in Urgency}
        for event in events:
            selectable = self._selectables.get(event[0])
            try:
                urgency = selectable.protocol.urgency  # type: ignore[attr-defined]
            except AttributeError:  # no connection, or one with TLS
                urgency = urgency_of(selectable)
            if event[1] & _TO_WRITE:  # nothing is to be written to a client that leaves
                urgency = Urgency.KNOWN
            by_urgency[urgency].append(event)
        begin = self._seconds()
        for urgency, seconds in ENDS.items():
            until = max(begin + seconds, self._seconds() + LEAST)
            left = len(by_urgency[urgency])
            for event in by_urgency[urgency]:
                yield event
                left -= 1
                if self._seconds() >= until:
                    break
            if left and urgency is Urgency.FIRST:
                for port in self.ports:
                    accept_at_most(port, FEW_ACCEPTS)
        # A port may give a new connection the descriptor of one that was closed in this turn, so
        # it is the last: the events of the old connection are over by then.
        yield from by_urgency[Urgency.NEW]

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
    turns = ShortTurns(poller, selectables_of(reactor))
    set_poller(reactor, turns)
    return turns
