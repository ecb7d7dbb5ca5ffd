"""
An event source and a server that fails: the times and the requests of further attempts, and
failures that end the source.
"""

from collections.abc import Callable
from http.cookiejar import CookieJar

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.web.client import Agent, HTTPConnectionPool

from ssetwist.client import Backoff, EventSource, Interruption, ReadyState
from ssetwist.errors import Disconnected, NotAnEventStream
from ssetwist.eventstream import Event
from tests.functional.client_case import ClientCase
from tests.functional.scripted_server import (
    CHUNKED_HEAD,
    HEAD,
    LAST_CHUNK,
    Connection,
    Script,
    answers,
    answers_and_stays,
    chunk,
    floods_with,
    head,
    resets_after,
)

NO_MORE = answers(head("204 No Content"))

#: A script that answers with one event, and ends.
ONE_EVENT = answers(HEAD + b"data: here\n\n")

#: Seconds of a time-out that passes in a test, and that this machine needs for all other steps.
SOON = 1.5


async def silent(connection: Connection) -> None:
    """
    Take a request, and answer nothing.
    """
    await connection.request()
    await connection.gone()


async def refusing(connection: Connection) -> None:
    """
    Reset a connection before it has a request.
    """
    connection.reset()


class NetworkTests(ClientCase):
    """
    After every failure of the network, another attempt follows.
    """

    async def assert_comes_back(self, failing: Script, **options: object) -> Interruption:
        """
        Check that another attempt follows after a script that fails.
        """
        self.server = await self.serve(failing, ONE_EVENT, NO_MORE)
        interruptions: list[Interruption] = []
        source = self.open(self.server.url(), on_interruption=interruptions.append, **options)
        self.assertEqual(Event("here"), await source.next())
        self.assertIsNone(await source.next())
        self.assertIs(ReadyState.CLOSED, source.state)
        self.assertIsInstance(interruptions[0].problem, Disconnected)
        return interruptions[0]

    async def test_reset_at_once(self) -> None:
        """
        Another attempt follows after a reset before the request.
        """
        await self.assert_comes_back(refusing)

    async def test_reset_before_head(self) -> None:
        """
        Another attempt follows after a reset after the request.
        """
        self.assertFalse((await self.assert_comes_back(resets_after())).problem.is_clean)

    async def test_reset_inside_head(self) -> None:
        """
        Another attempt follows after a reset in the middle of the head.
        """
        await self.assert_comes_back(resets_after(HEAD[:30]))

    async def test_reset_inside_body(self) -> None:
        """
        Another attempt follows after a reset in the middle of an event.
        """
        interruption = await self.assert_comes_back(resets_after(HEAD + b"data: no"))
        self.assertFalse(interruption.problem.is_clean)

    async def test_clean_end(self) -> None:
        """
        Another attempt follows after a proper end.
        """
        interruption = await self.assert_comes_back(answers(CHUNKED_HEAD + b"0\r\n\r\n"))
        self.assertTrue(interruption.problem.is_clean)

    async def test_close_without_answer(self) -> None:
        """
        Another attempt follows after a close without an answer.
        """
        await self.assert_comes_back(answers())

    async def test_not_http(self) -> None:
        """
        Another attempt follows after an answer that is not HTTP.
        """
        await self.assert_comes_back(answers(b"SSH-2.0-OpenSSH_9.2\r\n"))

    async def test_endless_head(self) -> None:
        """
        Another attempt follows after a head without an end.
        """
        endless = floods_with(HEAD[:-2], lambda: iter(lambda: b"X-A: " + b"a" * 1000, None))
        await self.assert_comes_back(endless, connect_timeout=1.0)

    async def test_endless_lines_in_head(self) -> None:
        """
        A head whose lines never end is cut off early, and another attempt follows.
        """
        for first, more in (
            (HEAD[:-2], b"X-A: a\r\n" * 400),
            (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100),
        ):
            endless = floods_with(first, lambda more=more: iter(lambda: more, None))
            await self.assert_comes_back(endless)
            # Most of the bytes are on their way; the number that the kernel accepts is not a good
            # measure.
            self.assertLess(self.server.connections[0].flooded, 16 << 20)

    async def test_dribbled_head(self) -> None:
        """
        Another attempt follows if a head does not come within the time to connect.
        """

        async def script(connection: Connection) -> None:
            await connection.request()
            while not connection.is_lost:
                await connection.dribble(b"HTTP/1.1 200 OK\r\nX-A: a\r\n"[:25])
                await connection.dribble(b"X-A: a\r\n" * 10)

        await self.assert_comes_back(script, connect_timeout=SOON)

    async def test_silence_before_head(self) -> None:
        """
        Another attempt follows after silence instead of a head.
        """
        await self.assert_comes_back(silent, connect_timeout=SOON)
        self.assertTrue(self.server.connections[0].is_lost)

    async def test_silence_after_head(self) -> None:
        """
        Another attempt follows after silence after the head.
        """
        await self.assert_comes_back(answers_and_stays(HEAD), silence_timeout=SOON)
        self.assertTrue(self.server.connections[0].is_lost)

    async def test_heartbeats_are_not_silence(self) -> None:
        """
        A stream with only heartbeats is not silent, however long it lasts.
        """

        async def script(connection: Connection) -> None:
            await connection.request()
            connection.send(HEAD)
            for _ in range(40):
                await deferLater(reactor, SOON / 30)
                connection.send(b":\n")
            connection.send(b"data: here\n\n")
            await connection.gone()

        server = await self.serve(script)
        source = self.open(server.url(), silence_timeout=SOON)
        self.assertEqual(Event("here"), await source.next())
        self.assertEqual(1, len(server.connections))

    async def test_port_without_a_server(self) -> None:
        """
        A source waits for a port on which no server listens yet.
        """
        server = await self.serve(ONE_EVENT)
        url = server.url()
        await server.stop()
        again: Deferred[Interruption] = Deferred()

        def interrupted(interruption: Interruption) -> None:
            if not again.called:
                again.callback(interruption)

        source = self.open(url, on_interruption=interrupted, backoff=Backoff(first=0.05))
        heard = source.next()
        self.assertIsInstance((await again).problem, Disconnected)
        await server.listen(at=url)
        self.assertEqual(Event("here"), await heard)

    async def test_last_event_id(self) -> None:
        """
        Each attempt sends the id of the last event, in UTF-8; after an empty id it sends none.
        """
        server = await self.serve(
            answers(HEAD + "id: né 1\ndata: one\n\n".encode()),
            resets_after(),
            answers(HEAD + b"data: two\n\n"),
            answers(HEAD + "id: 二\n\n".encode()),
            answers(HEAD + b"id\ndata: three\n\n"),
            NO_MORE,
        )
        source = self.open(server.url())
        self.assertEqual(["one", "two", "three"], [event.data async for event in source])
        sent = [request.headers["Last-Event-ID"] for request in server.requests]
        self.assertEqual(
            [None, "né 1", "né 1", "né 1", "二", None],
            [value and value.encode("latin-1").decode() for value in sent],
        )

    async def test_reconnection_time(self) -> None:
        """
        A source waits at least for the time in ``retry``, until another ``retry`` comes.
        """
        arrived: list[float] = []

        def arriving(script: Script) -> Script:
            async def arrive(connection: Connection) -> None:
                arrived.append(reactor.seconds())
                await script(connection)

            return arrive

        server = await self.serve(
            arriving(answers(HEAD + b"retry: 700\n\n")),
            arriving(answers(HEAD + b"retry: soon\n\n")),
            arriving(answers(HEAD + b"retry: 0\n\n")),
            arriving(NO_MORE),
        )
        delays: list[float] = []
        source = self.open(server.url(), on_interruption=lambda one: delays.append(one.delay))
        async for _ in source:
            pass
        first, second, third, _ = arrived
        self.assertGreater(second - first, 0.699)
        self.assertGreater(third - second, 0.699)
        self.assertEqual([0.7, 0.7, 0.0], delays)

    async def test_everything_is_sent_again(self) -> None:
        """
        Each attempt has the same method, headers and body, and new headers from ``fresh_headers``.
        """
        tokens = iter(["a", "b", "c"])

        async def fresh_headers() -> dict[str, str]:
            await deferLater(reactor, 0)
            return {"Authorization": f"Bearer {next(tokens)}"}

        server = await self.serve(resets_after(), ONE_EVENT, NO_MORE)
        source = self.open(
            server.url("/ask?q=1"),
            method="POST",
            body=b'{"ask":1}',
            headers={"Content-Type": "application/json", "X-Mine": "yes"},
            fresh_headers=fresh_headers,
        )
        self.assertEqual([Event("here")], [event async for event in source])
        self.assertEqual(
            [
                ("POST", "/ask?q=1", b'{"ask":1}', "application/json", "yes", f"Bearer {token}")
                for token in "abc"
            ],
            [
                (
                    *(one.method, one.target, one.body, one.headers["Content-Type"]),
                    *(one.headers["X-Mine"], one.headers["Authorization"]),
                )
                for one in server.requests
            ],
        )

    async def test_request(self) -> None:
        """
        A source sends the headers that a browser sends.
        """
        server = await self.serve(NO_MORE)
        self.assertIsNone(await self.open(server.url()).next())
        headers = server.requests[0].headers
        self.assertEqual(
            ("text/event-stream", "no-store", None),
            (headers["Accept"], headers["Cache-Control"], headers["Last-Event-ID"]),
        )

    async def test_cookies(self) -> None:
        """
        A cookie that the server sets is sent back in the next attempt.
        """
        jar = CookieJar()
        setting = HEAD[:-2] + b"Set-Cookie: seen=1; Path=/\r\n\r\n"
        server = await self.serve(answers(setting, b"data: here\n\n"), NO_MORE)
        source = self.open(server.url(), cookies=jar)
        self.assertEqual([Event("here")], [event async for event in source])
        self.assertEqual([None, "seen=1"], [one.headers["Cookie"] for one in server.requests])
        self.assertEqual(["seen"], [cookie.name for cookie in jar])

    async def test_odd_cookies(self) -> None:
        """
        A source gets its stream even if the server sends a cookie that Twisted cannot read.
        """
        odd = HEAD[:-2] + b"Set-Cookie: a=\xc3\xa9\r\nSet-Cookie: b=1\r\n\r\n"
        for client in (None, Agent(reactor), HTTPClient(Agent(reactor))):
            server = await self.serve(answers(odd, b"data: here\n\n"), NO_MORE)
            source = self.open(server.url(), client=client)
            self.assertEqual([Event("here")], [event async for event in source])
            self.assertEqual("b=1", server.requests[1].headers["Cookie"])


