"""
The body of one response, from bytes to events.

Bytes go one way: what the transport gives, decoded if it is gzip, read by the parser, and on as
events.  Nothing is read before its turn: while it is paused, bytes that come nevertheless are held
as they are, and they are few, because the transport is paused, too.
"""

from collections import deque
from collections.abc import Callable
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


class Stream(Protocol):
    """
    Reads one response.  It ends once, by itself or by :meth:`close`, and its connection with it.

    A paused transport does not see that its peer has left: that is noticed when it is resumed.

    :param response: Nobody else may read it.
    :param arrived: Called with the events that a piece of bytes has completed, never with none.
        It may call anything of this.
    :param ended: Called when the stream ends by itself, once, with the reason: a
        :class:`Disconnected` when the bytes end, do not come or are no gzip, or an
        :class:`EventTooLarge`.  Not called after :meth:`close`.
    :param is_gzip: Whether the bytes are gzip.
    :param silence_timeout: Seconds without a byte after which the stream ends; comments are bytes,
        and a pause is no silence.  ``None`` for never.
    :param clock: Where these seconds pass.
    """

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
        self._has_begun = False
        self._is_paused = False
        self._is_transport_paused = False
        self._is_reading = False
        self._is_over = False
        self._reason: Failure | None = None
        self._connection: object = None
        self._is_gone = False
        self._gone: Waiters[None] = Waiters()
        self._silence: Silence | None = None
        self._silence_timeout = silence_timeout
        if silence_timeout is not None:
            self._silence = Silence(clock, silence_timeout, self._has_fallen_silent)

    def begin(self) -> None:
        """
        Let the bytes come.  Events may arrive from within.
        """
        if self._is_over:
            return
        self._listen()
        self._deliver()
        # The response has resumed its transport, even if the first bytes had us pause it.
        if self._is_paused:
            self._pause_transport()

    def pause(self) -> None:
        """
        Let nothing more arrive, until resumed.
        """
        self._is_paused = True
        self._pause_transport()
        if self._silence is not None:
            self._silence.stop()

    def resume(self) -> None:
        """
        Let more arrive, maybe from within.
        """
        if self._is_paused:
            self._is_paused = False
            self._listen()
            self._read()

    def close(self) -> "Deferred[None]":
        """
        Cut the connection; nothing arrives any more.

        :returns: Fires when the connection is gone.  Cancelling it only ends the waiting.
        """
        if not self._is_over:
            self._stop()
        return succeed(None) if self._is_gone else self._gone.wait()

    stop = close  # as what goes on in a state of an event source

    def connectionMade(self) -> None:
        """
        See whether it was closed before it began.
        """
        self._connection = connection_of(self.transport)
        if self._is_over:
            self._cut()

    def dataReceived(self, data: bytes) -> None:
        """
        Take bytes, in their turn.
        """
        if self._is_over:
            return
        self._held.append(data)
        if self._is_paused:
            # A transport may give what it has already read, or have been resumed by others.
            self._pause_transport()
        else:
            if self._silence is not None:
                self._silence.heard()
            self._read()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Take the end, in its turn.
        """
        self._reason = reason
        if self._is_over:
            self._set_gone()
        elif not self._is_paused:
            self._read()

    def _deliver(self) -> None:
        self._has_begun = True
        self._response.deliverBody(self)

    def _listen(self) -> None:
        if self._silence is not None and not self._is_paused and not self._is_over:
            self._silence.begin()

    def _read(self) -> None:
        """
        Read what is held, as long as nobody says pause; then take the end, or more.
        """
        if self._is_reading:  # from within arrived(); the loop below goes on by itself
            return
        self._is_reading = True
        try:
            while not (self._is_paused or self._is_over) and (data := self._next_piece()):
                self._parse(data)
        finally:
            self._is_reading = False
        if self._is_paused or self._is_over:
            return
        if self._reason is not None:
            # Connections of our own say it; of others one has to believe the best.
            was_cut = getattr(self._connection, "was_cut", False)
            self._end(ended(self._reason, was_cut=was_cut))
        elif self._is_transport_paused:
            self._is_transport_paused = False
            self._its_transport.resumeProducing()

    def _next_piece(self) -> bytes:
        if self._gzip is None:
            return self._held.popleft() if self._held else b""
        try:
            while not (data := self._gzip.take()) and self._held:
                self._gzip.push(self._held.popleft())
            return data
        except ValueError as problem:
            self._end(Disconnected(f"what came is no gzip: {problem}"))
            return b""

    def _parse(self, data: bytes) -> None:
        try:
            # Once more after some events, for there may be a problem behind them.  And any of the
            # calls may have closed it, that of a comment too.
            while (events := self._parser.feed(data)) and not self._is_over:
                self._arrived(events)
                data = b""
        except EventTooLarge as problem:
            self._end(problem)

    def _has_fallen_silent(self) -> None:
        self._end(Disconnected(f"nothing came for {self._silence_timeout:g} s"))

    def _end(self, problem: SSETwistError) -> None:
        self._stop()
        self._ended(problem)

    def _stop(self) -> None:
        self._is_over = True
        self._held.clear()
        if self._silence is not None:
            self._silence.stop()
        if self._reason is not None:
            self._set_gone()
        elif self._has_begun:
            self._cut()
        else:
            self._deliver()

    def _cut(self) -> None:
        if not abort(self.transport):
            self._set_gone()  # as far as can be known

    def _set_gone(self) -> None:
        self._is_gone = True
        self._gone.fire(None)

    def _pause_transport(self) -> None:
        if self.transport is not None and self._reason is None:
            self._is_transport_paused = True
            self._its_transport.pauseProducing()

    @property
    def _its_transport(self) -> Any:  # no interface of Twisted has what an Agent's proxy has
        return self.transport


class Silence:
    """
    Calls once when nothing was heard for some time.  To hear something costs no more than a look at
    the clock: the timer finds out by itself how long it has to wait on.

    :param seconds: How long.
    :param call: What to call.
    """

    def __init__(self, clock: IReactorTime, seconds: float, call: Callable[[], object]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._call = call
        self._heard = 0.0
        self._timer: IDelayedCall | None = None

    def begin(self) -> None:
        """
        Listen; also after a :meth:`stop`.
        """
        self.heard()
        if self._timer is None:
            self._timer = self._clock.callLater(self._seconds, self._look)

    def heard(self) -> None:
        """
        Something was heard: the silence begins anew.
        """
        self._heard = self._clock.seconds()

    def stop(self) -> None:
        """
        Listen no more.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        remaining = self._heard + self._seconds - self._clock.seconds()
        if remaining > 0:
            self._timer = self._clock.callLater(remaining, self._look)
        else:
            self._call()
