"""
One attempt of an event source: its fresh headers, its request, and the head of its response.
"""

from asyncio import CancelledError as AsyncioCancelledError
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from ...errors import Disconnected, HeadersUnavailable, SSETwistError
from ..http import (
    Request,
    RequestSender,
    ResponseHead,
    as_headers,
    checked,
    describe,
    discard,
    disconnected,
    follow,
    head,
)
from ._options import SourceOptions

_log = Logger()

#: Status that tells clients to stay away (WHATWG HTML 9.2.3).
_NO_CONTENT = 204


@dataclass(slots=True, eq=False)
class Attempt:
    """
    One request for an event stream.

    :ivar last_event_id: Sent as ``Last-Event-ID``.
    :ivar answered: Called with the response if it is an event stream; with ``None`` if it tells
        clients to stay away.
    :ivar failed: Called with the reason otherwise.  Neither is called after :meth:`cancel`.
    """

    options: SourceOptions
    last_event_id: str
    send: RequestSender
    clock: IReactorTime
    answered: Callable[[ResponseHead | None], object]
    failed: Callable[[SSETwistError], object]
    _is_cancelled: bool = field(default=False, init=False)
    _is_over: bool = field(default=False, init=False)
    _running: Deferred[None] | None = field(default=None, init=False)

    def start(self) -> None:
        """
        Send the request.  The answer may come before this returns.
        """
        self._running = Deferred.fromCoroutine(self._run())
        self._running.addErrback(self._failed_unexpectedly)
        if self._is_cancelled:  # by the hook for fresh headers
            self.cancel()

    def cancel(self) -> None:
        self._is_cancelled = True
        if self._running is not None and not self._is_over:
            self._running.cancel()

    def _failed_unexpectedly(self, problem: Failure) -> None:
        _log.failure("an attempt failed unexpectedly", problem)
        if not (self._is_over or self._is_cancelled):  # an agent or a hook raised SystemExit, say
            self._is_over = True
            self.failed(Disconnected(f"the attempt failed: {type(problem.value).__name__}"))

    async def _run(self) -> None:
        problem = answer = None
        try:
            answer = await self._ask()
        except SSETwistError as one:
            problem = one
        except (Exception, CancelledError) as one:  # any failure of a network
            problem = disconnected(one)
        self._is_over = True
        if self._is_cancelled:
            return
        if problem is not None:
            self.failed(problem)
        else:
            self.answered(answer)

    async def _ask(self) -> ResponseHead | None:
        response, url = await self._reach_in_time()
        if response.code == _NO_CONTENT:
            discard(response)
            return None
        return await checked(response, url, self.clock, takes_gzip=self.options.gzip)

    def _reach_in_time(self) -> "Deferred[tuple[IResponse, str]]":
        """
        Reach the head of a response, or fail when that takes too long or is cancelled.  Fail at
        once even if the code that is cancelled, such as a hook, goes on.
        """
        timeout = self.options.connect_timeout
        head: Deferred[tuple[IResponse, str]] = Deferred(lambda _: reaching.cancel())
        timer = self.clock.callLater(timeout, lambda: late())

        def late() -> None:
            head.errback(Disconnected(f"no response within {timeout:g} s"))
            reaching.cancel()

        def reached(result: Any) -> None:  # the head, or a Failure
            if not head.called:
                head.callback(result)
            elif not isinstance(result, Failure):
                discard(result[0])

        def done(result: Any) -> Any:
            if timer.active():
                timer.cancel()
            return result

        head.addBoth(done)
        reaching = Deferred.fromCoroutine(self._reach()).addBoth(reached)
        return head

    async def _reach(self) -> tuple[IResponse, str]:
        options = self.options
        fresh = await self._fresh_headers()
        if self._is_cancelled:
            raise CancelledError
        given, last_event_id = as_headers(options.headers), self.last_event_id
        headers = head(given, fresh, last_event_id=last_event_id, wants_gzip=options.gzip)
        request = Request(options.method, options.url, headers, options.body)
        return await follow(self.send, request)

    async def _fresh_headers(self) -> Headers:
        hook = self.options.fresh_headers
        if hook is None:
            return Headers()
        try:
            given = hook()
            return as_headers(await given if isinstance(given, Awaitable) else given)
        except SSETwistError:
            raise
        except (Exception, AsyncioCancelledError) as problem:  # the hook is the application's code
            raise HeadersUnavailable(f"fresh_headers failed: {describe(problem)}") from problem
