"""
Settings of a hub, each with a value that is not the default.
"""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from ssetwist.mercure import Limits, MercureSettings, MetadataResource, Origins
from ssetwist.web import Site
from tests.memory import Client
from tests.unit.mercure.case import ResourceCase

PATTERN = "?match_urlpattern="


class SettingsTests(ResourceCase):
    """
    The way of each setting to the answers.
    """

    settings = MercureSettings()

    def use(self, **settings: Any) -> None:
        self.make(replace(MercureSettings(), **settings))

    def statuses(self, *paths: str, name: str = "alice", **headers: str) -> list[int]:
        """
        Return the statuses of requests.
        """
        return [self.status(self.ask(path, name, **headers)) for path in paths]

    def metadata(self, **settings: Any) -> dict[str, Any]:
        """
        Return the metadata of a hub.
        """
        made = MercureSettings(url="https://hub.example/hub", **settings)
        client = Client(Site(MetadataResource(made), streams=self.hub.streams), self.clock)
        self.clients.append(client)
        client.request()
        found: dict[str, Any] = json.loads(client.body)
        return found

    def takes_url(self) -> None:
        self.use(url="https://hub.example/hub")
        client = self.ask(name="nobody")
        url = b"https://hub.example/.well-known/oauth-protected-resource/hub"
        self.assertIn(b'resource_metadata="%b"' % url, client.head)

    def takes_is_legacy_allowed(self) -> None:
        self.use(is_legacy_allowed=False)
        self.assertEqual([400], self.statuses("?topic=news"))

    def takes_cors_origins(self) -> None:
        self.use(cors_origins=Origins.of(["https://a.example"]))
        client = self.ask(name="bob", Origin="https://a.example")
        self.assertIn(b"\r\naccess-control-allow-origin: https://a.example", client.head)
        self.assertEqual(400, self.status(self.publish(Origin="https://a.example")))

    def takes_publish_origins(self) -> None:
        self.use(publish_origins=Origins.of(["https://a.example"]))
        client = self.publish(Origin="https://a.example")
        self.assertEqual(200, self.status(client))
        self.assertNotIn(b"access-control-allow-origin", client.head)

    def takes_checks_origin(self) -> None:
        self.use(checks_origin=False)
        self.assertEqual(200, self.status(self.publish(Origin="https://a.example")))

    def takes_has_subscriptions(self) -> None:
        self.use(has_subscriptions=True)
        self.assertNotIn(404, self.statuses("subscriptions"))
        self.assertTrue(self.metadata(has_subscriptions=True)["mercure_subscriptions"])

    def takes_cookie(self) -> None:
        self.assertEqual("session", self.metadata(cookie="session")["mercure_cookie"])

    def takes_issuers(self) -> None:
        issuers = ("https://a.example",)
        self.assertEqual(list(issuers), self.metadata(issuers=issuers)["authorization_servers"])

    def takes_limits(self) -> None:
        self.use(limits=Limits(max_matchers=1, max_pattern=4))
        self.assertEqual(
            [400, 400, 200], self.statuses("?match=a&match=b", "?match=abcde", "?match=abcd")
        )

    def takes_max_body(self) -> None:
        self.use(max_body=50)
        self.assertEqual(50, self.resource.max_body)
        body = b"topic=news&data=".ljust(51, b"x")
        self.assertEqual(413, self.status(self.publish(body)))

    def takes_max_topics(self) -> None:
        self.use(max_topics=1)
        self.assertEqual(413, self.status(self.publish(b"topic=news&topic=/a")))

    def takes_max_per_token(self) -> None:
        self.use(max_per_token=1)
        self.assertEqual([200, 429], self.statuses(*["?match=news"] * 2))

    def takes_max_distinct_patterns(self) -> None:
        self.use(max_distinct_patterns=1)
        self.assertEqual([200, 503], self.statuses(f"{PATTERN}/:a", f"{PATTERN}/b/:c"))

    def takes_max_distinct_patterns_per_address(self) -> None:
        self.use(max_distinct_patterns_per_address=1)
        paths = (f"{PATTERN}/:a", f"{PATTERN}/b/:c")
        self.assertEqual([200, 200], self.statuses(*paths))
        self.assertEqual([200, 429], self.statuses(*paths, name="any"))

    def takes_max_distinct_patterns_per_token(self) -> None:
        self.use(max_distinct_patterns_per_token=1)
        paths = (f"{PATTERN}/:a", f"{PATTERN}/b/:c")
        self.assertEqual([200, 429], self.statuses(*paths))
        self.assertEqual([200, 200], self.statuses(*paths, name="any"))

    def takes_authorize_timeout(self) -> None:
        self.use(authorize_timeout=4.0)
        self.authorizer.is_slow = True
        clients = [self.ask(), self.publish()]
        self.clock.advance(3.9)
        self.assertEqual([b""] * 2, [client.received for client in clients])
        self.clock.advance(0.1)
        self.assertEqual([503] * 2, [self.status(client) for client in clients])
        self.authorizer.is_slow = False

    def takes_publish_rate(self) -> None:
        self.use(publish_rate=1.0)
        self.assertEqual([200, 429], [self.status(self.publish()) for _ in range(2)])

    def takes_reconnection_time(self) -> None:
        for seconds, first in ((7.0, b"retry: 7000\n"), (None, b":\n")):
            self.use(reconnection_time=seconds)
            self.assertEqual(first, self.ask().body)

    def test_each(self) -> None:
        """
        Each setting has its effect.
        """
        for name in sorted(one.name for one in fields(MercureSettings)):
            with self.subTest(setting=name):
                takes: Callable[[], None] = getattr(self, f"takes_{name}")
                takes()
                for client in self.clients:
                    client.close()
                self.clock.advance(0)
                self.assertTrue(self.resource.is_idle)
