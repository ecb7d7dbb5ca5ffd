"""
One request and its whole answer, which is given a limit to what it may take of us: bytes and time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar

from treq.client import HTTPClient
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectError, ConnectingCancelledError, DNSLookupError
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent

from ..._reactor import AnyReactor
from ...errors import Disconnected, RedirectRefused
from ._bounded_body import BoundedBody, CannotRead
from ._problems import describe
from ._request import Request
from ._response import headers_of, unwrapped
from ._response_head import follow
from ._sender import sending

#: What can only go wrong before anything has been sent.
_BEFORE_SENDING = (ConnectError, ConnectingCancelledError, DNSLookupError)


class NoAnswer(Disconnected):
    """
    A request had no answer, or none that is whole.

    :ivar was_sent: Whether the server may have got the request nevertheless.
    """

    def __init__(self, problem: str, *, was_sent: bool = True) -> None:
        super().__init__(problem)
        self.was_sent = was_sent


@dataclass(frozen=True, slots=True)
class WholeResponse:
    """
    A response.

    :ivar url: What answered, after redirects.
    :ivar headers: By their names in lower case; the values of headers that came more than once are
        joined with ``", "``.
    """

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes


class Exchanges:
    """
    Makes requests: with a treq client or an agent that is somebody's, or with its own connections.
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
        :param timeout: Seconds until the whole answer must be there.
        :param connections: How many to one server are kept for the next request.
        """
        if not timeout > 0:
            raise ValueError("timeout must be a number of seconds, more than 0")
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
        Ask, and wait for the whole answer.

        :param max_bytes: How many bytes the body of the answer may have.
        :param follows: Whether redirects are followed.  An update is sent to nobody else.
        :returns: A Deferred that fails with :class:`NoAnswer`, or with :class:`RedirectRefused` if
            redirects lead nowhere.  Cancelling it closes the connection.
        """

        async def answered() -> WholeResponse:
            sent = Headers({"Accept-Encoding": ["identity"]})
            for name, value in headers.items():
                sent.setRawHeaders(name, [value])
            request = Request(method, url, sent, body)
            answerer = url
            if follows:
                response, answerer = await follow(self._send, request)
            else:
                response = await self._send(request)
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

    def close(self) -> Deferred[None]:
        """
        Cut the connections that are its own.
        """
        return succeed(None) if self._own is None else self._own.close()


def _timed_out(problem: object, seconds: float) -> object:
    if not isinstance(problem, Failure):
        return problem  # it came at the last moment
    was_sent = not problem.check(*_BEFORE_SENDING)
    raise NoAnswer(f"there was no answer within {seconds:g} s", was_sent=was_sent)


def _explain(failure: Failure) -> Failure:
    """
    Say in words what a network did.
    """
    if failure.check(NoAnswer, RedirectRefused):
        return failure
    cause: BaseException = failure.value  # type: ignore[assignment]  # None in an empty one only
    was_sent = not failure.check(*_BEFORE_SENDING)
    problem = NoAnswer(f"there was no answer: {describe(cause)}", was_sent=was_sent)
    problem.__cause__ = cause
    return Failure(problem)


def _or_cancelled(waiting: Deferred[WholeResponse]) -> Deferred[WholeResponse]:
    """
    Return the same, but that it fails with ``CancelledError`` when it is cancelled.  An agent calls
    that a connection that failed; who asks would try again.
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
