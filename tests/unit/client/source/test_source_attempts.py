"""
What an event source asks, and what becomes of each answer.
"""

import asyncio
import gzip
import zlib

import treq
from treq.client import HTTPClient
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError, DNSLookupError
from twisted.web.client import Agent

from ssetwist.client import EventSource, Opened, ReadyState
from ssetwist.errors import (
    Disconnected,
    HeadersUnavailable,
    InvalidEvent,
    NotAnEventStream,
    RedirectRefused,
    SSETwistError,
)
from ssetwist.eventstream import Event
from tests.unit.client.case import CHUNKED, HEAD, URL, SourceCase, Wire, chunk, response


class AttemptCase(SourceCase):
    def failed(self, data: bytes, **options: object) -> SSETwistError:
        """
        Return what ends a source that is answered so.
        """
        source = self.source(**options)
        closed = source.when_closed()
        wire = self.accept(data)
        self.turn()
        self.assertFalse(wire.is_connected, "the connection is gone")
        problem = self.failureResultOf(closed).value
        self.assertIs(ReadyState.CLOSED, source.state)
        return problem


class RequestTests(AttemptCase):
    """
    What is asked.
    """

    def test_request(self) -> None:
        """
        The request is a browser's, but for what only browsers know.
        """
        self.source()
        wire = self.accept()
        line, *headers = wire.request.decode().rstrip().split("\r\n")
        self.assertEqual("GET /events?token=secret HTTP/1.1", line)
        self.assertEqual(
            {
                "Accept: text/event-stream",
                "Accept-Encoding: identity",
                "Cache-Control: no-store",
                "Connection: close",
                "Host: example.com",
                "User-Agent: ssetwist",
            },
            set(headers),
        )

    def test_last_event_id(self) -> None:
        """
        Where to go on from is sent with the first attempt, too, in UTF-8.
        """
        self.source(last_event_id="é1")
        self.assertEqual("é1", self.accept().header("Last-Event-ID"))

    def test_any_request(self) -> None:
        """
        Method, headers and body are sent again on each attempt.
        """
        self.source(method="post", headers={"X": ["1", "2"]}, body=b'{"a": 1}')
        for _ in range(3):
            wire = self.accept()
            self.assertTrue(wire.request.startswith(b"POST /events?token=secret HTTP/1.1\r\n"))
            self.assertTrue(wire.request.endswith(b'\r\n\r\n{"a": 1}'))
            self.assertIn(b"X: 1\r\nX: 2\r\n", wire.request)
            self.assertEqual("8", wire.header("Content-Length"))
            wire.reset()
            self.reactor.advance(10)

    def test_ports_and_hosts(self) -> None:
        """
        Any host and port; an address of IPv6, too.
        """
        for url, host, port in (
            ("http://example.com:8080", "example.com:8080", 8080),
            ("http://[::1]/", "[::1]", 80),
        ):
            source = self.source(url)
            wire = self.accept()
            self.assertEqual(host, wire.header("Host"))
            self.assertEqual(port, wire.getPeer().port)
            source.close()
            self.turn()

    def test_url(self) -> None:
        """
        It knows what it asks.
        """
        self.assertEqual("http://example.com/x", self.source("HTTP://EXAMPLE.com:80/x").url)

    def test_nonsense(self) -> None:
        """
        What makes no sense is refused at once; no secret of a URL is shown.
        """
        for url, options in (
            ("ftp://example.com", {}),
            ("/events", {}),
            ("http://name:secret@example.com", {}),
            (URL, {"method": "G T"}),
            (URL, {"headers": {"a b": "c"}}),
            (URL, {"connect_timeout": 0}),
            (URL, {"silence_timeout": -1}),
            (URL, {"max_line": 0}),
            (URL, {"max_event": 0}),
        ):
            with self.subTest(url, **options), self.assertRaises(ValueError) as caught:
                self.source(url, **options)
            self.assertNotIn("secret", str(caught.exception))
        with self.assertRaises(InvalidEvent):
            self.source(last_event_id="a\nb")
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_wrong_kind(self) -> None:
        """
        So is what would have each attempt fail, for ever and as if it were the network's doing.
        """
        for options in (
            {"client": treq},
            {"body": "text"},
            {"body": {"a": 1}},
            {"backoff": 5},
            {"fresh_headers": {"a": "secret"}},
            {"policy": True},
            {"on_open": "x"},
            {"on_interruption": 1},
            {"on_comment": []},
            {"headers": [("a", "b")]},
            {"cookies": "a=secret"},
        ):
            (name,) = options
            with self.subTest(**options), self.assertRaises(TypeError) as caught:
                self.source(**options)
            self.assertIn(f"{name} must ", str(caught.exception))
            self.assertNotIn("secret", str(caught.exception))
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_cookies(self) -> None:
        """
        Cookies are sent, and those that the server sets are sent when it comes back.
        """
        self.source(cookies={"mine": "1"})
        wire = self.accept(HEAD.replace(b"\r\n\r\n", b"\r\nSet-Cookie: theirs=2\r\n\r\n"))
        self.assertEqual("mine=1", wire.header("Cookie"))
        wire.finish()
        self.reactor.advance(10)
        self.assertEqual({"mine=1", "theirs=2"}, set(self.accept().header("Cookie").split("; ")))

    def test_agent(self) -> None:
        """
        An agent may be given; its connection is cut by closing.
        """
        source, wire = self.open(client=Agent(self.reactor), headers={"X": "1"})
        self.assertEqual("1", wire.header("X"))
        wire.send(chunk(b"data: 1\n\n"))
        self.assertEqual([Event("1")], self.taken(source, 1))
        closed = source.close()
        self.assertTrue(wire.is_aborted)
        self.assertNoResult(closed)
        self.turn()
        self.successResultOf(closed)

    def test_treq(self) -> None:
        """
        A client of treq may be given.
        """
        source, wire = self.open(client=HTTPClient(Agent(self.reactor)))
        self.assertEqual("identity", wire.header("Accept-Encoding"))
        wire.send(chunk(b"data: 1\n\n"))
        self.assertEqual([Event("1")], self.taken(source, 1))


