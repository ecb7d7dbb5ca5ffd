"""
Events of one response over a memory transport: when its connection is kept, and when it is closed.
"""

import gc
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from threading import Thread
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import SynchronousTestCase
from twisted.web._newclient import HTTP11ClientProtocol, Request
from twisted.web.client import URI, GzipDecoder
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse
from zope.interface import directlyProvides

from ssetwist.client import ResponseEvents, stream_events
from ssetwist.errors import Disconnected, EventTooLarge, NotAnEventStream
from ssetwist.eventstream import Event
from tests.clock import Clock
from tests.memory import MemoryTransport

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class OneShotTests(SynchronousTestCase):
    """
    Response of Twisted's own client.
    """

    def setUp(self) -> None:
        self.clock = Clock()

    def tearDown(self) -> None:
        self.clock.advance(0)  # a connection is gone one turn after it was cut
        self.assertEqual([], self.clock.getDelayedCalls())

    def respond(self, head: bytes = HEAD) -> IResponse:
        """
        Return a response whose body has not come yet.
        """
        protocol = HTTP11ClientProtocol(lambda _: None)
        self.transport = MemoryTransport(self.clock, IPv4Address("TCP", "192.0.2.1", 80))
        self.transport.protocol = protocol
        protocol.makeConnection(self.transport)
        url = URI.fromBytes(b"http://example.com/ask?key=secret")
        response = protocol.request(
            Request._construct(b"GET", b"/ask", Headers({"Host": ["h"]}), None, True, url)
        )
        protocol.dataReceived(head)
        return self.successResultOf(response)

    def stream(self, head: bytes = HEAD, **options: Any) -> ResponseEvents:
        """
        Return the events of a response whose body has not come yet.
        """
        return stream_events(self.respond(head), reactor=self.clock, **options)

    def wait(self, events: ResponseEvents) -> "Deferred[Event]":
        """
        Wait for the next event.
        """
        return Deferred.fromCoroutine(events.__anext__())

    def send(self, data: bytes) -> None:
        self.transport.protocol.dataReceived(data)

    @property
    def is_closed(self) -> bool:
        """
        True if the client has closed the connection; this turns the reactor once.
        """
        self.clock.advance(0)
        return not self.transport.is_connected

    def test_loop(self) -> None:
        """
        Events come out as they come in.  The loop ends with the last chunk, and the connection
        stays.
        """
        heard: list[str] = []

        async def read(response: IResponse) -> str:
            async for event in stream_events(response, reactor=self.clock):
                heard.append(event.data)
            return "over"

        reading = Deferred.fromCoroutine(read(self.respond()))
        for number in range(3):
            self.send(chunk(b"data: %d\n\n" % number))
            self.assertEqual([str(each) for each in range(number + 1)], heard)
        self.assertNoResult(reading)
        self.send(b"0\r\n\r\n")
        self.assertEqual("over", self.successResultOf(reading))
        self.assertFalse(self.is_closed)

    def test_all_at_once(self) -> None:
        """
        A response that comes at once is read as a whole.  Its connection is free from then on, so
        leaving the loop does not close it.
        """
        whole = HEAD + chunk(b"data: 1\n\n" * 1000) + b"0\r\n\r\n"
        events = self.stream(whole)
        for _ in range(1000):
            self.assertEqual("1", self.successResultOf(self.wait(events)).data)
        self.failureResultOf(self.wait(events), StopAsyncIteration)
        events = self.stream(whole)
        self.successResultOf(self.wait(events))
        del events
        self.assertFalse(self.is_closed)

    def test_break(self) -> None:
        """
        ``break`` closes the connection before the next statement runs.
        """

        async def read(response: IResponse) -> bool:
            async for _ in stream_events(response, reactor=self.clock):
                break
            return self.transport.is_aborted

        reading = Deferred.fromCoroutine(read(self.respond()))
        self.send(chunk(b"data: 1\n\ndata: 2\n\n"))
        self.assertTrue(self.successResultOf(reading))
        self.assertTrue(self.is_closed)

    def test_exception(self) -> None:
        """
        An exception closes the connection, even while its traceback exists.
        """

        async def read(response: IResponse) -> None:
            async for _ in stream_events(response, reactor=self.clock):
                raise ZeroDivisionError

        reading = Deferred.fromCoroutine(read(self.respond()))
        self.send(chunk(b"data: 1\n\n"))
        failure = self.failureResultOf(reading, ZeroDivisionError)
        self.assertTrue(self.is_closed)
        del failure

    def test_cancelled(self) -> None:
        """
        Cancelling the wait for an event closes the connection, even while the failure exists.
        """
        events = self.stream()
        waiting = self.wait(events)
        self.assertNoResult(waiting)
        waiting.cancel()
        failure = self.failureResultOf(waiting, CancelledError)
        self.assertTrue(self.is_closed)
        del failure

    def test_generator_closed(self) -> None:
        """
        Closing a generator that is inside the loop closes the connection.
        """

        async def texts(response: IResponse) -> AsyncIterator[str]:
            async for event in stream_events(response, reactor=self.clock):
                yield event.data

        generator: Any = texts(self.respond())
        waiting = Deferred.fromCoroutine(anext_of(generator))
        self.send(chunk(b"data: 1\n\n"))
        self.assertEqual("1", self.successResultOf(waiting))
        self.successResultOf(Deferred.fromCoroutine(generator.aclose()))
        self.assertTrue(self.is_closed)

    def test_context(self) -> None:
        """
        Leaving ``async with`` closes the connection, even if a name still refers to the events.
        """
        for wrap in (lambda events: events, aclosing):

            async def read(response: IResponse, wrap: Any = wrap) -> AsyncIterator[Event]:
                async with wrap(stream_events(response, reactor=self.clock)) as events:
                    async for _ in events:
                        break
                return events

            reading = Deferred.fromCoroutine(read(self.respond()))
            self.send(chunk(b"data: 1\n\ndata: 2\n\n"))
            events = self.successResultOf(reading)
            self.assertTrue(self.is_closed)
            self.failureResultOf(self.wait(events), StopAsyncIteration)

    def test_never_begun(self) -> None:
        """
        Dropping or closing the events before the first one closes the connection.
        """
        self.stream()
        self.assertTrue(self.is_closed)
        events = self.stream()
        for _ in range(2):
            self.successResultOf(Deferred.fromCoroutine(events.aclose()))
        self.assertTrue(self.is_closed)
        self.failureResultOf(self.wait(events), StopAsyncIteration)

    def test_closed_while_waiting(self) -> None:
        """
        A caller that waits while the events are closed gets ``StopAsyncIteration``.
        """
        events = self.stream()
        waiting = self.wait(events)
        self.successResultOf(Deferred.fromCoroutine(events.aclose()))
        self.failureResultOf(waiting, StopAsyncIteration)
        self.assertTrue(self.is_closed)

    def test_backpressure(self) -> None:
        """
        Nothing is read before the first event is asked for, nor while many events wait.
        """
        response = self.respond()
        self.assertEqual("paused", self.transport.producerState)
        events = stream_events(response, reactor=self.clock)
        self.assertEqual("paused", self.transport.producerState)
        waiting = self.wait(events)
        self.assertEqual("producing", self.transport.producerState)
        self.send(chunk(b"data: 1\n\n" * 1000))
        self.successResultOf(waiting)
        self.assertEqual("paused", self.transport.producerState)
        for _ in range(999):
            self.successResultOf(self.wait(events))
        self.assertEqual("producing", self.transport.producerState)

    def test_lost(self) -> None:
        """
        A connection that is lost early raises an error, after all events that came before.
        """
        events = self.stream()
        waiting = self.wait(events)
        self.send(chunk(b"data: 1\n\ndata: 2\n\n"))
        self.transport.lose(ConnectionResetError())
        self.assertEqual("1", self.successResultOf(waiting).data)
        again = self.wait(events)
        self.assertEqual("2", self.successResultOf(again).data)
        problem = self.failureResultOf(self.wait(events), Disconnected).value
        self.assertFalse(problem.is_clean)

    def test_too_large(self) -> None:
        """
        A line that is too long raises an error and closes the connection.
        """
        events = self.stream(max_line=10)
        waiting = self.wait(events)
        self.send(chunk(b"data: 12345"))
        self.failureResultOf(waiting, EventTooLarge)
        self.assertTrue(self.is_closed)

    def test_wrong_limit(self) -> None:
        """
        A limit that is not positive is refused at once.
        """
        for wrong in ({"max_event": 0}, {"max_line": -1}, {"silence_timeout": 0.0}):
            with self.assertRaises(ValueError):
                self.stream(**wrong)

    def test_not_a_response(self) -> None:
        """
        An argument that is not a response is refused at once, with a hint for a Deferred.
        """
        for wrong, said in ((Deferred(), "a Deferred: await it first"), (b"data: x", "bytes")):
            with self.assertRaises(TypeError) as caught:
                stream_events(wrong, reactor=self.clock)
            self.assertTrue(str(caught.exception).endswith(f", not {said}"))

    def test_comments(self) -> None:
        """
        ``on_comment`` gets the text of each comment.
        """
        comments: list[str] = []
        events = self.stream(on_comment=comments.append)
        waiting = self.wait(events)
        self.send(chunk(b": wait\n"))
        self.assertEqual(["wait"], comments)
        self.assertNoResult(waiting)

    def test_comments_that_fail(self) -> None:
        """
        An exception in ``on_comment`` is logged; no event is lost.
        """

        def fail(_: str) -> None:
            raise KeyError

        events = self.stream(on_comment=fail)
        waiting = self.wait(events)
        self.send(chunk(b"data: 1\n\n: wait\n"))
        self.assertEqual("1", self.successResultOf(waiting).data)
        self.assertEqual(1, len(self.flushLoggedErrors(KeyError)))
        self.assertFalse(self.is_closed)

    def test_not_an_event_stream(self) -> None:
        """
        A response that is not an event stream raises an error with the start of its body, without
        secrets.
        """
        events = stream_events(
            self.respond(
                b"HTTP/1.1 401 No\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n"
            )
        )
        waiting = self.wait(events)
        self.send(b"no ke")
        problem = self.failureResultOf(waiting, NotAnEventStream).value
        self.assertEqual(
            ("http://example.com/ask", 401, b"no ke", "text/plain"),
            (problem.url, problem.status, problem.body, problem.headers["content-type"]),
        )
        self.assertNotIn("secret", str(problem))

    def test_closed_while_checking(self) -> None:
        """
        While a caller waits for the body of an error response, it can be cancelled, and the events
        can be closed.
        """
        error = b"HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\n"
        events = self.stream(error)
        waiting = self.wait(events)
        waiting.cancel()
        self.assertEqual(500, self.failureResultOf(waiting, NotAnEventStream).value.status)
        self.assertTrue(self.is_closed)
        events = self.stream(error)
        waiting = self.wait(events)
        self.successResultOf(Deferred.fromCoroutine(events.aclose()))
        self.failureResultOf(waiting, StopAsyncIteration)
        self.assertTrue(self.is_closed)

    def test_collected_in_another_thread(self) -> None:
        """
        Garbage that is collected in another thread closes the connection in the reactor's thread.
        """
        calls: list[Callable[[], object]] = []
        reactor: Any = self.clock
        reactor.callFromThread = calls.append
        directlyProvides(reactor, IReactorFromThreads)
        self.collect_in_thread()
        self.assertFalse(self.is_closed)
        (call,) = calls
        call()
        self.assertTrue(self.is_closed)

    def test_left_in_the_thread_of_the_reactor(self) -> None:
        """
        Events that are left in the reactor's own thread close the connection at once.
        """
        calls: list[Callable[[], object]] = []
        reactor: Any = self.clock
        reactor.callFromThread = calls.append
        directlyProvides(reactor, IReactorFromThreads)
        events = self.stream()
        del events
        self.assertEqual((True, []), (self.is_closed, calls))

    def test_garbage_without_a_reactor(self) -> None:
        """
        On a clock, garbage collection closes the connection in the thread in which it runs.
        """
        self.collect_in_thread()
        self.assertTrue(self.is_closed)

    def collect_in_thread(self) -> None:
        """
        Drop the events, and collect the garbage in another thread.
        """
        gc.collect()  # garbage of other tests
        gc.disable()
        self.addCleanup(gc.enable)
        cycle: list[Any] = [self.stream()]
        cycle.append(cycle)
        del cycle
        thread = Thread(target=gc.collect)
        thread.start()
        thread.join()

    def test_silence(self) -> None:
        """
        Silence beyond the limit raises an error, even before the first byte.
        """
        waiting = self.wait(self.stream(silence_timeout=7.0))
        self.clock.advance(6.9)
        self.send(chunk(b":\n"))
        self.clock.advance(6.9)
        self.assertNoResult(waiting)
        self.clock.advance(0.2)
        self.failureResultOf(waiting, Disconnected)
        self.assertTrue(self.is_closed)

    def test_gzip(self) -> None:
        """
        gzip is decoded as it comes, even if treq has wrapped its own decoder around it.
        """
        packed = gzip.compress(b"data: 1\n\n")
        plain = self.respond(HEAD[:-2] + b"Content-Encoding: gzip\r\n\r\n")
        transports = [self.transport]
        wrapped = GzipDecoder(self.respond())  # treq has taken the header off
        transports.append(self.transport)
        for response, self.transport in zip((plain, wrapped), transports, strict=True):
            waiting = self.wait(stream_events(response, reactor=self.clock))
            self.send(chunk(packed[:15]))
            self.assertNoResult(waiting)
            self.send(chunk(packed[15:]))
            self.assertEqual("1", self.successResultOf(waiting).data)

    def test_read_by_others(self) -> None:
        """
        A response that other code reads is left to that code.
        """
        for head in (HEAD, HEAD.replace(b"200 OK", b"500 No")):
            response = self.respond(head)
            response.deliverBody(Protocol())
            stream_events(response, reactor=self.clock)
            events = stream_events(response, reactor=self.clock)
            for _ in range(2):
                self.failureResultOf(self.wait(events), RuntimeError)
            del events
            self.assertFalse(self.is_closed)


async def anext_of(generator: AsyncIterator[str]) -> str:
    return await generator.__anext__()
