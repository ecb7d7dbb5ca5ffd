"""
The resources that a hub serves, and their paths.
"""

from dataclasses import replace

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import HubConfig
from ssetwist.mercure import DEFAULT_PATH, TokenSettings
from ssetwist.mercure.tokens._keys import VerificationKey
from ssetwist.server._assembly import Access, make_root
from ssetwist.testing import MemoryHub
from ssetwist.web import Site
from tests.memory import Client

_KEY = VerificationKey.from_secret(b"k" * 32)
TOKENS = TokenSettings(publish=(_KEY,), subscribe=(_KEY,))


class PathTests(SynchronousTestCase):
    """
    The paths of the Mercure hub.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.hub = MemoryHub(clock=self.clock)

    def head(self, config: HubConfig, path: str) -> bytes:
        """
        Return the head of the answer to a client that subscribes there, in lower case.
        """
        root = make_root(self.hub, config, Access(self.clock, config).authorizer)
        client = Client(Site(root, streams=self.hub.streams), self.clock)
        self.addCleanup(client.close)
        client.request(f"{path}?match=news")
        return client.head

    def test_default_path(self) -> None:
        """
        The hub is at the path that clients of Mercure know, also when its own URL, the audience,
        has another one; then it is at both, and nowhere else.
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

    def test_without_audience(self) -> None:
        """
        Without an audience it is at the path that clients know, with a key and without one.
        """
        for tokens in (TOKENS, TokenSettings()):
            config = HubConfig(tokens=tokens, anonymous=True)
            self.assertRegex(self.head(config, DEFAULT_PATH), rb"\A1 200 ", tokens)