class FreshHeadersTests(AttemptCase):
    """
    Headers that are asked for before each attempt.
    """

    def test_each_attempt(self) -> None:
        """
        They are asked for each time, and replace those given.
        """
        tokens = iter("abc")
        self.source(
            headers={"Authorization": "old"}, fresh_headers=lambda: {"Authorization": next(tokens)}
        )
        for token in "abc":
            wire = self.accept()
            self.assertEqual(token, wire.header("Authorization"))
            wire.reset()
            if token != "c":
                self.reactor.advance(10)

    def test_deferred(self) -> None:
        """
        They may come later, from a Deferred.
        """
        headers: Deferred[dict[str, str]] = Deferred()
        self.source(fresh_headers=lambda: headers)
        self.assertEqual(0, self.asked())
        headers.callback({"X": "1"})
        self.assertEqual("1", self.accept().header("X"))

    def test_coroutine(self) -> None:
        """
        Or from a coroutine.
        """
        later: Deferred[str] = Deferred()

        async def headers() -> dict[str, str]:
            return {"X": await later}

        self.source(fresh_headers=headers)
        self.assertEqual(0, self.asked())
        later.callback("1")
        self.assertEqual("1", self.accept().header("X"))

    def test_failure(self) -> None:
        """
        If there are none, the attempt has failed and is made again; the cause is told.
        """
        answers = iter([KeyError("token"), {"X": "1"}])
        interruptions = []

        def headers() -> dict[str, str]:
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return answer

        source = self.source(fresh_headers=headers, on_interruption=interruptions.append)
        [interruption] = interruptions
        self.assertIsInstance(interruption.problem, HeadersUnavailable)
        self.assertIsInstance(interruption.problem.__cause__, KeyError)
        self.assert_waiting(source, 1)
        self.assertEqual("1", self.accept().header("X"))

    def test_cancelled_by_others(self) -> None:
        """
        asyncio's cancellation, which is no ``Exception``, is a failure as any other: the source
        does not wait for ever.
        """
        given = [fail(asyncio.CancelledError()), succeed({"X": "1"})]
        source = self.source(fresh_headers=lambda: given.pop(0))
        self.assert_waiting(source, 1)
        self.assertEqual("1", self.accept().header("X"))

    def test_nonsense(self) -> None:
        """
        What can be no headers is such a failure, too.
        """
        for headers in ({"a b": "c"}, 7, {"a": 7}):
            source = self.source(
                fresh_headers=lambda headers=headers: headers, policy=lambda _: False
            )
            self.failureResultOf(source.when_closed(), HeadersUnavailable)

    def test_own_error(self) -> None:
        """
        Who fails with an error of ours has chosen it.
        """

        def headers() -> dict[str, str]:
            raise NotAnEventStream("answered 401", url="", status=401, headers={})

        self.failureResultOf(self.source(fresh_headers=headers).when_closed(), NotAnEventStream)

    def test_too_late(self) -> None:
        """
        Their time is the attempt's.  They are cancelled then.
        """
        interruptions, cancelled = [], []
        self.source(
            fresh_headers=lambda: Deferred(cancelled.append),
            connect_timeout=7,
            on_interruption=interruptions.append,
        )
        self.reactor.advance(7)
        self.assertEqual(1, len(cancelled))
        self.assertEqual("there was no response within 7 s", str(interruptions[0].problem))


