"""
State, backlog and account of one event stream over one ``twisted.web`` request.

Three laws hold for every stream:

1. Bytes leave in the order of the writes: nothing overtakes the backlog or the transport.
2. A stream ends once.  From then on a write goes nowhere, one line is in the log, and the writer
   knows the reason.
3. A closed stream holds nothing: no request, no connection, no bytes.

The server ends a stream with its last bytes (``CLOSING``), or shows the client that something is
missing (``BREAKING_OFF``).  The end of the client, and an abort, lead to ``CLOSED`` at once.
"""

from collections.abc import Callable
from enum import Enum
from math import inf

from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request
from zope.interface import implementer

from ..hub import EndReason, Streams
from ..hub.outlets import PIECE, Chunk, Writer, not_sent
from ._insides import count_sent, has_begun, has_early_bytes
from ._request import log_end
from ._waiting import MAX_WAITING, Waiting

_log = Logger()

#: Bytes that one write may send at once.  More than that is an event, or a burst of events, of
#: unusual size.
MOST_AT_ONCE = 16 * PIECE

#: Bytes of the rest that one connection sends in each turn of the reactor that it gets.
_MOST_OF_A_TURN = 4 * PIECE


class State(Enum):
    NEW = "The request waits for its answer."
    OPEN = "The head was written, and events follow."
    CLOSING = "The stream has ended; its last bytes and the end of the response are on their way."
    BREAKING_OFF = "The stream has ended; its last bytes are on their way, then the client is cut."
    CLOSED = "Nothing is held any more."


#: States that may follow each state.
_NEXT: dict[State, tuple[State, ...]] = {
    State.NEW: (State.OPEN, State.CLOSED),
    State.OPEN: (State.CLOSING, State.BREAKING_OFF, State.CLOSED),
    State.CLOSING: (State.CLOSED,),
    State.BREAKING_OFF: (State.CLOSED,),
    State.CLOSED: (),
}


