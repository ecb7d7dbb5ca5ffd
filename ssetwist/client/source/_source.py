"""
An event source: it opens its stream again whenever that breaks.
"""

from collections.abc import Callable
from inspect import isawaitable
from typing import TYPE_CHECKING, TypeVar

from treq.client import HTTPClient
from twisted.internet.defer import Deferred, fail, gatherResults, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IAgent

from ..._waiters import Waiters
from ...clock import date_of, steady
from ...errors import EventSourceClosed, SSETwistError
from ...eventstream import Event
from ..http import Opened, ResponseHead, jar_of, sending, shown
from ..stream import EventQueue, Stream
from ._attempt import Attempt
from ._options import SourceKeywords, SourceOptions, shows_options
from ._resumption import Resumption
from ._retry import Interruption, RetryPolicy
from ._states import End, OpenStream, ReadyState, new_states

if TYPE_CHECKING:
    from typing_extensions import Unpack  # of typing in Python 3.11

_log = Logger()

_CLOSED = "the event source is closed"

_T = TypeVar("_T")


def call_hook(hook: Callable[[_T], object] | None, value: _T, *, url: str) -> None:
    """
    Call a hook of an application, if it has one.  An exception is logged and changes nothing.

    :param url: URL of the event source, for the log.
    """
    if hook is None:
        return
    try:
        hook(value)
    except BaseException:
        _log.failure("{url}: a hook failed", url=shown(url))


