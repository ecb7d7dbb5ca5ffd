"""
A running hub: its ticks, its stop, other hubs beside it, and the effects of its configuration.
"""

import json
import os
import time
from datetime import datetime, timezone

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel, capturedLogs

from ssetwist import EndReason, Event, HubClosed, HubService, UnknownCursor, WhenBehind
from ssetwist.mercure import TokenSettings
from ssetwist.testing import Listener
from tests.conformance.reference import Received, read
from tests.memory import Client
from tests.unit.server.case import DayReactor, ServiceTestCase


class TickTests(ServiceTestCase):
    """
    The events of the demonstration.
    """

    def ticks(self, client: Client) -> list[Received]:
        """
        Return the events that a client has received.
        """
        return read(client.body).received

    def test_each_second(self) -> None:
        """
        By default an event of type ``tick`` is published each second.
        """
        self.start()
        client = self.connect()
        for count in range(5):
            self.assertEqual(["tick"] * count, [tick.type for tick in self.ticks(client)])
            self.pass_time(1.0)

    def test_data(self) -> None:
        """
        The data of a tick is JSON: its number, the time, and the number of subscribers.  These are
        streams, and subscribers of the application, but not other connections.
        """
        service = self.start()
        client, _ = self.connect(), self.connect()
        for path in ("/", "/status"):
            self.connect(path=path)
        Listener(service.hub, "news")
        self.pass_time(2.0)
        self.assertEqual(
            [
                {"tick": 1, "time": "1970-01-01T00:00:01.000Z", "subscribers": 3},
                {"tick": 2, "time": "1970-01-01T00:00:02.000Z", "subscribers": 3},
            ],
            [json.loads(tick.data) for tick in self.ticks(client)],
        )

    def test_time_zone(self) -> None:
        """
        The time of a tick does not depend on the time zone of the process.
        """
        before = dict(os.environ)

        def restore() -> None:
            os.environ.pop("TZ")
            os.environ.update(before)
            time.tzset()

        self.addCleanup(restore)
        os.environ["TZ"] = "XYZ-5:30"
        time.tzset()
        self.start()
        client = self.connect()
        self.pass_time(1.0)
        self.assertEqual(
            ["1970-01-01T00:00:01.000Z"],
            [json.loads(tick.data)["time"] for tick in self.ticks(client)],
        )

    def test_topic(self) -> None:
        """
        Ticks are published to the topic ``tick``.
        """
        service = self.start()
        listeners = [Listener(service.hub, topic) for topic in ("tick", "news")]
        self.pass_time(1.0)
        self.assertEqual([1, 0], [len(listener.events) for listener in listeners])

    def test_ephemeral(self) -> None:
        """
        Ticks have no id, and are not replayed.
        """
        service = self.start()
        client = self.connect()
        self.pass_time(3.0)
        self.assertNotIn(b"id:", client.body)
        self.assertEqual(3, len(self.ticks(client)))
        self.assertEqual([], self.ticks(self.connect(path="/sse?from=earliest")))
        self.assertEqual(0, service.hub.log.head)

    def test_other_time(self) -> None:
        """
        The time between ticks can be set.
        """
        self.start(tick=0.25)
        client = self.connect()
        self.pass_time(1.0)
        self.assertEqual(4, len(self.ticks(client)))

    def test_none(self) -> None:
        """
        With a time of 0 no tick is published.
        """
        self.start(tick=0)
        client = self.connect()
        self.pass_time(10.0)
        self.assertEqual([], self.ticks(client))

    def test_hub_closed(self) -> None:
        """
        If the application closes the hub, the ticks end, and one error is logged.
        """
        service = self.start()
        service.hub.close()
        self.pass_time(5.0)
        self.assertEqual(1, len(self.flushLoggedErrors(HubClosed)))


