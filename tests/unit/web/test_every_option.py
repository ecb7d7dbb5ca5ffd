"""
Options of streams, each with a value that is not the default.
"""

from collections.abc import Callable
from inspect import signature

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.eventstream import Event
from ssetwist.hub import EndReason, Subscriber
from ssetwist.web import EventStreamResource, Send, stream
from tests.memory import Client
from tests.unit.web.case import END, ResponseCase, StreamCase


def each(case: SynchronousTestCase, function: Callable[..., object], given: set[str]) -> None:
    """
    Call the method of a case for each option of a function, ``takes_reconnection_time`` and so on.

    :param given: Parameters that are not options.
    """
    for name in sorted(set(signature(function).parameters) - given):
        with case.subTest(option=name):
            takes: Callable[[], None] = getattr(case, f"takes_{name}")
            takes()


class HubStreamTests(StreamCase):
    """
    Options of the resource of a hub's stream.
    """

    def stream(self, **options: object) -> Client:
        """
        Ask for a stream of a resource with these options.
        """
        self.use(self.make_hub(), **options)
        return self.client()

    def subscriber(self) -> Subscriber:
        [subscriber] = self.hub.subscribers
        return subscriber

    def takes_topics(self) -> None:
        client = self.stream(topics=["a", "b"])
        for topic in "abc":
            self.publish(topic, topic=topic)
        self.assertEqual(["a", "b"], self.heard(client))

    def takes_grants(self) -> None:
        client = self.stream(grants=["a"])
        for topic in "ab":
            self.publish(topic, topic=topic, private=True)
        self.assertEqual(["a"], self.heard(client))

    def takes_filter(self) -> None:
        client = self.stream(filter=lambda request: lambda topics, event: event.data != "1")
        self.publish("1", "2")
        self.assertEqual(["2"], self.heard(client))

    def takes_who(self) -> None:
        self.stream(who=lambda request: request.path)
        self.assertEqual(b"/", self.subscriber().who)

    def takes_reconnection_time(self) -> None:
        for seconds, first in ((7.0, b"retry: 7000\n"), (None, b":\n"), (0, b"retry: 0\n")):
            client = self.stream(reconnection_time=seconds)
            self.assertEqual(first, client.body)

    def takes_topics_timeout(self) -> None:
        client = self.stream(topics=lambda request: Deferred(), topics_timeout=4.0)
        self.clock.advance(3.9)
        self.assertEqual(b"", client.received)
        self.clock.advance(0.1)
        self.assertTrue(client.head.startswith(b"1 503"))

    def takes_on_start(self) -> None:
        started: list[Subscriber] = []
        self.stream(on_start=started.append)
        self.assertEqual([self.subscriber()], started)

    def takes_on_end(self) -> None:
        ended: list[tuple[Subscriber, EndReason]] = []
        client = self.stream(on_end=lambda *one: ended.append(one))
        subscriber = self.subscriber()
        client.close()
        self.assertEqual([(subscriber, EndReason.CLIENT_CLOSED)], ended)

    def test_each(self) -> None:
        """
        Each option has its effect.
        """
        each(self, EventStreamResource, {"hub"})

    def test_together(self) -> None:
        """
        An address, a position and a name reach the hub together.
        """
        self.stream(who=lambda request: "carol")
        self.publish("1", "2", "3")
        client = Client(self.site, self.clock, address="192.0.2.7")
        self.addCleanup(client.close)
        client.request("/?from=-2")
        self.clock.advance(0)
        _, other = self.hub.subscribers
        self.assertEqual(("carol", "192.0.2.7"), (other.who, other.address))
        self.assertEqual(["2", "3"], self.heard(client))


class OwnStreamTests(ResponseCase):
    """
    Options of a stream for one request.
    """

    def takes_reconnection_time(self) -> None:
        for seconds, first in ((7.0, b"retry: 7000\n"), (None, b":\n")):
            client = self.ask(lambda: lambda send: None, reconnection_time=seconds)
            self.assertEqual(first, client.body)

    def takes_once(self) -> None:
        for once, last in ((True, END), (False, b"")):
            client = self.ask(lambda: iter([Event("1")]), once=once)
            self.assertEqual(b"retry: 3000\ndata: 1\n\n" + last, client.body)

    def takes_close_timeout(self) -> None:
        cancelled: list[object] = []

        async def source(send: Send) -> None:
            for _ in range(2):
                try:
                    await Deferred()
                except BaseException as problem:
                    cancelled.append(problem)

        self.ask(lambda: source, close_timeout=4.0).close()
        self.clock.advance(3.9)
        self.assertEqual(1, len(cancelled))
        self.clock.advance(0.1)
        self.assertEqual(2, len(cancelled))

    def takes_on_end(self) -> None:
        ended: list[EndReason] = []
        self.ask(lambda: lambda send: None, on_end=ended.append).close()
        self.assertEqual([EndReason.CLIENT_CLOSED], ended)

    def test_each(self) -> None:
        """
        Each option has its effect.
        """
        each(self, stream, {"request", "source"})
