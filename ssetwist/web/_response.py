"""
One client's own events: the response to one request is the stream of one source.
"""

from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable
from inspect import CORO_RUNNING, getcoroutinestate, isawaitable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET, Request

from ..eventstream import Event, encode_event
from ..hub import END, END_ID, Ending, EndReason, Streams
from ._head import answer_no_content, last_event_id, write_head
from ._outlet import RequestOutlet
from ._site import streams_of
from ._stream import DEFAULT_RETRY, first_bytes

_log = Logger()

#: After so many events without a wait, a source lets the reactor do something else.
_EVENTS_PER_TURN = 64

Source = AsyncIterable[Event] | Iterable[Event] | Callable[["Send"], Awaitable[object] | None]


def stream(
    request: Request,
    source: Source,
    *,
    retry: float | None = DEFAULT_RETRY,
    once: bool = True,
    on_end: Callable[[EndReason], object] | None = None,
) -> int:
    """
    Answer a request with an event stream of its own::

        def render_GET(self, request):
            return stream(request, self.answer(request.args[b"q"][0].decode()))

    The source is pulled only as fast as the client reads.  As soon as the client has gone the
    source is cancelled: what it awaits is cancelled, and its ``finally`` runs, in the same reactor
    turn.  When it ends, the stream ends.  When it raises, that is logged once and the stream is cut
    off, so that the client sees that something is missing.

    Under a :class:`ssetwist.web.Site` the stream has that server's heartbeat and time-outs, and
    ends when that server stops; under any other Site it has the defaults.

    :param source: An async iterator of events, an iterator of events, or a function.  The function
        is called with a :class:`Send`; the stream lasts until the coroutine or Deferred that it
        returns is done, or, if it returns ``None``, until the client goes or ``send.end()``.
    :param retry: Seconds after which a client that lost its stream comes back; ``None`` to leave
        it to the client.
    :param once: When the source has ended, tell an ``EventSource`` not to come back, which would
        begin it all over: the stream ends with an event of type ``end``, and the next attempt
        gets 204.
    :param on_end: Called with the reason, in the reactor turn in which the end is known.
    :returns: ``NOT_DONE_YET``, to be returned from ``render``.
    :raises TypeError: If the source is none of these.
    """
    assert request.site is not None, "only a request that is being rendered can be answered"
    streams = streams_of(request.site)
    # First thing: a request tells of its end only those who asked before.
    outlet = RequestOutlet(request, streams)
    send = Send(outlet, on_end)
    pulling = _pulling(source, send, streams)
    if outlet.is_new:
        if request.method == b"HEAD":
            write_head(request)
            request.finish()
        elif last_event_id(request) == END_ID:
            answer_no_content(request)
        else:
            outlet.open(first_bytes(retry))
    # Also where there is no stream: a source that is not pulled is closed.
    send._run(pulling, streams, END if once else b"")
    return NOT_DONE_YET


