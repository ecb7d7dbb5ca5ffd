"""
Ends of streams: every reason, and the callbacks that hear about it.
"""

from collections.abc import Callable
from enum import Enum

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from .._waiters import Waiters

_log = Logger()


class EndReason(Enum):
    """
    Reason why a stream has ended.  Every stream ends exactly once, for exactly one of these; logs
    and callbacks use the same values.
    """

    #: The client closed the connection: ``EventSource.close()``, a tab gone, a process ended.
    CLIENT_CLOSED = "client closed"
    #: The connection broke: by a reset (which browsers also send when they leave and have not read
    #: everything), or because the peer did not acknowledge in time.
    CONNECTION_LOST = "connection lost"
    #: The client sent bytes after its request, which is not allowed.
    UNEXPECTED_BYTES = "bytes after the request"
    #: The client was behind and took nothing for as long as the stall time-out.
    STALLED = "stalled"
    #: The client was behind, and either too much waited for it or the log no longer held the events
    #: that it had missed.
    FELL_BEHIND = "fell too far behind"
    #: The events that the client had missed could not be read or sent.
    CATCH_UP_FAILED = "could not be caught up"
    #: The stream has lasted as long as it may; a browser comes back with its last event id.
    LIFETIME_OVER = "lifetime over"
    #: The token that allowed it has expired; a browser comes back, with the token it has then.
    TOKEN_EXPIRED = "token expired"
    #: The source of a per-request stream came to its end.
    FINISHED = "finished"
    #: The source of a per-request stream raised an exception.
    SOURCE_FAILED = "source failed"
    #: The application ended it.
    ENDED_BY_APPLICATION = "ended by the application"
    #: The server is stopping.
    DRAINING = "server stopping"


class HasEnd:
    """
    Something with a stream that ends, and the callbacks that want to hear about it.

    :param on_end: Called with the reason, before the Deferreds fire.  An exception from it is
        logged, and does nothing else.
    """

    __slots__ = ("_end_reason", "_on_end", "_waiting_for_end")

    def __init__(self, on_end: Callable[[EndReason], object] | None) -> None:
        self._end_reason: EndReason | None = None
        self._on_end = on_end
        self._waiting_for_end: Waiters[EndReason] | None = None  # made when first needed

    @property
    def end_reason(self) -> EndReason | None:
        """
        The reason why the stream ended; ``None`` while it is open.
        """
        return self._end_reason

    def when_ended(self) -> Deferred[EndReason]:
        """
        Return a Deferred that fires with the reason in the reactor turn in which the stream ends.
        It has fired already if the stream is over.  Cancelling it only stops the waiting.
        """
        if self._end_reason is not None:
            return succeed(self._end_reason)
        if self._waiting_for_end is None:
            self._waiting_for_end = Waiters()
        return self._waiting_for_end.wait()

    def _tell_end(self, reason: EndReason) -> None:
        assert self._end_reason is None, "a stream ends once"
        self._end_reason = reason
        on_end, self._on_end = self._on_end, None
        waiting, self._waiting_for_end = self._waiting_for_end, None
        if on_end is not None:
            try:
                on_end(reason)
            except BaseException:  # SystemExit would not end a Twisted process either
                _log.failure("an on_end callback failed")
        if waiting is not None:
            waiting.fire(reason)
