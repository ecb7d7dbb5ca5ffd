"""
Streams for one request, fed by a source.
"""

import gc
from collections.abc import AsyncIterator, Iterator
from warnings import catch_warnings, simplefilter

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.web.resource import Resource
from twisted.web.server import Request
from twisted.web.server import Site as TwistedSite

from ssetwist.eventstream import Event, encode_event
from ssetwist.hub import EndReason
from ssetwist.web import Send, Site, stream
from tests.memory import Client
from tests.unit.web.case import END, Answering, ResponseCase


class SourceTests(ResponseCase):
    """
    Objects that may be a source, and other objects.
    """

    def test_async_iterator(self) -> None:
        """
        Events of an async iterator are sent as they come, and its end ends the stream for good.
        """
        waiting: Deferred[None] = Deferred()
        client = self.ask(lambda: self.waits("first", waiting))
        self.assertEqual(b"retry: 3000\ndata: first\n\n", client.body)
        waiting.callback(None)
        self.assertEqual(b"retry: 3000\ndata: first\n\ndata: last\n\n" + END, client.body)
        self.assertTrue(client.is_complete)
        self.assertEqual([EndReason.FINISHED], self.ended)
        self.assertEqual(["finally"], self.happened)

    def test_iterator(self) -> None:
        """
        Events of an iterator are sent as they come, and its end ends the stream for good.
        """
        client = self.ask(lambda: iter([Event("1"), Event("2")]))
        self.assertEqual(b"retry: 3000\ndata: 1\n\ndata: 2\n\n" + END, client.body)
        self.assertEqual([EndReason.FINISHED], self.ended)

    def test_every_iterable(self) -> None:
        """
        An object that can be iterated over is a source, not only its iterator.
        """
        events = [Event("1"), Event("2")]

        async def generator() -> AsyncIterator[Event]:
            for event in events:
                yield event

        class Rows:
            def __aiter__(self) -> AsyncIterator[Event]:
                return generator()

        for source in (
            events,
            tuple(events),
            dict.fromkeys(events),
            map(Event, "12"),
            iter(events),
            Rows(),
            generator(),
        ):
            client = self.ask(lambda source=source: source)
            self.assertEqual(b"retry: 3000\ndata: 1\n\ndata: 2\n\n" + END, client.body, source)
        self.assertEqual({EndReason.FINISHED}, set(self.ended))

    def test_function(self) -> None:
        """
        A function that returns ``None`` may send until it ends the stream.
        """
        sends: list[Send] = []
        client = self.ask(lambda: sends.append)
        (send,) = sends
        self.successResultOf(send(Event("1")))
        send.end()
        self.successResultOf(send(Event("nobody is there")))
        self.assertEqual(b"retry: 3000\ndata: 1\n\n" + END, client.body)
        self.assertEqual([EndReason.ENDED_BY_APPLICATION], self.ended)
        self.assertEqual(EndReason.ENDED_BY_APPLICATION, send.end_reason)

    def test_coroutine_function(self) -> None:
        """
        A coroutine function's stream lasts as long as the coroutine.
        """
        waiting: Deferred[None] = Deferred()

        async def source(send: Send) -> None:
            await send(Event("1"))
            await waiting

        client = self.ask(lambda: source)
        self.assertEqual(b"retry: 3000\ndata: 1\n\n", client.body)
        waiting.callback(None)
        self.assertTrue(client.is_complete)

    def test_deferred_function(self) -> None:
        """
        The stream of a function that returns a Deferred lasts until the Deferred fires.
        """
        waiting: Deferred[None] = Deferred()
        client = self.ask(lambda: lambda send: waiting)
        self.assertFalse(client.is_complete)
        waiting.callback(None)
        self.assertTrue(client.is_complete)

    def test_looping_call(self) -> None:
        """
        A function may start a periodic call, and stop it when the stream has ended.
        """

        def source(send: Send) -> None:
            ticking = LoopingCall(lambda: send(Event("tick")))
            ticking.clock = self.clock
            ticking.start(1)
            send.when_ended().addCallback(lambda _: ticking.stop())

        client = self.ask(lambda: source)
        self.clock.advance(1)
        self.assertEqual(b"retry: 3000\ndata: tick\n\ndata: tick\n\n", client.body)
        client.close()

    def test_nothing_else(self) -> None:
        """
        An object that is not a source raises TypeError before anything is sent.
        """
        client = self.ask(lambda: 7)
        (problem,) = self.flushLoggedErrors(TypeError)
        self.assertIn("an async iterator, an iterator, or a function", str(problem.value))
        self.assertTrue(client.head.startswith(b"1 500"))

    def test_hints(self) -> None:
        """
        If an object could easily become a source, the error says how.
        """

        async def coroutine() -> None:
            raise AssertionError("not begun")

        async def async_generator() -> AsyncIterator[Event]:
            yield Event("1")

        def generator() -> Iterator[Event]:
            yield Event("1")

        for source, hint in (
            (Deferred(), "await it in an async generator"),
            (coroutine(), "await it in an async generator"),
            (generator, "call it: stream(request, generator(...))"),
            (async_generator, "call it: stream(request, async_generator(...))"),
        ):
            self.ask(lambda source=source: source)
            (problem,) = self.flushLoggedErrors(TypeError)
            self.assertIn(hint, str(problem.value))

    def test_written_before(self) -> None:
        """
        A request to which something was written cannot become a stream.
        """

        class Twice(Resource):
            isLeaf = True

            def render_GET(self, request: Request) -> int:
                request.write(b"something")
                return stream(request, iter([Event("1")]))

        client = Client(Site(Twice(), streams=self.streams), self.clock)
        with catch_warnings(record=True) as caught:
            simplefilter("always")
            client.request()
            (problem,) = self.flushLoggedErrors(RuntimeError)
            self.assertIn("before it became a stream", str(problem.value))
            client.close()
            problem.cleanFailure()
            problem.value.__traceback__ = None
            del problem
            gc.collect()
        self.assertEqual([], [str(one.message) for one in caught])  # of a coroutine, never awaited

    def test_function_returning_something_else(self) -> None:
        """
        A function that returns a generator is a mistake: its stream is broken off.
        """
        self.ask(lambda: lambda send: iter(()))
        (problem,) = self.flushLoggedErrors(TypeError)
        self.assertIn("returns None, a coroutine or a Deferred", str(problem.value))
        self.assertEqual([EndReason.SOURCE_FAILED], self.ended)

    def test_not_an_event(self) -> None:
        """
        The error for a source of texts says how to turn them into events.
        """
        self.ask(lambda: iter(["text"]))
        (problem,) = self.flushLoggedErrors(TypeError)
        self.assertIn("Event('text')", str(problem.value))

    def test_request_with_a_body(self) -> None:
        """
        A request with a body, such as a question to a language model, can become a stream, however
        the body is sent.
        """
        head = b"POST / HTTP/1.1\r\nHost: example.org\r\n"
        for parts in (
            [b"Content-Length: 3\r\n\r\nabc"],
            [b"Content-Length: 3\r\n\r\n", b"abc"],
            [b"Transfer-Encoding: chunked\r\n\r\n", b"3\r\nabc\r\n", b"0\r\n\r\n"],
        ):
            client = self.ask(lambda: iter([Event("a")]), method="HEAD")
            client.send(head + parts[0])
            for part in parts[1:]:
                client.send(part)
            self.assertIn(b"data: a\n\n", client.body, parts)