class StopTests(ServiceTestCase):
    """
    The stop of a service.
    """

    def test_nothing_is_left(self) -> None:
        """
        After the stop, no port, no connection and no timer is left.
        """
        service = self.start("tcp:81:interface=127.0.0.1", "tcp:80:interface=127.0.0.1")
        clients = [self.connect(0), self.connect(1), self.connect(0, "/")]
        stopping = service.stopService()
        self.pass_time(1.0)
        self.successResultOf(stopping)
        self.assertEqual([False] * 3, [client.transport.is_connected for client in clients])
        self.assertEqual(([], ()), (self.reactor.ports, service.ports))
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_no_new_connections(self) -> None:
        """
        A service that stops takes no new connection from the first moment.
        """
        service = self.start()
        service.stopService()
        self.assertEqual([], self.reactor.ports)
        self.pass_time(1.0)

    def test_streams_end_properly(self) -> None:
        """
        Every stream ends as a complete response, and tells the client when to reconnect.
        """
        service = self.start(tick=0, reconnection_time=7.0)
        client = self.connect()
        service.stopService()
        self.pass_time(1.0)
        self.assertTrue(client.is_complete)
        self.assertFalse(client.transport.is_aborted)
        self.assertGreaterEqual(read(client.body).reconnection_time, 7000)

    def test_hub_is_closed(self) -> None:
        """
        The hub of a service that has stopped is closed.
        """
        service = self.start()
        service.stopService()
        self.pass_time(1.0)
        self.assertRaises(HubClosed, service.hub.publish, "news", Event("a"))

    def test_slow_client(self) -> None:
        """
        The stop waits for a slow client.
        """
        service = self.start(tick=0)
        client = self.connect()
        client.stop_reading()
        service.hub.publish("news", Event("a"))
        stopping = service.stopService()
        self.pass_time(5.0)
        self.assertNoResult(stopping)
        client.read_again()
        self.pass_time(1.0)
        self.successResultOf(stopping)
        self.assertEqual(["a"], [event.data for event in read(client.body).received])
        self.assertFalse(client.transport.is_aborted)

    def test_client_that_does_not_read(self) -> None:
        """
        A client that does not read is disconnected within the drain time-out.
        """
        service = self.start(tick=0, drain_timeout=10.0)
        client = self.connect()
        client.stop_reading()
        service.hub.publish("news", Event("a"))
        stopping = service.stopService()
        self.pass_time(8.0)
        self.assertNoResult(stopping)
        self.pass_time(2.0)
        self.successResultOf(stopping)
        self.assertTrue(client.transport.is_aborted)

    def test_abort(self) -> None:
        """
        ``abort`` disconnects all clients that the stop waits for.
        """
        service = self.start(tick=0)
        client = self.connect()
        client.stop_reading()
        stopping = service.stopService()
        self.pass_time(1.0)
        service.abort()
        self.pass_time(0.1)
        self.successResultOf(stopping)
        self.assertTrue(client.transport.is_aborted)

    def test_abort_without_a_stream(self) -> None:
        """
        ``abort`` also disconnects a client that is not a subscriber yet, such as one that waits for
        the application's decision.
        """
        service = self.start(tick=0, authorize_url="http://127.0.0.1:81/may")
        client = self.connect(path="/.well-known/mercure?match=news")
        self.assertEqual(0, service.hub.subscriber_count)
        stopping = service.stopService()
        self.pass_time(1.0)
        self.assertNoResult(stopping)
        service.abort()
        self.pass_time(0.1)
        self.successResultOf(stopping)
        self.assertTrue(client.transport.is_aborted)

    def test_cancel(self) -> None:
        """
        If the stop is cancelled, clients stay connected, and no timer of the stop is left.
        """
        service = self.start(tick=0, heartbeat=0)
        client = self.connect()
        client.stop_reading()
        stopping = service.stopService()
        self.pass_time(1.0)
        stopping.cancel()
        self.failureResultOf(stopping, CancelledError)
        self.pass_time(15.0)
        self.assertTrue(client.transport.is_connected)
        client.close()
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_not_started(self) -> None:
        """
        A service that was never started can be stopped.
        """
        service = self.make()
        stopping = service.stopService()
        self.pass_time(1.0)
        self.successResultOf(stopping)

    def test_only_privileged(self) -> None:
        """
        A service that listens, but was not started after that, can be stopped.
        """
        service = self.make()
        service.privilegedStartService()
        stopping = service.stopService()
        self.pass_time(1.0)
        self.successResultOf(stopping)
        self.assertEqual([], self.reactor.ports)


