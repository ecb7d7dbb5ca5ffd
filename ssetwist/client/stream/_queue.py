"""
Between a stream that brings events and whoever takes them.
"""

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from ...eventstream import Event

#: When so many events wait, or events of so many characters, the stream is paused.
#: Enough that a consumer is not made to wait for the network after each event; little beside the
#: piece that the network gives at once.
MANY = 64
MUCH = 2**16


class Flow(Protocol):
    """
    What brings events, and can be made to wait.
    """

    def pause(self) -> None:
        """
        Bring no more, but for what has been read already.
        """

    def resume(self) -> None:
        """
        Bring more.  It may do so at once, from within.
        """


class EventQueue:
    """
    Holds what came and was not yet taken, and pauses the flow when that is much.

    It is bounded, although what is put in is never refused: a paused flow has at most the piece
    left that it reads at the moment (64 KiB of bytes, as Twisted reads them), and the events in it.

    Each event is taken once.  If there are several who wait, they take turns.
    """

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._waiting: deque[Deferred[Event | None]] = deque()
        self._characters = 0
        self._is_full = False
        self._is_handing_out = False
        self._is_over = False
        self._problem: Exception | None = None
        self._flow: Flow | None = None
        self.taken: Event | None = None

    def __len__(self) -> int:
        return len(self._events)

    def connect(self, flow: Flow | None) -> None:
        """
        Have another flow, or none.  If the queue is full, the flow is paused at once.
        """
        self._flow = flow
        if flow is not None and self._is_full:
            flow.pause()

    def put(self, events: Iterable[Event]) -> None:
        """
        Hand out events to who waits, in the order of their coming, and hold the others.
        """
        if self._is_over:
            return
        for event in events:
            self._events.append(event)
            self._characters += _size_of(event)
        self._hand_out()
        if not self._is_full and (len(self._events) >= MANY or self._characters >= MUCH):
            self._is_full = True
            if self._flow is not None:
                self._flow.pause()

    def end(self, problem: Exception | None = None) -> None:
        """
        Let nobody wait when all has been taken.

        :param problem: What everybody then gets; ``None`` for a quiet end.
        """
        if not self._is_over:
            self._is_over = True
            self._problem = problem
            self._flow = None
            self._release()

    def close(self) -> None:
        """
        Forget what was not taken, and let nobody wait: the end is quiet.
        """
        self._is_over = True
        self._problem = None
        self._flow = None
        self._events.clear()
        self._release()

    def next(self) -> "Deferred[Event | None]":
        """
        Return the next event; ``None`` at the end.  Cancelling it loses no event.
        """
        if self._events and not self._waiting and not self._is_handing_out:
            return succeed(self._take())
        if self._is_over and not self._events:
            return succeed(None) if self._problem is None else fail(self._problem)
        waiting: Deferred[Event | None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def __aiter__(self) -> "EventQueue":
        return self

    async def __anext__(self) -> Event:
        if self._events and not self._waiting:
            return self._take()  # without a Deferred for each event of a burst
        event = await self.next()
        if event is None:
            raise StopAsyncIteration
        return event

    def _hand_out(self) -> None:
        if self._is_handing_out:
            return
        # Who asks for the next from within gets it from this loop, and so no deeper in the stack.
        self._is_handing_out = True
        while self._events and self._waiting:
            # Both are taken before anybody's code runs, which may ask for more, or close.
            waiting = self._waiting.popleft()
            waiting.callback(self._take())
        self._is_handing_out = False

    def _take(self) -> Event:
        event = self.taken = self._events.popleft()
        self._characters -= _size_of(event)
        if self._is_full and not self._events:
            self._is_full = False
            if self._flow is not None:
                self._flow.resume()
        return event

    def _release(self) -> None:
        while self._waiting and not self._events:
            waiting = self._waiting.popleft()
            if self._problem is None:
                waiting.callback(None)
            else:
                waiting.errback(Failure(self._problem))


def _size_of(event: Event) -> int:
    """
    Return how many characters it has; a type, or an id, may be as long as any line.
    """
    return len(event.data) + len(event.type) + len(event.id or "")
