"""
Sending to one client: the function that a source sends with, and the run of the source.
"""

from asyncio import CancelledError as AsyncioCancelledError
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._waiters import Waiters
from ..eventstream import Event, encode_event
from ..hub import EndReason, Streams
from ..hub.outlets import Chunk, HasEnd
from ._outlet import RequestOutlet

_log = Logger()

#: Events that a source sends without a wait before others get a turn.
_EVENTS_PER_TURN = 16


class Send(HasEnd):
    """
    Argument of the function of a per-request stream: call it with an event to send that event.

    :ivar close_timeout: Seconds that a source may take to end.
    """

    def __init__(
        self,
        outlet: RequestOutlet,
        streams: Streams,
        *,
        last_words: bytes,
        close_timeout: float,
        on_end: Callable[[EndReason], object] | None,
    ) -> None:
        self.clock = streams.clock
        self._turns = streams.turns
        self.close_timeout = close_timeout
        self._outlet = outlet
        self._last_words = last_words
        self._unpaused = 0
        super().__init__(on_end)
        self._waiting: Waiters[None] = Waiters()
        self._cancel: Callable[[], object] | None = None
        outlet.writer = self

    def __call__(self, event: Event) -> Deferred[None]:
        """
        Send an event.  When the client has gone, this does nothing, and is not an error.

        :returns: A Deferred that fires when the next event may be sent: at once while the client
            keeps up, otherwise when it has caught up or gone.  ``await send(event)`` in a loop
            goes as fast as the client reads.  Up to 512 KiB wait for a client; beyond that it is
            cut.  A loop that does not wait gets there soon, even with the fastest client.
            Cancelling the Deferred only stops the waiting.
        :raises TypeError: If the argument is not an event.
        """
        if not self._outlet.write(Chunk(encode_event(event), 1)):
            return self._waiting.wait().addCallback(self._take_turn)
        self._unpaused += 1
        if self._unpaused == _EVENTS_PER_TURN and self.is_open:
            # A source that never waits must not keep the reactor for itself.
            self._unpaused = 0
            return self._turns.next()
        return succeed(None)

    @property
    def is_open(self) -> bool:
        """
        True while events are sent to the client.
        """
        return self._outlet.is_open

    def end(self) -> None:
        """
        End the stream properly, as if its source had ended; bytes that wait are still sent.
        """
        self._outlet.end(EndReason.ENDED_BY_APPLICATION, last_words=self._last_words)

    def abort(self) -> None:
        """
        Cut the connection now, and throw away the bytes that wait.
        """
        self._outlet.abort(EndReason.ENDED_BY_APPLICATION)

    def run(self, pull: Coroutine[Deferred[Any], Any, None], path: str) -> None:
        """
        Run the coroutine that pulls the source.  :func:`stream` calls this once.

        :param path: Path of the request, for the log.
        """

        watched = _Watched(pull)
        is_done = False
        deadline: IDelayedCall | None = None

        def cancel() -> None:
            nonlocal deadline
            steps = watched.steps
            if not watched.is_running:
                if is_done:
                    return
                cancel_now()
            if watched.steps == steps:
                # The source ends its own stream: it runs at this moment, or its Deferred is firing.
                # In the next turn it waits for something else, or is done.
                self.clock.callLater(0, cancel_now)
            if not is_done:
                deadline = self.clock.callLater(self.close_timeout, cancel_again)

        def cancel_now() -> None:
            try:
                running.cancel()
            except BaseException:
                _log.failure(
                    "the source of the event stream at {path} failed at its end", path=path
                )

        def cancel_again() -> None:
            _log.error(
                "the source of the event stream at {path} goes on, {seconds:g} s after the end of "
                "its stream; it is cancelled once more",
                path=path,
                seconds=self.close_timeout,
            )
            cancel_now()

        def done(result: Any) -> Any:  # a Failure, or nothing
            nonlocal is_done
            is_done = True
            if deadline is not None and deadline.active():
                deadline.cancel()
            return result

        def finished(_: object) -> None:
            self._outlet.end(EndReason.FINISHED, last_words=self._last_words)

        def failed(problem: Failure) -> None:
            if problem.check(CancelledError, AsyncioCancelledError) and not self.is_open:
                return
            _log.failure("the source of the event stream at {path} failed", problem, path=path)
            self._outlet.end(EndReason.SOURCE_FAILED, is_complete=False)

        self._cancel = cancel
        running = Deferred.fromCoroutine(watched)
        running.addBoth(done).addCallbacks(finished, failed)

    def _take_turn(self, _: None) -> Deferred[None] | None:
        # Many clients may have room at the same moment.
        return self._turns.next() if self.is_open else None

    # As the Writer of the outlet

    def has_room(self) -> None:
        self._waiting.fire(None)

    def before_end(self) -> None:
        pass  # end() has the last bytes

    def ended(self, reason: EndReason) -> None:
        self._tell_end(reason)
        cancel, self._cancel = self._cancel, None
        if cancel is not None:
            cancel()
        self.has_room()


class _Watched(Coroutine[Deferred[Any], Any, None]):
    """
    Coroutine that knows if it runs at this moment, and how many steps it has made.
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
