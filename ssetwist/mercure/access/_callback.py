"""
Asking the application, over HTTP, what a request may do.  It knows its own sessions, so its
visitors need no tokens.
"""

from typing import Any

from OpenSSL.SSL import Error as TLSError
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionClosed,
    DNSLookupError,
)
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse
from twisted.web.server import Request

from ..._reactor import AnyReactor
from ...client.http import BoundedBody, CannotRead
from ...clock import date_of, steady
from ...errors import Refused
from ...hub import Turns
from ...web.opening import address_of
from ..rights import Action, Rights
from ..tokens import name_of_url
from ..topics import DEFAULT_LIMITS, Limits
from ..updates import JSON, media_type_of
from ._checked import undecided
from ._decision import InvalidDecision, reading_decision

#: Seconds for the application's whole answer.
TIMEOUT = 10.0

#: The longest answer, in bytes: about a thousand topics.
MAX_ANSWER_BYTES = 64 * 1024

#: Maximum number of requests that wait for an answer at a time.  Each takes a connection.
MAX_ASKED = 500

#: Headers that the application gets unchanged.  It gets no others, above all not those that were
#: meant for this connection only (RFC 9110, 7.6.1).
_FORWARDED = (b"Authorization", b"Origin", b"Referer", b"User-Agent", b"Accept-Language")

#: Errors of a request that was cancelled; the second one is for a request without a connection yet.
_CANCELLED = (CancelledError, ConnectingCancelledError)

#: Errors with messages about the connection only.  Messages of other errors may have parts of an
#: answer, which may repeat the secrets of the request.
_TELLING = (ConnectError, ConnectionClosed, DNSLookupError, TLSError)

#: Maximum length of an error's message in the log, in characters.
_SHOWN = 200


