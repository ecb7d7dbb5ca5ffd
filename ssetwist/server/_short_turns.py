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

#: Seconds after which the events of one urgency let those of the next have their turn.
MAX_SHARE = 0.004

#: Events that one turn looks at, which takes half a millisecond.
_MOST = 2048

#: So few events are served as they come.
_FEW = 8

#: Connections that one turn accepts.  A crowd waits in the backlog, which costs nothing; a
#: connection that is accepted must be served among all others.
_ACCEPTS = 8

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
            accept_at_most(port, _ACCEPTS)
        events = self._poller.poll(timeout, _MOST)
        return events if len(events) <= _FEW else self._in_order(events)

    def _in_order(self, events: Iterable[_Event]) -> Iterator[_Event]:
        by_urgency: dict[Urgency, list[_Event]] = {urgency: [] for urgency in Urgency}
        for event in events:
            descriptor, mask = event
            is_to_write = mask & _TO_WRITE  # nobody who leaves is written to
            one = Urgency.KNOWN if is_to_write else urgency_of(self._selectables.get(descriptor))
            by_urgency[one].append(event)
        for urgency, some in by_urgency.items():
            until = self._seconds() + MAX_SHARE
            for event in some:
                yield event
                # The ports are the last: one that accepts may give a connection the descriptor of
                # another that was closed in this turn, and the events of that are over by then.
                if urgency is not Urgency.NEW and self._seconds() >= until:
                    break

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