class OpenTests(AttemptCase):
    """
    When a stream begins.
    """

    def test_opened(self) -> None:
        """
        The head of the response opens it, before any event, and is told to all who want to know.
        """
        opened: list[Opened] = []
        source = self.source(on_open=opened.append, last_event_id="7")
        waiting = [source.when_open(), source.when_open()]
        wire = self.accept()
        waiting[0].addErrback(lambda _: None).cancel()
        self.assertNoResult(waiting[1])
        self.assertIs(ReadyState.CONNECTING, source.state)
        wire.send(HEAD)
        self.assertIs(ReadyState.OPEN, source.state)
        expected = Opened(URL, {"content-type": "text/event-stream"}, "7")
        self.assertEqual([expected], opened)
        self.assertEqual(expected, self.successResultOf(waiting[1]))
        self.assertEqual(expected, self.successResultOf(source.when_open()))

    def test_events_after_open(self) -> None:
        """
        Events in the same piece as the head come after that.
        """
        order: list[object] = []
        source = self.source(on_open=lambda _: order.append("open"))
        source.next().addCallback(order.append)
        self.accept(HEAD + b"data: 1\n\n")
        self.turn()
        self.assertEqual(["open", Event("1")], order)

    def test_hook_fails(self) -> None:
        """
        A hook that raises is logged, and changes nothing.
        """
        source = self.source(on_open=lambda _: 1 / 0)
        self.accept(HEAD + b"data: 1\n\n")
        self.turn()
        self.assertEqual([Event("1")], self.taken(source, 1))
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_comments(self) -> None:
        """
        Comments are for who wants them.
        """
        comments: list[str] = []
        _, wire = self.open(on_comment=comments.append)
        wire.send(chunk(b": hello\n:\n"))
        self.assertEqual(["hello", ""], comments)