class BackpressureTests(ResponseCase):
    """
    A source is pulled only as fast as the client reads.
    """

    def test_pulled_as_the_client_reads(self) -> None:
        """
        While the client is behind, the source is not pulled.
        """
        pulled: list[int] = []

        def source() -> Iterator[Event]:
            for number in range(10):
                pulled.append(number)
                if number == 3:
                    client.stop_reading()
                yield Event("x")

        client = Client(Site(Resource(), streams=self.streams), self.clock)
        client.transport.protocol.site.resource = Answering(source, {})
        client.request()
        self.assertEqual([0, 1, 2, 3], pulled)
        client.read_again()
        self.clock.advance(0)
        self.assertEqual(list(range(10)), pulled)
        self.clock.advance(0)

    def test_reactor_gets_its_turn(self) -> None:
        """
        A source that never waits does not block the reactor.
        """
        pulled: list[int] = []

        def source() -> Iterator[Event]:
            for number in range(1000):
                pulled.append(number)
                yield Event("x")

        client = self.ask(source)
        self.assertEqual(16, len(pulled))
        seen: list[int] = []
        self.clock.callLater(0, lambda: seen.append(len(pulled)))
        self.clock.advance(0)
        self.assertEqual([32], seen)
        self.assertTrue(client.is_complete)

    def test_function_that_never_stops(self) -> None:
        """
        A function that sends without end to a fast client does not block the reactor.
        """

        async def source(send: Send) -> None:
            for _ in range(100_000):  # almost without end, so that a broken test does end
                await send(Event("x"))

        client = self.ask(lambda: source)
        turns = 10
        self.clock.callLater(0, lambda: self.clock.callLater(0, client.close))
        self.clock.advance(0)
        self.assertEqual([EndReason.CLIENT_CLOSED], self.ended)
        self.assertLess(client.body.count(b"data: x"), 16 * turns)

    def test_function_that_does_not_wait(self) -> None:
        """
        A function that sends without waiting is cut at the limit, and its Deferreds fire.
        """
        sends: list[Send] = []
        client = self.ask(lambda: sends.append)
        client.stop_reading()
        event = Event("x" * 50000)
        waiting = [sends[0](event) for _ in range(600 * 1024 // len(encode_event(event)))]
        self.assertEqual([EndReason.FELL_BEHIND], self.ended)
        for one in waiting:
            self.successResultOf(one)

    def test_cancelled_wait(self) -> None:
        """
        Cancelling the Deferred of a ``send`` stops only the wait.
        """
        sends: list[Send] = []
        client = self.ask(lambda: sends.append)
        client.stop_reading()
        room = sends[0](Event("1"))
        room.cancel()
        self.failureResultOf(room)
        client.read_again()
        self.assertEqual(b"retry: 3000\ndata: 1\n\n", client.body)


class AnotherSiteTests(ResponseCase):
    """
    Streams for one request under a Site that is not ours.
    """

    def test_heartbeat(self) -> None:
        """
        Under a foreign Site, the stream has a heartbeat on that Site's clock, and holds nothing
        after its end.
        """
        site = TwistedSite(
            Answering(lambda: lambda send: None, {}), timeout=None, reactor=self.clock
        )
        client = Client(site, self.clock)
        client.request()
        self.clock.pump([1 / 16] * 240)
        self.assertEqual(b"retry: 3000\n:\n", client.body)
        client.send(b"x" * 100000)
        self.clock.advance(0)
        self.assertFalse(client.transport.is_connected)
