"""
Sending to one client: what a source sends through, and what runs the source.
"""

from asyncio import CancelledError as AsyncioCancelledError
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._waiters import Waiters
from ..eventstream import Event, encode_event
from ..hub import EndReason
from ..hub.outlets import Chunk, HasEnd
from ._outlet import RequestOutlet

_log = Logger()

#: After so many events without a wait, a source lets the reactor do something else.
_EVENTS_PER_TURN = 64


class Send(HasEnd):
    """
    What the function of a per-request stream is given: it is called with an event to send that.
    """

    def __init__(
        self,
        outlet: RequestOutlet,
        clock: IReactorTime,
        *,
        last_words: bytes,
        on_end: Callable[[EndReason], object] | None,
    ) -> None:
        self._outlet = outlet
        self._clock = clock
        self._last_words = last_words
        self._unpaused = 0
        super().__init__(on_end)
        self._waiting: Waiters[None] = Waiters()
        self._cancel: Callable[[], object] | None = None
        outlet.writer = self

    def __call__(self, event: Event) -> Deferred[None]:
        """
        Send an event.  When the client has gone, this does nothing, and is no error.

        :returns: A Deferred that fires when there is room for the next: at once while the client
            keeps up, otherwise when it has caught up or gone.  ``await send(event)`` in a loop
            goes as fast as the client reads.  Who does not wait has up to 512 KiB kept, which a
            loop without a wait soon exceeds with the fastest client; then the client is cut.
            Cancelling the Deferred only stops the waiting.
        :raises TypeError: If it is no event.
        """
        if not self._outlet.write(Chunk(encode_event(event), 1)):
            self._unpaused = 0
            return self._waiting.wait()
        self._unpaused += 1
        if self._unpaused == _EVENTS_PER_TURN and self.is_open:
            # A source that never waits must not keep the reactor for itself.
            self._unpaused = 0
            return deferLater(self._clock, 0)
        return succeed(None)

    @property
    def is_open(self) -> bool:
        """
        Whether anything sent still goes anywhere.
        """
        return self._outlet.is_open

    def end(self) -> None:
        """
        End the stream properly, as if its source had ended; what waits for the client still
        follows.
        """
        self._outlet.end(EndReason.ENDED_BY_APPLICATION, last_words=self._last_words)

    def abort(self) -> None:
        """
        Cut the connection now, throwing away what waits.
        """
        self._outlet.abort(EndReason.ENDED_BY_APPLICATION)

    def run(self, pull: Coroutine[Deferred[Any], Any, None], path: str) -> None:
        """
        Run what pulls the source; to be called once, by :func:`stream`.

        :param path: Of the request, for the log.
        """

        watched = _Watched(pull)

        def cancel() -> None:
            steps = watched.steps
            if not watched.is_running:
                if running.called:
                    return  # the source is done
                running.cancel()
            if watched.steps == steps:
                # The source is at work at this moment, or what it waits for is about to come: it
                # ends its own stream.  In the next turn it waits for something else, or is done.
                self._clock.callLater(0, lambda: running.cancel())

        def finished(_: object) -> None:
            self._outlet.end(EndReason.FINISHED, last_words=self._last_words)

        def failed(problem: Failure) -> None:
            if problem.check(CancelledError, AsyncioCancelledError) and not self.is_open:
                return
            _log.failure("the source of the event stream at {path} failed", problem, path=path)
            self._outlet.end(EndReason.SOURCE_FAILED, is_complete=False)

        self._cancel = cancel
        running = Deferred.fromCoroutine(watched)
        running.addCallbacks(finished, failed)

    # What the outlet tells it

    def has_room(self) -> None:
        """
        The client has taken all that was sent.
        """
        self._waiting.fire(None)

    def before_end(self) -> None:
        """
        The stream is about to end: there is nothing to add.
        """

    def ended(self, reason: EndReason) -> None:
        """
        The stream has ended.
        """
        self._tell_end(reason)
        cancel, self._cancel = self._cancel, None
        if cancel is not None:
            cancel()
        self.has_room()


class _Watched(Coroutine[Deferred[Any], Any, None]):
    """
    A coroutine that says whether it is at work, and how often it went on.
    """

    def __init__(self, inner: Coroutine[Deferred[Any], Any, None]) -> None:
        self._inner = inner
        self.is_running = False
        self.steps = 0

    def send(self, value: Any) -> Deferred[Any]:
        return self._step(self._inner.send, value)

    def throw(self, *error: Any) -> Deferred[Any]:
        return self._step(self._inner.throw, *error)

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, None]:
        return self._inner.__await__()

    def _step(self, step: Callable[..., Deferred[Any]], *arguments: Any) -> Deferred[Any]:
        self.steps += 1
        self.is_running = True
        try:
            return step(*arguments)
        finally:
            self.is_running = False