class OwnClientTests(ClientCase):
    """
    A client of the application: each attempt uses it, and does not change it.
    """

    async def assert_works(self, make_client: Callable[[Agent], object]) -> None:
        pool = HTTPConnectionPool(reactor)
        self.addCleanup(pool.closeCachedConnections)

        async def script(connection: Connection) -> None:
            await connection.request()
            connection.send(CHUNKED_HEAD + chunk(b"id: 1\ndata: here\n\n") + LAST_CHUNK)
            request = await connection.request()  # the next attempt finds it still open
            self.assertEqual("1", request.headers["Last-Event-ID"])
            connection.send(CHUNKED_HEAD + chunk(b"data: here\n\n"))
            await connection.gone()

        server = await self.serve(script)
        client = make_client(Agent(reactor, pool=pool))
        source = self.open(server.url(), client=client)
        for _ in range(2):
            self.assertEqual(Event("here", id="1"), await source.next())
        self.assertEqual((2, 1), (len(server.requests), len(server.connections)))
        await source.close()
        await server.connections[0].gone()

    async def test_agent(self) -> None:
        """
        An ``Agent`` can be the client.
        """
        await self.assert_works(lambda agent: agent)

    async def test_treq(self) -> None:
        """
        A client of treq can be the client.
        """
        await self.assert_works(HTTPClient)


