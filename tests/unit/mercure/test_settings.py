"""
Settings of a Mercure hub.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import HubConfig
from ssetwist.mercure import MercureSettings, TokenSettings
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
