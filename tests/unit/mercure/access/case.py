"""
An application in memory that is asked for rights.
"""

from typing import Any

from treq.client import HTTPClient
from treq.testing import RequestTraversalAgent
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IAddress
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import IAgent
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from twisted.web.test.requesthelper import DummyChannel
from zope.interface import implementer

from ssetwist.errors import Refused
from ssetwist.mercure.access._callback import CallbackAuthorizer
from ssetwist.mercure.rights._rights import Action, Rights
from tests.clock import Clock
from tests.unit.mercure.fake_tokens import HUB, NOW

URL = "http://app.example/hub/authorize?key=s3cret"

JSON = b"application/json"

PEER = IPv4Address("TCP", "192.0.2.7", 50000)


def request(
    *headers: tuple[bytes, bytes], uri: bytes = b"/.well-known/mercure", peer: IAddress = PEER
) -> Request:
    """
    Make a request to the hub.
    """
    made = Request(DummyChannel(), False)
    made.method, made.uri, made.client = b"GET", uri, peer
    for name, value in headers:
        made.requestHeaders.addRawHeader(name, value)
    return made


class Application(Resource):
    """
    The application, with an answer that the test chooses.

    :ivar is_open: If true, its answers never end.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self.ended: list[object] = []
        self.code = 200
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.is_open = False

    def render(self, request: Request) -> Any:  # bytes or NOT_DONE_YET
        """
        Send the answer, or its beginning.
        """
        self.requests.append(request)
        request.notifyFinish().addBoth(self.ended.append)
        request.setResponseCode(self.code)
        for name, value in self.headers.items():
            request.setHeader(name, value)
        if not self.is_open:
            return self.body
        if self.body:
            request.write(self.body)
        return NOT_DONE_YET

    def got(self, name: str) -> list[str]:
        """
        Return the values of a header of the last request.
        """
        return list(self.requests[-1].requestHeaders.getRawHeaders(name, []))


@implementer(IAgent)
class Down:
    """
    An HTTP client without a network.
    """

    def __init__(self, problem: Exception) -> None:
        self._problem = problem

    def request(self, *_: object) -> "Deferred[Any]":
        """
        Fail at once.
        """
        return fail(self._problem)


@implementer(IAgent)
class Silent:
    """
    An HTTP client that never gets an answer.
    """

    cancelled = 0

    def request(self, *_: object) -> "Deferred[Any]":
        """
        Wait until cancelled.
        """
        return Deferred(self._cancel)

    def _cancel(self, _: object) -> None:
        self.cancelled += 1


class Case(SynchronousTestCase):
    """
    An application, and an authorizer that asks it.
    """

    def setUp(self) -> None:
        self.application = Application()
        self.agent = RequestTraversalAgent(self.application)
        self.clock = Clock()
        self.clock.advance(NOW)
        self.by_url = self.made(self.agent)

    def tearDown(self) -> None:
        self.assertEqual([], self.clock.getDelayedCalls())

    def made(self, agent: Any, **options: Any) -> CallbackAuthorizer:
        """
        Return an authorizer that uses an HTTP client.
        """
        return CallbackAuthorizer(URL, HTTPClient(agent), clock=self.clock, base_url=HUB, **options)

    def ask(
        self, *headers: tuple[bytes, bytes], action: Action = Action.SUBSCRIBE, **options: Any
    ) -> "Deferred[Rights]":
        """
        Ask about a request, and let the bytes flow.
        """
        asking = self.by_url.authorize(request(*headers, **options), action)
        self.flush()
        return asking

    def flush(self) -> None:
        """
        Let the bytes flow.
        """
        for _ in range(5):
            self.agent.flush()

    def rights(self, action: Action = Action.SUBSCRIBE) -> Rights:
        """
        Return the rights that the application grants.
        """
        return self.successResultOf(self.ask(action=action))

    def refused(self, action: Action = Action.SUBSCRIBE) -> Refused:
        """
        Return the refusal of a request.
        """
        return self.refusal_of(self.ask(action=action))

    def refusal_of(self, asking: "Deferred[Rights]") -> Refused:
        """
        Return the refusal that a Deferred failed with.
        """
        problem = self.failureResultOf(asking, Refused).value
        assert isinstance(problem, Refused)
        return problem

    def assert_no_answer(self, expected: str, refused: Refused) -> None:
        """
        Check that a request was refused because there was no valid answer.
        """
        self.assertEqual(
            (503, 5.0, None, "Access cannot be decided now; try again later."),
            (refused.status, refused.retry_after, refused.error, refused.text),
        )
        self.assertEqual(f"http://app.example/hub/authorize: {expected}", refused.reason)
