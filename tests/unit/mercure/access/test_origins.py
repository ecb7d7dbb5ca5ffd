"""
Origins that may talk to the hub.
"""

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import Refused
from ssetwist.mercure.access._origins import Origins, Source, origin_of

OWN = "https://hub.example"


class OriginsTests(SynchronousTestCase):
    """
    Origins from an operator's list.
    """

    def assert_allowed(self, expected: bool, listed: str, *origins: str) -> None:
        for origin in origins:
            self.assertEqual(expected, Origins.of([listed]).allows(origin), origin)

    def test_empty_list(self) -> None:
        """
        An empty list allows no origin.
        """
        self.assertFalse(Origins.of([]).allows("https://example.com"))

    def test_exact(self) -> None:
        """
        A listed origin is allowed with credentials; one that is only similar is not.
        """
        self.assertTrue(Origins.of(["https://example.com"]).allow_credentials)
        self.assert_allowed(True, "https://example.com", "https://example.com")
        self.assert_allowed(
            False,
            "https://example.com",
            "http://example.com",
            "https://example.com:8443",
            "https://a.example.com",
            "https://example.com.evil.example",
            "https://notexample.com",
            "https://example.com/",
            "HTTPS://EXAMPLE.COM",
            "",
        )

    def test_as_browsers_write_it(self) -> None:
        """
        A listed origin is normalized as browsers write it.
        """
        for listed, sent in (
            ("HTTPS://Example.COM:443", "https://example.com"),
            ("https://example.com/", "https://example.com"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("moz-extension://0E5f", "moz-extension://0e5f"),
        ):
            self.assert_allowed(True, listed, sent)

    def test_subdomains(self) -> None:
        """
        A star allows all subdomains at any depth, but not the domain itself.
        """
        self.assert_allowed(
            True,
            "https://*.example.com",
            "https://a.example.com",
            "https://a.b.example.com",
            "https://xn--bcher-kva.example.com",
        )
        self.assert_allowed(
            False,
            "https://*.example.com",
            "https://example.com",
            "https://.example.com",
            "http://a.example.com",
            "https://a.example.com:8443",
            "https://notexample.com",
            "https://a.example.com.evil.example",
            "https://evil.example/.example.com",
            "https://evil.example#.example.com",
            "https://evil.example:1.example.com",
            "https://user@a.example.com",
            "https://a.example.com\n",
            "https://*.example.com",
            "null",
        )
        self.assert_allowed(True, "http://*.localhost:3000", "http://a.localhost:3000")
        self.assert_allowed(False, "http://*.localhost:3000", "http://a.localhost")

    def test_every(self) -> None:
        """
        A star alone allows every origin, without credentials.
        """
        origins = Origins.of(["*"])
        self.assertTrue(origins.allows("https://example.com"))
        self.assertFalse(origins.allow_credentials)

    def test_null(self) -> None:
        """
        ``null`` is never allowed, and is refused in a list.
        """
        self.assert_allowed(False, "*", "null")
        for text in ("null", "NULL", " null "):
            error = self.assertRaises(ValueError, Origins.of, [text])
            self.assertIn("sandboxed", str(error))

    def test_not_an_origin(self) -> None:
        """
        A text that is not an origin is refused; the error shows it.
        """
        for text in (
            "",
            "example.com",
            "https:example.com",
            "https://",
            "https://example.com/path",
            "https://example.com?query",
            "https://user@example.com",
            "https://exa mple.com",
            "http://localhost:*",
            "https://*.1.2.3.4",
            "app:thing",
            "app://thing/path",
        ):
            error = self.assertRaises(ValueError, Origins.of, [text])
            self.assertIn(f"{text!r} is not an origin", str(error))

    def test_star_elsewhere(self) -> None:
        """
        A star elsewhere than in place of a subdomain is refused.
        """
        for text in (
            "https://*",
            "https://*.",
            "https://a.*.example.com",
            "https://a*.example.com",
            "https://*.*.example.com",
            "*://example.com",
        ):
            self.assertRaises(ValueError, Origins.of, [text])

    def test_top_level_domain(self) -> None:
        """
        All subdomains of a top-level domain are refused, because they belong to strangers.
        """
        for text in ("https://*.com", "https://*.com."):
            error = self.assertRaises(ValueError, Origins.of, [text])
            self.assertIn("everybody with a domain under .com", str(error))

    def test_every_and_others(self) -> None:
        """
        A star beside other origins is refused, because credentials cannot be allowed for some only.
        """
        error = self.assertRaises(ValueError, Origins.of, ["*", "https://example.com"])
        self.assertIn("alone", str(error))

    @given(st.text(max_size=30).map("https://".__add__))
    @example("https://a.example.com")
    def test_any(self, origin: str) -> None:
        """
        If an origin is allowed as a subdomain, a URL parser also finds that it belongs to the
        domain.
        """
        if Origins.of(["https://*.example.com"]).allows(origin):
            self.assertEqual(origin, origin_of(origin))
            self.assertTrue(origin.endswith(".example.com"))

    @given(st.text(st.sampled_from("htps:/*.aA1-_[]:@?#%é "), max_size=25))
    def test_any_option(self, text: str) -> None:
        """
        Any text is accepted as an origin, or refused with a message.
        """
        try:
            Origins.of([text])
        except ValueError as problem:
            self.assertIn(repr(text), str(problem))


class SourceTests(SynchronousTestCase):
    """
    Origins of requests whose right may be the browser's.
    """

    def check(
        self,
        *listed: str,
        site: str | None = None,
        origin: str | None = None,
        referer: str | None = None,
        host: str | None = None,
        is_certain: bool = True,
    ) -> Refused | None:
        """
        Return the refusal, or ``None``.
        """
        try:
            source = Source(site, origin, referer, host)
            Origins.of(listed).check_source(source, OWN, is_certain=is_certain)
        except Refused as refused:
            return refused
        return None

    def assert_refused(self, refused: Refused | None) -> None:
        assert refused is not None
        self.assertEqual((400, "invalid_request"), (refused.status, refused.error))

    def test_own(self) -> None:
        """
        A page of the hub's own origin may publish with a cookie.
        """
        self.assertIsNone(self.check(origin=OWN))
        self.assertIsNone(self.check(referer=f"{OWN}/page?x#y"))

    def test_listed(self) -> None:
        """
        A page of a listed origin may publish with a cookie.
        """
        self.assertIsNone(self.check("https://*.a.example", origin="https://b.a.example"))
        self.assertIsNone(self.check("https://a.example", referer="https://a.example/page"))

    def test_others(self) -> None:
        """
        Pages of other origins, and pages that hide their origin, may not publish.
        """
        for origin in ("https://evil.example", "http://hub.example", "null", ""):
            self.assert_refused(self.check(origin=origin))
        for referer in ("https://evil.example/", "about:blank", "no url", ""):
            self.assert_refused(self.check(referer=referer))

    def test_no_origin_or_referer(self) -> None:
        """
        A cookie without ``Origin`` and ``Referer`` is refused.
        """
        self.assert_refused(self.check())

    def test_origin_wins(self) -> None:
        """
        The referer counts only if ``Origin`` is missing.
        """
        self.assert_refused(self.check(origin="https://evil.example", referer=f"{OWN}/"))
        self.assertIsNone(self.check(origin=OWN, referer="https://evil.example/"))

    def test_own_by_the_word_of_the_browser(self) -> None:
        """
        If the hub does not know its own origin, the browser's word that the page is of this origin
        is enough: a proxy may hide it.
        """
        for origin in ("https://hub.behind.a.proxy", "null", None):
            self.assertIsNone(self.check(site="same-origin", origin=origin, is_certain=False))
            self.assert_refused(self.check(site="same-site", origin=origin, is_certain=False))

    def test_rebound_name(self) -> None:
        """
        If the hub knows its own origin, a page whose own name leads to the hub is foreign, although
        the browser says that it is of the same origin, and even if it hides its name.
        """
        evil = "evil.example"
        for origin in (f"https://{evil}", "null", None):
            self.assert_refused(self.check(site="same-origin", origin=origin, host=evil))
            self.assert_refused(self.check(site="same-origin", origin=origin))

    def test_own_page_that_hides_its_origin(self) -> None:
        """
        A page of the hub's own origin whose referrer policy hides this origin may publish.
        """
        for origin in ("null", None):
            for host in ("hub.example", "HUB.example"):
                self.assertIsNone(self.check(site="same-origin", origin=origin, host=host))
        self.assert_refused(self.check(origin="null", host="hub.example"))

    def test_user(self) -> None:
        """
        A request that the user made, and not a page, may publish.
        """
        self.assertIsNone(self.check(site="none"))
        self.assertIsNone(self.check(site="none", origin="null"))

    def test_other_sites(self) -> None:
        """
        A page of another origin may not publish, not even one of the same site, unless it is
        listed.  Nor may one about which the browser says something unknown.
        """
        for site in ("cross-site", "same-site", "", "?", "Same-Origin"):
            self.assert_refused(self.check(site=site))
            self.assert_refused(self.check(site=site, origin="https://evil.example"))
            self.assertIsNone(
                self.check("https://a.example", site=site, origin="https://a.example")
            )

    def test_star_does_not_publish(self) -> None:
        """
        Even if every origin may read, only pages of the hub's own origin may publish with a cookie.
        """
        self.assert_refused(self.check("*", origin="https://a.example"))
        self.assertIsNone(self.check("*", origin=OWN))

    def test_reason(self) -> None:
        """
        The log gets the origin, cut to a limit; the client does not learn the allowed ones.
        """
        refused = self.check("https://a.example", origin="https://" + "x" * 1000)
        assert refused is not None
        self.assertIn("'https://xxx", refused.reason)
        self.assertLess(len(refused.reason), 400)
        self.assertNotIn("a.example", refused.text)
        refused = self.check(site="same-site")
        assert refused is not None
        self.assertIn("from a page of unknown origin", refused.reason)


class OriginOfTests(SynchronousTestCase):
    """
    The origin of a URL.
    """

    def test_origin(self) -> None:
        """
        The origin of a URL is written as browsers do it.
        """
        self.assertEqual(OWN, origin_of("HTTPS://hub.example:443/.well-known/mercure?x"))
        self.assertEqual("http://[::1]:8080", origin_of("http://[::1]:8080/"))

    def test_no_origin(self) -> None:
        """
        Text that is not a URL, or a URL without an origin, gives ``None``.
        """
        for url in ("", "/path", "about:blank", "data:,x"):
            self.assertIsNone(origin_of(url))
