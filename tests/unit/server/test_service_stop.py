"""
A service that stops: its last events, and the end of its timers and connections.
"""

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent

from ssetwist import EndReason, Event, HubClosed
from ssetwist.hub import Subscriber
from ssetwist.mercure import TokenSettings
from ssetwist.testing import MemoryOutlet
from tests.unit.mercure.fake_tokens import scratch
from tests.unit.server.case import KEY, ServiceTestCase

#: A set without keys.
KEY_SET = b'{"keys": []}'


class LastWordsTests(ServiceTestCase):
    """
    ``on_end`` callbacks while the service stops.
    """

    def test_publish_in_on_end(self) -> None:
        """
        A callback may publish into the log until the last stream has ended; after that the hub is
        closed.
        """
        service = self.start(tick=0)
        hub = service.hub
        published: list[Deferred[str]] = []

        def say_goodbye(subscriber: Subscriber, reason: EndReason) -> None:
            self.assertIs(EndReason.DRAINING, reason)
            published.append(hub.publish("news", Event(f"{subscriber.who} has left")))

        for who in ("ann", "bob"):
            hub.subscribe(MemoryOutlet(hub.streams), "other", who=who, on_end=say_goodbye)
        slow = self.connect()
        slow.stop_reading()
        hub.publish("news", Event("a"))
        stopping = service.stopService()
        self.pass_time(1.0)
        self.assertEqual([2, 3], [self.position(one) for one in published])
        self.assertNoResult(stopping)
        published.append(hub.publish("news", Event("while somebody is still there")))
        self.assertEqual(4, self.position(published[-1]))
        slow.read_again()
        self.pass_time(1.0)
        self.successResultOf(stopping)
        self.assertRaises(HubClosed, hub.publish, "news", Event("too late"))

    def position(self, published: "Deferred[str]") -> int:
        return int(self.successResultOf(published).rpartition(".")[2])


class AccessTests(ServiceTestCase):
    """
    Access: the parts of a service that decide about requests.
    """

    def test_no_timer(self) -> None:
        """
        A service that has stopped does not read its keys again.
        """
        keys = scratch(self)
        keys.write_bytes(KEY_SET)
        service = self.start(tokens=TokenSettings(jwks=f"file:{keys}"))
        self.assertNotEqual([], self.reactor.getDelayedCalls())
        self.stop(service)
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_idle_connections(self) -> None:
        """
        An idle connection to the server of the keys is closed, and its timer is stopped.
        """
        service = self.start(tokens=TokenSettings(jwks="http://127.0.0.1:81/keys"))
        self.pass_time(1.0)
        _, _, factory, _, _ = self.reactor.tcpClients[-1]
        connection = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 81))
        transport = StringTransport()
        connection.makeConnection(transport)
        self.assertIn(b"GET /keys HTTP/1.1\r\n", transport.value())
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(KEY_SET)
        connection.dataReceived(head + KEY_SET)
        self.pass_time(1.0)
        self.assertFalse(transport.disconnecting, "it is kept")
        self.stop(service)
        self.assertTrue(transport.disconnecting)
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_fetching_keys(self) -> None:
        """
        If the service stops while it fetches its keys, no timer is left.
        """
        service = self.start(tokens=TokenSettings(jwks="http://127.0.0.1:81/keys"))
        self.pass_time(1.0)
        self.stop(service)
        self.assertEqual([], self.reactor.getDelayedCalls())


class AccessLogTests(ServiceTestCase):
    """
    Lines of the access log.
    """

    def test_polls_are_left_out(self) -> None:
        """
        Requests for ``/status``, which the page makes every second, are not logged; others are.
        """
        for options in ({}, {"tokens": KEY, "anonymous": True}):
            service = self.start(tick=0, **options)
            with capturedLogs() as events:
                for path in ("/status", "/status?x=1", "/", "/nothing", "/statuses"):
                    self.connect(path=path).close()
            lines = [formatEvent(event) for event in events]
            logged = [line.partition('"GET ')[2].split()[0] for line in lines if '"GET ' in line]
            self.assertEqual(["/", "/nothing", "/statuses"], logged)
            self.stop(service)
