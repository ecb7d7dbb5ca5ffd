"""
Which pages may talk to the hub.
"""

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import Refused
from ssetwist.mercure.access._origins import Origins, origin_of

OWN = "https://hub.example"


class OriginsTests(SynchronousTestCase):
    """
    Whether a page may read what the hub answers.
    """

    def assert_allowed(self, expected: bool, listed: str, *origins: str) -> None:
        for origin in origins:
            self.assertEqual(expected, Origins.of([listed]).allows(origin), origin)

    def test_none(self) -> None:
        """
        Where none is listed, none may.
        """
        self.assertFalse(Origins.of([]).allows("https://example.com"))

    def test_exact(self) -> None:
        """
        One that is listed may, with credentials; whatever is only similar may not.
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
        However an origin is listed, it is found as browsers write it.
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
        A star is any subdomain, however deep; not the domain itself, and nothing else.
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
        A star alone is every origin, without credentials.
        """
        origins = Origins.of(["*"])
        self.assertTrue(origins.allows("https://example.com"))
        self.assertFalse(origins.allow_credentials)

    def test_null(self) -> None:
        """
        What has no origin is never allowed.
        """
        self.assert_allowed(False, "*", "null")
        for text in ("null", "NULL", " null "):
            error = self.assertRaises(ValueError, Origins.of, [text])
            self.assertIn("sandboxed", str(error))

    def test_nonsense(self) -> None:
        """
        What is no origin is refused by its text.
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
            self.assertIn(f"{text!r} is no origin", str(error))

    def test_star_elsewhere(self) -> None:
        """
        A star has one place.
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

    def test_strangers(self) -> None:
        """
        All that there is under a top-level domain is nobody's.
        """
        for text in ("https://*.com", "https://*.com."):
            error = self.assertRaises(ValueError, Origins.of, [text])
            self.assertIn("whoever has a domain under .com", str(error))

    def test_every_and_others(self) -> None:
        """
        Who lists every origin and others besides wants credentials for some; that is not offered.
        """
        error = self.assertRaises(ValueError, Origins.of, ["*", "https://example.com"])
        self.assertIn("alone", str(error))

    @given(st.text(max_size=30).map("https://".__add__))
    @example("https://a.example.com")
    def test_any(self, origin: str) -> None:
        """
        Whatever is let in as a subdomain has that domain as its own, to who parses URLs.
        """
        if Origins.of(["https://*.example.com"]).allows(origin):
            self.assertEqual(origin, origin_of(origin))
            self.assertTrue(origin.endswith(".example.com"))

    @given(st.text(st.sampled_from("htps:/*.aA1-_[]:@?#%é "), max_size=25))
    def test_any_option(self, text: str) -> None:
        """
        An option is taken, or refused with a sentence.
        """
        try:
            Origins.of([text])
        except ValueError as problem:
            self.assertIn(repr(text), str(problem))


class SourceTests(SynchronousTestCase):
    """
    Whether a request with a cookie was made by a page that may.
    """

    def check(
        self, *listed: str, origin: str | None = None, referer: str | None = None
    ) -> Refused | None:
        """
        Return the refusal, if there is one.
        """
        try:
            Origins.of(listed).check_source(OWN, origin=origin, referer=referer)
        except Refused as refused:
            return refused
        return None

    def assert_refused(self, refused: Refused | None) -> None:
        assert refused is not None
        self.assertEqual((400, "invalid_request"), (refused.status, refused.error))

    def test_own(self) -> None:
        """
        The hub's own pages may.
        """
        self.assertIsNone(self.check(origin=OWN))
        self.assertIsNone(self.check(referer=f"{OWN}/page?x#y"))

    def test_listed(self) -> None:
        """
        So may those of listed origins.
        """
        self.assertIsNone(self.check("https://*.a.example", origin="https://b.a.example"))
        self.assertIsNone(self.check("https://a.example", referer="https://a.example/page"))

    def test_others(self) -> None:
        """
        Others may not, nor pages that hide where they are from.
        """
        for origin in ("https://evil.example", "http://hub.example", "null", ""):
            self.assert_refused(self.check(origin=origin))
        for referer in ("https://evil.example/", "about:blank", "no url", ""):
            self.assert_refused(self.check(referer=referer))

    def test_neither(self) -> None:
        """
        Without Origin and Referer nobody knows.
        """
        self.assert_refused(self.check())

    def test_origin_wins(self) -> None:
        """
        The referer counts only where there is no origin.
        """
        self.assert_refused(self.check(origin="https://evil.example", referer=f"{OWN}/"))
        self.assertIsNone(self.check(origin=OWN, referer="https://evil.example/"))

    def test_every_is_none(self) -> None:
        """
        Where every origin may read what is public, none may publish with somebody's cookie.
        """
        self.assert_refused(self.check("*", origin="https://a.example"))
        self.assertIsNone(self.check("*", origin=OWN))

    def test_reason(self) -> None:
        """
        The log is told who asked, at a bearable length; the peer is not told who may.
        """
        refused = self.check("https://a.example", origin="https://" + "x" * 1000)
        assert refused is not None
        self.assertIn("'https://xxx", refused.reason)
        self.assertLess(len(refused.reason), 400)
        self.assertNotIn("a.example", refused.text)


class OriginOfTests(SynchronousTestCase):
    """
    The origin of a URL.
    """

    def test_origin(self) -> None:
        """
        It is written as browsers write it.
        """
        self.assertEqual(OWN, origin_of("HTTPS://hub.example:443/.well-known/mercure?x"))
        self.assertEqual("http://[::1]:8080", origin_of("http://[::1]:8080/"))

    def test_none(self) -> None:
        """
        What is no URL, or one without an origin, has none.
        """
        for url in ("", "/path", "about:blank", "data:,x"):
            self.assertIsNone(origin_of(url))
