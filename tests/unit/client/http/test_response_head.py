"""
Heads of responses that are event streams, and of others.
"""

import gzip

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from ssetwist.client.http._request import Request
from ssetwist.client.http._response_head import ResponseHead, checked, follow, is_event_stream
from ssetwist.errors import NotAnEventStream, RedirectRefused
from tests.clock import Clock
from tests.unit.client.case import FakeResponse


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

    def test_statuses(self) -> None:
        """
        The statuses of redirects are followed (WHATWG Fetch, "redirect status"), and no others.
        """
        for status in range(300, 310):
            responses = iter(
                [FakeResponse(code=status, headers={"Location": "/b"}), FakeResponse()]
            )

            async def send(request: Request) -> FakeResponse:
                return next(responses)  # noqa: B023  # it is called within this turn

            following = follow(send, Request("GET", "http://a/", Headers(), None))
            _, url = self.successResultOf(Deferred.fromCoroutine(following))
            is_followed = status in (301, 302, 303, 307, 308)
            self.assertEqual("http://a/b" if is_followed else "http://a/", url, status)

    def test_connections(self) -> None:
        """
        The connection of each redirect is cut, also of one that cannot be followed, because its
        body may never end; the last response is not touched.
        """
        for location in ("/c", "ftp://a/"):
            redirects = [
                FakeResponse(code=302, headers={"Location": one}) for one in ("/b", location)
            ]
            last = FakeResponse()
            responses = iter([*redirects, last])

            async def send(request: Request) -> FakeResponse:
                return next(responses)  # noqa: B023  # it is called within this turn

            following = Deferred.fromCoroutine(
                follow(send, Request("GET", "http://a/", Headers(), None))
            )
            if location == "/c":
                self.assertEqual((last, "http://a/c"), self.successResultOf(following))
            else:
                self.failureResultOf(following, RedirectRefused)
            self.assertEqual(["abort"] * 2, [one.transport.calls[0] for one in redirects])
            self.assertEqual([], last.transport.calls)