class CallbackAuthorizer:
    """
    Gives clients the rights that the application names.

    The application gets a ``GET`` with the cookies of the request and its ``Authorization``,
    ``Origin``, ``Referer``, ``User-Agent`` and ``Accept-Language``; ``X-Forwarded-For`` ends with
    the client's address, ``X-Original-Method`` and ``X-Original-URI`` are those of the request, and
    ``X-Ssetwist-Action`` is ``publish`` or ``subscribe``.

    A status of 2xx allows; :func:`reading_decision` tells the details.  401 and 403 refuse.
    Anything else is an error, and allows nothing.  The application is asked about every request.
    """

    def __init__(
        self,
        url: str,
        client: HTTPClient,
        *,
        clock: IReactorTime,
        base_url: str,
        timeout: float = TIMEOUT,
        max_asked: int = MAX_ASKED,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """
        :param url: The application's URL: http or https, without a password.
        :param clock: The reactor.
        :param base_url: The hub's own URL, to which patterns in an answer are relative.
        :param timeout: Seconds for an answer.
        :param max_asked: Maximum number of requests that wait for an answer at a time.
        :param limits: Limits of the patterns in an answer.
        :raises ValueError: If the URL is invalid.
        """
        self._name = name_of_url(url)
        self._url = url
        self._client = client
        self._clock = steady(clock)
        self._now = date_of(clock)
        self._turns = Turns(self._clock)
        self._base_url = base_url
        self._timeout = timeout
        self._max_asked = max_asked
        self._limits = limits
        self._asked = 0

    def can_allow(self, action: Action) -> bool:
        return True

    def authorize(self, request: Request, action: Action) -> Deferred[Rights]:
        """
        Ask the application about a request.

        :returns: A Deferred that fails with ``Refused``: 401 and 403 as the application says, 503
            without a valid answer.  Cancelling it closes the connection to the application.
        """
        if self._asked >= self._max_asked:
            return fail(self._no_answer(f"{self._asked} requests are already waiting for it"))
        self._asked += 1
        asking = Deferred.fromCoroutine(self._ask(_headers_of(request, action), action))
        return asking.addTimeout(self._timeout, self._clock, self._timed_out).addBoth(self._done)

    async def _ask(self, headers: Headers, action: Action) -> Rights:
        response, body = await self._send(headers)
        if not 200 <= response.code < 300:
            # Read to its end, so that the connection can be used again.
            await body.done.addErrback(lambda problem: problem.trap(CannotRead))
            raise self._refusal(response.code)
        types = response.headers.getRawHeaders(b"Content-Type", ())
        try:
            reading = reading_decision(
                await body.done,
                None if response.code == 204 else media_type_of(types),  # 204 is without a body
                action,
                base_url=self._base_url,
                now=self._now(),
                limits=self._limits,
            )
            return await self._turns.do(reading)
        except (CannotRead, InvalidDecision) as problem:
            raise self._no_answer(f"invalid answer: {problem}") from None

    async def _send(self, headers: Headers) -> tuple[IResponse, BoundedBody]:
        # Without a reactor, treq would install one.  It does not use it unless a timeout is given.
        reactor: AnyReactor = self._clock
        try:
            response = await self._client.get(
                self._url,
                headers=headers,
                allow_redirects=False,  # another server must not get the cookies
                unbuffered=True,
                reactor=reactor,
            )
            body = BoundedBody(MAX_ANSWER_BYTES)
            response.deliverBody(body)  # this may fail if the body cannot be decompressed
        except Exception as problem:  # any error of a network
            causes = _causes_of(problem)
            if any(isinstance(cause, _CANCELLED) for cause in causes):
                raise CancelledError from None
            raise self._no_answer("; ".join(map(_told, causes))) from None
        return response, body

    def _refusal(self, status: int) -> Refused:
        if status == 401:
            reason = f"{self._name} does not know the client (401)"
            return Refused(401, "Authentication is required.", error="", reason=reason)
        if status == 403:
            reason = f"{self._name} does not allow it (403)"
            return Refused(403, "This is not allowed.", reason=reason)
        return self._no_answer(f"status {status}; expected 2xx, 401 or 403")

    def _no_answer(self, problem: str) -> Refused:
        return undecided(f"{self._name}: {problem}")

    def _timed_out(self, _: object, seconds: float) -> Failure:
        return Failure(self._no_answer(f"no answer in {seconds:g} s"))

    def _done(self, result: Any) -> Any:  # rights, or a failure
        self._asked -= 1
        return result


def _headers_of(request: Request, action: Action) -> Headers:
    came = request.requestHeaders
    headers = Headers(
        {
            b"Accept": [JSON.encode()],
            # Always there, even if empty: otherwise treq would add cookies that the application has
            # set in its answers about other clients.
            b"Cookie": _joined(b"; ", *came.getRawHeaders(b"Cookie", ())),  # RFC 9113, 8.2.3
            b"X-Forwarded-For": _joined(
                b", ", *came.getRawHeaders(b"X-Forwarded-For", ()), address_of(request).encode()
            ),
            b"X-Original-Method": [request.method],
            b"X-Original-URI": [request.uri],
            b"X-Ssetwist-Action": [action.value.encode()],
        }
    )
    for name in _FORWARDED:
        headers.setRawHeaders(name, came.getRawHeaders(name, ()))
    return headers


def _joined(separator: bytes, *values: bytes) -> list[bytes]:
    joined = separator.join(value for value in values if value)
    return [joined] if joined else []


def _causes_of(problem: BaseException | None) -> list[BaseException | None]:
    """
    Return the causes of an error without the wrappers of ``twisted.web.client``.
    """
    reasons: list[Failure] = getattr(problem, "reasons", [])
    return [cause for reason in reasons for cause in _causes_of(reason.value)] or [problem]


def _told(cause: BaseException | None) -> str:
    name = type(cause).__name__
    return f"{name}: {cause}"[:_SHOWN] if isinstance(cause, _TELLING) else name
