"""
Requests of an event source, and the beginning of a stream.
"""

import asyncio
import zlib

import treq
from treq.client import HTTPClient
from twisted.internet.defer import Deferred, fail, succeed
from twisted.web.client import Agent

from ssetwist.client import Opened, ReadyState
from ssetwist.errors import HeadersUnavailable, InvalidEvent, NotAnEventStream
from ssetwist.eventstream import Event
from tests.unit.client.case import CHUNKED, HEAD, URL, chunk, response
from tests.unit.client.source.case import AttemptCase


class RequestTests(AttemptCase):
    """
    Requests that are sent.
    """

    def test_request(self) -> None:
        """
        The request equals a browser's, except for headers that only browsers know.
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
        The given last event ID is sent with the first attempt, in UTF-8.
        """
        self.source(last_event_id="é1")
        self.assertEqual("é1", self.accept().header("Last-Event-ID"))

    def test_any_request(self) -> None:
        """
        Method, headers and body are sent again with each attempt.
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
        A URL may have any host and port, including an IPv6 address.
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
        ``url`` is the URL as browsers write it.
        """
        self.assertEqual("http://example.com/x", self.source("HTTP://EXAMPLE.com:80/x").url)

    def test_wrong_value(self) -> None:
        """
        An option with a wrong value is refused at once; the error does not show secrets of the URL.
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

    def test_wrong_type(self) -> None:
        """
        An option of a wrong type is refused at once; otherwise each attempt would seem to fail
        because of the network.
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
        Given cookies are sent, and cookies of the server are sent with the next attempts.
        """
        self.source(cookies={"mine": "1"})
        wire = self.accept(HEAD.replace(b"\r\n\r\n", b"\r\nSet-Cookie: theirs=2\r\n\r\n"))
        self.assertEqual("mine=1", wire.header("Cookie"))
        wire.finish()
        self.reactor.advance(10)
        self.assertEqual({"mine=1", "theirs=2"}, set(self.accept().header("Cookie").split("; ")))

    def test_agent(self) -> None:
        """
        A source may use an agent of the application; closing the source cuts its connection.
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
        A source may use a client of treq.
        """
        source, wire = self.open(client=HTTPClient(Agent(self.reactor)))
        self.assertEqual("identity", wire.header("Accept-Encoding"))
        wire.send(chunk(b"data: 1\n\n"))
        self.assertEqual([Event("1")], self.taken(source, 1))


class FreshHeadersTests(AttemptCase):
    """
    Fresh headers of each attempt.
    """

    def test_each_attempt(self) -> None:
        """
        Fresh headers are asked for before each attempt, and replace the given ones.
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
        Fresh headers may come from a Deferred.
        """
        headers: Deferred[dict[str, str]] = Deferred()
        self.source(fresh_headers=lambda: headers)
        self.assertEqual(0, self.asked())
        headers.callback({"X": "1"})
        self.assertEqual("1", self.accept().header("X"))

    def test_coroutine(self) -> None:
        """
        Fresh headers may come from a coroutine.
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
        If ``fresh_headers`` fails, the attempt fails and is made again; the error has the cause.
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

    def test_cancelled_by_asyncio(self) -> None:
        """
        ``CancelledError`` of asyncio, which is not an ``Exception``, is a failure like any other.
        """
        given = [fail(asyncio.CancelledError()), succeed({"X": "1"})]
        source = self.source(fresh_headers=lambda: given.pop(0))
        self.assert_waiting(source, 1)
        self.assertEqual("1", self.accept().header("X"))

    def test_wrong_headers(self) -> None:
        """
        Fresh headers that are not headers are a failure.
        """
        for headers in ({"a b": "c"}, 7, {"a": 7}):
            source = self.source(
                fresh_headers=lambda headers=headers: headers, policy=lambda _: False
            )
            self.failureResultOf(source.when_closed(), HeadersUnavailable)

    def test_error_of_ssetwist(self) -> None:
        """
        An error of ssetwist from ``fresh_headers`` stays as it is.
        """

        def headers() -> dict[str, str]:
            raise NotAnEventStream("answered 401", url="", status=401, headers={})

        self.failureResultOf(self.source(fresh_headers=headers).when_closed(), NotAnEventStream)

    def test_too_late(self) -> None:
        """
        ``connect_timeout`` includes the fresh headers, and cancels them.
        """
        interruptions, cancelled = [], []
        self.source(
            fresh_headers=lambda: Deferred(cancelled.append),
            connect_timeout=7,
            on_interruption=interruptions.append,
        )
        self.reactor.advance(7)
        self.assertEqual(1, len(cancelled))
        self.assertEqual("no response within 7 s", str(interruptions[0].problem))


class OpenTests(AttemptCase):
    """
    Beginning of a stream.
    """

    def test_opened(self) -> None:
        """
        The head of the response opens the source before any event; the hook and all waiters get it.
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
        An event in the same piece as the head comes after ``on_open``.
        """
        order: list[object] = []
        source = self.source(on_open=lambda _: order.append("open"))
        source.next().addCallback(order.append)
        self.accept(HEAD + b"data: 1\n\n")
        self.turn()
        self.assertEqual(["open", Event("1")], order)

    def test_hook_fails(self) -> None:
        """
        An exception in a hook is logged and changes nothing.
        """
        source = self.source(on_open=lambda _: 1 / 0)
        self.accept(HEAD + b"data: 1\n\n")
        self.turn()
        self.assertEqual([Event("1")], self.taken(source, 1))
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_comments(self) -> None:
        """
        ``on_comment`` gets the text of each comment.
        """
        comments: list[str] = []
        _, wire = self.open(on_comment=comments.append)
        wire.send(chunk(b": hello\n:\n"))
        self.assertEqual(["hello", ""], comments)


class GzipTests(AttemptCase):
    """
    Content codings of a stream.
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
        gzip is decoded event by event, as the server flushes.
        """
        self.assert_event_by_event()

    def test_treq(self) -> None:
        """
        gzip is decoded in the same way with a client of treq, without treq's own decoder.
        """
        self.assert_event_by_event(client=HTTPClient(Agent(self.reactor)))

    def test_not_asked_for(self) -> None:
        """
        gzip that was not asked for is refused, even with a client of treq.
        """
        for options in ({}, {"client": HTTPClient(Agent(self.reactor))}):
            problem = self.failed(self.HEAD + LAST, **options)
            self.assertIsInstance(problem, NotAnEventStream)
            self.assertIn("answered in 'gzip', which was not asked for", str(problem))

    def test_other_coding(self) -> None:
        """
        Another coding, or two codings, are refused even if gzip was asked for.
        """
        for coding in ("br", "gzip, gzip"):
            head = response("200 OK", Content_Type="text/event-stream", Content_Encoding=coding)
            self.assertIn(repr(coding), str(self.failed(head, gzip=True)))

    def test_identity(self) -> None:
        """
        A server that answers ``identity`` instead of gzip is read.
        """
        source = self.source(gzip=True)
        self.accept(HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: identity\r\n\r\n"))
        self.assertIs(ReadyState.OPEN, source.state)


LAST = b"0\r\n\r\n"