class EventSource:
    """
    Events of a URL, however often the connection breaks (WHATWG HTML 9.2)::

        async with EventSource("https://example.com/events", reactor=reactor) as source:
            async for event in source:
                print(event.data)

    It also works with a callback, ``source.for_each(handle)``, and with Deferreds: :meth:`next`,
    :meth:`when_open`, :meth:`when_closed`.  Each event is handed out once.  Several loops over one
    source share its events.

    The source connects in the next turn of the reactor.  When a stream ends, properly or not, it
    connects again with the last event ID, after the server's reconnection time and a random delay;
    see :class:`Backoff`.  It ends for good

    - with :meth:`close`; events that wait to be taken are dropped;
    - when the server answers 204, which tells clients to stay away;
    - with a failure that ``policy`` finds not worth another try: by default a status other than
      200, 204, 429 and 5xx; a response that is not an event stream; an event that is too large.
      Events that came before it are handed out first.  Then :meth:`next`, the iteration,
      :meth:`for_each` and :meth:`when_closed` fail with it.

    Until then it goes on, even if the application keeps no reference to it.

    An application that takes no events makes the server wait: when 64 events wait, or 64 Ki
    characters of them, the connection is not read until all of them are taken.  Meanwhile the
    source does not notice that the server has left, and ``silence_timeout`` stands still.  The
    events of the piece that was read last (64 KiB, also after gzip) wait in addition.

    :param url: URL of http or https, without a name and a password; send ``Authorization`` instead.
    :param reactor: The reactor.  With ``client``, any clock is enough.
    :param client: A client of treq, or an ``Agent`` (anything that provides ``IAgent``).  It stays
        open.  By default the source has its own connections, which are gone when it is closed, and
        takes at most 256 KiB of headers.  In any case the source follows redirections itself.  From
        a client of treq it uses only the agent and the cookies, so that nothing keeps or decodes a
        body.
    :keyword method: Method of each request.
    :keyword headers: Sent with each request.  They replace the source's ``Accept``,
        ``Cache-Control`` and ``User-Agent``.  A redirection to another origin loses the headers
        that identify the client.
    :keyword fresh_headers: Called before each attempt for headers that change, such as a
        short-lived token.  They replace those in ``headers``.  It may return a Deferred or a
        coroutine, which is cancelled when the source is closed, or after ``connect_timeout``.  If
        it fails, the attempt fails with :class:`ssetwist.errors.HeadersUnavailable` (an
        ``SSETwistError`` stays as it is) and is made again, if the policy allows.
    :keyword body: Sent with each request.
    :keyword cookies: A jar, which also takes the cookies that the server sets; or names and values
        for the origin of the URL.  Cookies are kept for all attempts, except those that are not
        ASCII.  If ``client`` is a client of treq, the cookies are put into its jar.
    :keyword last_event_id: Id of the event to go on after.
    :keyword gzip: If true, ask for gzip.  It is decoded event by event, as the server flushes.
    :keyword connect_timeout: Seconds until the head of a response: redirections, fresh headers, DNS
        and TLS included.
    :keyword silence_timeout: Seconds without a byte after which a connection counts as lost;
        ``None`` for never.  Comments are bytes: choose more than the server's heartbeat.  The
        length of a stream is not limited.
    :keyword backoff: Delays after failures.
    :keyword policy: Called with each failure; returns true if it is worth another try.
    :keyword on_open: Called whenever a stream has begun, before its first event.
    :keyword on_interruption: Called after each failure that is worth another try.
    :keyword on_comment: Called with the text of each comment as soon as it comes, even if earlier
        events wait to be taken.
    :keyword jitter: Returns a number from 0 to 1, a different one each time.
    :keyword max_line: Limit of a line, in bytes without its end.
    :keyword max_event: Limit of an event's data, in bytes.

    :raises ValueError: If the URL, the method, a header or a number makes no sense.
    :raises TypeError: If an option has the wrong type, such as a body that is text.
    :raises InvalidEvent: If the last event ID cannot be an id.

    An exception in a hook is logged and changes nothing.
    """

    @shows_options(SourceKeywords)
    def __init__(
        self,
        url: str,
        *,
        reactor: IReactorTime,
        client: HTTPClient | IAgent | None = None,
        **options: "Unpack[SourceKeywords]",
    ) -> None:
        self._options = given = SourceOptions(url=url, **options)
        self._clock = reactor = steady(reactor)
        self._now = date_of(reactor)
        jar = jar_of(given.cookies, given.url)
        self._send, self._connections = sending(reactor, client, jar)
        self._retries = RetryPolicy(given.url, given.backoff, given.policy, given.jitter)
        self._failures = 0
        self._resumption = Resumption(given, None if given.on_comment is None else self._comment)
        self._queue = EventQueue()
        self._waiting_for_open: Waiters[Opened] = Waiters()
        self._waiting_for_close: Waiters[None] = Waiters()
        self._states = new_states()
        self._attempt_after(0)

    @property
    def state(self) -> ReadyState:
        """
        State of the source: connecting, open or closed.
        """
        held = self._states.held()
        if isinstance(held, OpenStream):
            return ReadyState.OPEN
        return ReadyState.CLOSED if isinstance(held, End) else ReadyState.CONNECTING

    @property
    def url(self) -> str:
        """
        URL with which each attempt begins, as browsers write it.
        """
        return self._options.url

    @property
    def last_event_id(self) -> str:
        """
        Last event ID of the events that were handed out: with it, another source goes on after
        them.  When all events are taken, the next attempt sends it.
        """
        if self._queue.has_untaken:
            return self._resumption.id_after(self._queue.taken)
        return self._resumption.last_event_id

    @property
    def reconnection_time(self) -> float | None:
        """
        Seconds that the server wants between two connections; ``None`` if it has not said so.
        """
        return self._resumption.reconnection_time

    def next(self) -> "Deferred[Event | None]":
        """
        Return the next event.

        :returns: Fires with the event, at once if one waits; with ``None`` when the source is
            closed.  Fails with the failure that has ended the source.  Cancelling it loses no
            event.
        """
        return self._queue.next()

    def when_open(self) -> "Deferred[Opened]":
        """
        Wait for a stream.

        :returns: Fires when a stream is open, at once if one is.  Fails with the failure that has
            ended the source, or with :class:`ssetwist.errors.EventSourceClosed`.  Cancelling it
            only ends the waiting.
        """
        held = self._states.held()
        if isinstance(held, OpenStream):
            return succeed(held.opened)
        if isinstance(held, End):
            return fail(held.problem or EventSourceClosed(_CLOSED))
        return self._waiting_for_open.wait()

    def when_closed(self) -> "Deferred[None]":
        """
        Wait for the end.

        :returns: Fires when the source has ended, with :meth:`close` or because the server said so.
            Fails with the failure that has ended it.  Cancelling it only ends the waiting.
        """
        held = self._states.held()
        if isinstance(held, End):
            return succeed(None) if held.problem is None else fail(held.problem)
        return self._waiting_for_close.wait()

    def for_each(self, handle: Callable[[Event], object]) -> "Deferred[None]":
        """
        Call a function with each event, one after the other.

        :param handle: If it returns a Deferred or a coroutine, the next event waits for that.
        :returns: Fires when the source has been closed.  Fails with the failure that has ended the
            source, or with the exception of ``handle``.  Cancelling it cancels the Deferred of
            ``handle``.  In any case the source is closed then.
        """

        async def each() -> None:
            try:
                async for event in self:
                    result = handle(event)
                    if isawaitable(result):  # a Deferred is also awaitable
                        await result
            finally:
                await self.close()

        return Deferred.fromCoroutine(each())

    def close(self) -> "Deferred[None]":
        """
        End the source.  No hook is called and no event is handed out any more: callers that wait
        for the next event get ``None``.

        Call it at any time, from anywhere, and as often as you like.

        :returns: Fires when the connection is gone; if the source has its own connections, when all
            of them are gone.  Cancelling it only ends the waiting.
        """
        self._queue.close()
        return self._finish(None).when_gone()

    def __aiter__(self) -> "EventSource":
        return self

    async def __anext__(self) -> Event:
        return await self._queue.__anext__()

    async def __aenter__(self) -> "EventSource":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _arrived(self, event: Event) -> None:
        """
        See each event once, when it arrives and before it is handed out.  For subclasses.
        """

    def _attempt_after(self, seconds: float) -> bool:
        timer = self._clock.callLater(seconds, self._attempt)
        is_waiting = self._states.wait(timer)
        if not is_waiting:
            timer.cancel()
        return is_waiting

    def _attempt(self) -> None:
        attempt = Attempt(
            self._options,
            self._resumption.last_event_id,
            send=self._send,
            clock=self._clock,
            answered=lambda answer: self._answered(attempt, answer),
            failed=self._failed,
        )
        self._states.attempt(attempt)
        attempt.start()

    def _answered(self, attempt: Attempt, answer: ResponseHead | None) -> None:
        if answer is None:
            self._finish(None)
            return
        stream = Stream(
            answer.response,
            self._resumption.next_parser(),
            arrived=lambda events: self._have_arrived(open_stream, events),
            ended=self._failed,
            is_gzip=answer.is_gzip,
            silence_timeout=self._options.silence_timeout,
            clock=self._clock,
        )
        opened = Opened(answer.url, answer.headers, attempt.last_event_id)
        open_stream = OpenStream(stream, opened, self._clock.seconds())
        self._states.open(open_stream)
        self._queue.connect(stream)
        _log.debug("{url}: open", url=shown(self.url))
        call_hook(self._options.on_open, opened, url=self.url)
        self._waiting_for_open.fire(opened)
        stream.begin()  # does nothing if a hook or a callback has closed the source

    def _have_arrived(self, stream: OpenStream, events: list[Event]) -> None:
        stream.has_delivered = True
        for event in events:
            self._arrived(event)
        self._queue.put(events)

    def _failed(self, problem: SSETwistError) -> None:
        """
        Plan the next attempt after a failure, or end the source.
        """
        self._queue.connect(None)
        stream = self._states.fail()
        if stream is not None and self._retries.was_healthy(
            problem,
            lasted=self._clock.seconds() - stream.since,
            has_delivered=stream.has_delivered,
        ):
            self._failures = 0
        self._failures += 1
        reconnection_time = self._resumption.reconnection_time
        delay = self._retries.delay(
            problem, self._failures, reconnection_time=reconnection_time, now=self._now()
        )
        if delay is None:
            self._finish(problem)
        elif self._attempt_after(delay):  # not if the policy has closed the source
            _log.info(
                "{url}: {problem}; next attempt in {delay:.1f} s",
                url=shown(self.url),
                problem=problem,
                delay=delay,
            )
            interruption = Interruption(problem, self._failures, delay)
            call_hook(self._options.on_interruption, interruption, url=self.url)

    def _finish(self, problem: SSETwistError | None) -> End:
        """
        End the source for good: first its activity, then all waiting.  Only the first call counts.

        :returns: The end, which may be an earlier one.
        """
        held = self._states.held()
        if isinstance(held, End):
            return held
        end = End(problem)
        activity = self._states.close(end)
        going = [] if activity is None else [activity.cancel()]
        if self._connections is not None:
            going.append(self._connections.close())
        gatherResults([one for one in going if one is not None]).addCallback(end.set_gone)
        if problem is not None:
            _log.warn("{url}: {problem}; closed", url=shown(self.url), problem=problem)
        self._queue.end(problem)
        self._waiting_for_open.fail(problem or EventSourceClosed(_CLOSED))
        self._waiting_for_close.fire(None if problem is None else Failure(problem))
        return end

    def _comment(self, text: str) -> None:
        if self.state is not ReadyState.CLOSED:
            call_hook(self._options.on_comment, text, url=self.url)
