"""
Settings of a Mercure hub.
"""

from math import inf, nan

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import HubConfig
from ssetwist.errors import InvalidOption
from ssetwist.hub import MAX_TOPICS
from ssetwist.mercure import MercureSettings, Origins, TokenSettings
from ssetwist.mercure.tokens._keys import from_bytes
from tests.unit.mercure.fake_tokens import SECRET


class OwnURLTests(SynchronousTestCase):
    """
    The hub's own URL.
    """

    def test_good(self) -> None:
        """
        A URL with a path, even the shortest, can be the hub's own.
        """
        for url in ("https://hub.example/.well-known/mercure", "http://[::1]:8080/"):
            self.assertEqual(url, MercureSettings(url=url).url)

    def test_wrong(self) -> None:
        """
        A wrong URL is refused by settings, and by a configuration, which calls it the audience.
        """
        keys = (from_bytes(SECRET),)
        for url, expected in (
            ("/hub", "it must be a URL of http or https"),
            ("https://[", "it is not a URL"),
            ("https://hub.example", "it must have a path, such as /.well-known/mercure"),
            ("https://hub.example/?a", "it must have neither ? nor #"),
        ):
            error = self.assertRaises(ValueError, MercureSettings, url=url)
            self.assertIn(f"url: {url!r}: {expected}", str(error))
            tokens = TokenSettings(publish=keys, audience=url)
            error = self.assertRaises(ValueError, HubConfig, tokens=tokens)
            self.assertTrue(str(error).startswith(f"audience: {expected}"), error)


class ValuesTests(SynchronousTestCase):
    """
    Defaults and values of settings.
    """

    def test_defaults(self) -> None:
        """
        By default a hub speaks both dialects, checks the pages that publish, trusts no page of
        another origin, and tells nobody of its subscriptions.
        """
        settings = MercureSettings()
        self.assertEqual(
            (True, True, False, Origins(), Origins()),
            (
                settings.is_legacy_allowed,
                settings.checks_origin,
                settings.has_subscriptions,
                settings.cors_origins,
                settings.publish_origins,
            ),
        )
        self.assertEqual((None, None, ()), (settings.url, settings.cookie, settings.issuers))
        self.assertEqual((0, 0.0), (settings.max_per_token, settings.publish_rate))
        self.assertEqual(
            (10_000, 1000, 1000),
            (
                settings.max_distinct_patterns,
                settings.max_distinct_patterns_per_address,
                settings.max_distinct_patterns_per_token,
            ),
        )
        self.assertEqual((1024 * 1024, 1000), (settings.max_body, settings.max_topics))
        self.assertEqual((10.0, 3.0), (settings.authorize_timeout, settings.reconnection_time))

    def test_numbers(self) -> None:
        """
        A number that makes no sense is refused, and the error has the name of the setting.
        """
        for name, least, most in (
            ("max_topics", 1, MAX_TOPICS),
            ("max_body", 0, None),
            ("max_distinct_patterns", 0, None),
            ("max_distinct_patterns_per_address", 0, None),
            ("max_distinct_patterns_per_token", 0, None),
            ("max_per_token", 0, None),
            ("publish_rate", 0, None),
        ):
            for value in (least - 1, inf, nan, *(() if most is None else (most + 1,))):
                error = self.assertRaises(InvalidOption, MercureSettings, **{name: value})
                self.assertEqual(name, error.field)
            for value in (least, most or 10**9):
                self.assertEqual(value, getattr(MercureSettings(**{name: value}), name))
        for value in (0, -1, inf, nan):
            error = self.assertRaises(InvalidOption, MercureSettings, authorize_timeout=value)
            self.assertEqual("authorize_timeout", error.field)

    def test_urls(self) -> None:
        """
        The path of the hub and its metadata follow from its URL.  A hub that does not know its URL
        has the usual path and no metadata.
        """
        known = MercureSettings(url="https://hub.example/hub")
        self.assertEqual("https://hub.example/hub", known.base_url)
        self.assertEqual("/hub", known.path)
        self.assertEqual(
            "https://hub.example/.well-known/oauth-protected-resource/hub", known.metadata_url
        )
        unknown = MercureSettings()
        self.assertEqual(
            ("/.well-known/mercure", "", "https://localhost/.well-known/mercure"),
            (unknown.path, unknown.metadata_url, unknown.base_url),
        )
