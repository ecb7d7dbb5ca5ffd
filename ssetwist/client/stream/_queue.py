"""
Queue between a stream that brings events and the application that takes them.
"""

from collections import deque
from collections.abc import Iterable

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from ...eventstream import Event
from ._stream import Stream

#: Number of waiting events, and of their characters, at which the stream is paused.  They are
#: enough that the application does not wait for the network after each event, and few beside the
#: bytes of one read.
MANY = 64
MUCH = 2**16


class EventQueue:
    """
    Queue of events that wait to be taken.  It pauses the stream when many wait.

    It never refuses an event, and is bounded nevertheless: a paused stream brings at most the
    events of the piece that it reads at the moment (64 KiB of bytes, as Twisted reads them).

    Each event is taken once.  Several callers that wait take turns.

    :ivar taken: Event that was taken last.
    """

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._waiting: deque[Deferred[Event | None]] = deque()
        self._characters = 0
        self._is_full = False
        self._is_handing_out = False
        self._is_over = False
        self._has_dropped = False
        self._problem: Exception | None = None
        self._stream: Stream | None = None
        self.taken: Event | None = None

    def __len__(self) -> int:
        return len(self._events)

    @property
    def has_untaken(self) -> bool:
        """
        True if events were put that have not been taken: they wait, or were dropped.
        """
        return bool(self._events) or self._has_dropped

    def connect(self, stream: Stream | None) -> None:
        """
        Replace the stream.  If the queue is full, the new one is paused at once.
        """
        self._stream = stream
        if stream is not None and self._is_full:
            stream.pause()

    def put(self, events: Iterable[Event]) -> None:
        """
        Hand out events to the callers that wait, and hold the rest.
        """
        if self._is_over:
            return
        for event in events:
            self._events.append(event)
            self._characters += _size_of(event)
        self._hand_out()
        if not self._is_full and (len(self._events) >= MANY or self._characters >= MUCH):
            self._is_full = True
            if self._stream is not None:
                self._stream.pause()

    def end(self, problem: Exception | None = None) -> None:
        """
        End the queue; the events that it holds can still be taken.

        :param problem: Raised after the last event; ``None`` for a quiet end.
        """
        if not self._is_over:
            self._is_over = True
            self._problem = problem
            self._stream = None
            self._release()

    def close(self) -> None:
        """
        End the queue quietly, and drop the events that it holds.
        """
        self._is_over = True
        self._problem = None
        self._stream = None
        self._has_dropped = self.has_untaken
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
        # A callback that asks for the next event gets it from this loop, not deeper in the stack.
        self._is_handing_out = True
        while self._events and self._waiting:
            # Both are taken before the callback runs, which may ask for more, or close.
            waiting = self._waiting.popleft()
            waiting.callback(self._take())
        self._is_handing_out = False

    def _take(self) -> Event:
        event = self.taken = self._events.popleft()
        self._characters -= _size_of(event)
        if self._is_full and not self._events:
            self._is_full = False
            if self._stream is not None:
                self._stream.resume()
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
    Return the number of characters; a type, or an id, may be as long as any line.
    """
    return len(event.data) + len(event.type) + len(event.id or "")
