"""
The resources that a hub serves, and their paths.
"""

import json
from dataclasses import replace

from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event, HubConfig
from ssetwist.mercure import DEFAULT_PATH, TokenSettings
from ssetwist.mercure.tokens._keys import VerificationKey
from ssetwist.server._assembly import Access, make_root
from ssetwist.testing import MemoryHub
from ssetwist.web import Site
from tests.clock import Clock
from tests.conformance.reference import read
from tests.memory import Client
from tests.unit.mercure.fake_tokens import HUB, access_token, detail, signed
from tests.unit.server.case import ServiceTestCase

SECRET = b"k" * 32
_KEY = VerificationKey.from_secret(SECRET)
TOKENS = TokenSettings(publish=(_KEY,), subscribe=(_KEY,))


class RootCase(SynchronousTestCase):
    """
    Resources of a hub, over a connection in memory.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.hub = MemoryHub(clock=self.clock)

    def head(self, config: HubConfig, path: str) -> bytes:
        """
        Return the head of the answer to a subscription at this path, in lower case.
        """
        root = make_root(self.hub, config, Access(self.clock, config).authorizer)
        client = Client(Site(root, streams=self.hub.streams), self.clock)
        self.addCleanup(client.close)
        client.request(f"{path}?match=news")
        return client.head


class PathTests(RootCase):
    """
    The paths of the Mercure hub.
    """

    def test_default_path(self) -> None:
        """
        The hub is at the default path of Mercure, at the path of its audience also, and at no other
        path.
        """
        for own in (DEFAULT_PATH, "/hub", "/a/b/hub", "/.well-known/other"):
            tokens = replace(TOKENS, audience=f"https://hub.example{own}")
            config = HubConfig(tokens=tokens, anonymous=True)
            for path in {DEFAULT_PATH, own}:
                head = self.head(config, path)
                self.assertRegex(head, rb"\A1 200 ", (own, path))
                self.assertIn(b"\r\ncontent-type: text/event-stream", head)
            for path in {"/hub", "/a/b", "/.well-known", "/.well-known/hub"} - {own}:
                self.assertRegex(self.head(config, path), rb"\A1 404 ", (own, path))

    def test_slash_at_the_end(self) -> None:
        """
        A slash at the end of the audience does not make another path.
        """
        tokens = replace(TOKENS, audience="https://hub.example/hub/")
        config = HubConfig(tokens=tokens, anonymous=True)
        for path in ("/hub", "/hub/"):
            self.assertRegex(self.head(config, path), rb"\A1 200 ", path)

    def test_metadata(self) -> None:
        """
        The hub's metadata are where clients look for them by the hub's own URL (RFC 9728, 3.1), and
        at no other path.
        """
        well_known = "/.well-known/oauth-protected-resource"
        paths = (DEFAULT_PATH, "/hub", "/a/b/hub")
        for own in paths:
            tokens = replace(TOKENS, audience=f"https://hub.example{own}")
            config = HubConfig(tokens=tokens)
            for path in paths:
                status = rb"\A1 200 " if path == own else rb"\A1 404 "
                self.assertRegex(self.head(config, well_known + path), status, (own, path))

    def test_without_audience(self) -> None:
        """
        Without an audience the hub is at the default path, with a key and without one.
        """
        for tokens in (TOKENS, TokenSettings()):
            config = HubConfig(tokens=tokens, anonymous=True)
            self.assertRegex(self.head(config, DEFAULT_PATH), rb"\A1 200 ", tokens)


class PageTests(RootCase):
    """
    The page of a hub whose public events everyone may read.
    """

    def test_may_publish(self) -> None:
        """
        The page offers to publish in development only, and does not exist without public access.
        """
        for config, expected in (
            (HubConfig(), True),
            (HubConfig(tokens=TOKENS, anonymous=True), False),
        ):
            root = make_root(self.hub, config, Access(self.clock, config).authorizer)
            client = Client(Site(root, streams=self.hub.streams), self.clock, address="127.0.0.1")
            client.request("/status")
            self.assertIs(expected, json.loads(client.body)["may_publish"])
        for path in ("/", "/sse", "/status"):
            self.assertRegex(self.head(HubConfig(tokens=TOKENS), path), rb"\A1 404 ")


class DevelopmentTests(RootCase):
    """
    A hub without keys, which only programs and pages of this machine may use.
    """

    def test_other_hosts(self) -> None:
        """
        A page of another host is refused at every path of a hub for development, and at no path of
        another hub.
        """
        for config, status in (
            (HubConfig(), b"421"),
            (HubConfig(tokens=TOKENS, anonymous=True), b"200"),
        ):
            root = make_root(self.hub, config, Access(self.clock, config).authorizer)
            for path in ("/", "/sse", "/status", f"{DEFAULT_PATH}?match=news"):
                client = Client(Site(root, streams=self.hub.streams), self.clock)
                self.addCleanup(client.close)
                client.request(path, headers={"Host": "page.example"})
                self.assertEqual(status, client.head[2:5], (path, client.head))

    def test_pages_of_this_machine(self) -> None:
        """
        Pages of this machine, at any port, may read what a hub for development answers; pages of
        other hosts may not.
        """
        config = HubConfig()
        root = make_root(self.hub, config, Access(self.clock, config).authorizer)
        for origin, is_allowed in (
            ("http://localhost:3000", True),
            ("http://127.0.0.1:8081", True),
            ("https://page.example", False),
        ):
            client = Client(Site(root, streams=self.hub.streams), self.clock, address="127.0.0.1")
            self.addCleanup(client.close)
            client.request(
                f"{DEFAULT_PATH}?match=news", headers={"Host": "127.0.0.1", "Origin": origin}
            )
            allowed = f"\r\naccess-control-allow-origin: {origin}\r\n".encode()
            self.assertEqual(is_allowed, allowed in client.head, origin)


class AccessTests(ServiceTestCase):
    """
    Requests to the server of keys and to the application.
    """

    def subscribed(
        self, config: HubConfig, headers: dict[str, str], query: str = "match=news"
    ) -> tuple[Access, Client]:
        """
        Let a client subscribe to a hub with this configuration.
        """
        hub = MemoryHub(clock=self.reactor)
        access = Access(self.reactor, config)
        self.addCleanup(access.stop)
        site = Site(make_root(hub, config, access.authorizer), streams=hub.streams)
        client = Client(site, self.reactor)
        self.addCleanup(client.close)
        client.request(f"/.well-known/mercure?{query}", headers=headers)
        return access, client

    def test_no_shared_cookies(self) -> None:
        """
        A cookie that the application sets for a visitor is not sent to the server of the keys, even
        on the same host.
        """
        url = "http://127.0.0.1:81"
        config = HubConfig(
            tokens=TokenSettings(jwks=f"{url}/keys", audience="https://hub.example/"),
            authorize_url=f"{url}/may",
        )
        access, client = self.subscribed(config, {})
        _, _, factory, _, _ = self.reactor.tcpClients[-1]
        connection = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 81))
        transport = StringTransport()
        connection.makeConnection(transport)
        self.assertIn(b"GET /may HTTP/1.1\r\n", transport.value())
        transport.clear()
        connection.dataReceived(
            b"HTTP/1.1 403 Forbidden\r\nSet-Cookie: secret=1; Path=/\r\nContent-Length: 0\r\n\r\n"
        )
        self.pass_time(1.0)
        self.assertTrue(client.head.startswith(b"1 403 "), client.head)
        access.start()
        self.pass_time(1.0)
        self.assertIn(b"GET /keys HTTP/1.1\r\n", transport.value())
        self.assertNotIn(b"secret", transport.value())

    def test_token_first(self) -> None:
        """
        With keys and an application, a token decides alone, and the application is not asked.
        """
        config = HubConfig(tokens=TOKENS, authorize_url="http://127.0.0.1:81/may")
        token = signed({"mercure": {"subscribe": ["*"]}}, SECRET)
        _, client = self.subscribed(config, {"Authorization": f"Bearer {token}"})
        self.pass_time(1.0)
        self.assertEqual(b"200", client.head[2:5])
        self.assertEqual([], self.reactor.tcpClients)

    def test_time_to_connect(self) -> None:
        """
        A connection to the server of keys or to the application must be made in five seconds.
        """
        url = "http://127.0.0.1:81"
        tokens = TokenSettings(jwks=f"{url}/keys", audience="https://hub.example/")
        for options in ({"tokens": tokens}, {"authorize_url": f"{url}/may"}):
            service = self.start(tick=0, **options)
            self.connect(path="/.well-known/mercure?match=news")
            self.pass_time(1.0)
            host, port, _, seconds, _ = self.reactor.tcpClients[-1]
            self.assertEqual(("127.0.0.1", 81, 5.0), (host, port, seconds))
            self.stop(service)
        self.assertEqual(2, len(self.reactor.tcpClients))

    def test_requests_to_the_application(self) -> None:
        """
        At most half as many requests wait for the application as clients may connect.
        """
        self.start(tick=0, authorize_url="http://127.0.0.1:81/may", max_connections=4)
        path = "/.well-known/mercure?match=news"
        clients = [self.connect(path=path) for _ in range(3)]
        self.pass_time(1.0)
        self.assertEqual([b"", b"", b"503"], [client.head[2:5] for client in clients])
        self.assertEqual(2, len(self.reactor.tcpClients))

    def test_relative_patterns(self) -> None:
        """
        Patterns in the application's answer are relative to the hub's own URL.
        """
        tokens = replace(TOKENS, audience="https://hub.example/hub")
        service = self.start(tick=0, tokens=tokens, authorize_url="http://127.0.0.1:81/may")
        client = self.connect(path="/hub?match=*")
        _, _, factory, _, _ = self.reactor.tcpClients[-1]
        connection = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 81))
        connection.makeConnection(StringTransport())
        body = b'{"topics": [{"match": "/:room", "match_type": "urlpattern"}]}'
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
        connection.dataReceived(f"{head}{len(body)}\r\n\r\n".encode() + body)
        self.pass_time(1.0)
        for topic in ("https://hub.example/a", "https://other.example/b"):
            service.hub.publish(topic, Event(topic))
        self.pass_time(1.0)
        self.assertEqual(
            ["https://hub.example/a"], [event.data for event in read(client.body).received]
        )

    def status_with(self, token: str, **options: object) -> bytes:
        """
        Return the status of a subscription with a token.
        """
        tokens = replace(TOKENS, audience=HUB, issuer=HUB)
        config = HubConfig(tokens=tokens, **options)
        _, client = self.subscribed(config, {"Authorization": f"Bearer {token}"})
        return client.head[2:5]

    def test_limits_of_tokens(self) -> None:
        """
        A token may have as many topics, each as long, as clients may ask for.
        """
        many = [f"/{number}" for number in range(101)]
        long = "/" + "x" * 4096
        for is_legacy, topics, options in (
            (False, many, {"max_matchers": 101}),
            (False, [long], {"max_pattern": 4097}),
            (True, [long], {"max_pattern": 4097}),
        ):
            token = (
                signed({"mercure": {"subscribe": topics}}, SECRET)
                if is_legacy
                else access_token(SECRET, authorization_details=[detail("subscribe", *topics)])
            )
            self.assertEqual(b"401", self.status_with(token), options)
            self.assertEqual(b"200", self.status_with(token, **options), options)

    def test_lower_limits_are_for_clients(self) -> None:
        """
        A hub that lets clients ask for less accepts the same tokens as before.
        """
        token = access_token(SECRET, authorization_details=[detail("subscribe", "/a", "/b")])
        for options in ({"max_matchers": 1}, {"max_pattern": 1}):
            config = HubConfig(tokens=replace(TOKENS, audience=HUB, issuer=HUB), **options)
            headers = {"Authorization": f"Bearer {token}"}
            for query, status in (("match=*", b"200"), ("match=/a&match=/b", b"400")):
                _, client = self.subscribed(config, headers, query)
                self.assertEqual(status, client.head[2:5], (options, query))

    def test_limits_of_answers(self) -> None:
        """
        The application may answer with as many patterns as clients may ask for.
        """
        entries = [{"match": f"/{one}/:a", "match_type": "urlpattern"} for one in range(101)]
        body = json.dumps({"subscribe": entries}).encode()
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
        for options, status in (({}, b"503"), ({"max_matchers": 101}, b"200")):
            config = HubConfig(authorize_url="http://127.0.0.1:81/may", **options)
            _, client = self.subscribed(config, {})
            _, _, factory, _, _ = self.reactor.tcpClients[-1]
            connection = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 81))
            connection.makeConnection(StringTransport())
            connection.dataReceived(f"{head}{len(body)}\r\n\r\n".encode() + body)
            self.pass_time(1.0)
            self.assertEqual(status, client.head[2:5], options)

    def said(self, level: LogLevel, **options: object) -> list[str]:
        """
        Return the messages about access that a service logs on this level when it starts.
        """
        said = self.logged(level, lambda: self.stop(self.start(**options)))
        return [line for line in said if "key" in line or "token" in line]

    def test_without_keys(self) -> None:
        """
        A hub for development says that everyone may do everything; other hubs do not.
        """
        self.assertEqual(1, len(self.said(LogLevel.info)))
        for options in ({"authorize_url": "https://app.example/may"}, {"tokens": TOKENS}):
            self.assertEqual([], self.said(LogLevel.info, **options), options)

    def warnings(self, **options: object) -> list[str]:
        """
        Return the warnings that a service logs when it starts.
        """
        return self.logged(LogLevel.warn, lambda: self.stop(self.start(**options)))

    def test_without_audience(self) -> None:
        """
        A hub with keys and without an audience logs a warning, because it refuses all tokens of
        1.0; other hubs log nothing.
        """
        self.assertIn("without --audience", self.warnings(tokens=TOKENS)[0])
        for options in (
            {},
            {"authorize_url": "https://app.example/may"},
            {"tokens": replace(TOKENS, audience="https://hub.example/")},
        ):
            self.assertEqual([], self.warnings(**options), options)
