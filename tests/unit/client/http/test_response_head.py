"""
Heads of responses that are event streams, and of others.
"""

import gzip

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from ssetwist.client.http._request import Request
from ssetwist.client.http._response_head import ResponseHead, checked, follow, is_event_stream
from ssetwist.errors import NotAnEventStream, RedirectRefused
from tests.clock import Clock
from tests.unit.client.case import FakeResponse


def redirect(location: str, status: int = 302) -> FakeResponse:
    """
    Return a redirect.
    """
    return FakeResponse(code=status, headers={"Location": location})


class ProblemTests(SynchronousTestCase):
    """
    Reasons why a response is not an event stream.
    """

    def problem(self, code: int = 200, *, takes_gzip: bool = False, **headers: str) -> str | None:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        response = FakeResponse(code=code, headers={"Content-Type": "text/event-stream"} | given)
        return ResponseHead.of(response, "http://a/").problem(takes_gzip=takes_gzip)

    def test_status(self) -> None:
        """
        Only 200 begins a stream (WHATWG HTML 9.2.2); no other status does, not even one of success.
        """
        self.assertIsNone(self.problem())
        for code in (201, 202, 203, 204, 205, 206, 301, 304, 400, 404, 500):
            self.assertEqual(f"answered {code}; expected 200", self.problem(code))

    def test_type_and_coding(self) -> None:
        """
        The type must be that of event streams, and the coding one that was asked for.
        """
        self.assertIn("'text/html'", self.problem(Content_Type="text/html") or "")
        self.assertIsNone(self.problem(Content_Encoding="identity"))
        self.assertIn("'gzip'", self.problem(Content_Encoding="gzip") or "")
        self.assertIsNone(self.problem(Content_Encoding="gzip", takes_gzip=True))
        self.assertIn("'br'", self.problem(Content_Encoding="br", takes_gzip=True) or "")


class CheckedTests(SynchronousTestCase):
    """
    Responses that are event streams or errors.
    """

    def check(self, response: FakeResponse, *, takes_gzip: bool = False) -> Deferred[ResponseHead]:
        self.clock = Clock()
        url = "http://a/b?token=secret"
        return Deferred.fromCoroutine(checked(response, url, self.clock, takes_gzip=takes_gzip))

    def test_stream(self) -> None:
        """
        The head of an event stream has its URL, headers and codings, and its body is not touched.
        """
        response = FakeResponse(headers={"Content-Encoding": "identity, gzip", "X-One": "1"})
        head = self.successResultOf(self.check(response, takes_gzip=True))
        self.assertEqual(
            ("http://a/b?token=secret", ["gzip"], True), (head.url, head.codings, head.is_gzip)
        )
        self.assertEqual(("1", response), (head.headers["x-one"], head.response))
        self.assertIsNone(response.protocol)

    def test_error(self) -> None:
        """
        Any other response is an error with its URL without the query, its status, its headers and
        the start of its body, which is decoded if gzip was asked for; its connection is cut.
        """
        for coding, body, takes_gzip in (
            ({}, b"sorry", False),
            ({"Content-Encoding": "gzip"}, gzip.compress(b"sorry"), True),
            ({"Content-Encoding": "x-gzip"}, gzip.compress(b"sorry"), True),
        ):
            response = FakeResponse(code=503, headers={"Retry-After": "5", **coding}, first=[body])
            checking = self.check(response, takes_gzip=takes_gzip)
            self.clock.advance(5)
            problem = self.failureResultOf(checking, NotAnEventStream).value
            self.assertEqual(("http://a/b", 503), (problem.url, problem.status))
            self.assertEqual(("5", b"sorry"), (problem.headers["retry-after"], problem.body))
            self.assertEqual("abort", response.transport.calls[-1])

    def test_gzip_that_was_not_asked_for(self) -> None:
        """
        The start of a body is returned as it came if gzip was not asked for.
        """
        body = gzip.compress(b"sorry")
        response = FakeResponse(code=500, headers={"Content-Encoding": "gzip"}, first=[body])
        checking = self.check(response)
        self.clock.advance(5)
        self.assertEqual(body, self.failureResultOf(checking, NotAnEventStream).value.body)


