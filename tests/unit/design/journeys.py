"""
The three journeys of ``docs/design/``, made in memory and traced.
"""

from sys import getrefcount
from typing import Any

import jwt
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from ssetwist import Event, Hub
from ssetwist.client import Backoff, EventSource
from ssetwist.log import MemoryLog
from ssetwist.mercure import MercureResource, MercureSettings, TokenAuthorizer, TokenSettings
from ssetwist.mercure.tokens._keys import VerificationKey
from ssetwist.web import Site
from tests.clock import Clock
from tests.memory import Client, SocketClient
from tests.unit.client.case import Wire
from tests.unit.design.trace import Call, Trace

HUB = "https://hub.example/hub"
SECRET = b"a secret of thirty-two bytes and more"


def token(*actions: str) -> str:
    """
    Return a token of 1.0 that grants these actions for every topic.
    """
    detail = {
        "type": "https://mercure.rocks/authorization-detail",
        "actions": actions,
        "topics": [{"match": "*"}],
    }
    claims = {"iss": HUB, "aud": HUB, "exp": 4600, "sub": "x", "authorization_details": [detail]}
    return jwt.encode(claims, SECRET, "HS256", headers={"typ": "at+jwt"})


class Journeys(SynchronousTestCase):
    """
    A Mercure hub behind a Site, with clients that have tokens.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.hub = Hub(clock=self.clock, log=MemoryLog(self.clock, epoch="e"), flush_threads=1)
        key = VerificationKey.from_secret(SECRET)
        tokens = TokenSettings(publish=(key,), subscribe=(key,), issuer=HUB, audience=HUB)
        authorizer = TokenAuthorizer(
            tokens.verifier(self.clock),
            cookie_names=tokens.cookie_names,
            is_legacy_allowed=True,
            is_anonymous_allowed=False,
        )
        resource = MercureResource(self.hub, authorizer, MercureSettings(url=HUB))
        root = Resource()
        root.putChild(b"hub", resource)
        self.site = Site(root, streams=self.hub.streams, parsePOSTFormSubmission=False)

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
        """
        Return a request.
        """
        fields = {"Host": "hub.example"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        if body:
            fields["Content-Length"] = str(len(body))
        lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items()), "", ""]
        return "\r\n".join(lines).encode() + body

    def subscriber(self) -> SocketClient:
        """
        Return a subscribed browser.
        """
        client = SocketClient(self.site, self.clock)
        client.send(
            self.request(
                "GET",
                "/hub?match=news",
                Accept="text/event-stream",
                Authorization=f"Bearer {token('subscribe')}",
            )
        )
        self.assertEqual(1, self.hub.subscriber_count)
        return client

    def post_to_socket(self) -> list[Call]:
        """
        Publish with a ``POST``, until the subscriber's socket has the bytes.
        """
        subscriber, publisher = self.subscriber(), Client(self.site, self.clock)
        request = self.request(
            "POST",
            "/hub",
            b"topic=news&data=hello",
            Content_Type="application/x-www-form-urlencoded",
            Authorization=f"Bearer {token('publish')}",
        )
        with Trace().recording() as calls:
            publisher.send(request)
            self.clock.advance(0)
        self.assertIn(b"data: hello", subscriber.socket.sends[-1])
        self.assertIn(b"200", publisher.received.split(b"\r\n")[0])
        subscriber.close()
        publisher.close()
        return calls

    def close_to_freed(self) -> list[Call]:
        """
        Lose a subscriber's connection, and check that everything that was held for it is freed.
        """
        client = self.subscriber()
        subscriber, of_this_test = self.hub.subscribers[0], object()
        with Trace().recording() as calls:
            client.close()
        self.assertEqual(0, self.hub.subscriber_count)
        self.assertEqual(0, len(self.hub.streams))
        self.assertEqual([], self.clock.getDelayedCalls())
        self.assertEqual(getrefcount(of_this_test), getrefcount(subscriber), "nobody else has it")
        return calls

    def coming_back(self) -> tuple[list[Call], list[Call], list[Call]]:
        """
        Make a client lose its stream and come back.

        :returns: Calls of the client until it has asked again, of the server that answers, and of
            the client that reads the answer.
        """
        reactor = MemoryReactorClock()
        source = EventSource(
            "http://hub.example/hub?match=news",
            reactor=reactor,
            headers={"Authorization": f"Bearer {token('subscribe')}"},
            backoff=Backoff(first=1),
            jitter=lambda: 1.0,
        )
        reactor.advance(0)
        wire, connection = self._connect(reactor)
        connection.send(wire.value())
        self.hub.publish("news", Event("one"))
        self.clock.advance(0)
        wire.send(connection.received)
        self.assertEqual("one", self.successResultOf(source.next()).data)
        connection.close()
        self.hub.publish("news", Event("two"))
        self.clock.advance(0)
        coming = source.next()

        trace = Trace()
        with trace.recording() as asking:
            wire.reset()
            reactor.advance(10)
            wire, factory = self._dial(reactor)
            wire.protocol = factory.buildProtocol(wire.getPeer())
            wire.protocol.makeConnection(wire)
        with trace.recording() as answering:
            connection = SocketClient(self.site, self.clock)
            connection.send(wire.value())
            self.clock.advance(0)
        self.assertEqual("#e.1", wire.header("Last-Event-ID"))
        with trace.recording() as hearing:
            wire.send(connection.received)
        self.assertEqual("two", self.successResultOf(coming).data)

        connection.close()
        source.close()
        reactor.advance(0)
        self.assertEqual([], reactor.getDelayedCalls())
        return asking, answering, hearing

    def _dial(self, reactor: MemoryReactorClock) -> tuple[Wire, Any]:
        host, port, factory, *_ = reactor.tcpClients.pop()
        return Wire(reactor, host, port), factory

    def _connect(self, reactor: MemoryReactorClock) -> tuple[Wire, SocketClient]:
        wire, factory = self._dial(reactor)
        wire.protocol = factory.buildProtocol(wire.getPeer())
        wire.protocol.makeConnection(wire)
        return wire, SocketClient(self.site, self.clock)
