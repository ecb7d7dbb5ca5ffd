"""
Ends of streams for one request.
"""

import re
from asyncio import CancelledError as AsyncioCancelledError
from collections.abc import AsyncIterator, Callable, Iterator

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectionLost
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.web.resource import Resource

from ssetwist.eventstream import Event
from ssetwist.hub import EndReason
from ssetwist.web import Send, Site
from tests.memory import Client
from tests.unit.web.case import Answering, ResponseCase


class EndTests(ResponseCase):
    """
    Ends of the client, of the source, and of the server.
    """

    def test_client_closes(self) -> None:
        """
        When the client closes, whatever the source awaits is cancelled, and its ``finally`` runs at
        once.
        """
        waiting: Deferred[None] = Deferred(lambda _: self.happened.append("cancelled"))
        client = self.ask(lambda: self.waits("first", waiting))
        client.close(ConnectionLost())
        self.assertEqual(["cancelled", "finally"], self.happened)
        self.assertEqual([EndReason.CONNECTION_LOST], self.ended)
        self.assertEqual([], self.flushLoggedErrors())

    def test_source_knows_the_end(self) -> None:
        """
        When a source is cancelled, ``send`` already knows why the stream has ended, and the
        application has heard of it.
        """
        found: list[object] = []

        async def source(send: Send) -> None:
            try:
                await Deferred()
            finally:
                found.append((send.end_reason, list(self.ended)))

        client = self.ask(lambda: source)
        client.close()
        reason = EndReason.CLIENT_CLOSED
        self.assertEqual([(reason, [reason])], found)

    def test_log_line(self) -> None:
        """
        The line about the end counts the events that were sent, and comments are not events.
        """
        waiting: Deferred[None] = Deferred()
        self.ask(lambda: self.waits("first", waiting))
        self.clock.pump([1.0] * 20)
        with capturedLogs() as logged:
            waiting.callback(None)
        [line] = [each for each in logged if "reason" in each]
        self.assertEqual(2, line["events"])

    def test_iterator_is_closed(self) -> None:
        """
        A source that is an iterator of its own kind is closed, whatever ends the stream.
        """
        happened = self.happened

        class Rows:
            def __aiter__(self) -> "Rows":
                return self

            async def __anext__(self) -> Event:
                if happened:
                    raise StopAsyncIteration
                await Deferred(lambda _: happened.append("cancelled"))
                raise AssertionError("it was cancelled")

            async def aclose(self) -> None:
                happened.append("closed")

        self.ask(Rows).close()
        self.assertEqual(["cancelled", "closed"], self.happened)
        self.happened[:] = ["at its end"]
        self.ask(Rows)
        self.assertEqual(["at its end", "closed"], self.happened)

    def test_client_closes_while_behind(self) -> None:
        """
        When the client closes, the Deferred of a ``send`` that waits for it fires.
        """
        client = self.ask(lambda: self.waits("x" * 10, Deferred()))
        sends: list[Send] = []
        client = self.ask(lambda: sends.append)
        client.stop_reading()
        room = sends[0](Event("1"))
        self.assertNoResult(room)
        client.close()
        self.successResultOf(room)

    def test_generator_behind(self) -> None:
        """
        When a client that is behind goes, its generator, which is not being pulled, is closed.
        """

        def source() -> Iterator[Event]:
            try:
                while True:
                    yield Event("x" * 1000)
                    client_of.transport.producer.pauseProducing()
            finally:
                self.happened.append("finally")

        client_of = Client(Site(Resource(), streams=self.streams), self.clock)
        client_of = self.ask_with(client_of, source)
        client_of.close()
        self.assertEqual(["finally"], self.happened)

    def ask_with(self, client: Client, make_source: Callable[[], object]) -> Client:
        client.transport.protocol.site.resource = Answering(make_source, {})
        client.request()
        return client

    def test_cursor_that_cleans_up_slowly(self) -> None:
        """
        The ``finally`` of a source may wait; the stream of a client that has gone ends before that.
        """
        cleaned: Deferred[None] = Deferred()

        async def source() -> AsyncIterator[Event]:
            try:
                yield Event("1")
                await Deferred()
            finally:
                await cleaned
                self.happened.append("cleaned")

        client = self.ask(source)
        client.close()
        self.assertEqual([EndReason.CLIENT_CLOSED], self.ended)
        self.assertEqual([], self.happened)
        cleaned.callback(None)
        self.assertEqual(["cleaned"], self.happened)

    def test_source_raises(self) -> None:
        """
        An exception of the source breaks the stream off, and is logged once.
        """

        async def source() -> AsyncIterator[Event]:
            yield Event("1")
            raise ZeroDivisionError

        client = self.ask(source)
        self.clock.advance(0)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertEqual(b"retry: 3000\ndata: 1\n\n", client.body)
        self.assertFalse(client.is_complete)
        self.assertFalse(client.transport.is_connected)
        self.assertEqual([EndReason.SOURCE_FAILED], self.ended)

    def test_deferred_fails(self) -> None:
        """
        A Deferred that fails, even with ``CancelledError``, breaks the stream off, and the failure
        is logged.
        """
        self.ask(lambda: lambda send: fail(ZeroDivisionError()))
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        waiting: Deferred[None] = Deferred()
        self.ask(lambda: lambda send: waiting)
        waiting.cancel()
        self.assertEqual(1, len(self.flushLoggedErrors()))
        self.assertEqual([EndReason.SOURCE_FAILED] * 2, self.ended)

    def test_asyncio(self) -> None:
        """
        A source that catches the CancelledError of asyncio is also cancelled, without an error.
        """

        async def source() -> AsyncIterator[Event]:
            yield Event("1")
            try:
                await Deferred()
            except CancelledError:
                raise AsyncioCancelledError from None

        self.ask(source).close()
        self.assertEqual([], self.flushLoggedErrors())

    def test_while_the_server_stops(self) -> None:
        """
        While the server stops, no stream and no source begins.
        """
        self.streams.drain(3)
        client = self.ask(lambda: self.waits("first", Deferred()))
        self.assertTrue(client.head.startswith(b"1 503"))
        self.assertIn(b"\r\nretry-after: ", client.head)
        self.assertEqual([], self.happened)

    def test_time_to_stay_away(self) -> None:
        """
        While the server stops, a client is told to stay away for ten times the reconnection time of
        the stream that it asked for, or longer.
        """
        self.streams.drain(3)
        client = self.ask(lambda: self.waits("first", Deferred()), reconnection_time=60)
        (seconds,) = re.findall(rb"\r\nretry-after: ([0-9]+)", client.head)
        self.assertGreaterEqual(int(seconds), 600)

    def test_clean_up_raises(self) -> None:
        """
        An exception in the ``finally`` of a source is logged.
        """

        async def source() -> AsyncIterator[Event]:
            try:
                yield Event("1")
                await Deferred()
            finally:
                raise ZeroDivisionError

        self.ask(source).close()
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertEqual([EndReason.CLIENT_CLOSED], self.ended)

    def test_abort(self) -> None:
        """
        ``abort`` cuts the connection, and does not end the response properly.
        """
        sends: list[Send] = []
        client = self.ask(lambda: sends.append)
        sends[0].abort()
        self.assertEqual([EndReason.ENDED_BY_APPLICATION], self.ended)
        self.assertTrue(client.transport.is_aborted)
        self.assertFalse(client.is_complete)

    def test_source_ends_its_own_stream(self) -> None:
        """
        A source that ends its own stream, and still waits for something, is cancelled in the next
        turn.
        """
        waiting: Deferred[None] = Deferred(lambda _: self.happened.append("cancelled"))

        async def source(send: Send) -> None:
            send.abort()
            await waiting

        self.ask(lambda: source)
        self.assertEqual([], self.happened)
        self.clock.advance(0)
        self.assertEqual(["cancelled"], self.happened)
        self.assertEqual([], self.flushLoggedErrors())

    def test_ends_where_the_source_waits(self) -> None:
        """
        If a callback of the Deferred that the source awaits ends the stream, the source is
        cancelled in the next turn; a cleanup that waits is not cancelled.
        """
        ready: Deferred[None] = Deferred()
        cleaned: Deferred[None] = Deferred()
        sends: list[Send] = []

        async def source(send: Send) -> None:
            sends.append(send)
            try:
                await ready.addCallback(lambda _: send.end())
                await Deferred(lambda _: self.happened.append("cancelled"))
            finally:
                await cleaned
                self.happened.append("finally")

        self.ask(lambda: source)
        ready.callback(None)
        self.assertEqual([], self.happened)
        self.clock.advance(0)
        self.assertEqual(["cancelled"], self.happened)
        self.clock.advance(0)
        cleaned.callback(None)
        self.assertEqual(["cancelled", "finally"], self.happened)
        self.assertEqual([EndReason.ENDED_BY_APPLICATION], self.ended)

    def test_source_that_does_not_listen(self) -> None:
        """
        A source that ignores its cancellation is not pulled again.
        """

        async def source() -> AsyncIterator[Event]:
            yield Event("1")
            try:
                await Deferred()
            except BaseException:
                self.happened.append("swallowed")
            yield Event("2")
            self.happened.append("pulled")

        self.ask(source).close()
        self.assertEqual(["swallowed"], self.happened)

    def test_source_that_goes_on(self) -> None:
        """
        A source that goes on after its end is cancelled once more when the time to close is over,
        which is logged as an error with the path and the time.
        """

        async def source(send: Send) -> None:
            for _ in range(2):
                try:
                    await Deferred()
                except CancelledError:
                    self.happened.append("cancelled")

        self.ask(lambda: source, close_timeout=3.0).close()
        self.assertEqual(["cancelled"], self.happened)
        with capturedLogs() as logged:
            self.clock.advance(3)
        self.assertEqual(["cancelled"] * 2, self.happened)
        [line] = [event for event in logged if event["log_level"] is LogLevel.error]
        self.assertEqual(
            "the source of the event stream at / goes on, 3 s after the end of its stream; it is "
            "cancelled once more",
            formatEvent(line),
        )

    def test_not_once(self) -> None:
        """
        With ``once=False``, the stream ends without telling the client to stay away.
        """
        client = self.ask(lambda: iter([Event("1")]), once=False)
        self.assertEqual(b"retry: 3000\ndata: 1\n\n", client.body)
        self.assertTrue(client.is_complete)

    def test_comes_back(self) -> None:
        """
        A client that comes back after the end gets 204; its source, which may cost money, does not
        begin.
        """
        client = self.ask(
            lambda: self.waits("first", Deferred()), headers={"Last-Event-ID": "#end"}
        )
        self.assertTrue(client.head.startswith(b"1 204"))
        self.assertEqual([], self.happened)

    def test_head(self) -> None:
        """
        HEAD gets the head and leaves the connection open; the source is closed before it begins.
        """
        closed: list[bool] = []

        class Cursor:
            def __iter__(self) -> Iterator[Event]:
                return self  # type: ignore[return-value]

            def __next__(self) -> Event:
                raise AssertionError("not begun")

            def close(self) -> None:
                closed.append(True)

        client = self.ask(Cursor, method="HEAD")
        self.assertIn(b"content-type: text/event-stream", client.head)
        self.assertEqual(b"", client.body)
        self.assertEqual([True], closed)
        self.assertEqual([], self.ended)
        client.request(method="HEAD")
        self.assertEqual(2, client.received.count(b"200 OK"))

    def test_function_is_not_called_for_head(self) -> None:
        """
        For HEAD, a function that is the source is not called.
        """
        self.ask(lambda: lambda send: self.happened.append("called"), method="HEAD")
        self.assertEqual([], self.happened)
