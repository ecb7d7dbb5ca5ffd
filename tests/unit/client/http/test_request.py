"""
Requests: URLs, headers and methods.
"""

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from ssetwist.client.http._request import as_headers, head, method_of, normalized, origin_of, shown


class URLTests(SynchronousTestCase):
    """
    URLs, as browsers understand them.
    """

    def test_normalized(self) -> None:
        """
        URLs are normalized to ASCII.
        """
        self.assertEqual("http://example.com/", normalized("HTTP://Example.com:80"))
        self.assertEqual(
            "https://xn--exmple-cua.com:8443/%C3%A9%20?q=%C3%A9#f",
            normalized("https://exämple.com:8443/x/../é%20?q=é#f"),
        )
        self.assertEqual("http://[::1]:8080/", normalized("http://[::1]:8080"))

    def test_relative(self) -> None:
        """
        A URL may be relative to another.
        """
        base = "http://example.com/a/b?c"
        self.assertEqual("http://example.com/a/d", normalized("d", base))
        self.assertEqual("http://other.example/d", normalized("//other.example/d", base))

    def test_refused(self) -> None:
        """
        A URL that is not of http or https, or contains a password, is refused; the message does not
        show it, because of the password.
        """
        for url in ("", "/events", "http://", "ftp://h/", "file:///x", "data:,x", "ws://h/"):
            with self.subTest(url):
                self.assertRaises(ValueError, normalized, url)
        for url in ("http://name@h/", "http://name:secret@h/", "http://:secret@h/"):
            with self.assertRaises(ValueError) as caught:
                normalized(url)
            self.assertNotIn("secret", str(caught.exception))
        self.assertRaises(TypeError, normalized, b"http://h/")

    def test_secrets_are_not_shown(self) -> None:
        """
        The query and the fragment of a URL, which may contain secrets, are not shown.
        """
        self.assertEqual("http://h/x", shown("http://h/x?token=1#a?b"))
        self.assertEqual("http://h/x", shown("http://h/x#a?b"))
        self.assertEqual("http://h/x", shown("http://h/x"))

    def test_origin(self) -> None:
        """
        An origin is a scheme, a host and a port.
        """
        self.assertEqual("http://h:81", origin_of("http://h:81/x?y"))


class HeadTests(SynchronousTestCase):
    """
    The headers of a request.
    """

    def head(
        self,
        given: dict[str, str] | None = None,
        fresh: dict[str, str] | None = None,
        **others: object,
    ) -> dict[bytes, list[bytes]]:
        return dict(head(as_headers(given), as_headers(fresh), **others).getAllRawHeaders())

    def test_defaults(self) -> None:
        """
        The default headers are those of a browser's EventSource (WHATWG HTML 9.2.2), without a
        content coding.
        """
        self.assertEqual(
            {
                b"Accept": [b"text/event-stream"],
                b"Cache-Control": [b"no-store"],
                b"User-Agent": [b"ssetwist"],
                b"Accept-Encoding": [b"identity"],
            },
            self.head(),
        )

    def test_last_event_id(self) -> None:
        """
        The last event ID is sent in UTF-8.
        """
        head = self.head(last_event_id="é1\N{SNOWMAN}")
        self.assertEqual(["é1\N{SNOWMAN}".encode()], head[b"Last-Event-Id"])

    def test_given_last_event_id(self) -> None:
        """
        A ``Last-Event-ID`` among the given headers stays until the source has its own.
        """
        given = {"Last-Event-ID": "first"}
        self.assertEqual([b"first"], self.head(given)[b"Last-Event-Id"])
        self.assertEqual([b"2"], self.head(given, last_event_id="2")[b"Last-Event-Id"])

    def test_gzip(self) -> None:
        """
        gzip is asked for only with the option, whatever the given headers say.
        """
        given = {"accept-encoding": "br"}
        self.assertEqual([b"identity"], self.head(given)[b"Accept-Encoding"])
        self.assertEqual([b"gzip"], self.head(given, wants_gzip=True)[b"Accept-Encoding"])

    def test_fresh(self) -> None:
        """
        Fresh headers replace given headers, and these replace the defaults.
        """
        head = self.head(
            {"Accept": "application/json, text/event-stream", "Authorization": "old", "X": "x"},
            {"authorization": "new"},
        )
        self.assertEqual([b"application/json, text/event-stream"], head[b"Accept"])
        self.assertEqual([b"new"], head[b"Authorization"])
        self.assertEqual([b"x"], head[b"X"])

    def test_forms(self) -> None:
        """
        Headers may be a mapping, with several values of a name, or Twisted's class, which is
        copied.
        """
        self.assertEqual([b"1", b"2"], as_headers({"X": ["1", "2"]}).getRawHeaders(b"x"))
        self.assertEqual(["é"], as_headers({"X": "é"}).getRawHeaders("x"))
        given = Headers({"X": ["1"]})
        as_headers(given).setRawHeaders("X", ["2"])
        self.assertEqual(["1"], given.getRawHeaders("X"))

    def test_wrong_name(self) -> None:
        """
        A text that cannot be the name of a header is refused.
        """
        self.assertRaises(ValueError, as_headers, {"a b": "c"})
        for wrong in ([("a", "b")], "a: b", {"a": 1}, {"a": None}):
            with self.subTest(wrong=wrong):
                self.assertRaisesRegex(TypeError, "header.* must be .* not ", as_headers, wrong)

    def test_method(self) -> None:
        """
        Methods are tokens, and are sent in upper case.
        """
        self.assertEqual("POST", method_of("post"))
        for method in ("", "G T", "GET\r\n", "é"):
            self.assertRaises(ValueError, method_of, method)
