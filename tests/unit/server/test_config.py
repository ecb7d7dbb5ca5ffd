"""
Consequences of a configuration.
"""

import dataclasses
from itertools import product

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import HubConfig, HubService
from ssetwist.mercure import TokenSettings
from ssetwist.mercure.tokens._keys import VerificationKey

_KEY = VerificationKey.from_secret(b"k" * 32)

#: Everything that makes a hub more than one for development.
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
    When there are events of the demonstration.
    """

    def test_only_for_development(self) -> None:
        """
        By default there are some as long as nobody has said who may do what, and none after that.
        """
        self.assertEqual(1.0, HubConfig().seconds_between_ticks)
        for options in PRODUCTION:
            self.assertEqual(0.0, HubConfig(**options).seconds_between_ticks, options)

    def test_as_asked(self) -> None:
        """
        If somebody asks for a time between them, or for none, that counts everywhere.
        """
        for options, tick in product(({}, *PRODUCTION), (0.0, 0.5, 2.0)):
            config = HubConfig(tick=tick, **options)
            self.assertEqual(tick, config.seconds_between_ticks, options)


class HubConfigTests(SynchronousTestCase):
    """
    All that a service can be told.
    """

    def test_frozen(self) -> None:
        """
        It cannot be changed under a running service.
        """
        config = HubConfig()
        with self.assertRaises(dataclasses.FrozenInstanceError):
            config.reconnection_time = 1.0

    def test_listen_is_a_sequence(self) -> None:
        """
        One string is no sequence of them, and none is none: both are mistakes, told at once.
        """
        for listen in ("tcp:8080", "", (), []):
            error = self.assertRaises(ValueError, HubConfig, listen=listen)
            self.assertIn("listen must be one or more endpoint strings", str(error))

    def test_bounds(self) -> None:
        """
        What makes no sense is told by the configuration, too, by its name.
        """
        nan, inf = float("nan"), float("inf")
        cases = {
            "heartbeat": (-1, 0.09, 86401, nan, inf),
            "reconnection_time": (-0.1, 86401, nan),
            "tick": (-1, 0.0009, 86401, nan),
            "stall_timeout": (0, 0.09, -1, nan),
            "drain_timeout": (-1, 86401, nan),
            "lifetime": (-1, 0.9, 86401, nan),
            "log_age": (0, 0.9, 86401, inf, nan),
            "log_events": (-1,),
            "log_bytes": (-1,),
            "flush_threads": (-1, 65),
            "gap": ("a\nb",),
        }
        for name, values in cases.items():
            for value in values:
                error = self.assertRaises(ValueError, HubConfig, **{name: value})
                self.assertIn(name, str(error), (name, value))

    def test_numbers(self) -> None:
        """
        A text, such as variables of the environment are, is no number.
        """
        for name in ("heartbeat", "max_body", "max_subscribers", "log_events", "publish_rate"):
            error = self.assertRaises(TypeError, HubConfig, **{name: "15"})
            self.assertEqual(f"{name} must be a number, not '15'", str(error))

    def test_lifetime_needs_a_log(self) -> None:
        """
        Streams do not end by themselves where those who come back would miss something.
        """
        for missing in ("log_events", "log_bytes"):
            error = self.assertRaises(ValueError, HubConfig, **{"lifetime": 60, missing: 0})
            self.assertIn("lifetime needs a log", str(error))

    def test_without_reactor(self) -> None:
        """
        Who forgets the reactor is told so.
        """
        error = self.assertRaises(TypeError, HubService, HubConfig())
        self.assertEqual("the reactor comes first, then the HubConfig", str(error))

    def test_loopback(self) -> None:
        """
        Unless told otherwise, only this machine can connect.
        """
        self.assertEqual(["tcp:8080:interface=127.0.0.1"], list(HubConfig().listen))
