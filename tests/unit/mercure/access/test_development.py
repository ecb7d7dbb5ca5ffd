"""
A hub without keys, which only serves its own machine.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.hub import Hub
from ssetwist.mercure import (
    AllowEveryone,
    LoopbackOnly,
    LoopbackOrigins,
    MercureResource,
    MercureSettings,
)
from ssetwist.mercure.access._development import is_loopback
from ssetwist.web import Site
from tests.clock import Clock
from tests.memory import Client


class LoopbackTests(SynchronousTestCase):
    """
    Host names of this machine.
    """

    def test_this_machine(self) -> None:
        """
        Loopback addresses and names that never lead elsewhere are this machine (RFC 6761, 6.3).
        """
        for host in ("localhost", "LocalHost.", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]"):
            self.assertTrue(is_loopback(host), host)

    def test_others(self) -> None:
        """
        Other hosts are not this machine, however similar they look.
        """
        for host in (
            *("", "example.com", "localhost.example.com", "notlocalhost", "0.0.0.0", "192.168.0.1"),
            *(
                "127.0.0.1.example.com",
                "[::]",
                "[::ffff:10.0.0.1]",
                "127.1",
                "0x7f.1",
                "2130706433",
            ),
        ):
            self.assertFalse(is_loopback(host), host)

    def test_origins(self) -> None:
        """
        An origin is of this machine if its host is, with any port.
        """
        origins = LoopbackOrigins()
        for origin in ("http://localhost:3000", "http://127.0.0.1", "https://[::1]:8443"):
            self.assertTrue(origins.allows(origin), origin)
        for origin in (
            "null",
            "http://example.com",
            "http://localhost.example.com",
            "http://[",
            "",
        ):
            self.assertFalse(origins.allows(origin), origin)


class LoopbackOnlyTests(SynchronousTestCase):
    """
    Requests that the guard lets pass.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.hub = Hub(clock=self.clock, flush_threads=1)
        resource = LoopbackOnly(
            _Root(MercureResource(self.hub, AllowEveryone(), MercureSettings(checks_origin=False)))
        )
        self.site = Site(resource, streams=self.hub.streams)

    def status(self, method: str = "POST", **headers: str) -> int:
        """
        Publish, or send another request, and return the status.
        """
        client = Client(self.site, self.clock)
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if method == "POST":
            fields["Content-Length"] = "12"
        client.request("/hub?topic=a", method=method, headers=fields)
        if method == "POST":
            client.send(b"topic=a&data")
        self.clock.advance(0)
        status = int(client.received[9:12])
        client.close()
        return status

    def test_programs_and_own_pages(self) -> None:
        """
        Programs on this machine, and pages of this machine, may publish.
        """
        self.assertEqual(200, self.status())
        self.assertEqual(200, self.status(Host="127.0.0.1:8080"))
        self.assertEqual(200, self.status(Host="[::1]:8080", Origin="http://localhost:3000"))
        self.assertEqual(3, self.hub.log.head)

    def test_foreign_pages(self) -> None:
        """
        Pages of other machines may not publish.
        """
        for origin in ("https://example.com", "null", "http://localhost.example.com", ""):
            self.assertEqual(403, self.status(Origin=origin))
        self.assertEqual(403, self.status(Referer="https://example.com/page"))
        self.assertEqual(403, self.status(Sec_Fetch_Site="cross-site"))
        self.assertEqual(0, self.hub.log.head)

    def test_methods(self) -> None:
        """
        Only methods that change something are refused: a browser does not show a foreign page the
        answers to the others.
        """
        for method, status in (
            ("GET", 200), ("HEAD", 200), ("OPTIONS", 204), ("QUERY", 400), ("PUT", 403),
        ):  # fmt: skip
            self.assertEqual(status, self.status(method, Origin="https://example.com"), method)

    def test_own_pages_of_another_name(self) -> None:
        """
        A page of this machine may publish, by whatever name it calls the machine, which makes it
        another site for its browser.
        """
        for source in ({"Origin": "http://127.0.0.1:3000"}, {"Referer": "http://localhost/page"}):
            self.assertEqual(200, self.status(Sec_Fetch_Site="cross-site", **source))

    def test_dns_rebinding(self) -> None:
        """
        A page with a foreign host name that leads to this machine can neither publish nor read,
        although its requests have the hub's own origin.
        """
        for host in ("example.com", "localhost.example.com:80", "a b", "[::1", "::1", ""):
            self.assertEqual(421, self.status(Host=host))
            self.assertEqual(421, self.status("GET", Host=host))
        self.assertEqual(0, self.hub.log.head)

    def test_foreign_readers(self) -> None:
        """
        A page of another machine gets no permission to read an answer, so its browser keeps the
        answer from it.
        """
        client = Client(self.site, self.clock)
        client.request("/hub?topic=a", headers={"Origin": "https://example.com"})
        self.assertTrue(client.head.startswith(b"1 200"))
        self.assertNotIn(b"access-control-allow-origin", client.head)
        client.close()

    @given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=20))
    def test_any_host(self, host: str) -> None:
        """
        Any host name is refused unless it is one of this machine.
        """
        expected = (
            (200, 421) if "localhost" in host.lower() or "127" in host or ":" in host else (421,)
        )
        self.assertIn(self.status(Host=host.strip() or "x"), expected)


class _Root(MercureResource):
    """
    A root resource with the hub at ``/hub``.
    """

    def __init__(self, hub: MercureResource) -> None:
        self._hub = hub

    def getChildWithDefault(self, path: bytes, request: object) -> MercureResource:
        assert path == b"hub"
        return self._hub
