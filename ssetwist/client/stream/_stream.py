"""
Body of one response, from bytes to events.

1. Bytes go one way: from the transport through the gzip decoder, if there is one, and the parser.
2. While the stream is paused its transport is paused.  Bytes that come nevertheless are held, and
   read first when the stream is resumed.
3. The connection ends with the stream: from ``OVER`` on nothing arrives, and ``GONE`` follows.
"""

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.iweb import IResponse

from ..._waiters import Waiters
from ...errors import Disconnected, EventTooLarge, SSETwistError
from ...eventstream import Event, EventStreamParser
from ..http import GzipDecoder, abort, connection_of, ended


class StreamState(Enum):
    NEW = "The body has not been asked for."
    NEW_PAUSED = "The body has not been asked for, and the stream begins paused."
    FLOWING = "Bytes are read as they come."
    PAUSED = "Nothing arrives: the transport is paused, and bytes that come nevertheless are held."
    DRAINING = "Held bytes are read; after the last of them the transport is resumed."
    OVER = "Nothing arrives any more; the connection is cut, unless it has ended."
    GONE = "The connection is gone."


NEW, NEW_PAUSED, FLOWING, PAUSED, DRAINING, OVER, GONE = StreamState

_NEXT: dict[StreamState, tuple[StreamState, ...]] = {
    NEW: (NEW_PAUSED, FLOWING, OVER),
    NEW_PAUSED: (NEW, PAUSED, OVER),
    FLOWING: (PAUSED, OVER),
    PAUSED: (DRAINING, OVER),
    DRAINING: (FLOWING, PAUSED, OVER),
    OVER: (GONE,),
    GONE: (),
}