@implementer(IPushProducer)
class RequestOutlet:
    """
    The part of an :class:`ssetwist.hub.outlets.Outlet` that is the same for every connection.

    Each subclass knows one way to put bytes on a connection, and
    :func:`ssetwist.web.opening.outlet_for` chooses one.

    While the connection takes no more, the stream is behind: bytes wait here, and follow in pieces.

    :param streams: The streams that look after this one while it is open.
    """

    __slots__ = (
        "_bytes", "_events", "_request", "_state", "_streams", "_waiting", "behind_since",
        "expires", "last_write", "writer",
    )  # fmt: skip

    def __init__(self, request: Request, streams: Streams) -> None:
        self._state = State.NEW
        self._request = request
        self._streams = streams
        self.writer: Writer | None = None
        self.behind_since: float | None = None
        self.expires = inf
        self.last_write = streams.clock.seconds()
        self._events = self._bytes = 0
        self._waiting: Waiting | None = None
        if is_over(request):  # the application waited too long before it made the outlet
            self._close()
        else:
            request.notifyFinish().addBoth(self._request_is_over)
            self.refuse_early_bytes()

    @property
    def is_new(self) -> bool:
        """
        True while the request can still be answered, with a stream or with something else.
        """
        return self._state is State.NEW and not is_over(self._request)

    def refuse_early_bytes(self) -> bool:
        """
        Cut the connection, and log it, if bytes have come after the request.  Call it again after
        each wait, before you answer.

        :returns: True if the request can no longer be answered, for this or another reason.
        """
        if self._state is State.NEW and has_early_bytes(self._request):
            self._end_now(EndReason.UNEXPECTED_BYTES, is_cut=True)
        return not self.is_new

    @property
    def is_open(self) -> bool:
        return self._state is State.OPEN

    @property
    def is_behind(self) -> bool:
        return self.behind_since is not None or self._waiting is not None

    def open(self, first_bytes: bytes) -> None:
        """
        Write the head and the first bytes, together, and stream from now on.

        :raises RuntimeError: If something has been written to the request already.
        """
        request = self._request
        if has_begun(request):
            raise RuntimeError("something was written to this request before it became a stream")
        request.registerProducer(self, True)
        self._become(State.OPEN)
        self._streams.add(self)
        try:
            self._begin(first_bytes)
        except BaseException:
            self._close()
            raise

    def write(self, chunk: Chunk) -> bool:
        return self._append(chunk)

    def short_cut(self, chunk: Chunk) -> Callable[[bytes], int]:
        return not_sent

    def settle(self, chunk: Chunk, sent: int) -> bool:
        return self.write(chunk)  # without a short cut, nothing was sent

    def end(self, reason: EndReason, *, last_words: bytes = b"", is_complete: bool = True) -> None:
        if self._state is State.OPEN and self.writer is not None:
            self.writer.before_end()
        if self._state is not State.OPEN:
            return
        ending = State.CLOSING if is_complete else State.BREAKING_OFF
        self._become(ending)
        if last_words:
            if self._waiting is None:
                self._waiting = Waiting()
            self._waiting.append(last_words)
        self._announce(reason, self._request, self._streams.age_of(self))
        if self._state is ending:  # the writer may have aborted it when it was told
            self._go_on()

    def abort(self, reason: EndReason) -> None:
        if self._state is not State.NEW and self._state is not State.CLOSED:
            self._end_now(reason, is_cut=True)

    # As the IPushProducer of the transport

    def pauseProducing(self) -> None:
        self._clear_way(False)
        if self.behind_since is None:
            self.behind_since = self._streams.clock.seconds()

    def resumeProducing(self) -> None:
        # Everything that the transport held has left.
        self.behind_since = None
        self._go_on(PIECE)  # in the same turn as many others, perhaps

    def stopProducing(self) -> None:
        # The connection is gone: nothing more is written.  The request tells why in a moment, but
        # it may tell the application first, which then may end the stream.
        self.pauseProducing()

    # Called by the Deferred of the request's notifyFinish()

    def _request_is_over(self, result: Failure | None) -> None:
        if self._state is State.NEW:
            self._close()
        elif self._state is not State.CLOSED:
            self._end_now(self._reason_for(result), is_cut=False)

    def _reason_for(self, result: Failure | None) -> EndReason:
        if result is None:  # the application called request.finish() behind our back
            return EndReason.ENDED_BY_APPLICATION
        is_closed = isinstance(result.value, ConnectionDone)
        return EndReason.CLIENT_CLOSED if is_closed else EndReason.CONNECTION_LOST

    # Different for each way to a connection

    def _begin(self, first_bytes: bytes) -> None: ...

    def _put(self, data: bytes) -> None:
        """
        Put at most ``PIECE`` bytes on the connection.  If it does not take all of them, the
        transport keeps the rest, and :meth:`pauseProducing` is called.
        """

    def _clear_way(self, is_clear: bool) -> None:
        """
        Allow writes past the backlog, because all has left and the stream is open; or forbid them.
        """

    def _disconnect(self, request: Request, *, at_once: bool) -> None:
        """
        Close the connection without the end of the response.

        :param at_once: If true, throw away everything that has not left.
        """

    # Inside

    def _become(self, state: State) -> None:
        assert state in _NEXT[self._state], f"{self._state} is not followed by {state}"
        self._state = state
        if state is not State.OPEN:
            self._clear_way(False)

    def _append(self, chunk: Chunk) -> bool:
        if self._state is not State.OPEN:
            return True
        self._events += chunk.events
        if self._waiting is None:
            # Of any size: a single event larger than the limit must be possible.
            self._waiting = Waiting()
        elif len(self._waiting) + len(chunk.data) > MAX_WAITING:
            self.abort(EndReason.FELL_BEHIND)
            return True
        self._waiting.append(chunk.data)
        self._go_on()
        return not self.is_behind

    def _go_on(self, most: int = MOST_AT_ONCE) -> None:
        """
        Send the bytes that wait, as far as the connection takes them; finish after the last.

        :param most: Bytes after which the rest follows in later turns of the reactor.  The kernel
            may take megabytes, and others would wait for that.
        """
        if self._waiting is not None and self._waiting.turn is not None:
            return
        while self._waiting is not None and self.behind_since is None:
            if most <= 0:
                self._waiting.turn = turn = self._streams.turns.next()
                turn.addCallbacks(self._take_turn, lambda problem: problem.trap(CancelledError))
                return
            most -= PIECE
            piece = self._waiting.take(PIECE)
            if not self._waiting:
                self._waiting = None
            self.last_write = self._streams.clock.seconds()
            self._bytes += len(piece)
            self._put(piece)
        if self.is_behind:
            return
        if self._state is not State.OPEN:
            self._finish()
            return
        self._clear_way(True)
        if self.writer is not None:
            self.writer.has_room()

    def _take_turn(self, _: None) -> None:
        assert self._waiting is not None, "the turn is given up with the bytes that it is for"
        self._waiting.turn = None
        self._go_on(_MOST_OF_A_TURN)

    def _finish(self) -> None:
        is_complete = self._state is State.CLOSING
        request, _ = self._close()
        if is_complete:
            count_sent(request, self._bytes)
            request.finish()
        else:
            self._disconnect(request, at_once=False)

    def _end_now(self, reason: EndReason, *, is_cut: bool) -> None:
        is_news = self._state is State.OPEN or self._state is State.NEW
        request, age = self._close()
        if is_cut:
            self._disconnect(request, at_once=True)
        if is_news:
            self._announce(reason, request, age)

    def _close(self) -> tuple[Request, float]:
        """
        Let go of everything.

        :returns: The request, for a last use, and the age of this outlet in seconds.
        """
        self._become(State.CLOSED)
        age = self._streams.discard(self)
        request = self._request
        del self._request  # an outlet that is kept after its end does not keep the request
        waiting, self._waiting, self.behind_since = self._waiting, None, None
        if waiting is not None and waiting.turn is not None:
            waiting.turn.cancel()
        if getattr(request, "channel", None) is not None and request.producer is not None:
            request.unregisterProducer()
        return request, age

    def _announce(self, reason: EndReason, request: Request, age: float) -> None:
        writer, self.writer = self.writer, None
        try:
            log_end(
                request,
                reason,
                duration=age,
                events=self._events,
                bytes_sent=self._bytes + (len(self._waiting) if self._waiting else 0),
            )
        except BaseException:  # SystemExit of an observer, for example
            _log.failure("the end of a stream could not be logged")
        finally:
            if writer is not None:
                writer.ended(reason)


def is_over(request: Request) -> bool:
    """
    Return true if a request can no longer be answered: it has been, or its client has gone.
    ``notifyFinish()`` would return a Deferred that never fires.
    """
    return bool(request.finished) or getattr(request, "channel", None) is None
