"""
One response as events: the answer of a language model's API, and the many ways to stop reading.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.iweb import IResponse

from ssetwist.client import stream_events
from ssetwist.errors import Disconnected, EventTooLarge, NotAnEventStream
from ssetwist.eventstream import Event
from tests.functional.client_case import ClientCase
from tests.functional.scripted_server import (
    CHUNKED_HEAD,
    HEAD,
    LAST_CHUNK,
    Script,
    answers,
    answers_and_stays,
    chunk,
    dribbles,
    head,
    resets_after,
)

Requesting = Callable[[str], Deferred[IResponse]]

#: A question to a model, and its answer: one object per token, and a word for the end.
QUESTION = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
TOKENS = ["Hel", "lo", " wörld"]


def token(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": {"content": text}}]}).encode() + b"\n\n"


ANSWER = b"".join(chunk(token(text)) for text in TOKENS)
DONE = chunk(b"data: [DONE]\n\n")


async def with_treq(url: str) -> IResponse:
    """
    Send a POST with treq, as to a language model.
    """
    return await HTTPClient(Agent(reactor)).post(url, json=QUESTION, unbuffered=True)


async def with_agent(url: str) -> IResponse:
    """
    Send a GET with an ``Agent``.
    """
    return await Agent(reactor).request(b"GET", url.encode())


class OneShotCases:
    """
    Tests that every kind of response must pass.

    :cvar ask: Requests a URL.
    """

    ask: Requesting

    async def response(self, *scripts: Script) -> IResponse:
        self.server = await self.serve(*scripts)
        return await type(self).ask(self.server.url())

    async def assert_gone(self) -> None:
        """
        Check that the server sees that the client has left, although the stream did not end.
        """
        await self.until(lambda: self.server.connections[0].is_lost, "the connection is closed")

    async def test_left_at_the_last_token(self) -> None:
        """
        The tokens arrive, and leaving the loop at the closing ``[DONE]`` closes the connection.
        """
        text = ""
        async for event in stream_events(
            await self.response(answers_and_stays(CHUNKED_HEAD, ANSWER, DONE))
        ):
            if event.data == "[DONE]":
                break
            text += json.loads(event.data)["choices"][0]["delta"]["content"]
        self.assertEqual("Hello wörld", text)
        await self.assert_gone()

    async def test_end_of_the_response(self) -> None:
        """
        A proper end of the response ends the loop.
        """
        response = await self.response(dribbles(CHUNKED_HEAD + ANSWER + DONE + LAST_CHUNK))
        self.assertEqual(4, len([event async for event in stream_events(response)]))

    async def test_no_length(self) -> None:
        """
        The end of the connection ends the loop, if the response has no length.
        """
        response = await self.response(answers(HEAD + token("a") + b"data: unfinished\n"))
        self.assertEqual(1, len([event async for event in stream_events(response)]))

    async def assert_cut(self, *scripts: Script) -> None:
        """
        Check that the events of this response come, and then an error, because the response is
        incomplete.
        """
        heard = []
        with self.assertRaises(Disconnected) as caught:
            async for event in stream_events(await self.response(*scripts)):
                heard.append(event)
        self.assertEqual(1, len(heard))
        self.assertFalse(caught.exception.is_clean)

    async def test_broken_off(self) -> None:
        """
        Chunks without a last chunk raise an error after the events.
        """
        await self.assert_cut(answers(CHUNKED_HEAD, chunk(token("a"))))

    async def test_reset(self) -> None:
        """
        A reset raises an error after the events.
        """
        await self.assert_cut(resets_after(CHUNKED_HEAD, chunk(token("a"))))

    async def test_too_short(self) -> None:
        """
        Fewer bytes than announced raise an error after the events.
        """
        await self.assert_cut(answers(HEAD[:-2] + b"Content-Length: 1000\r\n\r\n", token("a")))

    async def test_exception(self) -> None:
        """
        An exception that leaves the loop closes the connection.
        """
        with self.assertRaises(ZeroDivisionError):
            async for _ in stream_events(
                await self.response(answers_and_stays(CHUNKED_HEAD, ANSWER))
            ):
                raise ZeroDivisionError
        await self.assert_gone()

    async def test_cancelled(self) -> None:
        """
        Cancelling the code that waits in the loop closes the connection.
        """
        heard: list[Event] = []

        async def read(response: IResponse) -> None:
            async for event in stream_events(response):
                heard.append(event)

        response = await self.response(answers_and_stays(CHUNKED_HEAD, ANSWER))
        reading = Deferred.fromCoroutine(read(response))
        await self.until(lambda: len(heard) == len(TOKENS), "all that there is was heard")
        reading.cancel()
        await self.assertFailure(reading, CancelledError)
        await self.assert_gone()

    async def test_generator_closed(self) -> None:
        """
        Closing a generator around the loop closes the connection.
        """

        async def texts(response: IResponse) -> AsyncIterator[str]:
            async for event in stream_events(response):
                yield event.data

        response = await self.response(answers_and_stays(CHUNKED_HEAD, ANSWER))
        generator = texts(response)
        self.assertIn("Hel", await anext(generator))
        await generator.aclose()
        await self.assert_gone()

    async def test_closed(self) -> None:
        """
        ``aclose`` closes the connection, even if called twice, and no event comes after it.
        """
        response = await self.response(answers_and_stays(CHUNKED_HEAD, ANSWER))
        async with aclosing(stream_events(response)) as events:
            await anext(events)
        await events.aclose()
        with self.assertRaises(StopAsyncIteration):
            await anext(events)
        await self.assert_gone()

    async def test_closed_before_first(self) -> None:
        """
        ``aclose`` before any read also closes the connection.
        """
        response = await self.response(answers_and_stays(CHUNKED_HEAD, ANSWER))
        await stream_events(response).aclose()
        await self.assert_gone()

    async def test_dropped_before_first(self) -> None:
        """
        A response that is dropped before any read is closed.
        """
        stream_events(await self.response(answers_and_stays(CHUNKED_HEAD, ANSWER)))
        await self.assert_gone()

    async def assert_refused(self, *pieces: bytes) -> NotAnEventStream:
        response = await self.response(answers_and_stays(*pieces))
        problem = await self.assertFailure(
            Deferred.fromCoroutine(first(stream_events(response))), NotAnEventStream
        )
        await self.assert_gone()
        return problem

    async def test_error(self) -> None:
        """
        An error status raises an error with the start of the body.
        """
        problem = await self.assert_refused(
            head(
                "429 Too Many Requests",
                content_type="application/json",
                content_length=25,
                retry_after=7,
                connection="close",
            ),
            b'{"error": "slow down, so"}'[:25],
        )
        self.assertEqual(
            (429, "7", b'{"error": "slow down, so"}'[:25]),
            (problem.status, problem.headers["retry-after"], problem.body),
        )

    async def test_wrong_type(self) -> None:
        """
        A response of another type raises an error.
        """
        problem = await self.assert_refused(
            head("200 OK", content_type="application/json", content_length=2, connection="close"),
            b"{}",
        )
        self.assertEqual((200, b"{}"), (problem.status, problem.body))

    async def test_endless_line(self) -> None:
        """
        An event that is too large raises an error, and closes the connection.
        """
        response = await self.response(
            answers_and_stays(CHUNKED_HEAD, chunk(b"data: " + b"x" * 100_000))
        )
        await self.assertFailure(
            Deferred.fromCoroutine(first(stream_events(response, max_line=50_000))), EventTooLarge
        )
        await self.assert_gone()


async def first(events: AsyncIterator[Event]) -> Event:
    return await anext(events)


class TreqTests(OneShotCases, ClientCase):
    """
    A response of treq.
    """

    ask = with_treq

    async def test_request(self) -> None:
        """
        The model gets the question.
        """
        response = await self.response(answers(CHUNKED_HEAD, ANSWER, LAST_CHUNK))
        async for _ in stream_events(response):
            pass
        request = self.server.requests[0]
        self.assertEqual(("POST", QUESTION), (request.method, json.loads(request.body)))


class AgentTests(OneShotCases, ClientCase):
    """
    A response of an ``Agent``.
    """

    ask = with_agent

    async def test_connection_is_kept(self) -> None:
        """
        A response that was read to its end returns its connection to the pool, for the next
        request.
        """
        pool = HTTPConnectionPool(reactor)
        self.addCleanup(pool.closeCachedConnections)
        agent = Agent(reactor, pool=pool)

        async def script(connection: object) -> None:
            while True:
                await connection.request()
                connection.send(CHUNKED_HEAD + ANSWER + LAST_CHUNK)

        server = await self.serve(script)
        for _ in range(3):
            response = await agent.request(b"GET", server.url().encode())
            self.assertEqual(3, len([event async for event in stream_events(response)]))
        self.assertEqual((3, 1), (len(server.requests), len(server.connections)))
