"""
An API that answers one request with an event stream, and is not asked again.
"""

from collections.abc import Callable
from contextlib import suppress
from threading import get_ident
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.logger import Logger
from twisted.web.iweb import IResponse

from ..._reactor import AnyReactor
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

    The response is read as fast as the loop takes the events, and no faster.  The loop ends when
    the response does.  Leaving it earlier closes the connection at once, so that the server does
    not work for nobody: by ``break``, by an exception, because what waits in the loop is cancelled,
    or because the generator around it is closed.  The loop lets go of what it loops over, and that
    is the moment.  Who gives that a name says the moment with ``async with``::

        async with stream_events(response) as events:
            first = await anext(events)

    :param response: Of an ``Agent`` or of treq; nobody else may read its body.  gzip is decoded.
        Nothing of the body is kept, even if treq was not told ``unbuffered=True``.
    :param reactor: Where time passes; the installed one if it is not given.
    :param silence_timeout: Seconds without a byte after which the stream is taken for dead;
        ``None`` for never.  An answer may take its time before it begins.
    :param max_line: The longest line, in bytes without its end.
    :param max_event: The most data of one event, in bytes of UTF-8.
    :param on_comment: Called with the text of each comment.  What it raises is logged, and changes
        nothing.
    :returns: The events, oldest first, to be had once.  A step of the loop may raise
        :class:`NotAnEventStream` before the first event, if the status is not 200 or the type not
        ``text/event-stream``, with the start of the body; :class:`Disconnected` after the last one,
        if the connection was lost before the response had ended, which nobody can tell of one in
        HTTP/1.0 without a length; :class:`ssetwist.errors.EventTooLarge`; and ``RuntimeError``, if
        somebody else has asked for the body.
    :raises ValueError: If a limit, or the time-out, is not positive.
    :raises TypeError: If it is no response, but a Deferred of one, say.
    """
    given: object = response
    if not IResponse.providedBy(given):
        what = "a Deferred: await it first" if isinstance(given, Deferred) else type_of(given)
        raise TypeError(f"stream_events takes a response of an Agent or of treq, not {what}")
    if silence_timeout is not None and not silence_timeout > 0:
        raise ValueError("silence_timeout must be a number of seconds, more than 0")
    if reactor is None:
        reactor = _installed_reactor()
    parser = EventStreamParser(
        max_line=max_line,
        max_event=max_event,
        on_comment=None if on_comment is None else _logging_errors(on_comment),
    )
    return ResponseEvents(_Reading(response, parser, reactor, silence_timeout), reactor)


class ResponseEvents:
    """
    The events of one response, from :func:`stream_events`.
    """

    # Nothing that the connection holds leads here: so the last to let go of this is who loops over
    # it, and that is when the connection is closed.

    def __init__(self, reading: "_Reading", reactor: IReactorTime) -> None:
        self._reading = reading
        self._reactor: AnyReactor = reactor  # a Clock is enough where there is one thread
        self._thread = get_ident()

    def __aiter__(self) -> "ResponseEvents":
        return self

    async def __anext__(self) -> Event:
        """
        Wait for the next event.  Cancelling that closes the connection.
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
        Close the connection, unless the response has ended; no event comes any more.
        """
        self._reading.close()

    async def __aenter__(self) -> "ResponseEvents":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.close()

    def __del__(self) -> None:
        """
        Close the connection.
        """
        # Garbage is collected in whichever thread has made enough of it.  A clock has no thread.
        is_elsewhere = get_ident() != self._thread
        if is_elsewhere and IReactorFromThreads.providedBy(self._reactor):
            self._reactor.callFromThread(self._reading.abandon)
        else:
            self._reading.abandon()


class _Reading:
    """
    Reads one response, from when the first event is asked for.
    """

    def __init__(
        self,
        response: IResponse,
        parser: EventStreamParser,
        clock: IReactorTime,
        silence_timeout: float | None,
    ) -> None:
        self._response = response
        self._parser = parser
        self._clock = clock
        self._silence_timeout = silence_timeout
        self._queue = EventQueue()
        self._checking: Deferred[ResponseHead] | None = None
        self._stream: Stream | None = None
        self._is_closed = False

    async def next(self) -> Event | None:
        """
        Wait for the next event; ``None`` at the end.
        """
        if self._checking is None and not self._is_closed:
            self._checking = Deferred.fromCoroutine(
                checked(self._response, _url_of(self._response), self._clock, takes_gzip=True)
            )
            try:
                self._begin(await self._checking)
            except (NotAnEventStream, RuntimeError) as problem:
                # What is no event stream is cut already; what somebody else reads is theirs.
                self._is_closed = True
                self._queue.end(problem)
        return await self._queue.next()

    def close(self) -> None:
        """
        Close the connection; who waits is told that it is over.
        """
        self.abandon()
        self._queue.close()
        if self._checking is not None:
            self._checking.cancel()

    def abandon(self) -> None:
        """
        Close the connection; nobody waits, or those who did are garbage.
        """
        if self._is_closed:
            return
        self._is_closed = True
        if self._stream is not None:
            self._stream.close()
        elif self._checking is None:
            with suppress(RuntimeError):  # somebody else reads it, or has read it
                discard(self._response)

    def _begin(self, answer: ResponseHead) -> None:
        self._stream = Stream(
            answer.response,
            self._parser,
            arrived=self._queue.put,
            ended=self._ended,
            is_gzip=answer.is_gzip,
            silence_timeout=self._silence_timeout,
            clock=self._clock,
        )
        self._queue.connect(self._stream)
        self._stream.begin()

    def _ended(self, problem: SSETwistError) -> None:
        is_clean = isinstance(problem, Disconnected) and problem.is_clean
        self._queue.end(None if is_clean else problem)


def _logging_errors(on_comment: Callable[[str], object]) -> Callable[[str], None]:
    # What it raised would end the connection in Twisted's hands, as if the response had ended.
    def call(comment: str) -> None:
        try:
            on_comment(comment)
        except Exception:
            _log.failure("on_comment failed")

    return call


def _url_of(response: IResponse) -> str:
    url: bytes | None = unwrapped(response)[0].request.absoluteURI
    return "" if url is None else url.decode("latin-1")


def _installed_reactor() -> IReactorTime:
    # There is a response, so that one is installed; importing it earlier would install one.
    from twisted.internet import reactor

    installed: Any = reactor
    chosen: IReactorTime = installed
    return chosen
