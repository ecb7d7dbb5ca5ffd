"""
Short turns of the reactor: a crowd that connects, asks or leaves at once is served in many turns,
and a client that is already being served does not wait behind it.
"""

import select
from collections.abc import Callable, Iterable, Iterator, Sequence
from time import monotonic
from typing import Any, Protocol

from ..web.site import Urgency, urgency_of
from ._insides import accept_at_most, interest_of, poller_of, selectables_of, set_poller

#: Seconds of a turn after which the events of each urgency let others have their turn.
ENDS = {Urgency.KNOWN: 0.005, Urgency.FIRST: 0.0075, Urgency.STREAM: 0.01}

#: Seconds for those of each urgency in any case, after those before.
LEAST = 0.0025

#: Events of known clients that one turn looks at.
_MOST = 2048

#: Events of the crowd that one turn looks at: at least, and at most.  Between these it is twice as
#: many as the turn before has served, so that a turn has enough and leaves few.
_LEAST_OF_CROWD, _MOST_OF_CROWD = 16, 128

#: Clients of the crowd that one turn moves to the other object, each by two calls of the system.
#: Two thousand of them would take twenty milliseconds.
_MOST_MOVED = 256

#: So few events are served as they come, until the end of the last urgency.
_FEW = 8

#: Connections that a port accepts in one turn; and if first requests wait already.  A crowd waits
#: in the backlog, which costs nothing; one that is accepted must be looked at in each turn.
ACCEPTS, FEW_ACCEPTS = 16, 1

#: Events of something that can be read from, or written to; only Linux has ``epoll``.
_TO_READ: int = getattr(select, "EPOLLIN", 0)
_TO_WRITE: int = getattr(select, "EPOLLOUT", 0)

_Event = tuple[int, int]  # a descriptor, and its mask


class _Poller(Protocol):
    def poll(self, timeout: float, maxevents: int) -> list[_Event]: ...

    def fileno(self) -> int: ...

    def register(self, fd: int, eventmask: int) -> object: ...

    def modify(self, fd: int, eventmask: int) -> object: ...

    def unregister(self, fd: int) -> object: ...


