"""
Lines of the access log.
"""

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Request
from twisted.web.test.requesthelper import DummyChannel

from ssetwist.hub import Streams
from ssetwist.web import Site
from ssetwist.web.site._access_log import MAX_LOGGED, shown
from tests.clock import TwoClocks
from tests.memory import Client

SECRET = "eyJhbGciOiJIUzI1NiJ9.e30.c2VjcmV0"

#: A date, in seconds since 1970, and as the log has it.
_DATE, _LOGGED = 1e9, "[09/Sep/2001:01:46:40 +0000]"


class Anything(Resource):
    """
    A resource at every path.
    """

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        return b"here"


class AccessLogTests(SynchronousTestCase):
    """
    One line for each request.
    """

    def line_of(
        self, path: str, *, formatter: Callable[..., str] | None = None, **headers: str
    ) -> str:
        """
        Return the line of a request.
        """
        clock = TwoClocks(_DATE)
        options = {} if formatter is None else {"logFormatter": formatter}
        site = Site(Anything(), streams=Streams(clock), **options)
        lines: list[str] = []
        site._logFile = type("Log", (), {"write": staticmethod(lines.append)})
        client = Client(site, clock)
        client.request(path, headers=headers)
        client.close()
        (line,) = lines
        return line

    def test_formatter_of_the_application(self) -> None:
        """
        A formatter of the application's own is used instead.
        """
        line = self.line_of("/a", formatter=lambda timestamp, request: f"{timestamp} own")
        self.assertEqual(f"{_LOGGED} own\n", line)

    def test_format(self) -> None:
        """
        A line has the Combined Log Format, and the date by the time of day.
        """
        self.assertEqual(
            f'"192.0.2.1" - - {_LOGGED} '
            '"GET /a?topic=b&c= HTTP/1.1" 200 4 "http://r/?x=y" "curl"\n',
            self.line_of("/a?topic=b&c=", **{"User-Agent": "curl", "Referer": "http://r/?x=y"}),
        )

    def test_no_token(self) -> None:
        """
        A token in the URL is left out, in any spelling of the parameter; the rest of the URL stays.
        """
        for name in ("authorization", "Authorization", "authori%7Aation", "access_token"):
            line = self.line_of(f"/a?topic=b&{name}={SECRET}&c=d")
            self.assertNotIn(SECRET[:20], line)
            self.assertIn(f"/a?topic=b&{name}=...&c=d HTTP/1.1", line)
        self.assertNotIn(SECRET[:20], self.line_of(f"/?authorization={SECRET}"))

    def test_nothing_there(self) -> None:
        """
        The value of a token's parameter is left out, in any spelling of the name, even if it does
        not look like a token.
        """
        for name in (
            "authorization",
            "AUTHORIZATION",
            "Access_Token",
            "%41ccess_token",
            "+access_token",
        ):
            line = self.line_of(f"/a?{name}=opaque&c=d")
            self.assertIn(f"/a?{name}=...&c=d HTTP/1.1", line)

    def test_no_token_with_quotes(self) -> None:
        """
        A quote does not end the value of a token's parameter.
        """
        line = self.line_of(f'/?authorization="{SECRET}"\\{SECRET}&c=d')
        self.assertNotIn(SECRET[:20], line)
        self.assertIn("/?authorization=...&c=d HTTP/1.1", line)

    def test_no_token_after_a_semicolon(self) -> None:
        """
        A token after a semicolon is left out, although only some programs begin a parameter there.
        """
        for mark in (";", "&;", "#", ";x;", ";x=1;", "&%0a", "?"):
            line = self.line_of(f"/?topic=b{mark}authorization=secret;{SECRET}#secret&c=d")
            self.assertNotIn("secret", line, mark)
            self.assertIn(f"/?topic=b{mark}authorization=...&c=d HTTP/1.1", line)
        self.assertIn("/?authorization=&c=d HTTP", self.line_of("/?authorization=&c=d"))

    def test_no_token_anywhere(self) -> None:
        """
        Text that looks like a token is left out everywhere in a line.
        """
        for path in (f"/a/{SECRET}", f"/?token={SECRET}", "/?b=x%3D" + SECRET.replace(".", "%2E")):
            before = path.partition("eyJ")[0]
            self.assertIn(f"{before}... HTTP/1.1", self.line_of(path))
        long = "/eyJ" + "eyJ" * 600
        self.assertIn(f" {long} HTTP/1.1", self.line_of(long))

    def test_long(self) -> None:
        """
        A line has the beginning of a long URL, and of long headers; a token stays hidden there.
        """
        long = "x" * 4000
        line = self.line_of(f"/{long}", **{"User-Agent": long, "Referer": long})
        start = "x" * MAX_LOGGED
        self.assertIn(f'"GET /{start[1:]}[...] HTTP/1.1" 200 4 "{start}[...]" "{start}[...]"', line)
        whole = "/" + "x" * (MAX_LOGGED - 1)
        self.assertIn(f" {whole} HTTP/1.1", self.line_of(whole))
        path = f"/{'x' * (MAX_LOGGED - 40)}?authorization=x{SECRET}{SECRET}"
        self.assertNotIn("eyJ", self.line_of(path))

    def test_shown(self) -> None:
        """
        In other lines a request has the start of its path, without a query or a token.
        """
        request = Request(DummyChannel())
        request.uri = f"/a/{SECRET}/{'x' * 300}?b=c".encode()
        request.method = b"HEAD"
        self.assertEqual(f"<Request 'HEAD' '/a/.../{'x' * 193}'>", shown(request))

    def test_no_token_of_the_page(self) -> None:
        """
        A token in the URL of the referring page is left out.
        """
        line = self.line_of("/", Referer=f"http://a/?authorization={SECRET}")
        self.assertIn('"http://a/?authorization=..."', line)