class AnswerTests(ClientCase):
    """
    Answers of a server that decide if another attempt follows.
    """

    async def assert_final(self, *pieces: bytes, **options: object) -> NotAnEventStream:
        """
        Check that the source ends after this answer.
        """
        server = await self.serve(answers_and_stays(*pieces))
        source = self.open(server.url("/here?token=secret"), **options)
        problem = await self.assertFailure(source.next(), NotAnEventStream)
        self.assertIs(ReadyState.CLOSED, source.state)
        self.assertEqual(server.url("/here"), problem.url)
        self.assertNotIn("secret", str(problem))
        await self.until(lambda: server.connections[0].is_lost, "the connection is closed")
        self.assertEqual(1, len(server.connections))
        return problem

    async def test_no_content(self) -> None:
        """
        A source ends after 204, without an error.
        """
        server = await self.serve(NO_MORE)
        source = self.open(server.url())
        self.assertIsNone(await source.next())
        self.assertIsNone(await source.when_closed())

    async def test_not_found(self) -> None:
        """
        A source ends after 404; the error has the status, the headers and the start of the body.
        """
        problem = await self.assert_final(
            head("404 Not Found", content_type="text/plain", content_length=9), b"not here\n"
        )
        self.assertEqual(
            (404, "text/plain", b"not here\n"),
            (problem.status, problem.headers["content-type"], problem.body),
        )

    async def test_wrong_type(self) -> None:
        """
        A source ends after another content type, even if its body never ends.
        """
        start = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>hello"
        server = await self.serve(floods_with(start, lambda: iter(lambda: b"x" * 4096, None)))
        problem = await self.assertFailure(self.open(server.url()).next(), NotAnEventStream)
        self.assertEqual((200, b"<p>hello"), (problem.status, problem.body[:8]))
        self.assertLess(len(problem.body), 1 << 17)
        await self.until(lambda: server.connections[0].is_lost, "the connection is closed")

    async def test_no_type(self) -> None:
        """
        A source ends after an answer without a content type.
        """
        await self.assert_final(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    async def test_server_error(self) -> None:
        """
        Another attempt follows after 500.
        """
        interruptions: list[Interruption] = []
        server = await self.serve(
            answers(head("500 Internal Server Error", content_length=4), b"oops"),
            answers(head("503 Service Unavailable")),
            ONE_EVENT,
            NO_MORE,
        )
        source = self.open(server.url(), on_interruption=interruptions.append)
        self.assertEqual([Event("here")], [event async for event in source])
        self.assertEqual(
            [(500, b"oops"), (503, b"")],
            [(one.problem.status, one.problem.body) for one in interruptions[:2]],
        )
        self.assertEqual([1, 2], [one.failures for one in interruptions[:2]])

    async def test_too_many_requests(self) -> None:
        """
        After 429 another attempt follows, but not before the time in ``Retry-After``.
        """
        interruptions: list[Interruption] = []
        server = await self.serve(
            answers(head("429 Too Many Requests", retry_after=1)), ONE_EVENT, NO_MORE
        )
        source = self.open(server.url(), on_interruption=interruptions.append)
        began = reactor.seconds()
        self.assertEqual(Event("here"), await source.next())
        self.assertGreater(reactor.seconds() - began, 0.999)
        self.assertGreaterEqual(interruptions[0].delay, 1.0)

    async def test_policy(self) -> None:
        """
        A policy can decide otherwise.
        """
        server = await self.serve(answers(head("404 Not Found")), ONE_EVENT, NO_MORE)
        source = self.open(server.url(), policy=lambda problem: True)
        self.assertEqual([Event("here")], [event async for event in source])
        server = await self.serve(resets_after())
        source = self.open(server.url(), policy=lambda problem: False)
        await self.assertFailure(source.next(), Disconnected)
        self.assertEqual(1, len(server.connections))


class ClosingTests(ClientCase):
    """
    ``close()`` in every state: the server sees the end of the connection, and nothing is left
    behind.
    """

    async def assert_closes(self, source: EventSource) -> None:
        waiting = source.next()
        await source.close()
        self.assertIs(ReadyState.CLOSED, source.state)
        self.assertIsNone(await waiting)
        self.assertIsNone(await source.when_closed())

    async def test_before_head(self) -> None:
        """
        A source can be closed before the head has come.
        """
        server = await self.serve(silent)
        source = self.open(server.url())
        await self.until(lambda: server.requests, "the source has sent a request")
        await self.assert_closes(source)
        await server.connections[0].gone()

    async def test_open(self) -> None:
        """
        A source can be closed while the stream is open.
        """
        server = await self.serve(answers_and_stays(HEAD))
        source = self.open(server.url())
        await source.when_open()
        self.assertIs(ReadyState.OPEN, source.state)
        await self.assert_closes(source)
        await server.connections[0].gone()

    async def test_between_attempts(self) -> None:
        """
        A source can be closed while it waits for its next attempt.
        """
        interrupted: Deferred[Interruption] = Deferred()
        server = await self.serve(answers(HEAD + b"retry: 60000\n\n"))
        source = self.open(server.url(), on_interruption=interrupted.callback)
        await interrupted
        self.assertIs(ReadyState.CONNECTING, source.state)
        await self.assert_closes(source)
        self.assertEqual(1, len(server.connections))

    async def test_inside_callback(self) -> None:
        """
        A source can be closed from the callback for an event; then no further event comes.
        """
        server = await self.serve(answers_and_stays(HEAD + b"data: 1\n\ndata: 2\n\ndata: 3\n\n"))
        source = self.open(server.url())
        heard: list[str] = []

        def handle(event: Event) -> None:
            heard.append(event.data)
            if event.data == "2":
                source.close()

        await source.for_each(handle)
        self.assertEqual(["1", "2"], heard)
        await server.connections[0].gone()

    async def test_while_blocked(self) -> None:
        """
        A source can be closed while it does not read.
        """
        server = await self.serve(
            floods_with(HEAD, lambda: iter(lambda: b"data: " + b"x" * 4096 + b"\n\n", None))
        )
        source = self.open(server.url())
        await source.next()
        await self.until(lambda: server.connections[0].is_blocked, "the server is blocked")
        await source.close()
        await server.connections[0].gone()

    async def test_leaving_the_context(self) -> None:
        """
        Leaving ``async with`` closes the source, for whatever reason.
        """
        server = await self.serve(answers_and_stays(CHUNKED_HEAD + chunk(b"data: 1\n\n")))
        with self.assertRaises(ZeroDivisionError):
            async with self.open(server.url()) as source:
                async for _ in source:
                    raise ZeroDivisionError
        await server.connections[0].gone()
