"""
Where a redirection leads.
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
    Return a request with all kinds of headers.
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
    Where to (WHATWG Fetch, "location URL").
    """

    def location(self, location: str) -> str:
        return redirected(request(), 302, location).url

    def test_relative(self) -> None:
        """
        It is relative to the URL that answered.
        """
        self.assertEqual("https://example.com/a/b?c#part", self.location("b?c"))
        self.assertEqual("https://example.com/b#part", self.location("/b"))
        self.assertEqual("https://other.example/#part", self.location("//other.example"))

    def test_fragment(self) -> None:
        """
        The fragment is kept, unless there is another.
        """
        self.assertEqual("https://example.com/b#other", self.location("/b#other"))
        self.assertEqual("https://example.com/b#", self.location("/b#"))
        plain = request(url="https://example.com/")
        self.assertEqual("https://example.com/b", redirected(plain, 302, "b").url)

    def test_not_ascii(self) -> None:
        """
        It is percent-encoded where it must be.
        """
        self.assertEqual("https://example.com/%C3%A9%20x#part", self.location("/é x"))

    def test_refused(self) -> None:
        """
        Nobody is led to another scheme, to no URL, or to one with a password.
        """
        for location in ("ftp://example.com/", "data:,x", "javascript:x", "http://", "//u:p@h/"):
            with self.subTest(location), self.assertRaises(ValueError) as caught:
                self.location(location)
            self.assertIn(
                "redirects to a location that cannot be requested: it ", str(caught.exception)
            )


class MethodTests(SynchronousTestCase):
    """
    What becomes of the method and the body.
    """

    def test_table(self) -> None:
        """
        Only 303, and a POST at 301 and 302, becomes a GET; 307 and 308 change nothing.
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

    def test_of_body(self) -> None:
        """
        What describes a body goes with it, and nothing else.
        """
        lost = names(request()) - names(redirected(request("POST", b""), 303, "/b"))
        of_body = {b"Content-Encoding", b"Content-Language", b"Content-Location", b"Content-Type"}
        self.assertEqual(of_body, lost)


class CredentialsTests(SynchronousTestCase):
    """
    What another origin does not get.
    """

    OF_ORIGIN = frozenset(
        (b"Authorization", b"Cookie", b"Cookie2", b"Host", b"Proxy-Authorization")
    )

    def test_same_origin(self) -> None:
        """
        Within an origin all is kept.
        """
        for location in ("/b", "https://example.com:443/b"):
            self.assertEqual(names(request()), names(redirected(request(), 308, location)))

    def test_other_origin(self) -> None:
        """
        Another host, port or scheme does not get what says who one is; it gets the rest.
        """
        for location in ("//other.example/", "https://example.com:444/", "http://example.com/"):
            with self.subTest(location):
                after = redirected(request(), 307, location)
                self.assertEqual(self.OF_ORIGIN, names(request()) - names(after))

    def test_back_again(self) -> None:
        """
        What was dropped stays dropped, also on the way back.
        """
        away = redirected(request(), 302, "//other.example/")
        back = redirected(away, 302, URL)
        self.assertEqual(self.OF_ORIGIN, names(request()) - names(back))

    def test_original_is_kept(self) -> None:
        """
        The request that was redirected stays as it was: it is sent again the next time.
        """
        original = request()
        redirected(original, 303, "//other.example/")
        self.assertEqual(names(request()), names(original))

    @given(st.text(), st.sampled_from(sorted(REDIRECTS)))
    def test_never(self, location: str, status: int) -> None:
        """
        Wherever it leads, nobody else gets them.
        """
        try:
            after = redirected(request(), status, location)
        except ValueError:
            return
        if origin_of(after.url) != "https://example.com":
            self.assertFalse(self.OF_ORIGIN & names(after))


class CircleTests(SynchronousTestCase):
    """
    What is said of an endless row.
    """

    def test_circle(self) -> None:
        """
        A circle is shown once, without the way to it.
        """
        self.assertEqual("redirects in a circle: b -> c -> b", circle(["a", *"bcbcbcb"]))
        self.assertEqual("redirects in a circle: a -> a", circle(["a", "a"]))

    def test_row(self) -> None:
        """
        A row that is no circle is told by its end.
        """
        self.assertEqual("redirects without end, at last to c", circle(["a", "b", "c"]))
