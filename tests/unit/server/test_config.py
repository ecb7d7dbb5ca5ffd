"""
Consequences of a configuration.
"""

from dataclasses import fields, replace
from inspect import signature
from itertools import product

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Hub, HubConfig
from ssetwist.mercure import Limits, MercureSettings, Origins, TokenSettings
from ssetwist.mercure.tokens._keys import VerificationKey

_KEY = VerificationKey.from_secret(b"k" * 32)

#: Options that make a hub one for production.
PRODUCTION = (
    {"tokens": TokenSettings(publish=(_KEY,))},
    {"tokens": TokenSettings(subscribe=(_KEY,))},
    {"tokens": TokenSettings(publish=(_KEY,), subscribe=(_KEY,))},
    {"tokens": TokenSettings(publish=(_KEY,)), "anonymous": True},
    {"tokens": TokenSettings(jwks="https://issuer.example/keys")},
    {"authorize_url": "https://app.example/may"},
)


class TickTests(SynchronousTestCase):
    """
    Times between events of the demonstration.
    """

    def test_only_for_development(self) -> None:
        """
        By default a hub for development has a tick each second, and other hubs do not tick.
        """
        self.assertEqual(1.0, HubConfig().seconds_between_ticks)
        for options in PRODUCTION:
            self.assertEqual(0.0, HubConfig(**options).seconds_between_ticks, options)

    def test_as_asked(self) -> None:
        """
        A time that is given, or 0 for no ticks, holds for every hub.
        """
        for options, tick in product(({}, *PRODUCTION), (0.0, 0.5, 2.0)):
            config = HubConfig(tick=tick, **options)
            self.assertEqual(tick, config.seconds_between_ticks, options)


class AskedTests(SynchronousTestCase):
    """
    Requests to the application at a time.
    """

    def test_half_of_the_connections(self) -> None:
        """
        There are at most 500, at most half as many as connections, and always one.
        """
        for connections, expected in (
            (0, 500),
            (1, 1),
            (2, 1),
            (3, 1),
            (4, 2),
            (999, 499),
            (1000, 500),
            (5000, 500),
        ):
            config = HubConfig(max_connections=connections)
            self.assertEqual(expected, config.max_asked, connections)


class OriginTests(SynchronousTestCase):
    """
    Options about pages of other origins.
    """

    def test_only_with_a_key(self) -> None:
        """
        Both options are refused without a key, and taken with a key or with an application that
        decides.
        """
        for name in ("cors_origin", "publish_origin"):
            options = {name: ("https://page.example",)}
            problem = self.assertRaises(ValueError, HubConfig, **options)
            self.assertTrue(str(problem).startswith(f"{name}: it has no meaning without a key"))
            for more in PRODUCTION:
                HubConfig(**options, **more)

    def test_checked_in_production(self) -> None:
        """
        In production, a page that publishes with a cookie must be of an allowed origin; in
        development, any page of this machine may publish.
        """
        self.assertFalse(HubConfig().mercure.checks_origin)
        for options in PRODUCTION:
            self.assertTrue(HubConfig(**options).mercure.checks_origin, options)


class ParametersTests(SynchronousTestCase):
    """
    Parameters of the classes that a hub is made of.
    """

    def test_all_are_options(self) -> None:
        """
        Every limit and every time of ``Hub`` and of ``Limits`` is an option of the configuration;
        except for the time of a log, because a log in memory never waits.
        """
        options = {field.name for field in fields(HubConfig)}
        for made, others in ((Hub, {"clock", "log", "log_timeout"}), (Limits, set())):
            self.assertEqual(set(), signature(made).parameters.keys() - others - options)


class MercureTests(SynchronousTestCase):
    """
    Settings of the Mercure hub.
    """

    def test_passed_on(self) -> None:
        """
        Each setting has the value that follows from the options, and is in this table.
        """
        tokens, page = PRODUCTION[2]["tokens"], "https://page.example"
        hub, issuer = "https://hub.example/hub", "https://issuer.example"
        elsewhere = replace(tokens, audience=hub, issuer=issuer)
        cookies = replace(tokens, cookie_names=("mine", "legacy"))
        limits = {"max_matchers": 2, "max_pattern": 3}
        table = {
            "url": ({"tokens": elsewhere}, None, hub),
            "is_legacy_allowed": (
                {"tokens": replace(tokens, is_legacy_allowed=False)},
                True,
                False,
            ),
            "cors_origins": ({"cors_origin": (page,)}, Origins.of(()), Origins.of((page,))),
            "publish_origins": ({"publish_origin": (page,)}, Origins.of(()), Origins.of((page,))),
            "checks_origin": ({"tokens": TokenSettings()}, True, False),
            "has_subscriptions": ({"subscriptions": True}, False, True),
            "cookie": ({"tokens": cookies}, TokenSettings().cookie_names[0], "mine"),
            "issuers": ({"tokens": elsewhere}, (), (issuer,)),
            "limits": (limits, Limits(), Limits(**limits)),
            "authorize_timeout": ({"authorize_timeout": 3.0}, 10.0, 3.0),
            "max_body": ({"max_body": 1}, 1024 * 1024, 1),
            "max_topics": ({"max_topics": 3}, 1000, 3),
            "max_per_token": ({"max_per_token": 4}, 0, 4),
            "max_distinct_patterns": ({"max_distinct_patterns": 5}, 10_000, 5),
            "max_distinct_patterns_per_address": (
                {"max_distinct_patterns_per_address": 6},
                1000,
                6,
            ),
            "max_distinct_patterns_per_token": ({"max_distinct_patterns_per_token": 7}, 1000, 7),
            "publish_rate": ({"publish_rate": 5.0}, 0.0, 5.0),
            "reconnection_time": ({"reconnection_time": 6.0}, 3.0, 6.0),
        }
        self.assertEqual({field.name for field in fields(MercureSettings)}, table.keys())
        for name, (options, *expected) in table.items():
            found = [
                getattr(HubConfig(**{"tokens": tokens, **each}).mercure, name)
                for each in ({}, options)
            ]
            self.assertEqual(expected, found, name)

    def test_issuers(self) -> None:
        """
        Clients are told the issuer of tokens unless it is the hub itself.
        """
        hub = "https://hub.example/.well-known/mercure"
        for issuer, expected in (
            (None, ()),
            (hub, ()),
            ("https://issuer.example", ("https://issuer.example",)),
        ):
            tokens = replace(PRODUCTION[2]["tokens"], audience=hub, issuer=issuer)
            self.assertEqual(expected, HubConfig(tokens=tokens).mercure.issuers, issuer)