class ShortTurns:
    """
    An ``epoll`` object that reports only as many events as one turn can serve, the urgent ones
    first.  By itself it reports all in the order in which they came, and four thousand new
    connections are one turn.

    Clients of a crowd that one turn could not serve wait in another ``epoll`` object, which is
    asked for a few of them in each turn.  Otherwise every turn would look at thousands of events.
    They stay there, as every move costs two calls of the system, until they have been answered or
    something waits to be written to them: then they are no crowd.

    The kernel reports the events that are left once more, after those that it has not reported yet.
    But it may report all in the same order, and those that were served may be ready again: a
    client that uploads is, for hundreds of turns.  So events that were left come first: everyone
    has a turn.

    :param selectables: The reactor's objects, by their descriptors.
    :param crowd: The other ``epoll`` object.
    :param interest: Tells for which events the reactor has registered a descriptor.
    :ivar ports: The ports that accept connections.
    """

    def __init__(
        self,
        poller: _Poller,
        selectables: dict[int, object],
        crowd: _Poller,
        *,
        interest: Callable[[int], int],
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self._poller = poller
        self._selectables = selectables
        self._crowd = crowd
        self.register = poller.register  # called for each connection; spares __getattr__
        self._of_crowd = crowd.fileno()
        self._interest = interest
        self._seconds = seconds
        self.ports: Sequence[object] = ()
        self._turn = 0
        #: Descriptors that are registered with the other object.
        self._waiting: set[int] = set()
        #: Events of the crowd that the next turn looks at.
        self._looks = _LEAST_OF_CROWD
        #: Clients that this turn may still move to the other object.
        self._moves = 0
        #: Descriptors whose events were left, each since which turn.
        self._late: dict[int, int] = {}
        poller.register(self._of_crowd, _TO_READ)

    def poll(self, timeout: float = -1, maxevents: int = -1) -> Iterable[_Event]:
        for port in self.ports:
            accept_at_most(port, ACCEPTS)
        events = self._poller.poll(timeout, _MOST)
        for place, (descriptor, _) in enumerate(events):
            if descriptor == self._of_crowd:
                events[place : place + 1] = self._crowd.poll(0, self._looks)
                break
        if len(events) <= _FEW and self._late.keys().isdisjoint(one for one, _ in events):
            self._late.clear()
            if self._waiting.isdisjoint(one for one, _ in events):
                return self._few_in_turn(events)
        return self._in_turn(events)

    def _urgency_of(self, event: _Event) -> Urgency:
        if event[1] & _TO_WRITE:  # nothing is to be written to a client that leaves
            return Urgency.KNOWN
        return urgency_of(self._selectables.get(event[0]))

    def _few_in_turn(self, events: list[_Event]) -> Iterator[_Event]:
        until = self._seconds() + ENDS[Urgency.STREAM]
        events.sort(key=lambda event: self._urgency_of(event) is Urgency.NEW)
        for place, event in enumerate(events, start=1):
            yield event
            if self._seconds() >= until:
                # A single request may take milliseconds.
                self._late = dict.fromkeys((one for one, _ in events[place:]), self._turn)
                return

    def _in_turn(self, events: Iterable[_Event]) -> Iterator[_Event]:
        self._turn += 1
        begin = self._seconds()  # thousands of events take milliseconds to be put in order
        left_since = self._late.get
        by_urgency: dict[Urgency, list[_Event]] = {urgency: [] for urgency in Urgency}
        for event in sorted(events, key=lambda event: left_since(event[0], self._turn)):
            by_urgency[self._urgency_of(event)].append(event)
        served = 0
        self._moves = _MOST_MOVED
        for urgency, seconds in ENDS.items():
            until = max(begin + seconds, self._seconds() + LEAST)
            rest = iter(by_urgency[urgency])
            for event in rest:
                self._late.pop(event[0], None)
                yield event
                served += 1
                if event[0] in self._waiting and self._urgency_of(event) is Urgency.KNOWN:
                    self._come_back(event[0], self._interest(event[0]))
                if self._seconds() >= until:
                    break
            self._leave([descriptor for descriptor, _ in rest], urgency)
        self._looks = min(max(2 * served, _LEAST_OF_CROWD), _MOST_OF_CROWD)
        yield from by_urgency[Urgency.NEW]

    def _leave(self, descriptors: list[int], urgency: Urgency) -> None:
        """
        Leave events for later turns.
        """
        for descriptor in descriptors:
            self._late.setdefault(descriptor, self._turn)
            if urgency is Urgency.KNOWN or not self._moves or descriptor in self._waiting:
                continue
            if self._interest(descriptor) == _TO_READ:  # neither ended nor written to meanwhile
                self._moves -= 1
                self._poller.unregister(descriptor)
                self._crowd.register(descriptor, _TO_READ)
                self._waiting.add(descriptor)
        if descriptors and urgency is Urgency.FIRST:
            for port in self.ports:
                accept_at_most(port, FEW_ACCEPTS)

    def _come_back(self, descriptor: int, interest: int) -> None:
        self.unregister(descriptor)
        self._poller.register(descriptor, interest)

    def modify(self, fd: int, eventmask: int) -> None:
        if fd in self._waiting and eventmask & _TO_WRITE:
            self._come_back(fd, eventmask)
        else:
            (self._crowd if fd in self._waiting else self._poller).modify(fd, eventmask)

    def unregister(self, fd: int) -> None:
        if fd in self._waiting:
            self._waiting.discard(fd)
            self._crowd.unregister(fd)
        else:
            self._poller.unregister(fd)

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
    turns = ShortTurns(
        poller, selectables_of(reactor), select.epoll(), interest=interest_of(reactor)
    )
    set_poller(reactor, turns)
    return turns
