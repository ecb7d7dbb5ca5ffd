"""
One request and its whole answer, which is given a limit to what it may take of us: bytes and time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectError, ConnectingCancelledError, DNSLookupError
from twisted.internet.interfaces import IConsumer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web._newclient import RequestNotSent  # it has no public name
from twisted.web.client import Agent, HTTPConnectionPool, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from ..errors import Disconnected

#: How much of what a network says went wrong is shown, in characters.
_SHOWN = 200

#: Seconds that a connection is kept for the next request.  Less than servers keep theirs, so that
#: it seldom happens that one closes just when it is used again.
_KEPT_FOR = 4

#: What can only go wrong before anything has been sent.
_BEFORE_SENDING = (ConnectError, ConnectingCancelledError, DNSLookupError, RequestNotSent)


class NoAnswer(Disconnected):
    """
    A request had no answer, or none that is whole.

    :ivar was_sent: Whether the server may have got the request nevertheless.
    """

    def __init__(self, problem: str, *, was_sent: bool = True) -> None:
        super().__init__(problem)
        self.was_sent = was_sent


@dataclass(frozen=True, slots=True)
class Answer:
    """
    A response.

    :ivar headers: By their names in lower case, with all their values.
    """

    status: int
    headers: Mapping[str, tuple[str, ...]]
    body: bytes

    def header(self, name: str) -> str:
        """
        Return the value of a header; ``""`` if it is not there.
        """
        return next(iter(self.headers.get(name, ())), "")


class Exchanges:
    """
    What makes requests: with a treq client or an agent that is somebody's, or with its own
    connections.  Never follows a redirect: a token or an update would go to whom nobody chose.
    """

    def __init__(
        self,
        reactor: Any,  # a clock, and what can connect: no one interface has both
        client: HTTPClient | IAgent | None,
        *,
        timeout: float,
        connections: int = 2,
    ) -> None:
        """
        :param timeout: Seconds until the whole answer must be there.
        :param connections: How many to one server are kept for the next request.
        """
        self._clock: IReactorTime = reactor
        self._timeout = timeout
        self._pool: HTTPConnectionPool | None = None
        if client is None:
            self._pool = HTTPConnectionPool(reactor)
            self._pool.maxPersistentPerHost = connections
            self._pool.cachedConnectionTimeout = _KEPT_FOR
            client = Agent(reactor, pool=self._pool)
        self._client = client

    def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        most: int,
    ) -> Deferred[Answer]:
        """
        Ask, and wait for the whole answer.

        :param most: How many bytes the body of the answer may have.
        :returns: A Deferred that fails with :class:`NoAnswer`.  Cancelling it closes the
            connection.
        """

        async def answered() -> Answer:
            response = await self._request(method, url, headers, body)
            collector = _Body(most)
            response.deliverBody(collector)
            return Answer(response.code, _headers_of(response), await collector.done)

        waiting = Deferred.fromCoroutine(answered())
        waiting.addTimeout(self._timeout, self._clock, _timed_out)
        waiting.addErrback(_explain)
        return _or_cancelled(waiting)

    def close(self) -> Deferred[None]:
        """
        Close the connections that are its own.
        """
        return succeed(None) if self._pool is None else self._pool.closeCachedConnections()

    def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Deferred[IResponse]:
        sent = Headers({name: [value] for name, value in headers.items()})
        producer = None if body is None else _Bytes(body)
        # Any, because treq has its own types for bodies, responses and the reactor.
        client: Any = self._client
        if isinstance(client, HTTPClient):
            options: dict[str, Any] = {"allow_redirects": False, "unbuffered": True}
            # treq would install a reactor if it got none; it does nothing with it.
            options["reactor"] = self._clock
            asked: Any = client.request(method, url, headers=sent, data=producer, **options)
        else:
            asked = client.request(method.encode(), url.encode(), sent, producer)
        answer: Deferred[IResponse] = asked
        return answer


@implementer(IBodyProducer)
class _Bytes:
    """
    A body that is there already.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """
        Hand it over, all of it: it is in memory either way.
        """
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """
        Too late.
        """

    def resumeProducing(self) -> None:
        """
        Nothing is left.
        """

    def stopProducing(self) -> None:
        """
        Nothing is left.
        """


class _Body(Protocol):
    """
    Collects a body that may be too long, or never end.
    """

    def __init__(self, most: int) -> None:
        self.done: Deferred[bytes] = Deferred(lambda _: self._close())
        self._most = most
        self._received = bytearray()
        self._is_over = False

    def dataReceived(self, data: bytes) -> None:
        """
        Take a piece.
        """
        if self._is_over:
            return
        self._received += data
        if len(self._received) > self._most:
            self._close()
            self.done.errback(NoAnswer(f"the answer is larger than {self._most} bytes"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        See how it ended.
        """
        if self._is_over:
            return
        self._is_over = True
        # HTTP/1.0 has only the end of the connection to say that this was all.
        if reason.check(ResponseDone, PotentialDataLoss):
            self.done.callback(bytes(self._received))
        else:
            self.done.errback(NoAnswer("the connection broke in the middle of the answer"))

    def _close(self) -> None:
        self._is_over = True
        self._received.clear()
        assert self.transport is not None  # nobody has it before there is a response
        self.transport.loseConnection()


def _headers_of(response: IResponse) -> Mapping[str, tuple[str, ...]]:
    return {
        name.decode("latin-1").lower(): tuple(_text(value) for value in values)
        for name, values in response.headers.getAllRawHeaders()
    }


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _timed_out(problem: object, seconds: float) -> object:
    if not isinstance(problem, Failure):
        return problem  # it came at the last moment
    was_sent = not problem.check(*_BEFORE_SENDING)
    raise NoAnswer(f"no answer came within {seconds:g} s", was_sent=was_sent)


def _explain(failure: Failure) -> Failure:
    """
    Say in words what a network did.
    """
    if failure.check(NoAnswer):
        return failure
    problem: Any = failure.value  # what Twisted raises, which is not typed
    # Agents say what happened to a connection in a list.
    reasons = getattr(problem, "reasons", None) or [failure]
    reason = reasons[0].value if isinstance(reasons[0], Failure) else reasons[0]
    text = f"{type(reason).__name__}: {reason}"[:_SHOWN]
    return Failure(NoAnswer(text, was_sent=not failure.check(*_BEFORE_SENDING)))


def _or_cancelled(waiting: Deferred[Answer]) -> Deferred[Answer]:
    """
    Return the same, but that it fails with ``CancelledError`` when it is cancelled.  An agent calls
    that a connection that failed; who asks would try again.
    """
    is_cancelled = False

    def cancel(_: Deferred[Answer]) -> None:
        nonlocal is_cancelled
        is_cancelled = True
        waiting.cancel()

    answer: Deferred[Answer] = Deferred(cancel)

    def tell(result: Answer | Failure) -> None:
        if not is_cancelled:
            answer.callback(result)

    waiting.addBoth(tell)
    return answer
