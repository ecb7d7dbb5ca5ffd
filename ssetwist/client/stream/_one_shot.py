"""
Events of one response, for APIs that are asked once.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import get_ident

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.logger import Logger
from twisted.web.iweb import IResponse

from ..._reactor import AnyReactor
from ...clock import steady
from ...errors import Disconnected, NotAnEventStream, SSETwistError
from ...eventstream import MAX_EVENT, MAX_LINE, Event, EventStreamParser
from ..http import ResponseHead, checked, discard, type_of, unwrapped
from ._queue import EventQueue
from ._stream import Stream

_log = Logger()


def stream_events(
    response: IResponse,
    *,
    reactor: IReactorTime | None = None,
    silence_timeout: float | None = None,
    max_line: int = MAX_LINE,
    max_event: int = MAX_EVENT,
    on_comment: Callable[[str], object] | None = None,
) -> "ResponseEvents":
    """
    Read the events of one response, such as a language model's answer::

        response = await treq.post(url, json=question, unbuffered=True)
        async for event in stream_events(response):
            if event.data == "[DONE]":
                break
            print(event.data)

    The response is read as fast as the loop takes the events, and the loop ends when the response
    does.  Leaving the loop earlier closes the connection at once, so that the server does not work
    in vain: with ``break``, with an exception, when the code that waits in the loop is cancelled,
    or when the generator around the loop is closed.  Python then drops the last reference to the
    events.  If a name still refers to them, use ``async with``::

        async with stream_events(response) as events:
            first = await anext(events)

    :param response: Response of an ``Agent`` or of treq; no other code may read its body.  gzip is
        decoded.  The body is not kept, even without ``unbuffered=True`` for treq.
    :param reactor: Clock for the time-out; by default the installed reactor.
    :param silence_timeout: Seconds without a byte after which the stream counts as lost; ``None``
        for never.  It does not limit the time before the response begins.
    :param max_line: Limit of a line, in bytes without its end.
    :param max_event: Limit of an event's data, in bytes of UTF-8.
    :param on_comment: Called with the text of each comment.  An exception is logged and changes
        nothing.
    :returns: The events, oldest first, once.  A step of the loop may raise
        :class:`NotAnEventStream`, with the start of the body, before the first event, if the status
        is not 200 or the type is not ``text/event-stream``; :class:`Disconnected` after the last
        event, if the connection was lost before the response had ended (a response in HTTP/1.0
        without a length does not show that); :class:`ssetwist.errors.EventTooLarge`; and
        ``RuntimeError``, if other code has asked for the body.
    :raises ValueError: If a limit, or the time-out, is not positive.
    :raises TypeError: If it is not a response but, for example, a Deferred.
    """
    given: object = response
    if not IResponse.providedBy(given):
        what = "a Deferred: await it first" if isinstance(given, Deferred) else type_of(given)
        raise TypeError(f"stream_events takes a response of an Agent or of treq, not {what}")
    if silence_timeout is not None and not silence_timeout > 0:
        raise ValueError("silence_timeout must be a number of seconds, more than 0")
    if reactor is None:
        reactor = _installed_reactor()
    reactor = steady(reactor)
    parser = EventStreamParser(
        max_line=max_line,
        max_event=max_event,
        on_comment=None if on_comment is None else _logging_errors(on_comment),
    )
    return ResponseEvents(_Reading(response, parser, reactor, silence_timeout), reactor)


class ResponseEvents:
    """
    Events of one response, from :func:`stream_events`.
    """

    # The connection does not refer to this object.  So the loop's reference is the last one, and
    # the connection is closed when the loop drops it.

    def __init__(self, reading: "_Reading", reactor: IReactorTime) -> None:
        self._reading = reading
        self._reactor: AnyReactor = reactor  # with one thread a Clock is enough
        self._thread = get_ident()

    def __aiter__(self) -> "ResponseEvents":
        return self

    async def __anext__(self) -> Event:
        """
        Wait for the next event.  Cancelling it closes the connection.
        """
        try:
            event = await self._reading.next()
        except CancelledError:
            # Not left to __del__: the traceback holds this frame, and the frame this object.
            self._reading.close()
            raise
        if event is None:
            raise StopAsyncIteration
        return event

    async def aclose(self) -> None:
        """
        Close the connection, unless the response has ended; no more events come.
        """
        self._reading.close()

    async def __aenter__(self) -> "ResponseEvents":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.close()

    def __del__(self) -> None:
        # Python may collect garbage in any thread.  A clock does not belong to a thread.
        is_elsewhere = get_ident() != self._thread
        if is_elsewhere and IReactorFromThreads.providedBy(self._reactor):
            self._reactor.callFromThread(self._reading.abandon)
        else:
            self._reading.abandon()


@dataclass(eq=False)
class _Reading:
    """
    Reader of one response.  It begins when the first event is asked for.
    """

    response: IResponse
    parser: EventStreamParser
    clock: IReactorTime
    silence_timeout: float | None

    def __post_init__(self) -> None:
        self._queue = EventQueue()
        self._checking: Deferred[ResponseHead] | None = None
        self._stream: Stream | None = None
        self._is_closed = False

    async def next(self) -> Event | None:
        if self._checking is None and not self._is_closed:
            url: bytes = unwrapped(self.response)[0].request.absoluteURI or b""
            self._checking = Deferred.fromCoroutine(
                checked(self.response, url.decode("latin-1"), self.clock, takes_gzip=True)
            )
            try:
                self._begin(await self._checking)
            except (NotAnEventStream, RuntimeError) as problem:
                # A wrong response is cut already; one that other code reads belongs to that code.
                self._is_closed = True
                self._queue.end(problem)
        return await self._queue.next()

    def close(self) -> None:
        """
        Close the connection; callers that wait are told that the events are over.
        """
        self.abandon()
        self._queue.close()
        if self._checking is not None:
            self._checking.cancel()

    def abandon(self) -> None:
        """
        Close the connection; callers that waited, if any, are garbage.
        """
        if self._is_closed:
            return
        self._is_closed = True
        if self._stream is not None:
            self._stream.close()
        elif self._checking is None:
            with suppress(RuntimeError):  # other code reads it, or has read it
                discard(self.response)

    def _begin(self, answer: ResponseHead) -> None:
        self._stream = Stream(
            answer.response,
            self.parser,
            arrived=self._queue.put,
            ended=self._ended,
            is_gzip=answer.is_gzip,
            silence_timeout=self.silence_timeout,
            clock=self.clock,
        )
        self._queue.connect(self._stream)
        self._stream.begin()

    def _ended(self, problem: SSETwistError) -> None:
        is_clean = isinstance(problem, Disconnected) and problem.is_clean
        self._queue.end(None if is_clean else problem)


def _logging_errors(on_comment: Callable[[str], object]) -> Callable[[str], None]:
    # An exception would make Twisted end the connection as if the response had ended.
    def call(comment: str) -> None:
        try:
            on_comment(comment)
        except BaseException:
            _log.failure("on_comment failed")

    return call


def _installed_reactor() -> AnyReactor:
    # A response has come, so a reactor is installed.  An import at the top would install one.
    from twisted.internet import reactor

    return reactor