class TimeOfDayTests(ServiceTestCase):
    """
    A service on a reactor that measures by the time of day.
    """

    def setUp(self) -> None:
        self.reactor = DayReactor()

    def test_ticks(self) -> None:
        """
        Ticks come by the steady clock, and tell the date.
        """
        self.start(tick=1.0)
        client = self.connect()
        self.pass_time(2.0)
        dates = [json.loads(tick.data)["time"] for tick in read(client.body).received]
        self.assertEqual(2, len(dates))
        for date in dates:
            age = datetime.now(timezone.utc) - datetime.fromisoformat(date.replace("Z", "+00:00"))
            self.assertLess(abs(age.total_seconds()), 3600)

    def test_stop(self) -> None:
        """
        The whole stop is measured by the steady clock: that of a port which is never closed, and of
        a client that does not read.
        """
        service = self.start(tick=0, drain_timeout=10.0)
        port = service.ports[0]
        port.stopListening = Deferred  # type: ignore[method-assign]
        client = self.connect()
        client.stop_reading()
        service.hub.publish("news", Event("a"))
        stopping = service.stopService()
        with capturedLogs() as events:
            self.pass_time(8.0)
            self.assertNoResult(stopping)
            self.pass_time(2.0)
        self.successResultOf(stopping)
        self.assertEqual(1, len([one for one in events if one["log_level"] is LogLevel.error]))

    def test_access(self) -> None:
        """
        Connections to the server of keys and to the application are made, kept and closed by the
        steady clock.
        """
        url = "http://127.0.0.1:81"
        tokens = TokenSettings(jwks=f"{url}/keys")
        service = self.start(tick=0, tokens=tokens, authorize_url=f"{url}/may")
        self.connect(path="/.well-known/mercure?match=news")
        self.pass_time(1.0)
        for _, _, factory, _, _ in self.reactor.tcpClients:
            connection = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 81))
            connection.makeConnection(StringTransport())
            connection.dataReceived(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(2, len(self.reactor.tcpClients))
        self.stop(service)


class SideBySideTests(ServiceTestCase):
    """
    Two services in one process.
    """

    def test_events(self) -> None:
        """
        An event that is published to one service does not reach subscribers of the other.
        """
        service, other = (
            self.start("tcp:81:interface=127.0.0.1", tick=0),
            self.start("tcp:80:interface=127.0.0.1", tick=0),
        )
        client, other_client = self.connect(0), self.connect(1)
        service.hub.publish("news", Event("a"))
        other.hub.publish("news", Event("b"))
        self.pass_time(0.1)
        heard = [
            [event.data for event in read(one.body).received] for one in (client, other_client)
        ]
        self.assertEqual([["a"], ["b"]], heard)

    def test_configuration(self) -> None:
        """
        Each service has its own limits and times.
        """
        self.start("tcp:81:interface=127.0.0.1", tick=0, reconnection_time=1.0)
        self.start("tcp:80:interface=127.0.0.1", tick=0, reconnection_time=2.0)
        times = [read(self.connect(port).body).reconnection_time for port in (0, 1)]
        self.assertEqual([1000, 2000], times)

    def test_stop(self) -> None:
        """
        When one service stops, the other goes on.
        """
        service, other = (
            self.start("tcp:81:interface=127.0.0.1"),
            self.start("tcp:80:interface=127.0.0.1"),
        )
        client, other_client = self.connect(0), self.connect(1)
        self.stop(service)
        self.assertFalse(client.transport.is_connected)
        self.assertEqual(1, other.hub.subscriber_count)
        before = len(read(other_client.body).received)
        self.pass_time(3.0)
        self.assertEqual(before + 3, len(read(other_client.body).received))


class ConfigurationTests(ServiceTestCase):
    """
    Effects of the configuration on the service.
    """

    def test_stall_timeout(self) -> None:
        """
        A client that takes nothing for the stall time-out is disconnected as stalled.
        """
        service = self.start(tick=0, stall_timeout=5.0)
        client = self.connect()
        ended = service.hub.subscribers[0].when_ended()
        client.stop_reading()
        self.pass_time(6.1)
        self.assertEqual(EndReason.STALLED, self.successResultOf(ended))

    def missed(self, service: HubService, *texts: str) -> list[Received]:
        """
        Return the events that a client gets if it asks for everything after these events.
        """
        for text in texts:
            service.hub.publish("news", Event(text))
        self.pass_time(0.25)
        client = self.connect(path="/sse?from=earliest")
        self.pass_time(0.25)
        return read(client.body).received

    def test_log(self) -> None:
        """
        The log keeps at most ``log_events`` events and ``log_bytes`` bytes.
        """
        texts = [f"{number}" + "x" * 30 for number in range(5)]
        for options in ({"log_events": 2}, {"log_bytes": 150}):
            service = self.start(tick=0, **options)
            kept = [event.data for event in self.missed(service, *texts)]
            self.assertEqual(texts[-2:], kept, options)
            self.stop(service)

    def test_log_age(self) -> None:
        """
        The log keeps an event for ``log_age`` seconds.
        """
        service = self.start(tick=0, log_age=5.0)
        service.hub.publish("news", Event("old"))
        self.pass_time(4.0)
        self.assertEqual(["old", "new"], [event.data for event in self.missed(service, "new")])
        self.pass_time(1.0)
        self.assertEqual(["new"], [event.data for event in self.missed(service)])

    def test_lifetime(self) -> None:
        """
        A stream ends after its lifetime, less a fifth at most.
        """
        service = self.start(tick=0, lifetime=60.0)
        self.connect()
        ended = service.hub.subscribers[0].when_ended()
        self.pass_time(47.0)
        self.assertNoResult(ended)
        self.pass_time(17.0)
        self.assertEqual(EndReason.LIFETIME_OVER, self.successResultOf(ended))

    def unknown(self, **options: object) -> list[tuple[str, str]]:
        """
        Return type and data of the events that a client gets with an unknown cursor.
        """
        service = self.start(tick=0, **options)
        service.hub.publish("news", Event("1"))
        self.pass_time(0.25)
        client = self.connect(path="/sse?last_event_id=unknown")
        self.pass_time(0.25)
        self.stop(service)
        return [(one.type, one.data[:1].strip("{")) for one in read(client.body).received]

    def test_unknown_cursor(self) -> None:
        """
        A client with an unknown id gets new events or all events, after a ``gap`` event if that has
        a type.
        """
        self.assertEqual([("gap", "")], self.unknown())
        self.assertEqual([("missed", "")], self.unknown(gap="missed"))
        self.assertEqual([], self.unknown(gap=""))
        everything = {"unknown_cursor": UnknownCursor.ALL}
        self.assertEqual([("gap", ""), ("message", "1")], self.unknown(**everything))

    def behind(self, **options: object) -> tuple[list[Received], bool]:
        """
        Return the events of a client that was behind until the log had forgotten what it missed,
        and True if its stream goes on.
        """
        service = self.start(tick=0, log_events=2, **options)
        client = self.connect()
        client.stop_reading()
        for number in range(5):
            service.hub.publish(f"topic {number % 2}", Event(str(number)))
            self.pass_time(1 / 16)
        client.read_again()
        self.pass_time(0.25)
        is_open = bool(service.hub.subscriber_count)
        self.stop(service)
        return read(client.body).received, is_open

    def test_when_behind(self) -> None:
        """
        A client that was behind for too long is disconnected, skips the gap, or gets the newest
        event of each topic.
        """
        for when_behind, expected in (
            (WhenBehind.DISCONNECT, (["0"], False)),
            (WhenBehind.SKIP, (["0", "gap"], True)),
            (WhenBehind.LATEST, (["0", "gap", "3", "4"], True)),
        ):
            events, is_open = self.behind(when_behind=when_behind)
            heard = ["gap" if event.type == "gap" else event.data for event in events]
            self.assertEqual(expected, (heard, is_open), when_behind)

    def test_max_body(self) -> None:
        """
        The limit on bodies holds for every path, also for paths that take no body.
        """
        self.start(max_body=10)
        for path in ("/.well-known/mercure", "/sse", "/nothing"):
            for length, is_refused in ((10, False), (11, True)):
                client = Client(self.reactor.ports[0].factory, self.reactor)
                client.request(path, method="POST", headers={"Content-Length": str(length)})
                self.assertEqual(is_refused, client.head.startswith(b"1 413 "), (path, length))

    def test_page(self) -> None:
        """
        The page is served at ``/``.
        """
        self.start()
        self.assertIn(b"content-type: text/html", self.connect(path="/").head)