class GzipTests(AttemptCase):
    """
    Content codings.
    """

    HEAD = CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")

    def assert_event_by_event(self, **options: object) -> None:
        source = self.source(gzip=True, **options)
        wire = self.accept(self.HEAD)
        self.assertEqual("gzip", wire.header("Accept-Encoding"))
        encoder = zlib.compressobj(wbits=31)
        for number in range(3):
            data = encoder.compress(b"data: %d\n\n" % number) + encoder.flush(zlib.Z_SYNC_FLUSH)
            wire.send(chunk(data))
            self.turn()
            self.assertEqual([Event(str(number))], self.taken(source, 1))
        source.close()
        self.turn()

    def test_event_by_event(self) -> None:
        """
        gzip is decoded as the server flushes.
        """
        self.assert_event_by_event()

    def test_treq(self) -> None:
        """
        Through treq too, whose own decoder is left out.
        """
        self.assert_event_by_event(client=HTTPClient(Agent(self.reactor)))

    def test_not_asked_for(self) -> None:
        """
        Unasked it is refused, through treq, too.
        """
        for options in ({}, {"client": HTTPClient(Agent(self.reactor))}):
            problem = self.failed(self.HEAD + LAST, **options)
            self.assertIsInstance(problem, NotAnEventStream)
            self.assertIn("answered in 'gzip', which was not asked for", str(problem))

    def test_other_coding(self) -> None:
        """
        Another coding, or one upon the other, is refused in any case.
        """
        for coding in ("br", "gzip, gzip"):
            head = response("200 OK", Content_Type="text/event-stream", Content_Encoding=coding)
            self.assertIn(repr(coding), str(self.failed(head, gzip=True)))

    def test_identity(self) -> None:
        """
        No coding is one, too, and so is a server that does not do gzip.
        """
        source = self.source(gzip=True)
        self.accept(HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: identity\r\n\r\n"))
        self.assertIs(ReadyState.OPEN, source.state)


LAST = b"0\r\n\r\n"


class RefusedTests(AttemptCase):
    """
    What is no event stream.
    """

    def test_status(self) -> None:
        """
        Another status ends the source, with all that was answered, but for the URL's query.
        """
        problem = self.failed(response("404 Not Found", b'{"error": "gone"}', X_Why="so"))
        self.assertIsInstance(problem, NotAnEventStream)
        self.assertEqual(404, problem.status)
        self.assertEqual(b'{"error": "gone"}', problem.body)
        self.assertEqual("so", problem.headers["x-why"])
        self.assertEqual("http://example.com/events", problem.url)
        self.assertEqual(
            "http://example.com/events answered 404; expected 200",
            str(problem),
        )

    def test_content_type(self) -> None:
        """
        So does another content type, or none.
        """
        problem = self.failed(response("200 OK", b"<html>", Content_Type="text/html"))
        self.assertEqual((200, b"<html>"), (problem.status, problem.body))
        self.assertIn("answered 'text/html'; expected an event stream", str(problem))
        self.assertIn("'nothing with a type'", str(self.failed(response("200 OK"))))

    def test_parameters(self) -> None:
        """
        Parameters are no matter.
        """
        source = self.source()
        self.accept(response("200 OK", b"data: 1\n\n", Content_Type="Text/Event-Stream; charset=x"))
        self.turn()
        self.assertEqual([Event("1")], self.taken(source, 1))

    def test_endless_body(self) -> None:
        """
        A body without an end is cut after its start.
        """
        source = self.source()
        wire = self.accept(b"HTTP/1.1 403 No\r\n\r\n" + b"x" * 100)
        self.assertIs(ReadyState.CONNECTING, source.state)
        wire.send(b"x" * 100_000)
        self.turn()
        self.assertTrue(wire.is_aborted)
        problem = self.failureResultOf(source.when_closed(), NotAnEventStream).value
        self.assertEqual(b"x" * 16384, problem.body)

    def test_slow_body(self) -> None:
        """
        So is one that does not come.
        """
        source = self.source()
        wire = self.accept(b"HTTP/1.1 403 No\r\nContent-Length: 10\r\n\r\nNo")
        self.reactor.advance(5)
        self.turn()
        self.assertTrue(wire.is_aborted)
        problem = self.failureResultOf(source.when_closed(), NotAnEventStream).value
        self.assertEqual(b"No", problem.body)

    def test_gzip_body(self) -> None:
        """
        A problem that is told in gzip can be read, if gzip was asked for.
        """
        data = gzip.compress(b"sorry")
        head = response("403 No", data, Content_Encoding="gzip")
        self.assertEqual(b"sorry", self.failed(head, gzip=True).body)
        self.assertEqual(data, self.failed(head).body)

    def test_stay_away(self) -> None:
        """
        204 ends the source, and is no failure.
        """
        source = self.source()
        following, closed = source.next(), source.when_closed()
        self.accept(b"HTTP/1.1 204 No Content\r\n\r\n")
        self.turn()
        self.assertIsNone(self.successResultOf(following))
        self.assertIsNone(self.successResultOf(closed))
        self.assertIsNone(self.successResultOf(source.when_closed()))
        self.assertIs(ReadyState.CLOSED, source.state)
        self.reactor.advance(1000)
        self.assertEqual(0, self.asked())

    def test_no_http(self) -> None:
        """
        What is not even HTTP is the network's failure.
        """
        problem = self.failed(b"220 smtp.example.com\r\n", policy=lambda _: False)
        self.assertIsInstance(problem, Disconnected)


class NetworkTests(AttemptCase):
    """
    When there is no response.
    """

    def problem(self, source: EventSource) -> str:
        problem = self.failureResultOf(source.when_closed(), Disconnected).value
        self.assertFalse(problem.is_clean)
        self.assertIsNotNone(problem.__cause__)
        return str(problem)

    def test_refused(self) -> None:
        """
        Nobody listens, or nobody knows the host.
        """
        for cause in (ConnectionRefusedError("no"), DNSLookupError("no")):
            source = self.source(policy=lambda _: False)
            self.refuse(cause)
            self.assertIn("there was no response: ", self.problem(source))

    def test_lost_before_head(self) -> None:
        """
        The connection is lost before the head, or within it.
        """
        for data in (b"", HEAD[:-2]):
            source = self.source(policy=lambda _: False)
            self.accept(data).reset()
            self.assertIn("Connection to the other side was lost", self.problem(source))

    def test_endless_head(self) -> None:
        """
        A head without an end is cut, be it of many lines, or of many informational ones before it.
        """
        for data in (b"X-A: a\r\n", b"\r\nHTTP/1.1 103 Early Hints\r\n"):
            source = self.source(policy=lambda _: False)
            wire = self.accept(
                b"HTTP/1.1 200 OK\r\n" if data[:1] == b"X" else b"HTTP/1.1 103 x\r\n"
            )
            for sent in range(10**9):
                self.assertLess(sent, 100)
                if wire.is_aborted:
                    break
                wire.send(data * 1000)
            self.turn()
            self.assertIn("its head has more than 262144 bytes", self.problem(source))

    def test_long_stream_after_head(self) -> None:
        """
        What comes after the head is not counted.
        """
        source, wire = self.open()
        for _ in range(100):
            wire.send(chunk(b":" + b"a" * 2**14))
        self.assertIs(ReadyState.OPEN, source.state)

    def test_timeout(self) -> None:
        """
        There is a time-out for each step until the head; what goes on is cut then.
        """
        for step in ("connecting", "waiting", "dribbling"):
            with self.subTest(step):
                source = self.source(connect_timeout=7, policy=lambda _: False)
                wire = None if step == "connecting" else self.accept()
                if wire is not None and step == "dribbling":
                    for number in range(6):
                        self.reactor.advance(1)
                        wire.send(b"H" if not number else HEAD[number : number + 1])
                    self.reactor.advance(1)
                else:
                    self.reactor.advance(7)
                self.turn()
                problem = self.failureResultOf(source.when_closed(), Disconnected).value
                self.assertEqual("there was no response within 7 s", str(problem))
                self.assertTrue(wire is None or not wire.is_connected)
                self.reactor.tcpClients.clear()

    def test_no_total_timeout(self) -> None:
        """
        There is none for a stream.
        """
        source, wire = self.open(connect_timeout=7)
        for _ in range(1000):
            self.reactor.advance(100)
            wire.send(chunk(b":\n"))
        self.assertIs(ReadyState.OPEN, source.state)


class RedirectTests(AttemptCase):
    """
    Redirections, followed as browsers do.
    """

    def redirect(self, wire: Wire, location: str, status: str = "302 Found") -> Wire:
        """
        Redirect, and return the connection that comes of it.
        """
        wire.send(response(status, Location=location))
        self.turn()
        self.assertFalse(wire.is_connected, "the redirected connection is gone")
        return self.accept()

    def test_follows(self) -> None:
        """
        It goes where it is sent, and says so; the next time it asks where it asked first, however
        permanent that was.
        """
        source = self.source(last_event_id="7")
        wire = self.redirect(self.accept(), "/other?q", "301 Moved Permanently")
        self.assertTrue(wire.request.startswith(b"GET /other?q HTTP/1.1\r\n"))
        self.assertEqual("7", wire.header("Last-Event-ID"))
        wire.send(HEAD)
        self.assertEqual("http://example.com/other?q", self.successResultOf(source.when_open()).url)
        wire.finish()
        self.reactor.advance(10)
        self.assertTrue(self.accept().request.startswith(b"GET /events?token=secret HTTP"))

    def test_method_and_body(self) -> None:
        """
        303 makes a GET of a POST, and 307 does not.
        """
        self.source(method="POST", body=b"{}", headers={"Content-Type": "application/json"})
        wire = self.redirect(self.accept(), "/a", "307 Temporary Redirect")
        self.assertTrue(wire.request.startswith(b"POST /a "))
        self.assertTrue(wire.request.endswith(b"\r\n\r\n{}"))
        wire = self.redirect(wire, "/b", "303 See Other")
        self.assertTrue(wire.request.startswith(b"GET /b "))
        self.assertTrue(wire.request.endswith(b"\r\n\r\n"))
        self.assertIsNone(wire.header("Content-Type"))

    def test_credentials(self) -> None:
        """
        Another origin gets no credentials, and no cookie of the first one; both are back with the
        next attempt.
        """
        credentials = {"Authorization": "Bearer secret", "X": "1"}
        self.source(headers=credentials, cookies={"a": "1"})
        wire = self.redirect(self.accept(), "http://other.example/")
        self.assertEqual("other.example", wire.header("Host"))
        self.assertEqual("1", wire.header("X"))
        self.assertIsNone(wire.header("Authorization"))
        self.assertIsNone(wire.header("Cookie"))
        wire = self.redirect(wire, URL)
        self.assertIsNone(wire.header("Authorization"))
        self.assertEqual("a=1", wire.header("Cookie"))
        wire.reset()
        self.reactor.advance(10)
        self.assertEqual("Bearer secret", self.accept().header("Authorization"))

    def test_own_cookie_header(self) -> None:
        """
        A cookie that was given as a header is such a credential.
        """
        self.source(headers={"Cookie": "a=1"})
        wire = self.accept()
        self.assertEqual("a=1", wire.header("Cookie"))
        self.assertIsNone(self.redirect(wire, "http://other.example/").header("Cookie"))

    def test_circle(self) -> None:
        """
        A circle ends after 20 redirections, and the error shows it, but for secrets.
        """
        source = self.source()
        wire = self.accept()
        for number in range(20):
            wire = self.redirect(wire, f"/{'ab'[number % 2]}?token=secret")
        wire.send(response("302 Found", Location="/a?token=secret"))
        self.turn()
        problem = self.failureResultOf(source.when_closed(), RedirectRefused).value
        self.assertEqual((302, "/a?token=secret"), (problem.status, problem.location))
        self.assertEqual("http://example.com/b", problem.url)
        self.assertEqual(
            "http://example.com/b redirects in a circle: "
            "http://example.com/a -> http://example.com/b -> http://example.com/a",
            str(problem),
        )

    def test_twenty(self) -> None:
        """
        20 redirections are followed.
        """
        source = self.source()
        wire = self.accept()
        for number in range(20):
            wire = self.redirect(wire, f"/{number}")
        wire.send(HEAD)
        self.assertIs(ReadyState.OPEN, source.state)

    def test_nowhere(self) -> None:
        """
        Another scheme, or no URL, is refused.
        """
        for location in ("ftp://example.com/", "http://"):
            problem = self.failed(response("302 Found", Location=location))
            self.assertIsInstance(problem, RedirectRefused)
            self.assertEqual(location, problem.location)
            self.assertIn("http://example.com/events redirects to where nobody can", str(problem))

    def test_no_location(self) -> None:
        """
        Without a location it is a response like any other, and no event stream.
        """
        problem = self.failed(response("302 Found", b"where?"))
        self.assertNotIsInstance(problem, RedirectRefused)
        self.assertEqual((302, b"where?"), (problem.status, problem.body))

    def test_endless_body(self) -> None:
        """
        The body of a redirection is not read.
        """
        self.source()
        wire = self.accept()
        wire.send(b"HTTP/1.1 302 Found\r\nLocation: /a\r\n\r\n" + b"x" * 1000)
        self.assertTrue(wire.is_aborted)
        self.accept(HEAD)

    def test_timeout(self) -> None:
        """
        The time-out is for all of them together.
        """
        source = self.source(connect_timeout=7, policy=lambda _: False)
        wire = self.accept()
        for _ in range(6):
            self.reactor.advance(1)
            wire = self.redirect(wire, "/again")
        self.reactor.advance(1)
        self.failureResultOf(source.when_closed(), Disconnected)

    def test_stay_away(self) -> None:
        """
        204 behind a redirection is 204.
        """
        source = self.source()
        self.redirect(self.accept(), "/gone").send(b"HTTP/1.1 204 No Content\r\n\r\n")
        self.successResultOf(source.when_closed())