class Stream(Protocol):
    """
    Reader of one response.  It ends once, by itself or by :meth:`close`, and its connection with
    it.  A paused stream does not notice that its peer has left until it is resumed.

    :param response: Nothing else may read it.
    :param arrived: Called with the events that a piece of bytes has completed, one or more.  It may
        call any method of the stream.
    :param ended: Called once when the stream ends by itself, with the reason: a
        :class:`Disconnected` when the bytes end, do not come or are not gzip; or an
        :class:`EventTooLarge`.  Not called after :meth:`close`.
    :param is_gzip: True if the bytes are gzip.
    :param silence_timeout: Seconds without a byte after which the stream ends; ``None`` for never.
        Comments are bytes, and a pause does not count.
    """

    transport: Any  # an Agent's proxy can do more than Twisted's interfaces say

    def __init__(
        self,
        response: IResponse,
        parser: EventStreamParser,
        *,
        arrived: Callable[[list[Event]], object],
        ended: Callable[[SSETwistError], object],
        clock: IReactorTime,
        is_gzip: bool = False,
        silence_timeout: float | None = None,
    ) -> None:
        self._response = response
        self._parser = parser
        self._arrived = arrived
        self._ended = ended
        self._gzip = GzipDecoder() if is_gzip else None
        self._held: deque[bytes] = deque()
        self._state = NEW
        self._is_reading = False  # a loop reads further down the stack
        self._reason: Failure | None = None
        self._connection: object = None
        self._gone: Waiters[None] = Waiters()
        self._silence = Silence(clock, silence_timeout, self._end)

    def begin(self) -> None:
        """
        Ask for the body, once.  Events may arrive before this returns.
        """
        if self._state not in (NEW, NEW_PAUSED):
            return
        self._become(FLOWING if self._state is NEW else PAUSED)
        self._response.deliverBody(self)
        if self._state is FLOWING:
            self._silence.begin()
        elif self._state is PAUSED:
            # The response has resumed its transport, even if its first bytes have paused it.
            self._pause_transport()

    def pause(self) -> None:
        """
        Let nothing arrive until :meth:`resume`.
        """
        if self._state is NEW:
            self._become(NEW_PAUSED)
        elif self._state in (FLOWING, DRAINING):
            self._become(PAUSED)
            self._pause_transport()
            self._silence.stop()

    def resume(self) -> None:
        """
        Let events arrive again, perhaps before this returns.
        """
        if self._state is NEW_PAUSED:
            self._become(NEW)
        elif self._state is PAUSED:
            self._become(DRAINING)
            self._silence.begin()
            self._read()

    def close(self) -> "Deferred[None]":
        """
        Cut the connection; nothing arrives any more.

        :returns: Fires when the connection is gone.  Cancelling it only ends the waiting.
        """
        if self._state not in (OVER, GONE):
            self._stop()
        return succeed(None) if self._state is GONE else self._gone.wait()

    def connectionMade(self) -> None:
        """
        Take the transport; cut it if the stream was closed before it began.
        """
        self._connection = connection_of(self.transport)
        if self._state is OVER:
            self._cut()

    def dataReceived(self, data: bytes) -> None:
        if self._state in (OVER, GONE):
            return
        self._held.append(data)
        if self._state is PAUSED:
            # A transport may give bytes that it has already read, or other code has resumed it.
            self._pause_transport()
        else:
            self._silence.heard()
            self._read()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._reason = reason
        self._set_gone()
        self._read()

    def _become(self, state: StreamState) -> None:
        assert state in _NEXT[self._state], (self._state, state)
        self._state = state

    def _read(self) -> None:
        """
        Read the held bytes until the stream is paused; then take the end, or more bytes.
        """
        if self._is_reading:  # this is called from within arrived(), and the loop below goes on
            return
        self._is_reading = True
        try:
            while self._state in (FLOWING, DRAINING) and (data := self._next_piece()):
                self._parse(data)
        finally:
            self._is_reading = False
        if self._state not in (FLOWING, DRAINING):
            return
        if self._reason is not None:
            # Connections of ours know if they were cut.  For others a proper end is assumed.
            was_cut = getattr(self._connection, "was_cut", False)
            self._end(ended(self._reason, was_cut=was_cut))
        elif self._state is DRAINING:
            self._become(FLOWING)
            self.transport.resumeProducing()

    def _next_piece(self) -> bytes:
        if self._gzip is None:
            return self._held.popleft() if self._held else b""
        try:
            while not (data := self._gzip.take()) and self._held:
                self._gzip.push(self._held.popleft())
            return data
        except ValueError as problem:
            self._end(Disconnected(f"the body is not gzip: {problem}"))
            return b""

    def _parse(self, data: bytes) -> None:
        try:
            # Feed b"" after events: an error may follow them.  Any of the calls may close the
            # stream, also a comment's.
            while (events := self._parser.feed(data)) and self._state not in (OVER, GONE):
                self._arrived(events)
                data = b""
        except EventTooLarge as problem:
            self._end(problem)

    def _end(self, problem: SSETwistError) -> None:
        if self._state not in (OVER, GONE):
            self._stop()
            self._ended(problem)

    def _stop(self) -> None:
        has_begun = self._state not in (NEW, NEW_PAUSED)
        self._become(OVER)
        self._held.clear()
        self._silence.stop()
        if self._reason is not None:
            self._set_gone()
        elif has_begun:
            self._cut()
        else:
            self._response.deliverBody(self)  # for its transport, which is then cut

    def _cut(self) -> None:
        if not abort(self.transport):
            self._set_gone()  # as far as the stream can know

    def _set_gone(self) -> None:
        if self._state is OVER:  # and not gone: a transport may be lost at once when it is cut
            self._become(GONE)
            self._gone.fire(None)

    def _pause_transport(self) -> None:
        if self._reason is None:
            self.transport.pauseProducing()


class Silence:
    """
    Timer of a silence.  Hearing costs only a look at the clock: the timer finds out by itself how
    much longer to wait.

    :param seconds: Length of the silence; ``None`` for no limit.
    :param call: Called once after the silence, with an error that ends the stream.
    """

    def __init__(
        self, clock: IReactorTime, seconds: float | None, call: Callable[[Disconnected], object]
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._call = call
        self._heard = 0.0
        self._timer: IDelayedCall | None = None

    def begin(self) -> None:
        """
        Start the timer, also again after :meth:`stop`.
        """
        self.heard()
        if self._timer is None and self._seconds is not None:
            self._timer = self._clock.callLater(self._seconds, self._look, self._seconds)

    def heard(self) -> None:
        """
        Begin the silence anew.
        """
        self._heard = self._clock.seconds()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, seconds: float) -> None:
        self._timer = None
        remaining = self._heard + seconds - self._clock.seconds()
        if remaining > 0:
            self._timer = self._clock.callLater(remaining, self._look, seconds)
        else:
            self._call(Disconnected(f"nothing came for {seconds:g} s"))
