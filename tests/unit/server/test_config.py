"""
Consequences of a configuration.
"""

from itertools import product

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import HubConfig
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
