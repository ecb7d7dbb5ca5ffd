"""
One request and its whole response, with limits on bytes and time.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import TypeVar

from treq.client import HTTPClient
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectError, ConnectingCancelledError, DNSLookupError
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent

from ..._reactor import AnyReactor
from ..._within import within
from ...clock import steady
from ...errors import Disconnected, RedirectRefused
from ._bounded_body import BoundedBody, CannotRead
from ._problems import describe
from ._request import Request
from ._response import headers_of, unwrapped
from ._response_head import follow
from ._sender import sending

_T = TypeVar("_T")

#: Errors that can only happen before anything was sent.
_BEFORE_SENDING = (ConnectError, ConnectingCancelledError, DNSLookupError)


class NoAnswer(Disconnected):
    """
    A request was not answered, or not with a whole response.

    :ivar was_sent: True if the server may have got the request nevertheless.
    """

    def __init__(self, problem: str, *, was_sent: bool = True) -> None:
        super().__init__(problem)
        self.was_sent = was_sent


@dataclass(frozen=True, slots=True)
class WholeResponse:
    """
    A response with its body.

    :ivar url: The URL of the response, after redirects.
    :ivar headers: Headers by their names in lower case; repeated headers are joined with ``", "``.
    """

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes


class Exchanges:
    """
    Sender of requests: through a given treq client or agent, or with connections of its own.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        client: HTTPClient | IAgent | None,
        *,
        timeout: float,
        connections: int = 2,
    ) -> None:
        """
        :param timeout: Seconds within which the whole response must arrive.
        :param connections: Connections to one server that are kept for the next request.
        """
        if not timeout > 0:
            raise ValueError("timeout must be a number of seconds, more than 0")
        reactor = steady(reactor)
        self._clock: IReactorTime = reactor
        self._timeout = timeout
        self._send, self._own = sending(reactor, client, CookieJar(), kept=connections)

    def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        max_bytes: int,
        follows: bool = False,
    ) -> Deferred[WholeResponse]:
        """
        Send a request, and wait for the whole response.

        :param max_bytes: Bytes of the response's body, at most.
        :param follows: True to follow redirects.  An update is not sent to another server.
        :returns: A Deferred that fails with :class:`NoAnswer`, or with :class:`RedirectRefused` if
            a redirect cannot be followed.  Cancelling it closes the connection.
        """

        async def answered() -> WholeResponse:
            sent = Headers({"Accept-Encoding": ["identity"]})
            for name, value in headers.items():
                sent.setRawHeaders(name, [value])
            request = Request(method, url, sent, body)
            if follows:
                response, answerer = await follow(self._send, request)
            else:
                response, answerer = await self._send(request), url
            collector = BoundedBody(max_bytes, may_be_empty=True)
            unwrapped(response)[0].deliverBody(collector)
            try:
                whole = await collector.done
            except CannotRead as problem:
                raise NoAnswer(f"the answer cannot be read: {problem}") from None
            return WholeResponse(response.code, answerer, headers_of(response), whole)

        waiting = Deferred.fromCoroutine(answered())
        waiting.addTimeout(self._timeout, self._clock, _timed_out)
        waiting.addErrback(_explain)
        return _or_cancelled(waiting)

    def in_time(self, awaited: Awaitable[_T], what: str) -> Deferred[_T]:
        """
        Wait for an application that prepares a request, for as long as for an answer.

        :param what: What the application has not done, if it takes longer.
        :returns: A Deferred that fails with :class:`NoAnswer` when the time is over.  Then, and if
            the Deferred is cancelled, the application is cancelled.
        """

        def late() -> NoAnswer:
            return NoAnswer(f"{what} within {self._timeout:g} s", was_sent=False)

        return within(self._timeout, awaited, self._clock, late=late)

    def close(self) -> Deferred[None]:
        """
        Cut its own connections, if it has some.
        """
        return succeed(None) if self._own is None else self._own.close()


def _timed_out(problem: object, seconds: float) -> object:
    if not isinstance(problem, Failure):
        return problem  # the response came at the last moment
    was_sent = not problem.check(*_BEFORE_SENDING)
    raise NoAnswer(f"there was no answer within {seconds:g} s", was_sent=was_sent)


def _explain(failure: Failure) -> Failure:
    if failure.check(NoAnswer, RedirectRefused):
        return failure
    cause: BaseException = failure.value  # type: ignore[assignment]  # None only if it is empty
    was_sent = not failure.check(*_BEFORE_SENDING)
    problem = NoAnswer(f"there was no answer: {describe(cause)}", was_sent=was_sent)
    problem.__cause__ = cause
    return Failure(problem)


def _or_cancelled(waiting: Deferred[WholeResponse]) -> Deferred[WholeResponse]:
    """
    Return a Deferred of the same result that fails with ``CancelledError`` when it is cancelled.
    An agent's own Deferred fails like a lost connection, and a caller would try again.
    """
    is_cancelled = False

    def cancel(_: Deferred[WholeResponse]) -> None:
        nonlocal is_cancelled
        is_cancelled = True
        waiting.cancel()

    answer: Deferred[WholeResponse] = Deferred(cancel)

    def fire(result: WholeResponse | Failure) -> None:
        if not is_cancelled:
            answer.callback(result)

    waiting.addBoth(fire)
    return answer
