"""
An event stream that comes back.
"""

from collections.abc import Callable
from inspect import isawaitable
from typing import TYPE_CHECKING

from treq.client import HTTPClient
from twisted.internet.defer import Deferred, fail, gatherResults, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.iweb import IAgent

from ..._waiters import Waiters
from ...errors import EventSourceClosed, SSETwistError
from ...eventstream import Event, EventStreamParser
from ..http import Opened, ResponseHead, as_headers, jar_of, method_of, sending, shown
from ..stream import EventQueue, Stream
from ._attempt import Attempt, RequestTemplate
from ._hooks import call_hook
from ._options import SourceKeywords, SourceOptions, shows_options
from ._retry import Delay, Retries
from ._states import ReadyState, new_states

if TYPE_CHECKING:
    from typing_extensions import Unpack  # of typing in Python 3.11

_log = Logger()


class EventSource:
    """
    The events of a URL, however often the connection breaks (WHATWG HTML 9.2)::

        async with EventSource("https://example.com/events", reactor=reactor) as source:
            async for event in source:
                print(event.data)

    It is also to be had with a callback, ``source.for_each(handle)``, and with Deferreds:
    :meth:`next`, :meth:`when_open`, :meth:`when_closed`.  Each event is handed out once; several
    who take from one source share its events.

    It connects as soon as the reactor turns, and whenever a stream ends, properly or not, it comes
    back with the last event ID after the server's reconnection time, and some chance; see
    :class:`Backoff`.  It ends for good

    - with :meth:`close`; events that were not taken yet are dropped;
    - when the server answers 204, which tells clients to stay away;
    - with a failure that ``policy`` finds not worth another try: a status other than 200 and 204,
      429 and 5xx; what is no event stream; an event that is too large.  What came before is handed
      out, and then :meth:`next`, the iteration, :meth:`for_each` and :meth:`when_closed` fail with
      it.

    Until then it goes on, whoever lets go of it.

    Who takes no events makes the server wait: when some events wait, the connection is not read
    from until all of them are taken.  That the server has left is noticed only then, and silence
    is none.  At most 64 events wait, or 64 Ki characters of them, and what one piece of the network
    (64 KiB, with gzip as many decoded) completes beyond that.

    :param url: Of http or https.  Without a name and a password; send ``Authorization`` instead.
    :param reactor: The reactor; with a client of one's own, any clock.
    :param client: A client of treq, or an ``Agent`` (anything that provides ``IAgent``), which
        stays open.  By default there are connections of its own, gone when it is closed, which take
        no more than 256 KiB of headers.  Redirections are followed here in any case, and of a
        client of treq only the agent and the cookies are used: nothing keeps or decodes a body.
    :param method: Of the request, and of each one after it.
    :param headers: Sent with each request, also instead of its own ``Accept``, ``Cache-Control``
        and ``User-Agent``.  Those that say who one is are for the origin of the URL only: a
        redirection to another one loses them.
    :param fresh_headers: Called before each attempt for more headers, or others, such as a token
        that has to be young.  It may return a Deferred, or a coroutine that awaits some; that is
        cancelled when the source is closed, or when it takes too long.  If it fails, so does the
        attempt, with :class:`ssetwist.errors.HeadersUnavailable` (an ``SSETwistError`` stays what
        it is), and is made again, unless the policy says other.
    :param body: Sent with each request.
    :param cookies: A jar, which then also gets the cookies that the server sets; or names and
        values for the origin of the URL.  Cookies are kept for all attempts, but for those that are
        no ASCII.  A client of treq has a jar of its own, into which these are put.
    :param last_event_id: Where to go on from.
    :param gzip: Whether to ask for gzip.  It is decoded event by event, as the server flushes.
    :param connect_timeout: Seconds until the head of a response: redirections, fresh headers, DNS
        and TLS included.
    :param silence_timeout: Seconds without a byte after which a connection counts as lost.
        Comments are bytes: this is to be longer than the server's heartbeat.  ``None`` for never.
        There is no limit to how long a stream may last.
    :param backoff: How failures are spread over time.
    :param policy: Tells whether a failure is worth another try.
    :param on_open: Called whenever a stream has begun, before its first event.
    :param on_interruption: Called after each failure that is worth another try.
    :param on_comment: Called with the text of each comment, when it comes: earlier than events that
        wait to be taken.
    :param jitter: Returns a number from 0 to 1, another one each time.
    :param max_line: The longest line, in bytes without its end.
    :param max_event: The most data of one event, in bytes.

    :raises ValueError: If the URL, the method, a header, or a number makes no sense.
    :raises TypeError: If something is what it cannot be, such as a body that is text.
    :raises InvalidEvent: If the last event ID can be none.

    What a hook raises is logged, and changes nothing.
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
        self._options = SourceOptions(url=url, **options)
        self._url = self._options.url
        self._clock = reactor
        self._retries = Retries(
            self._url, self._options.backoff, self._options.policy, self._options.jitter
        )
        self._given_event_id = self._options.last_event_id
        self._parser = self._new_parser(self._given_event_id)
        self._reconnection_time: float | None = None

        send, self._connections = sending(reactor, client, jar_of(self._options.cookies, self._url))
        self._template = RequestTemplate(
            send,
            reactor,
            self._url,
            method_of(self._options.method),
            as_headers(self._options.headers),
            self._options.fresh_headers,
            self._options.body,
            self._options.gzip,
            self._options.connect_timeout,
        )

        self._queue = EventQueue()
        self._opened: Opened | None = None
        self._opened_at = 0.0
        self._has_delivered = False
        self._problem: Exception | None = None
        self._is_gone = False
        self._gone: Waiters[None] = Waiters()
        self._waiting_for_open: Waiters[Opened] = Waiters()
        self._waiting_for_close: Waiters[None] = Waiters()
        self._states = new_states()
        self._attempt_after(0)

    @property
    def state(self) -> ReadyState:
        """
        What it does now.
        """
        return self._states.ready_state()

    @property
    def url(self) -> str:
        """
        What it asks each time: the URL that it was given, as browsers write it.
        """
        return self._url

    @property
    def last_event_id(self) -> str:
        """
        The last event ID as of the last event that was handed out: where to go on from, later or
        elsewhere.  When all that came was handed out, what will be sent as ``Last-Event-ID``.
        """
        if not self._queue:
            return self._parser.last_event_id
        taken = self._queue.taken
        return self._given_event_id if taken is None else taken.id or ""

    @property
    def reconnection_time(self) -> float | None:
        """
        Seconds that the server wants between two connections; ``None`` if it has not said so.
        """
        found = self._parser.reconnection_time
        return self._reconnection_time if found is None else found

    def next(self) -> "Deferred[Event | None]":
        """
        Return the next event.

        :returns: Fires with it, at once if it has come; with ``None`` when there will be none.
            Fails with what has ended the source.  Cancelling it loses no event.
        """
        return self._queue.next()

    def when_open(self) -> "Deferred[Opened]":
        """
        Wait for a stream.

        :returns: Fires when there is one, at once if there is.  Fails with what has ended the
            source, or with :class:`ssetwist.errors.EventSourceClosed`.  Cancelling it only ends
            the waiting.
        """
        if self._opened is not None:
            return succeed(self._opened)
        if self.state is ReadyState.CLOSED:
            return fail(self._problem or EventSourceClosed("the event source is closed"))
        return self._waiting_for_open.wait()

    def when_closed(self) -> "Deferred[None]":
        """
        Wait for the end.

        :returns: Fires when the source has ended, with :meth:`close` or because the server said so.
            Fails with the failure that has ended it.  Cancelling it only ends the waiting.
        """
        if self.state is ReadyState.CLOSED:
            return succeed(None) if self._problem is None else fail(self._problem)
        return self._waiting_for_close.wait()

    def for_each(self, handle: Callable[[Event], object]) -> "Deferred[None]":
        """
        Call something with each event, one after the other.

        :param handle: If it returns a Deferred or a coroutine, the next event waits for that.
        :returns: Fires when the source has been closed.  Fails with what has ended it, or with
            what ``handle`` has raised.  Cancelling it cancels what ``handle`` waits for.  In any
            case the source is closed then.
        """

        async def each() -> None:
            try:
                async for event in self:
                    result = handle(event)
                    if isawaitable(result):  # a Deferred is, too
                        await result
            finally:
                await self.close()

        return Deferred.fromCoroutine(each())

    def close(self) -> "Deferred[None]":
        """
        End it.  From here on nothing of it is called or handed out: who waits for the next event
        gets ``None``.

        It may be called at any time, from anywhere, and more than once.

        :returns: Fires when the connection is gone; with connections of its own, when all of them
            are.  Cancelling it only ends the waiting.
        """
        self._queue.close()
        self._finish(None)
        return succeed(None) if self._is_gone else self._gone.wait()

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
        See each event once, when it has come and before it is handed out.  For subclasses.
        """

    def _attempt_after(self, seconds: float) -> bool:
        delay = Delay(self._clock, seconds, self._attempt)
        if not self._states.delays(delay):
            return False
        delay.start()
        return True

    def _attempt(self) -> None:
        attempt = Attempt(
            self._template,
            self._parser.last_event_id,
            answered=lambda answer: self._answered(attempt, answer),
            failed=self._failed,
        )
        self._states.attempts(attempt)
        attempt.start()

    def _answered(self, attempt: Attempt, answer: ResponseHead | None) -> None:
        if answer is None:
            self._finish(None)
            return
        # A reader of its own for each stream: what the last one has left unfinished is dropped.
        self._reconnection_time = self.reconnection_time
        self._parser = self._new_parser(self._parser.last_event_id)
        stream = Stream(
            answer.response,
            self._parser,
            arrived=self._have_arrived,
            ended=self._failed,
            is_gzip=answer.is_gzip,
            silence_timeout=self._options.silence_timeout,
            clock=self._clock,
        )
        self._states.opens(stream)
        opened = self._opened = Opened(answer.url, answer.headers, attempt.last_event_id)
        self._opened_at = self._clock.seconds()
        self._has_delivered = False
        self._queue.connect(stream)
        _log.debug("{url}: open", url=shown(self._url))
        call_hook(self._options.on_open, opened, url=self._url)
        self._waiting_for_open.fire(opened)
        stream.begin()  # which does nothing if one of these has closed the source

    def _have_arrived(self, events: list[Event]) -> None:
        self._has_delivered = True
        for event in events:
            self._arrived(event)
        self._queue.put(events)

    def _failed(self, problem: SSETwistError) -> None:
        """
        Take the end of an attempt, or of a stream.
        """
        self._queue.connect(None)
        if self._opened is not None:
            self._opened = None
            lasted = self._clock.seconds() - self._opened_at
            self._retries.see_end(problem, lasted=lasted, has_delivered=self._has_delivered)
        interruption = self._retries.after(
            problem, reconnection_time=self.reconnection_time, now=self._clock.seconds()
        )
        if interruption is None:
            self._finish(problem)
        elif self._attempt_after(interruption.delay):
            _log.info(
                "{url}: {problem}; next attempt in {delay:.1f} s",
                url=shown(self._url),
                problem=problem,
                delay=interruption.delay,
            )
            call_hook(self._options.on_interruption, interruption, url=self._url)

    def _finish(self, problem: SSETwistError | None) -> None:
        """
        End for good: first all that goes on, then those who wait for something.
        """
        ending = self._states.ends()
        if not ending.is_new:
            return
        self._problem = problem
        self._opened = None
        self._queue.connect(None)
        going = [] if ending.activity is None else [ending.activity.stop()]
        if self._connections is not None:
            going.append(self._connections.close())
        gatherResults([one for one in going if one is not None]).addCallback(self._set_gone)
        if problem is not None:
            _log.warn("{url}: {problem}; the end", url=shown(self._url), problem=problem)
        self._queue.end(problem)
        if problem is None:
            self._waiting_for_open.fail(EventSourceClosed("the event source is closed"))
            self._waiting_for_close.fire(None)
        else:
            self._waiting_for_open.fail(problem)
            self._waiting_for_close.fail(problem)

    def _set_gone(self, _: object) -> None:
        self._is_gone = True
        self._gone.fire(None)

    def _new_parser(self, last_event_id: str) -> EventStreamParser:
        on_comment = None if self._options.on_comment is None else self._comment
        return self._options.new_parser(last_event_id, on_comment)

    def _comment(self, text: str) -> None:
        if self.state is not ReadyState.CLOSED:
            call_hook(self._options.on_comment, text, url=self._url)