class Send:
    """
    What the function of a per-request stream is given: it is called with an event to send that.
    """

    def __init__(self, outlet: RequestOutlet, on_end: Callable[[EndReason], object] | None) -> None:
        self._outlet = outlet
        self._ending = Ending(on_end)
        self._waiting: list[Deferred[None]] = []
        self._cancel: Callable[[], object] | None = None
        outlet.on_end = self._ended
        outlet.on_room = self._has_room

    def __call__(self, event: Event) -> Deferred[None]:
        """
        Send an event.  When the client has gone, this does nothing, and is no error.

        :returns: A Deferred that fires when there is room for the next: at once while the client
            keeps up, otherwise when it has caught up or gone.  Who does not wait for it has the
            events kept up to a limit; beyond that the client is cut.  Cancelling it only stops
            the waiting.
        :raises TypeError: If it is no event.
        """
        if not isinstance(event, Event):
            raise TypeError(
                f"a stream sends ssetwist.Event, not {event.__class__.__name__}; "
                "for text there is Event('text'), for JSON Event.with_json(value)"
            )
        self._outlet.write(encode_event(event))
        if not self._outlet.is_behind:
            return succeed(None)
        room: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(room)
        return room

    @property
    def is_open(self) -> bool:
        """
        Whether anything sent still goes anywhere.
        """
        return self._outlet.is_open

    @property
    def end_reason(self) -> EndReason | None:
        """
        Why the stream ended; ``None`` while it is open.
        """
        return self._ending.reason

    def when_ended(self) -> Deferred[EndReason]:
        """
        Return a Deferred that fires with the reason in the reactor turn in which the stream ends,
        whatever ended it.  Cancelling it only stops the waiting.
        """
        return self._ending.when()

    def end(self, *, for_good: bool = False) -> None:
        """
        End the stream properly; what waits for the client still follows.

        :param for_good: Also tell an ``EventSource`` not to come back.
        """
        self._outlet.end(EndReason.ENDED_BY_APPLICATION, last_words=END if for_good else b"")

    def abort(self) -> None:
        """
        Cut the connection now, throwing away what waits.
        """
        self._outlet.abort(EndReason.ENDED_BY_APPLICATION)

    def _run(
        self, pulling: Coroutine[Deferred[Any], Any, None], streams: Streams, last_words: bytes
    ) -> None:
        def cancel() -> None:
            # A source that ends its own stream is at work at this moment, and waits for nothing
            # that could be cancelled; in the next turn it does, or is done.
            if getcoroutinestate(pulling) == CORO_RUNNING:
                streams.clock.callLater(0, lambda: running.cancel())
            else:
                running.cancel()

        def finished(_: object) -> None:
            self._outlet.end(EndReason.FINISHED, last_words=last_words)

        def failed(problem: Failure) -> None:
            if problem.check(CancelledError) and not self.is_open:
                return
            _log.failure("the source of an event stream failed", problem)
            self._outlet.end(EndReason.SOURCE_FAILED, is_complete=False)

        self._cancel = cancel
        running = Deferred.fromCoroutine(pulling)
        running.addCallbacks(finished, failed)

    def _has_room(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)

    def _ended(self, reason: EndReason) -> None:
        self._ending.tell(reason)
        cancel, self._cancel = self._cancel, None
        if cancel is not None:
            cancel()
        self._has_room()


def _pulling(source: Source, send: Send, streams: Streams) -> Coroutine[Deferred[Any], Any, None]:
    """
    Return the coroutine that hands on what a source has.
    """
    if isinstance(source, AsyncIterable):
        return _pull(source, send, streams)
    if callable(source):
        return _call(source, send)
    if isinstance(source, Iterable):
        return _pull(_Asynchronous(source), send, streams)
    raise TypeError(
        "a source is an async iterator, an iterator, or a function that is given a send, "
        f"not {source.__class__.__name__}"
    )


async def _pull(source: AsyncIterable[Event], send: Send, streams: Streams) -> None:
    events = aiter(source)
    unpaused = 0
    try:
        while send.is_open:
            try:
                event = await anext(events)
            except StopAsyncIteration:
                return
            await send(event)
            unpaused += 1
            if unpaused == _EVENTS_PER_TURN:
                # A source that never waits must not keep the reactor for itself.
                unpaused = 0
                await deferLater(streams.clock, 0)
    finally:
        # Whether it was exhausted, cancelled or never begun: what it holds is freed now, not when
        # the garbage collector comes by.
        if (close := getattr(events, "aclose", None)) is not None:
            await close()


class _Asynchronous:
    """
    An iterator as an async iterator.
    """

    def __init__(self, source: Iterable[Event]) -> None:
        self._events = iter(source)

    def __aiter__(self) -> "_Asynchronous":
        return self

    async def __anext__(self) -> Event:
        try:
            return next(self._events)
        except StopIteration:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        if (close := getattr(self._events, "close", None)) is not None:
            close()


async def _call(source: Callable[[Send], Awaitable[object] | None], send: Send) -> None:
    if not send.is_open:
        return
    result = source(send)
    if result is None:
        await send.when_ended()
    elif isawaitable(result):
        await result
    else:
        raise TypeError(
            "the function of a stream returns None, a coroutine or a Deferred, "
            f"not {result.__class__.__name__}"
        )
