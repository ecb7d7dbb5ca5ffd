"""
Every answer of this floor, whole: its status, each of its headers, and its body.
"""

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Request

from ssetwist.eventstream import Event
from ssetwist.log import MemoryLog
from ssetwist.testing import MemoryHub
from ssetwist.web import EventStreamResource, Site, console, stream
from ssetwist.web.site import _body_limits
from tests.clock import Clock
from tests.memory import Client
from tests.unit.web.case import BROWSER, EVENT_SOURCE

TEXT = {"Content-Type": "text/plain; charset=utf-8"}
ALLOW = {"Allow": "GET, HEAD, OPTIONS"}
NO_STORE = {"Cache-Control": "no-store"}
STREAM = {
    "Cache-Control": "no-store, no-transform",
    "Content-Type": "text/event-stream",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}
CHUNKED = {"Transfer-Encoding": "chunked"}
CLOSES = {"Connection": "close"}


def length(size: int) -> dict[str, str]:
    return {"Content-Length": str(size)}


class AnswerCase(SynchronousTestCase):
    """
    A hub with a resource, and the whole answers to its requests.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.hub = MemoryHub(clock=self.clock, log=MemoryLog(self.clock, epoch="e"))
        self.hub.streams.jitter = lambda: 0.5
        self.resource: Resource = EventStreamResource(self.hub)

    def assert_answer(
        self,
        status: str,
        headers: dict[str, str],
        body: str,
        *,
        path: str = "/",
        method: str = "GET",
        sent: dict[str, str] | None = None,
        then: Callable[[Client], object] = lambda client: None,
    ) -> None:
        """
        Assert that a request has exactly this answer, besides ``Date`` and ``Server``.

        :param sent: Headers of the request.
        :param then: Called with the client after the head of its request.
        """
        client = Client(Site(self.resource, streams=self.hub.streams), self.clock)
        self.addCleanup(self.clock.advance, 0)
        self.addCleanup(client.close)
        client.request(path, method=method, headers=sent)
        then(client)
        self.assertEqual((f"HTTP/1.1 {status}", headers, body), client.answer)
        if "Transfer-Encoding" in headers and "Connection" not in headers:  # all but a stream
            self.assertTrue(client.is_complete)


class EventStreamTests(AnswerCase):
    def use(self, topics: Callable[[Request], object]) -> None:
        self.resource = EventStreamResource(self.hub, topics)  # type: ignore[arg-type]

    def test_stream(self) -> None:
        """
        A stream has its headers alone, and its first line tells the reconnection time; a browser
        also gets an id to come back with.
        """
        head = STREAM | CHUNKED | CLOSES
        self.assert_answer("200 OK", head, "retry: 3000\n")
        self.assert_answer("200 OK", head, "retry: 3000\nid: #e.0\n\n", sent=EVENT_SOURCE)

    def test_head(self) -> None:
        """
        ``HEAD`` gets the headers of a stream.
        """
        self.assert_answer("200 OK", STREAM, "", method="HEAD")

    def test_methods(self) -> None:
        """
        ``OPTIONS`` is told which methods are allowed; so is any other method.
        """
        self.assert_answer("204 No Content", ALLOW | NO_STORE, "", method="OPTIONS")
        text = "This is an event stream; use GET.\n"
        headers = TEXT | ALLOW | length(len(text))
        for method in ("POST", "PUT", "PATCH", "DELETE", "BREW"):
            self.assert_answer(
                "405 Method Not Allowed", headers, text, method=method, sent=length(0)
            )

    def test_not_again(self) -> None:
        """
        A client whose stream has ended for good is told not to come back.
        """
        for resource in (self.resource, answering(lambda: iter([]))):
            self.resource = resource
            self.assert_answer("204 No Content", NO_STORE, "", sent={"Last-Event-ID": "#end"})

    def test_refused(self) -> None:
        """
        A request that is invalid, or that the application refuses, is told so, at once or later.
        """
        text = "from must be 'earliest', or -10 for the last ten events\n"
        self.assert_answer("400 Bad Request", TEXT | length(len(text)), text, path="/?from=1")
        text = "You are not allowed to read this event stream.\n"
        self.use(lambda request: None)
        self.assert_answer("403 Forbidden", TEXT | length(len(text)), text)
        self.use(lambda request: succeed(None))
        self.assert_answer("403 Forbidden", TEXT | CHUNKED, text)

    def test_invalid_topics(self) -> None:
        """
        A topic that is invalid is the client's fault: the application takes it from the request.
        """
        text = "'\\ud800' has a lone surrogate, which is not possible in UTF-8\n"
        self.use(lambda request: ["\ud800"])
        self.assert_answer("400 Bad Request", TEXT | length(len(text)), text)
        self.use(lambda request: succeed(["\ud800"]))
        self.assert_answer("400 Bad Request", TEXT | CHUNKED, text)

    def test_broken(self) -> None:
        """
        An application that fails later leads to an answer without details.
        """
        asking: Deferred[None] = Deferred()
        self.use(lambda request: asking)
        self.assert_answer(
            "500 Internal Server Error",
            TEXT | CHUNKED,
            "There was an error here.\n",
            then=lambda client: asking.errback(RuntimeError("secret")),
        )
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))

    def test_turned_away(self) -> None:
        """
        A closed hub sends a browser away with a longer reconnection time, and others with 503.
        """
        text = "No more subscribers can be taken now; try again later.\n"
        refused = TEXT | length(len(text)) | {"Retry-After": "45"}
        self.hub.close()
        retry = "retry: 45000\n"
        self.assert_answer("200 OK", STREAM | length(len(retry)), retry, sent=BROWSER)
        self.assert_answer("503 Service Unavailable", refused, text)


def answering(
    make_source: Callable[[], object], headers: dict[str, str] | None = None, **options: object
) -> Resource:
    """
    Return a resource that answers with the stream of a new source each time.

    :param headers: Headers that the application sets.
    """

    class Answering(Resource):
        isLeaf = True

        def render_GET(self, request: Request) -> int:
            for name, value in (headers or {}).items():
                request.setHeader(name, value)
            return stream(request, make_source(), **options)  # type: ignore[arg-type]

    return Answering()


class ResponseTests(AnswerCase):
    """
    The answers of :func:`ssetwist.web.stream`.
    """

    def test_stream(self) -> None:
        """
        The headers that an application has set are kept, and those of a stream win.
        """
        headers = {"X-Mine": "1", "Content-Type": "text/html", "Content-Length": "7"}
        end = "event: end\nid: #end\ndata: \n\n"
        self.resource = answering(lambda: iter([Event("1")]), headers)
        self.assert_answer(
            "200 OK",
            STREAM | CHUNKED | CLOSES | {"X-Mine": "1"},
            f"retry: 3000\ndata: 1\n\n{end}",
            then=lambda client: self.clock.advance(0),
        )

    def test_reconnection_time(self) -> None:
        """
        A stream tells the reconnection time of the application, or only that it has begun.
        """
        for seconds, first in ((0.5, "retry: 500\n"), (0, "retry: 0\n"), (None, ":\n")):
            self.resource = answering(lambda: lambda send: None, reconnection_time=seconds)
            self.assert_answer("200 OK", STREAM | CHUNKED | CLOSES, first)

    def test_head(self) -> None:
        """
        ``HEAD`` gets the headers of a stream.
        """
        self.resource = answering(lambda: iter([]))
        self.assert_answer("200 OK", STREAM, "", method="HEAD")

    def test_turned_away(self) -> None:
        """
        A server that stops sends a browser away with a reconnection time that is longer than the
        application's, and others with 503.
        """
        text = "No more subscribers can be taken now; try again later.\n"
        self.hub.streams.drain(0)
        for seconds, away in ((3, 45), (0.2, 3), (0, 1.5), (None, 45)):
            self.resource = answering(lambda: iter([]), reconnection_time=seconds)
            retry = f"retry: {away * 1000:g}\n"
            self.assert_answer("200 OK", STREAM | CHUNKED, retry, sent=BROWSER)
            refused = TEXT | CHUNKED | {"Retry-After": str(round(away))}
            self.assert_answer("503 Service Unavailable", refused, text)


class SiteTests(AnswerCase):
    """
    The answers of the Site itself, to requests that reach no resource.
    """

    def assert_refused(self, status: str, text: str, **request: object) -> None:
        """
        Assert that a request is refused with this text, and that its connection is then closed.
        """
        headers = TEXT | CLOSES | length(len(text) + 1)
        if status.startswith("503"):
            headers |= {"Retry-After": "10"}
        self.assert_answer(status, headers, f"{text}\n", **request)  # type: ignore[arg-type]

    def test_too_much(self) -> None:
        """
        A request that is too large is refused with a text that says what is too large.
        """
        self.assert_refused("414 URI Too Long", "The URL is too long.", path="/" + 20_000 * "x")
        self.assert_refused(
            "431 Request Header Fields Too Large",
            "A field of the head is too long.",
            sent={"X-Long": 20_000 * "x"},
        )
        text = "The body must not have more than 65536 bytes."
        body = {"Content-Length": "65537"}
        self.assert_refused("413 Content Too Large", text, method="POST", sent=body)
        self.assert_refused(
            "413 Content Too Large",
            text,
            method="POST",
            sent={"Transfer-Encoding": "chunked"},
            then=lambda client: client.send(b"10001\r\n" + 65_537 * b"x"),
        )

    def test_no_room(self) -> None:
        """
        A body for which there is no room now is refused, and the client is told when to ask again.
        """
        self.patch(_body_limits, "MAX_BODIES", 1000)
        self.assert_refused(
            "503 Service Unavailable",
            "Too many large bodies are on their way; try again later.",
            method="POST",
            sent=length(20_000),
            then=lambda client: client.send(20_000 * b"x"),
        )


class ConsoleTests(AnswerCase):
    def test_files(self) -> None:
        """
        The page and its files load nothing from elsewhere, are in no frame and never stale.
        """
        self.resource = console(self.hub, self.resource)
        directives = (
            "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'",
            "img-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        )  # fmt: skip
        headers = {
            "Cache-Control": "no-cache",
            "Content-Security-Policy": "; ".join(directives),
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        static = self.resource.children[b"static"].children
        files = {"/": self.resource.children[b""]} | {
            f"/static/{name.decode()}": resource for name, resource in static.items()
        }
        types = {
            "/": "text/html; charset=utf-8",
            "/static/console.css": "text/css; charset=utf-8",
            "/static/console.js": "text/javascript; charset=utf-8",
            "/static/log.js": "text/javascript; charset=utf-8",
            "/static/publish.js": "text/javascript; charset=utf-8",
            "/static/icon.svg": "image/svg+xml",
        }
        self.assertEqual(types.keys(), files.keys())
        for path, media_type in types.items():
            content = files[path]._content
            told = headers | {"Content-Type": media_type} | length(len(content))
            self.assert_answer("200 OK", told, content.decode(), path=path)

    def test_status(self) -> None:
        """
        The status is never kept, and tells how many subscribers there are and if the page may
        publish.
        """
        headers = NO_STORE | {
            "Content-Type": "application/json",
            "X-Content-Type-Options": "nosniff",
        }
        for may_publish, told in ((True, "true"), (False, "false")):
            self.resource = console(
                self.hub, EventStreamResource(self.hub), may_publish=may_publish
            )
            status = f'{{"subscribers": 0, "may_publish": {told}}}'
            self.assert_answer("200 OK", headers | length(len(status)), status, path="/status")
