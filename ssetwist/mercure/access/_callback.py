"""
Asking the application, over HTTP, what a request may do.  It knows its own sessions, and needs no
tokens then.
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
from ...errors import Refused
from ...web.opening import address_of
from ..rights import Action, Rights
from ..tokens import name_of_url
from ..topics import DEFAULT_LIMITS, Limits
from ..updates import JSON, media_type_of
from ._decision import InvalidDecision, read_decision

#: Seconds that the application has for its whole answer.
TIMEOUT = 5.0

#: The longest answer, in bytes: a thousand topics, more or less.
MAX_ANSWER_BYTES = 64 * 1024

#: How many requests the application may be asked about at a time.  Each takes a connection.
MAX_ASKED = 500

#: Seconds after which another try may succeed, if the application gave no answer.
RETRY_AFTER = 5.0

#: What the application sees of a request as it came.  Nothing else is handed on, above all not what
#: was meant for this connection only (RFC 9110, 7.6.1).
_FORWARDED = (b"Authorization", b"Origin", b"Referer", b"User-Agent", b"Accept-Language")

#: What it is called that a request was cancelled; the other one if there was no connection yet.
_CANCELLED = (CancelledError, ConnectingCancelledError)

#: Errors whose texts are about the connection only.  Those of others may have parts of an answer,
#: and that may repeat what it was sent.
_TELLING = (ConnectError, ConnectionClosed, DNSLookupError, TLSError)

#: How much is shown of such a text, in characters.
_SHOWN = 200


class CallbackAuthorizer:
    """
    Lets those publish and subscribe of whom the application says so.

    It is sent a ``GET`` with the cookies of the request and its ``Authorization``, ``Origin``,
    ``Referer``, ``User-Agent`` and ``Accept-Language``; ``X-Forwarded-For`` ends with who sent the
    request, ``X-Original-Method`` and ``X-Original-URI`` say what was sent, and
    ``X-Ssetwist-Action`` is ``publish`` or ``subscribe``.

    A status of 2xx allows; what exactly, see :func:`read_decision`.  401 and 403 refuse.  Whatever
    else happens is no answer, and nothing is allowed without one.  No answer is kept for the next
    request.
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
        :param url: Whom to ask; http or https, without a password.
        :param clock: The reactor.
        :param base_url: The hub's own URL, to which patterns in an answer are relative.
        :param timeout: Seconds that an answer may take.
        :param max_asked: How many requests may wait for one at a time.
        :param limits: How many patterns an answer may have, and how long they are.
        :raises ValueError: If the URL is none.
        """
        self._name = name_of_url(url)
        self._url = url
        self._client = client
        self._clock = clock
        self._base_url = base_url
        self._timeout = timeout
        self._max_asked = max_asked
        self._limits = limits
        self._asked = 0

    def can_allow(self, action: Action) -> bool:
        return True

    def authorize(self, request: Request, action: Action) -> Deferred[Rights]:
        """
        Ask about a request.

        :returns: Fails with ``Refused``: 401 and 403 as the application says, 503 if it gives no
            answer, or one that makes no sense.  Cancelling it closes the connection to the
            application.
        """
        if self._asked >= self._max_asked:
            return fail(self._no_answer(f"it is asked about {self._asked} requests already"))
        self._asked += 1
        asking = Deferred.fromCoroutine(self._ask(_headers_of(request, action), action))
        return asking.addTimeout(self._timeout, self._clock, self._timed_out).addBoth(self._done)

    async def _ask(self, headers: Headers, action: Action) -> Rights:
        response, body = await self._send(headers)
        if not 200 <= response.code < 300:
            # It is only read so that the connection can be used again.
            await body.done.addErrback(lambda problem: problem.trap(CannotRead))
            raise self._refusal(response.code)
        types = response.headers.getRawHeaders(b"Content-Type", ())
        try:
            return read_decision(
                await body.done,
                None if response.code == 204 else media_type_of(types),  # there is no body
                action,
                base_url=self._base_url,
                now=self._clock.seconds(),
                limits=self._limits,
            )
        except (CannotRead, InvalidDecision) as problem:
            raise self._no_answer(f"the answer makes no sense: {problem}") from None

    async def _send(self, headers: Headers) -> tuple[IResponse, BoundedBody]:
        # treq would install a reactor if it got none.  It does nothing with it without a timeout.
        reactor: AnyReactor = self._clock
        try:
            response = await self._client.get(
                self._url,
                headers=headers,
                allow_redirects=False,  # it could lead to whom nobody trusts with cookies
                unbuffered=True,
                reactor=reactor,
            )
            body = BoundedBody(MAX_ANSWER_BYTES)
            response.deliverBody(body)  # what cannot be decompressed may fail here
        except Exception as problem:  # whatever a network has to say
            causes = _causes_of(problem)
            if any(isinstance(cause, _CANCELLED) for cause in causes):
                raise CancelledError from None
            raise self._no_answer("; ".join(map(_told, causes))) from None
        return response, body

    def _refusal(self, status: int) -> Refused:
        if status == 401:
            reason = f"{self._name} does not know who it is (401)"
            return Refused(401, "It is not known who asks.", error="", reason=reason)
        if status == 403:
            reason = f"{self._name} does not allow it (403)"
            return Refused(403, "This is not allowed.", reason=reason)
        return self._no_answer(f"it answered {status}; expected 2xx, 401 or 403")

    def _no_answer(self, problem: str) -> Refused:
        return Refused(
            503,
            "It cannot be found out now whether this is allowed.",
            reason=f"{self._name} was asked: {problem}",
            retry_after=RETRY_AFTER,
        )

    def _timed_out(self, _: object, seconds: float) -> Failure:
        return Failure(self._no_answer(f"it gave no answer in {seconds:g} s"))

    def _done(self, result: Any) -> Any:  # rights, or a failure
        self._asked -= 1
        return result


def _headers_of(request: Request, action: Action) -> Headers:
    """
    Return what the application is told of a request.
    """
    came = request.requestHeaders
    headers = Headers(
        {
            b"Accept": [JSON.encode()],
            # Always there, even with no value: treq would add what it has kept of the cookies that
            # the application set when it was asked about somebody else.
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
    Return what happened, without what ``twisted.web.client`` wraps it in.
    """
    reasons: list[Failure] = getattr(problem, "reasons", [])
    return [cause for reason in reasons for cause in _causes_of(reason.value)] or [problem]


def _told(cause: BaseException | None) -> str:
    name = type(cause).__name__
    return f"{name}: {cause}"[:_SHOWN] if isinstance(cause, _TELLING) else name
