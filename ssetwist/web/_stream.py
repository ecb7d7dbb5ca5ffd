"""
Resource of a hub's event stream: a ``GET`` subscribes.
"""

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from math import inf
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.error import UnsupportedMethod
from twisted.web.http import BAD_REQUEST, FORBIDDEN, INTERNAL_SERVER_ERROR, NOT_ALLOWED
from twisted.web.pages import notFound
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request

from .._within import within
from ..errors import InvalidMatcher
from ..hub import DEFAULT_RECONNECTION_TIME, END_ID, EndReason, Filter, Hub, Subscriber, View
from ..matching import EVERYTHING, Matchers, Topics
from ._head import answer_no_content, refuse, write_head
from ._opener import StreamOpener
from ._outlet import RequestOutlet
from ._start import Start, start_of

_log = Logger()

#: Seconds for an application's answer which topics a request may have.
DEFAULT_TOPICS_TIMEOUT = 10.0

_METHODS = "GET, HEAD, OPTIONS"


class _TooLate(Exception):
    """
    The application's fault: it has not answered in time.
    """


class EventStreamResource(Resource):
    """
    Event stream of everything that the hub publishes, or of some topics (WHATWG HTML 9.2).

    ``GET`` subscribes; the head and the first bytes leave at once.  ``HEAD`` gets the same head
    without subscribing.  A compressor around this resource is removed with a warning.

    A client that comes back with a ``Last-Event-ID`` gets the events that it has missed.  A new
    client gets events from now on; with ``?from=earliest`` first everything that is kept, with
    ``?from=-10`` first the last ten.  A browser gets an id to come back with at once, so it misses
    nothing even if it loses its stream before the first event.

    An idle subscriber costs little: once the stream has begun, the headers and the body of the
    request are dropped.  Read them in ``topics``, ``grants``, ``filter`` or ``who``.

    When the hub is full, or closed, a browser gets 200, a longer ``retry`` and the end, because any
    other answer would make its ``EventSource`` give up for ever.  Any other client gets 503 with
    ``Retry-After``.

    :param topics: Topics of every subscriber; or a function that is called with the request and
        returns topics, an awaitable of them, or ``None`` to refuse with 403.  If the client goes
        before the answer, the awaitable is cancelled.
    :param topics_timeout: Seconds within which an awaitable of topics must be done.  Otherwise it
        is cancelled, and the client is answered as if the hub were full.
    :param grants: Topics with private events that every subscriber may see; or a function that is
        called with the request and returns these topics.
    :param filter: Called with the request; returns ``None`` or the filter of the subscriber, which
        is called with the topics and the event.  See :meth:`ssetwist.hub.View.of`.
    :param who: Called with the request; returns the application's name for the subscriber
        (:attr:`ssetwist.Subscriber.who`).
    :param reconnection_time: Seconds after which a client that lost its stream comes back; 0 for at
        once, ``None`` to let the client choose.
    :param on_start: Called with each new subscriber.
    :param on_end: Called with the subscriber and the reason, in the reactor turn in which the end
        of its stream is known, after the hub has forgotten it.
    """

    def __init__(
        self,
        hub: Hub,
        topics: Topics | Callable[[Request], Topics | Awaitable[Topics | None] | None] = EVERYTHING,
        *,
        grants: Topics | Callable[[Request], Topics] = (),
        filter: Callable[[Request], Filter | None] | None = None,
        who: Callable[[Request], object] | None = None,
        reconnection_time: float | None = DEFAULT_RECONNECTION_TIME,
        topics_timeout: float = DEFAULT_TOPICS_TIMEOUT,
        on_start: Callable[[Subscriber], object] | None = None,
        on_end: Callable[[Subscriber, EndReason], object] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(hub, Hub):
            raise TypeError(f"a hub comes first, not {hub!r}")
        for name, function in (("filter", filter), ("who", who)):
            if function is not None and not callable(function):
                raise TypeError(f"{name} must be called with the request, which {function!r} can't")
        if not 0 < topics_timeout < inf:
            raise ValueError(f"topics_timeout {topics_timeout!r} must be more than 0 seconds")
        # Invalid matchers are reported now, and not to each client.
        self._topics = topics if callable(topics) else Matchers.of(topics)
        self._grants = grants if callable(grants) else Matchers.of(grants)
        self._topics_timeout = topics_timeout
        self._clock = hub.streams.clock
        self._filter = filter
        #: View of every subscriber, unless it depends on the request.
        self._view = (
            View(self._topics, self._grants)
            if isinstance(self._topics, Matchers)
            and isinstance(self._grants, Matchers)
            and filter is None
            else None
        )
        self._who = who
        self._opener = StreamOpener(hub, reconnection_time=reconnection_time)
        self._on_start = on_start
        self._on_end = on_end

    def getChild(self, path: bytes, request: Request) -> IResource:
        # A path with a slash at the end is the same stream.
        return notFound() if path else self

    def render(self, request: Request) -> bytes | int:
        if request.method == b"GET":
            return self.render_GET(request)
        try:
            return super().render(request)  # type: ignore[no-any-return]  # one of ours below
        except UnsupportedMethod:
            request.setHeader("Allow", _METHODS)
            return refuse(request, NOT_ALLOWED, "This is an event stream; use GET.")

    def render_GET(self, request: Request) -> bytes | int:
        # First thing: an outlet that is made after the end of the request never learns about it.
        outlet = self._opener.outlet(request)
        if not outlet.is_new:
            return NOT_DONE_YET
        try:
            start = start_of(request)
        except ValueError as problem:
            return refuse(request, BAD_REQUEST, str(problem))
        if start.last_event_id == END_ID:
            answer_no_content(request)
            return NOT_DONE_YET
        topics: Any = self._topics  # it may be anything, in spite of the annotation
        try:
            if not callable(topics):
                return self._subscribe(topics, request, outlet, start)
            topics = topics(request)
            if not isawaitable(topics):
                return self._subscribe(topics, request, outlet, start)
        except InvalidMatcher as problem:
            return refuse(request, BAD_REQUEST, str(problem))
        self._subscribe_later(topics, request, outlet, start)
        return NOT_DONE_YET

    def render_HEAD(self, request: Request) -> bytes:
        write_head(request)
        return b""

    def render_OPTIONS(self, request: Request) -> int:
        request.setHeader("Allow", _METHODS)
        answer_no_content(request)
        return NOT_DONE_YET

    def _subscribe_later(
        self,
        topics: Awaitable[Topics | None],
        request: Request,
        outlet: RequestOutlet,
        start: Start,
    ) -> None:
        is_answered = False

        async def subscribe() -> None:
            nonlocal is_answered
            try:
                found = await within(self._topics_timeout, topics, self._clock, late=_TooLate)
                is_answered = True
                answer = self._subscribe(found, request, outlet, start)
            except InvalidMatcher as problem:
                answer = refuse(request, BAD_REQUEST, str(problem))
            except _TooLate:
                _log.error(
                    "the function for the topics of a request has not answered in {seconds:g} s",
                    seconds=self._topics_timeout,
                )
                answer = self._opener.turn_away(request)
            if isinstance(answer, bytes) and outlet.is_new:
                request.write(answer)
                request.finish()

        def failed(problem: Failure) -> None:
            # Only the wait is cancelled when the client goes.
            is_cancelled = problem.check(CancelledError) and not (is_answered or outlet.is_new)
            if not is_cancelled:
                _log.failure("a function for the stream of a request failed", problem)
            if not outlet.is_new:
                return  # the client has gone
            request.write(refuse(request, INTERNAL_SERVER_ERROR, "There was an error here."))
            request.finish()

        asking = Deferred.fromCoroutine(subscribe())
        asking.addErrback(failed)
        request.notifyFinish().addErrback(lambda _: asking.cancel())

    def _subscribe(
        self, topics: Topics | None, request: Request, outlet: RequestOutlet, start: Start
    ) -> bytes | int:
        if outlet.refuse_early_bytes():
            return NOT_DONE_YET
        if topics is None:
            return refuse(request, FORBIDDEN, "You are not allowed to read this event stream.")
        if reason := self._opener.why_full(request):
            _log.info("a client is sent away for a while: {reason}", reason=reason)
            return self._opener.turn_away(request)
        view = self._view or View.of(
            topics,
            grants=self._grants(request) if callable(self._grants) else self._grants,
            filter=self._filter and self._filter(request),
        )
        who = self._who and self._who(request)
        try:
            subscriber = self._opener.open(
                request, outlet, view, start, who=who, on_end=self._on_end
            )
        except BaseException:
            if outlet.is_new:
                raise
            _log.failure("a stream that had begun could not be subscribed and was cut")
            return NOT_DONE_YET
        if self._on_start is not None:
            try:
                self._on_start(subscriber)
            except BaseException:
                _log.failure("the on_start callback of a subscriber failed")
        return NOT_DONE_YET
