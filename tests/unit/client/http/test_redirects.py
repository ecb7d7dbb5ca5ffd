"""
Redirects.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from ssetwist.client.http._redirects import REDIRECTS, circle, redirected
from ssetwist.client.http._request import Request, origin_of

URL = "https://example.com/a/events?q=1#part"


def request(method: str = "GET", body: bytes | None = None, url: str = URL) -> Request:
    """
    Return a request with headers of all kinds.
    """
    headers = Headers(
        {
            "Accept": ["text/event-stream"],
            "Authorization": ["Bearer secret"],
            "Content-Encoding": ["identity"],
            "Content-Language": ["en"],
            "Content-Location": ["/"],
            "Content-Type": ["application/json"],
            "Cookie": ["by=hand"],
            "Cookie2": ["$Version=1"],
            "Host": ["other.example"],
            "Last-Event-ID": ["7"],
            "Proxy-Authorization": ["Basic secret"],
            "X-Kind": ["x"],
        }
    )
    return Request(method, url, headers, body)


def names(request: Request) -> set[bytes]:
    """
    Return the names of the headers.
    """
    return {name for name, _ in request.headers.getAllRawHeaders()}


class LocationTests(SynchronousTestCase):
    """
    The location of a redirect (WHATWG Fetch, "location URL").
    """

    def location(self, location: str) -> str:
        return redirected(request(), 302, location).url

    def test_relative(self) -> None:
        """
        A location is relative to the URL that answered.
        """
        self.assertEqual("https://example.com/a/b?c#part", self.location("b?c"))
        self.assertEqual("https://example.com/b#part", self.location("/b"))
        self.assertEqual("https://other.example/#part", self.location("//other.example"))

    def test_fragment(self) -> None:
        """
        The fragment of the URL stays, unless the location has one.
        """
        self.assertEqual("https://example.com/b#other", self.location("/b#other"))
        self.assertEqual("https://example.com/b#", self.location("/b#"))
        plain = request(url="https://example.com/")
        self.assertEqual("https://example.com/b", redirected(plain, 302, "b").url)

    def test_not_ascii(self) -> None:
        """
        A location is percent-encoded where needed.
        """
        self.assertEqual("https://example.com/%C3%A9%20x#part", self.location("/é x"))

    def test_refused(self) -> None:
        """
        A location of another scheme, without a valid URL, or with a password is refused.
        """
        for location in ("ftp://example.com/", "data:,x", "javascript:x", "http://", "//u:p@h/"):
            with self.subTest(location), self.assertRaises(ValueError) as caught:
                self.location(location)
            self.assertIn(
                "redirects to a location that cannot be requested: it ", str(caught.exception)
            )


class MethodTests(SynchronousTestCase):
    """
    The method and the body after a redirect.
    """

    def test_table(self) -> None:
        """
        303, and 301 and 302 after a POST, lead to a GET; 307 and 308 change nothing.
        """
        for status in REDIRECTS:
            for method in ("GET", "HEAD", "POST", "PUT", "QUERY"):
                with self.subTest(status=status, method=method):
                    becomes_get = (
                        method not in ("GET", "HEAD")
                        if status == 303
                        else method == "POST" and status in (301, 302)
                    )
                    result = redirected(request(method, b"body"), status, "/b")
                    self.assertEqual("GET" if becomes_get else method, result.method)
                    self.assertEqual(None if becomes_get else b"body", result.body)
                    self.assertEqual(becomes_get, b"Content-Type" not in names(result))

    def test_headers_of_a_body(self) -> None:
        """
        Headers that describe a body are dropped with it, and other headers stay.
        """
        lost = names(request()) - names(redirected(request("POST", b""), 303, "/b"))
        of_body = {b"Content-Encoding", b"Content-Language", b"Content-Location", b"Content-Type"}
        self.assertEqual(of_body, lost)


class CredentialsTests(SynchronousTestCase):
    """
    Headers that another origin does not get.
    """

    OF_ORIGIN = frozenset(
        (b"Authorization", b"Cookie", b"Cookie2", b"Host", b"Proxy-Authorization")
    )

    def test_same_origin(self) -> None:
        """
        A redirect within an origin keeps all headers.
        """
        for location in ("/b", "https://example.com:443/b"):
            self.assertEqual(names(request()), names(redirected(request(), 308, location)))

    def test_other_origin(self) -> None:
        """
        A redirect to another host, port or scheme drops credentials, and keeps other headers.
        """
        for location in ("//other.example/", "https://example.com:444/", "http://example.com/"):
            with self.subTest(location):
                after = redirected(request(), 307, location)
                self.assertEqual(self.OF_ORIGIN, names(request()) - names(after))

    def test_back_again(self) -> None:
        """
        A header that was dropped stays dropped when a redirect leads back.
        """
        away = redirected(request(), 302, "//other.example/")
        back = redirected(away, 302, URL)
        self.assertEqual(self.OF_ORIGIN, names(request()) - names(back))

    def test_original_is_kept(self) -> None:
        """
        The redirected request itself does not change: it is sent again at the next attempt.
        """
        original = request()
        redirected(original, 303, "//other.example/")
        self.assertEqual(names(request()), names(original))

    @given(st.text(), st.sampled_from(sorted(REDIRECTS)))
    def test_never(self, location: str, status: int) -> None:
        """
        Another origin never gets credentials, whatever the redirects.
        """
        try:
            after = redirected(request(), status, location)
        except ValueError:
            return
        if origin_of(after.url) != "https://example.com":
            self.assertFalse(self.OF_ORIGIN & names(after))


class CircleTests(SynchronousTestCase):
    """
    Descriptions of redirects without end.
    """

    def test_circle(self) -> None:
        """
        A circle is shown once, without the way to it.
        """
        self.assertEqual("redirects in a circle: b -> c -> b", circle(["a", *"bcbcbcb"]))
        self.assertEqual("redirects in a circle: a -> a", circle(["a", "a"]))

    def test_no_circle(self) -> None:
        """
        Redirects that are not a circle are shown by their last URL.
        """
        self.assertEqual("redirects without end, at last to c", circle(["a", "b", "c"]))
