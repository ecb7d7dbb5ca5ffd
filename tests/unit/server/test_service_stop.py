"""
A service that stops: its last events, and the end of its timers and connections.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel, capturedLogs, formatEvent

from ssetwist import EndReason, Event, HubClosed, HubService
from ssetwist.errors import CannotListen
from ssetwist.hub import Subscriber
from ssetwist.mercure import TokenSettings
from ssetwist.testing import MemoryOutlet
from tests.conformance.reference import read
from tests.memory import Client
from tests.unit.mercure.fake_tokens import scratch
from tests.unit.server.case import KEY, Port, ServiceTestCase
from tests.unit.web.test_faults import Fault

#: A set without keys.
KEY_SET = b'{"keys": []}'


class StopCase(ServiceTestCase):
    """
    A service that stops.
    """

    def position(self, published: "Deferred[str]") -> int:
        """
        Return the position of an event in the log.
        """
        return int(self.successResultOf(published).rpartition(".")[2])


class LastWordsTests(StopCase):
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


class PortTests(StopCase):
    """
    Ports that take time to close.
    """

    def test_is_waited_for(self) -> None:
        """
        A service stops accepting connections before it ends streams, and is not stopped before its
        ports are closed.
        """
        service = self.start(tick=0)
        closing: Deferred[None] = Deferred()
        (port,) = service.ports
        port.stopListening = lambda: closing  # type: ignore[method-assign]
        client = self.connect()
        stopping = service.stopService()
        self.pass_time(1.0)
        self.assertNoResult(stopping)
        self.assertFalse(client.is_complete)
        closing.callback(None)
        self.pass_time(1.0)
        self.assertTrue(client.is_complete)
        self.successResultOf(stopping)
        Port.stopListening(port)
        self.pass_time(1.0)

    def break_port(self, service: HubService, stop: Callable[[], object]) -> None:
        """
        Replace the end of the first port, as an endpoint of a plugin might have it.
        """
        port: Any = service.ports[0]  # a Port
        port.stopListening = stop

        def close() -> None:
            Port.stopListening(port)
            self.pass_time(0.25)

        self.addCleanup(close)

    def test_never(self) -> None:
        """
        A port that is never closed takes half of the drain time-out at most; then it is named in
        the log, and the streams end properly.
        """
        service = self.start("tcp:81:interface=127.0.0.1", "tcp:80:interface=127.0.0.1", tick=0)
        self.break_port(service, Deferred)
        clients = [self.connect(0), self.connect(1)]
        stopping = service.stopService()
        self.assertEqual(1, len(self.reactor.ports), "the other port is closed at once")
        with capturedLogs() as events:
            self.pass_time(5.0)
        self.successResultOf(stopping)
        self.assertEqual([True] * 2, [client.is_complete for client in clients])
        (told,) = [formatEvent(one) for one in events if one["log_level"] is LogLevel.error]
        self.assertRegex(told, r"^IPv4Address.*81\) was not closed within 4\.5 s, and may")
        self.assertRaises(HubClosed, service.hub.publish, "news", Event("a"))

    def test_never_and_a_client_that_does_not_read(self) -> None:
        """
        The whole stop takes no longer than the drain time-out.
        """
        service = self.start(tick=0, drain_timeout=10.0)
        self.break_port(service, Deferred)
        client = self.connect()
        client.stop_reading()
        service.hub.publish("news", Event("a"))
        stopping = service.stopService()
        self.pass_time(8.0)
        self.assertNoResult(stopping)
        self.pass_time(2.0)
        self.successResultOf(stopping)
        self.assertTrue(client.transport.is_aborted)

    def test_no_time(self) -> None:
        """
        Without any time for the drain a port still has a moment to close, and a client that does
        not read is disconnected then.
        """
        service = self.start(tick=0, drain_timeout=0.0)
        client = self.connect()
        client.stop_reading()
        service.hub.publish("news", Event("a"))
        with capturedLogs() as events:
            self.stop(service)
        self.assertFalse(client.transport.is_connected)
        self.assertEqual([], [one for one in events if one["log_level"] is LogLevel.error])

    def test_raises(self) -> None:
        """
        A port that cannot be closed is logged; the other ports are closed, and the stop goes on.
        """
        for problem in (ZeroDivisionError, SystemExit, CancelledError):
            for stop in (Fault(problem), Fault(problem).later):
                service = self.start(
                    "tcp:81:interface=127.0.0.1", "tcp:80:interface=127.0.0.1", tick=0
                )
                self.break_port(service, stop)
                client = self.connect()
                with capturedLogs() as events:
                    self.stop(service)
                told = [one for one in events if one["log_level"] is LogLevel.critical]
                self.assertRegex(formatEvent(told[0]), r"^IPv4Address.*81\) could not be closed, ")
                self.assertTrue(client.is_complete)
                self.assertEqual(1, len(self.reactor.ports))
                self.assertEqual(1, len(self.flushLoggedErrors(problem)))
                self.doCleanups()

    def test_abort(self) -> None:
        """
        ``abort`` also ends the wait for a port.
        """
        service = self.start(tick=0)
        self.break_port(service, Deferred)
        stopping = service.stopService()
        self.pass_time(1.0)
        self.assertNoResult(stopping)
        service.abort()
        self.pass_time(0.25)
        self.successResultOf(stopping)
        self.pass_time(10.0)  # until it is given up

    def test_cancelled(self) -> None:
        """
        If the stop is cancelled while a port closes, streams stay open.
        """
        service = self.start(tick=0, heartbeat=0)
        self.break_port(service, Deferred)
        client = self.connect()
        stopping = service.stopService()
        stopping.cancel()
        self.failureResultOf(stopping, CancelledError)
        self.pass_time(15.0)
        self.assertFalse(client.is_complete)
        self.assertTrue(client.transport.is_connected)
        client.close()


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


class OrderTests(StopCase):
    """
    The order of start and stop.
    """

    def test_running(self) -> None:
        """
        A service knows that it runs, from its start to its stop.
        """
        service = self.make()
        service.privilegedStartService()
        self.assertFalse(service.running)
        service.startService()
        self.assertTrue(service.running)
        stopping = service.stopService()
        self.assertFalse(service.running)
        self.pass_time(1.0)
        self.successResultOf(stopping)

    def test_listens_once(self) -> None:
        """
        A service that has listened with privileges does not listen again at its start.
        """
        for is_privileged in (True, False):
            service = self.make()
            if is_privileged:
                service.privilegedStartService()
            service.startService()
            self.assertEqual((1, 1), (len(service.ports), len(self.reactor.ports)))
            self.stop(service)

    def test_order(self) -> None:
        """
        At the stop ticks and ports go first, then the streams end, and the hub is closed at last.
        """
        service = self.start(tick=0.25)
        client = self.connect()
        client.stop_reading()
        service.hub.publish("news", Event("a"))
        stopping = service.stopService()
        self.assertEqual([], self.reactor.ports)
        self.pass_time(1.0)
        self.assertNoResult(stopping)
        self.assertEqual(2, self.position(service.hub.publish("news", Event("still open"))))
        client.read_again()
        self.pass_time(1.0)
        self.successResultOf(stopping)
        types = [event.type for event in read(client.body).received]
        self.assertEqual([], [type for type in types if type == "tick"])
        self.assertRaises(HubClosed, service.hub.publish, "news", Event("too late"))

    def test_fails_half_way(self) -> None:
        """
        A service that could not listen has not begun anything else, and can be stopped.
        """
        self.reactor.in_use.add(80)
        tokens = TokenSettings(jwks="http://127.0.0.1:81/keys")
        for options in ({"tokens": tokens, "tick": 1.0}, {}):
            for method in ("privilegedStartService", "startService"):
                service = self.make("tcp:82:interface=127.0.0.1", "tcp:80", **options)
                self.assertRaises(CannotListen, getattr(service, method))
                stopping = service.stopService()
                self.pass_time(1.0)
                self.successResultOf(stopping)
                self.assertEqual([], self.reactor.getDelayedCalls())
                self.assertEqual(([], []), (self.reactor.ports, self.reactor.tcpClients))
                self.assertRaises(HubClosed, service.hub.publish, "news", Event("a"))

    def test_time_of_ticks(self) -> None:
        """
        Ticks follow the reactor of the service, and begin after the first pause.
        """
        self.start(tick=60.0)
        client = self.connect()
        for seconds, count in ((59.0, 0), (2.0, 1), (60.0, 2)):
            self.pass_time(seconds, 0.5)
            self.assertEqual(count, len(read(client.body).received))


class FormTests(ServiceTestCase):
    """
    Forms, which the hub reads by its own rules.
    """

    def test_multipart(self) -> None:
        """
        A body of a kind that Twisted would parse reaches the hub, which says what it takes.
        """
        self.start(tick=0)
        client = Client(self.reactor.ports[0].factory, self.reactor)
        headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": "1"}
        client.request("/.well-known/mercure", method="POST", headers=headers)
        client.send(b"x")
        self.pass_time(0.25)
        self.assertTrue(client.head.startswith(b"1 415 "), client.head)


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
