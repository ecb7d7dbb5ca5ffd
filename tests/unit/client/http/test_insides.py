"""
Assumptions of :mod:`ssetwist.client.http._insides` about Twisted and treq, each checked against
their own classes.
"""

from http.cookiejar import CookieJar
from typing import Any

from treq.client import HTTPClient
from treq.cookies import scoped_cookie
from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import Agent, ContentDecoderAgent, GzipDecoder, HTTPConnectionPool
from twisted.web.iweb import IAgentEndpointFactory, IResponse
from zope.interface import implementer

from ssetwist.client.http._insides import (
    agent_of,
    connection_of,
    cookies_of,
    make_quiet,
    transport_of,
    wrapped_by,
)
from tests.unit.client.case import Wire

URL = "http://example.com/"

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Encoding: gzip\r\n\r\n"


@implementer(IAgentEndpointFactory)
class Endpoints:
    """
    Endpoints that connect in memory.

    :ivar factories: The factories that an agent has given an endpoint.
    :ivar wires: The servers' ends of the connections.
    """

    def __init__(self, reactor: MemoryReactorClock) -> None:
        self.reactor = reactor
        self.factories: list[Any] = []
        self.wires: list[Wire] = []

    def endpointForURI(self, uri: object) -> "Endpoints":
        return self

    def connect(self, factory: Any) -> Any:
        self.factories.append(factory)
        wire = Wire(self.reactor, "example.com", 80)
        wire.protocol = factory.buildProtocol(wire.getPeer())
        wire.protocol.makeConnection(wire)
        self.wires.append(wire)
        return succeed(wire.protocol)


class Body(Protocol):
    """
    A protocol that collects a body, and keeps its transport.
    """


class InsidesCase(SynchronousTestCase):
    """
    An ``Agent`` that connects in memory, and keeps connections.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.endpoints = Endpoints(self.reactor)
        self.pool = HTTPConnectionPool(self.reactor)
        self.agent = Agent.usingEndpointFactory(self.reactor, self.endpoints, self.pool)

    def tearDown(self) -> None:
        self.pool.closeCachedConnections()
        for wire in self.endpoints.wires:
            wire.finish()

    def answered(self, waiting: Any, head: bytes = HEAD) -> IResponse:
        """
        Answer a request with a head.
        """
        self.endpoints.wires[-1].send(head)
        return self.successResultOf(waiting)


class ClientTests(InsidesCase):
    """
    A client of treq.
    """

    def test_agent(self) -> None:
        """
        ``_agent`` of a treq client is the agent that it was made with.
        """
        self.assertIs(self.agent, agent_of(HTTPClient(self.agent)))

    def test_cookies(self) -> None:
        """
        ``_cookiejar`` of a treq client is the jar that it was given; cookies in it are sent.
        """
        jar = CookieJar()
        client = HTTPClient(self.agent, cookiejar=jar)
        self.assertIs(jar, cookies_of(client))
        cookies_of(client).set_cookie(scoped_cookie(URL, "name", "value"))
        client.get(URL, reactor=self.reactor).addErrback(lambda _: None)
        self.assertEqual("name=value", self.endpoints.wires[0].header("Cookie"))

    def test_jar_of_its_own(self) -> None:
        """
        A treq client that was not given a jar has its own.
        """
        self.assertIsInstance(cookies_of(HTTPClient(self.agent)), CookieJar)

    def test_wrapped(self) -> None:
        """
        ``original`` of treq's response leads to the agent's response, past treq's buffer and a
        decoder.
        """
        waiting = HTTPClient(self.agent).get(URL, reactor=self.reactor)
        layers = [self.answered(waiting)]
        while (inner := wrapped_by(layers[-1])) is not None:
            layers.append(inner)
        self.assertTrue(any(isinstance(one, GzipDecoder) for one in layers))
        self.assertEqual("Response", type(layers[-1]).__name__)
        self.assertEqual("twisted.web._newclient", type(layers[-1]).__module__)
        self.assertTrue(all(IResponse.providedBy(one) for one in layers))


class ResponseTests(InsidesCase):
    """
    A response of an ``Agent``.
    """

    def test_not_wrapped(self) -> None:
        """
        A response of an agent does not have ``original``.
        """
        self.assertIsNone(wrapped_by(self.answered(self.agent.request(b"GET", URL.encode()))))

    def test_decoded(self) -> None:
        """
        ``original`` of a response that an agent decodes is the undecoded response.
        """
        agent = ContentDecoderAgent(self.agent, [(b"gzip", GzipDecoder)])
        response = self.answered(agent.request(b"GET", URL.encode()))
        self.assertIsInstance(response, GzipDecoder)
        self.assertIsNone(wrapped_by(wrapped_by(response)))

    def test_producer(self) -> None:
        """
        ``_producer`` of a body's transport is the transport of the connection, which can abort,
        until the body is complete; then it is ``None``.
        """
        response = self.answered(self.agent.request(b"GET", URL.encode()))
        body = Body()
        response.deliverBody(body)
        [wire] = self.endpoints.wires
        self.assertIsNot(wire, body.transport)
        self.assertIs(wire, connection_of(body.transport))
        self.assertFalse(hasattr(body.transport, "abortConnection"))
        proxy = body.transport
        wire.send(b"body")
        self.assertIs(proxy, connection_of(proxy))


class ConnectionTests(InsidesCase):
    """
    Connections that an ``Agent`` makes and keeps.
    """

    def test_kept(self) -> None:
        """
        A pool that does not retry returns the agent's protocol, whose ``transport`` is the
        connection.
        """
        self.pool.retryAutomatically = False
        response = self.answered(self.agent.request(b"GET", URL.encode()))
        response.deliverBody(Body())
        [wire] = self.endpoints.wires
        wire.send(b"body")
        key = (b"http", b"example.com", 80)
        kept = self.successResultOf(self.pool.getConnection(key, self.endpoints))
        self.assertEqual(1, len(self.endpoints.wires))  # it was not made anew
        self.assertIs(wire, transport_of(kept))

    def test_any_connection_that_takes_requests(self) -> None:
        """
        An agent needs only ``request`` of the protocol that an endpoint returns.
        """
        asked: list[object] = []

        class Taking:
            def request(self, request: object) -> Any:
                asked.append(request)
                return Deferred()

        class Elsewhere(Endpoints):
            def connect(self, factory: Any) -> Any:
                return succeed(Taking())

        Agent.usingEndpointFactory(self.reactor, Elsewhere(self.reactor), self.pool).request(
            b"GET", URL.encode()
        )
        self.assertEqual([b"GET"], [one.method for one in asked])

    def test_quiet(self) -> None:
        """
        ``noisy`` of an agent's factory turns the logging of each connection on and off.
        """
        self.agent.request(b"GET", URL.encode()).addErrback(lambda _: None)
        [factory] = self.endpoints.factories
        self.assertTrue(factory.noisy)
        make_quiet(factory)
        self.assertFalse(factory.noisy)
        with capturedLogs() as logs:
            factory.doStart()
            factory.doStop()
        self.assertEqual([], logs)