class MediaTypeTests(SynchronousTestCase):
    """
    Content types that are event streams, and others.
    """

    def test_event_stream(self) -> None:
        """
        Case and parameters do not matter, not even another charset: the stream is read as UTF-8.
        """
        for value in (
            "text/event-stream",
            "Text/Event-Stream",
            " text/event-stream\t;charset=utf-8",
            'text/event-stream; charset="iso-8859-1"',
            "text/event-stream;",
        ):
            with self.subTest(value):
                self.assertTrue(is_event_stream(value))

    def test_other(self) -> None:
        """
        Any other content type, and a missing one, is not an event stream.
        """
        for value in ("", "text/html", "text/event-streams", "application/json", "event-stream"):
            with self.subTest(value):
                self.assertFalse(is_event_stream(value))

    def test_several(self) -> None:
        """
        The last valid type of several counts (WHATWG Fetch, "extract a MIME type").
        """
        self.assertTrue(is_event_stream("text/html, text/event-stream"))
        self.assertTrue(is_event_stream("text/event-stream, */*, nothing, "))
        self.assertFalse(is_event_stream("text/event-stream, text/html"))
        self.assertTrue(is_event_stream('text/event-stream; note="a, b/c"'))


class FollowTests(SynchronousTestCase):
    """
    Redirects that are followed.
    """

    def follow(
        self, *responses: FakeResponse, url: str = "http://a/"
    ) -> Deferred[tuple[IResponse, str]]:
        """
        Ask for a URL, and get these responses one after the other.
        """
        left = iter(responses)

        async def send(request: Request) -> FakeResponse:
            return next(left)

        return Deferred.fromCoroutine(follow(send, Request("GET", url, Headers(), None)))

    def test_statuses(self) -> None:
        """
        The statuses of redirects are followed (WHATWG Fetch, "redirect status"), and no others.
        """
        for status in range(300, 310):
            _, url = self.successResultOf(self.follow(redirect("/b", status), FakeResponse()))
            is_followed = status in (301, 302, 303, 307, 308)
            self.assertEqual("http://a/b" if is_followed else "http://a/", url, status)

    def test_without_location(self) -> None:
        """
        A redirect without a location is the last response; of several locations the first counts.
        """
        last = FakeResponse(code=302)
        self.assertEqual((last, "http://a/"), self.successResultOf(self.follow(last)))
        several = redirect("/b")
        several.headers.addRawHeader("Location", "/c")
        _, url = self.successResultOf(self.follow(several, FakeResponse()))
        self.assertEqual("http://a/b", url)

    def test_connections(self) -> None:
        """
        The connection of each redirect is cut, also of one that cannot be followed, because its
        body may never end; the last response is not touched.
        """
        for location in ("/c", "ftp://a/"):
            redirects = [redirect("/b"), redirect(location)]
            last = FakeResponse()
            following = self.follow(*redirects, last)
            if location == "/c":
                self.assertEqual((last, "http://a/c"), self.successResultOf(following))
            else:
                self.failureResultOf(following, RedirectRefused)
            self.assertEqual(["abort"] * 2, [one.transport.calls[0] for one in redirects])
            self.assertEqual([], last.transport.calls)

    def test_most(self) -> None:
        """
        Twenty redirects are followed (WHATWG Fetch, 4.5); one more is refused.
        """
        redirects = [redirect(f"/{number}") for number in range(1, 22)]
        _, url = self.successResultOf(self.follow(*redirects[:20], FakeResponse()))
        self.assertEqual("http://a/20", url)
        problem = self.failureResultOf(self.follow(*redirects), RedirectRefused).value
        self.assertEqual("http://a/20 redirects without end, at last to http://a/21", str(problem))

    def test_refused(self) -> None:
        """
        The error has the status, the headers and the location of the redirect that was refused; its
        URLs are those that may be shown, also in the description of a circle.
        """
        elsewhere = redirect("ftp://a/?token=secret", 307)
        following = self.follow(redirect("/b?token=secret"), elsewhere)
        problem = self.failureResultOf(following, RedirectRefused).value
        self.assertEqual(("http://a/b", 307), (problem.url, problem.status))
        self.assertEqual("ftp://a/?token=secret", problem.location)
        self.assertEqual("ftp://a/?token=secret", problem.headers["location"])
        around = self.follow(*[redirect("/?token=secret")] * 21)
        problem = self.failureResultOf(around, RedirectRefused).value
        self.assertEqual("http://a/ redirects in a circle: http://a/ -> http://a/", str(problem))

    def test_url(self) -> None:
        """
        The URL of the last response is whole.
        """
        url = "http://a/b?c=d#e"
        _, found = self.successResultOf(self.follow(FakeResponse(), url=url))
        self.assertEqual(url, found)
