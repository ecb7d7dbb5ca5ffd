"""
A hub without a network that answers as a test says.
"""

from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionAborted
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IAgent, IResponse
from zope.interface import implementer

_DONE = ResponseDone()


class Transport(StringTransport):
    """
    The transport of a body.
    """

    is_aborted = False
    is_lost = False

    def abortConnection(self) -> None:
        """
        Cut the connection.
        """
        self.is_aborted = True
        self.lose(ConnectionAborted())

    def lose(self, reason: Exception) -> None:
        """
        Lose the connection, once.
        """
        if not self.is_lost:
            self.is_lost = True
            self.protocol.connectionLost(Failure(reason))


@implementer(IResponse)
class Response:
    """
    A response.

    :ivar end: The reason of the body's end; ``None`` for a body that does not end.
    """

    def __init__(
        self,
        code: int = 200,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        end: Exception | None = _DONE,
    ) -> None:
        self.code = code
        self.headers = Headers({name: [value] for name, value in (headers or {}).items()})
        self.body = body
        self.end = end
        self.length = UNKNOWN_LENGTH
        self.transport = Transport()

    def deliverBody(self, protocol: Protocol) -> None:  # noqa: N802  # as IResponse has it
        """
        Deliver the body.
        """
        self.transport.protocol = protocol
        protocol.makeConnection(self.transport)
        if not self.transport.is_lost:
            protocol.dataReceived(self.body)
        if self.end is not None:
            self.transport.lose(self.end)


@dataclass
class SentRequest:
    """
    A request.
    """

    method: bytes
    url: bytes
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """
        Return the first value of a header.
        """
        values = self.headers.getRawHeaders(name)
        return None if values is None else values[0]


@implementer(IAgent)
@dataclass
class FakeHub:
    """
    A hub that answers requests in order.

    :ivar answers: Each is a response, a failure, a Deferred, or a function that returns one of
        these when called with the request. After the last answer requests stay unanswered.
    """

    answers: list[Any] = field(default_factory=list)
    requests: list[SentRequest] = field(default_factory=list)
    silent: list["Deferred[Any]"] = field(default_factory=list)

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers,
        bodyProducer: Any = None,  # noqa: N803  # as IAgent has it
    ) -> "Deferred[Any]":
        """
        Answer a request.
        """
        transport = StringTransport()
        if bodyProducer is not None:
            bodyProducer.startProducing(transport)
        self.requests.append(SentRequest(method, uri, headers.copy(), transport.value()))
        if not self.answers:
            waiting: Deferred[Any] = Deferred()
            self.silent.append(waiting)
            return waiting
        answer = self.answers.pop(0)
        if callable(answer):
            answer = answer(self.requests[-1])
        if isinstance(answer, Deferred):
            return answer
        return fail(answer) if isinstance(answer, Exception) else succeed(answer)
