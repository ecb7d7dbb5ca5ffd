"""
Every field of ``HubConfig``: its effect on a running hub, and the result without it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from twisted.internet.testing import StringTransport

from ssetwist import Event, HubConfig, HubService, UnknownCursor, WhenBehind
from ssetwist.hub._hub import usable_cores
from tests.conformance.reference import read
from tests.memory import Client
from tests.unit.mercure.fake_tokens import signed
from tests.unit.server.case import KEY, ServiceTestCase

HUB = "/.well-known/mercure"
URL = f"https://hub.example{HUB}"

FORM = "application/x-www-form-urlencoded"

#: A token for everything, made with the key of ``KEY``.
TOKEN = signed({"mercure": {"publish": ["*"], "subscribe": ["*"]}}, b"k" * 32)
BEARER = {"Authorization": f"Bearer {TOKEN}"}
COOKIE = {"Cookie": f"mercureAuthorization={TOKEN}", "Origin": "https://page.example"}


class HubCase(ServiceTestCase):
    """
    A hub in memory, and questions to it.
    """

    service: HubService

    def ask(
        self, path: str, method: str = "GET", body: str = "", **headers: str
    ) -> tuple[int, Client]:
        """
        Send a request, and return the status of its answer, or 0 without one, and the connection.
        """
        client = Client(self.reactor.ports[0].factory, self.reactor, address="127.0.0.1")
        client.request(path, method=method, headers=headers)
        client.send(body.encode())
        self.pass_time(0.25)
        return int((client.head.split() or [b"", b"0"])[1]), client

    def status(self, path: str, **headers: str) -> int:
        return self.ask(path, **headers)[0]

    def post(self, body: str, **headers: str) -> int:
        """
        Publish a form, and return the status.
        """
        length = str(len(body))
        headers = {"Content-Type": FORM, "Content-Length": length, **headers}
        return self.ask(HUB, "POST", body, **headers)[0]

    def statuses(self, path: str, **headers: str) -> list[int]:
        """
        Return the statuses of two requests whose connections stay open.
        """
        return [self.status(path, **headers) for _ in range(2)]

    def open_connections(self) -> int:
        """
        Return how many of three connections without a request stay open.
        """
        clients = [Client(self.reactor.ports[0].factory, self.reactor) for _ in range(3)]
        self.pass_time(0.25)
        return sum(client.transport.is_connected for client in clients)

    def statuses_of_patterns(self, **headers: str) -> list[int]:
        """
        Return the statuses of two requests for different patterns.
        """
        paths = (f"{HUB}?match_urlpattern=/{name}/*" for name in "ab")
        return [self.status(path, **headers) for path in paths]

    def heard(self, path: str, seconds: float = 0.25) -> list[str]:
        """
        Return the events that a client gets within a time: the data, or the type of other ones.
        """
        _, client = self.ask(path)
        self.pass_time(seconds)
        events = read(client.body).received
        return [one.data if one.type == "message" else one.type for one in events]

    def publish(self, *texts: str) -> None:
        """
        Publish events to one topic.
        """
        for text in texts:
            self.service.hub.publish("news", Event(text))
            self.pass_time(1 / 16)

    def kept(self, *texts: str) -> list[str]:
        """
        Publish events, and return those that are kept.
        """
        self.publish(*texts)
        return self.heard("/sse?from=earliest")

    def reconnection_time(self, path: str) -> float:
        """
        Return the last reconnection time in a stream, in seconds.
        """
        return (read(self.ask(path)[1].body).reconnection_time or 0) / 1000

    def reconnection_time_at_the_end(self) -> float:
        """
        Return the reconnection time that a stream has when the hub stops, in seconds.
        """
        client = self.connect()
        self.stop(self.service)
        return (read(client.body).reconnection_time or 0) // 1000

    def seconds_until_cut(self) -> float:
        """
        Return the time that the stop waits for a client that does not read, in seconds.
        """
        client = self.connect()
        client.stop_reading()
        self.publish("a")
        before = self.reactor.seconds()
        self.service.stopService()
        while client.transport.is_connected:
            self.pass_time(1 / 16)
        seconds = int(self.reactor.seconds() - before)
        self.pass_time(1.0)
        return seconds

    def is_stalled(self) -> bool:
        """
        Return true if a client that does not read for 6 seconds is disconnected.
        """
        client = self.connect()
        client.stop_reading()
        self.publish("a")
        self.pass_time(6.5)
        return not self.service.hub.subscriber_count

    def heartbeats(self) -> bytes:
        """
        Return the bytes that a client gets in 6 seconds of silence.
        """
        client = self.connect()
        before = len(client.body)
        self.pass_time(6.0)
        return client.body[before:]

    def streams_after(self, seconds: float) -> int:
        """
        Return the number of streams some time after one has begun.
        """
        self.connect()
        self.pass_time(seconds, 0.25)
        return self.service.hub.subscriber_count

    def behind(self) -> list[str]:
        """
        Return the events of a client that was behind until the log had forgotten what it missed.
        """
        client = self.connect()
        client.stop_reading()
        self.publish(*"012345")
        client.read_again()
        self.pass_time(0.25)
        events = read(client.body).received
        return [one.data if one.type == "message" else one.type for one in events]

    def allowed_origin(self) -> bytes:
        """
        Return the origin that may read an answer of the hub.
        """
        _, client = self.ask(f"{HUB}?match=a", Origin="https://page.example", **BEARER)
        return client.head.partition(b"access-control-allow-origin: ")[2].partition(b"\r\n")[0]

    def threads(self) -> int:
        senders = self.service.hub._live._senders
        return 1 if senders is None else senders._threads

    def paths_asked(self) -> list[bytes]:
        """
        Return the request lines that the application gets when a client subscribes.
        """
        self.ask(f"{HUB}?match=a")
        asked = []
        for _, _, factory, _, _ in self.reactor.tcpClients:
            connection = factory.buildProtocol(None)
            transport = StringTransport()
            connection.makeConnection(transport)
            asked.append(transport.value().partition(b"\r\n")[0])
        return asked

    def seconds_until_denied(self) -> float:
        """
        Return the time that a client waits for an application that does not answer, in seconds.
        """
        before = self.reactor.seconds()
        _, client = self.ask(f"{HUB}?match=a")
        for _, _, factory, _, _ in self.reactor.tcpClients:
            factory.buildProtocol(None).makeConnection(StringTransport())
        while not client.received:
            self.pass_time(0.25)
        return int(self.reactor.seconds() - before)


@dataclass(frozen=True)
class Effect:
    """
    The effect of one field.

    :ivar name: The name of the field.
    :ivar value: A value that is not the default.
    :ivar look: Returns a fact of the hub.
    :ivar without: The fact with the default.
    :ivar with_it: The fact with the value.
    :ivar beside: Other fields in both cases.
    """

    name: str
    value: object
    look: Callable[[HubCase], object]
    without: object
    with_it: object
    beside: dict[str, Any] = field(default_factory=dict)


KEYS = {"tokens": KEY}
OWN = {"tokens": replace(KEY, audience=URL, issuer=URL)}

EFFECTS = (
    Effect(
        "listen",
        ("tcp:81:interface=127.0.0.1", "tcp:80:interface=127.0.0.1"),
        lambda hub: [port.getHost().port for port in hub.service.ports],
        [8080],
        [81, 80],
    ),
    Effect("heartbeat", 5.0, HubCase.heartbeats, b"", b":\n"),
    *(
        Effect("reconnection_time", 7.0, lambda hub, path=path: hub.reconnection_time(path), 3, 7)
        for path in ("/sse", f"{HUB}?match=a")
    ),
    Effect("reconnection_time", 7.0, HubCase.reconnection_time_at_the_end, 3, 7),
    Effect("tick", 0.5, lambda hub: len(hub.heard("/sse", 2.0)), 2, 4, {"tick": None}),
    Effect("tick", 0.5, lambda hub: len(hub.heard("/sse", 2.0)), 0, 4, {**KEYS, "anonymous": True}),
    Effect("max_connections", 1, HubCase.open_connections, 3, 1),
    Effect("max_subscribers", 1, lambda hub: hub.statuses("/sse"), [200, 200], [200, 503]),
    Effect("max_per_address", 1, lambda hub: hub.statuses("/sse"), [200, 200], [200, 503]),
    Effect("stall_timeout", 5.0, HubCase.is_stalled, False, True),
    Effect("drain_timeout", 5.0, HubCase.seconds_until_cut, 9, 4),
    Effect("lifetime", 60.0, lambda hub: hub.streams_after(47.0), 1, 1),
    Effect("lifetime", 60.0, lambda hub: hub.streams_after(64.0), 1, 0),
    Effect("log_events", 2, lambda hub: hub.kept("1", "2", "3"), ["1", "2", "3"], ["2", "3"]),
    Effect("log_events", 0, lambda hub: hub.kept("1"), ["1"], []),
    Effect("log_bytes", 60, lambda hub: hub.kept("1" * 30, "2"), ["1" * 30, "2"], ["2"]),
    Effect("log_age", 1.0, lambda hub: len(hub.kept(*"1" * 20)), 20, 15),
    *(
        Effect(
            "when_behind", value, HubCase.behind, ["0"], expected, {"log_events": 2, "tick": 0.0}
        )
        for value, expected in (
            (WhenBehind.SKIP, ["0", "gap"]),
            (WhenBehind.LATEST, ["0", "gap", "5"]),
        )
    ),
    Effect(
        "unknown_cursor",
        UnknownCursor.ALL,
        lambda hub: hub.publish("1") or hub.heard("/sse?last_event_id=unknown"),
        ["gap"],
        ["gap", "1"],
    ),
    *(
        Effect("gap", value, lambda hub: hub.heard("/sse?last_event_id=unknown"), ["gap"], expected)
        for value, expected in (("missed", ["missed"]), ("", []))
    ),
    Effect("flush_threads", 3, HubCase.threads, usable_cores(), 3),
    Effect("flush_threads", 1, HubCase.threads, usable_cores(), 1),
    Effect("tokens", KEY, lambda hub: hub.status(f"{HUB}?match=a"), 200, 401),
    Effect("tokens", KEY, lambda hub: hub.status(f"{HUB}?match=a", **BEARER), 200, 200),
    *(
        Effect(
            "tokens",
            tokens,
            lambda hub, path=path, headers=headers: hub.status(path, **headers),
            200,
            401,
            KEYS,
        )
        for tokens in (replace(OWN["tokens"], is_legacy_allowed=False),)
        for path, headers in (
            (f"{HUB}?match=a", BEARER),
            (f"{HUB}?match=a&authorization={TOKEN}", {}),
        )
    ),
    Effect(
        "tokens",
        replace(KEY, cookie_names=("mine",)),
        lambda hub: hub.status(f"{HUB}?match=a", Cookie=f"mine={TOKEN}"),
        401,
        200,
        KEYS,
    ),
    Effect(
        "authorize_url", "http://127.0.0.1:81/may", HubCase.paths_asked, [], [b"GET /may HTTP/1.1"]
    ),
    *(
        Effect(
            "authorize_timeout",
            seconds,
            HubCase.seconds_until_denied,
            10,
            seconds,
            {"authorize_url": "http://127.0.0.1:81/may"},
        )
        for seconds in (2.0, 20.0)  # the hub and its question have a limit each
    ),
    *(
        Effect("anonymous", True, lambda hub, path=path: hub.status(path), without, 200, KEYS)
        for path, without in ((f"{HUB}?match=a", 401), ("/sse", 404), ("/", 404), ("/status", 404))
    ),
    Effect(
        "cors_origin",
        ("https://page.example",),
        HubCase.allowed_origin,
        b"",
        COOKIE["Origin"].encode(),
        KEYS,
    ),
    Effect(
        "publish_origin",
        ("https://page.example",),
        lambda hub: hub.post("topic=a&data=x", **COOKIE),
        400,
        200,
        KEYS,
    ),
    Effect(
        "subscriptions",
        True,
        lambda hub: hub.status(f"{HUB}/subscriptions", **BEARER),
        404,
        200,
        KEYS,
    ),
    Effect("max_body", 13, lambda hub: hub.post("topic=a&data=x"), 200, 413),
    Effect("max_body", 14, lambda hub: hub.post("topic=a&data=x"), 200, 200),
    Effect("max_matchers", 1, lambda hub: hub.status(f"{HUB}?match=a&match=b"), 200, 400),
    Effect("max_topics", 1, lambda hub: hub.post("topic=a&topic=b&data=x"), 200, 413),
    Effect(
        "max_per_token",
        1,
        lambda hub: hub.statuses(f"{HUB}?match=a", **BEARER),
        [200, 200],
        [200, 429],
        KEYS,
    ),
    Effect("max_distinct_patterns", 1, HubCase.statuses_of_patterns, [200, 200], [200, 503]),
    Effect(
        "max_distinct_patterns_per_address",
        1,
        HubCase.statuses_of_patterns,
        [200, 200],
        [200, 429],
    ),
    Effect(
        "max_distinct_patterns_per_token",
        1,
        lambda hub: hub.statuses_of_patterns(**BEARER),
        [200, 200],
        [200, 429],
        KEYS,
    ),
    Effect(
        "publish_rate",
        0.5,
        lambda hub: [hub.post("topic=a&data=x") for _ in range(3)][1:],
        [200, 200],
        [429, 429],
    ),
    *(
        Effect(
            "max_pattern", 4, lambda hub, query=query: hub.status(f"{HUB}?{query}"), 200, with_it
        )
        for query, with_it in (
            ("match=news", 200),
            ("match=news5", 400),
            ("match_urlpattern=*", 200),
            ("match_urlpattern=/news*", 400),
        )
    ),
)


class EveryOptionTests(HubCase):
    """
    Fields of the configuration.
    """

    def test_all_are_here(self) -> None:
        """
        The table has each field of the configuration.
        """
        self.assertEqual(
            {one.name for one in fields(HubConfig)}, {effect.name for effect in EFFECTS}
        )

    def test_effects(self) -> None:
        """
        Each field has its effect, and with the default the result is another.
        """
        for effect in EFFECTS:
            quiet = {} if "tick" in (effect.name, *effect.beside) else {"tick": 0.0}
            for options, expected in (
                ({}, effect.without),
                ({effect.name: effect.value}, effect.with_it),
            ):
                self.setUp()
                config = HubConfig(**{**quiet, **effect.beside, **options})
                self.service = HubService(self.reactor, config)
                self.service.privilegedStartService()
                self.service.startService()
                found = effect.look(self)
                self.stop(self.service)
                self.assertEqual(expected, found, (effect.name, options))
