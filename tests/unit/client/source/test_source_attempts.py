"""
What an event source asks, and what becomes of each answer.
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
        self.assertEqual("no response within 7 s", str(interruptions[0].problem))


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
