"""
Ways to take the events of an event source.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred

from ssetwist.client import EventSource, ReadyState
from ssetwist.client.stream._queue import MANY
from ssetwist.errors import NotAnEventStream
from ssetwist.eventstream import Event
from tests.unit.client.case import CHUNKED, SourceCase, chunk, response


def events(*numbers: int) -> list[Event]:
    """
    Return some events.
    """
    return [Event(str(number)) for number in numbers]


def encoded(*numbers: int) -> bytes:
    """
    Return a chunk with some events.
    """
    return chunk(b"".join(b"data: %d\n\n" % number for number in numbers))


class NextTests(SourceCase):
    """
    ``next``, with Deferreds.
    """

    def test_next(self) -> None:
        """
        Each event is handed out once, to a caller that asks before or after it comes.
        """
        source, wire = self.open()
        first = source.next()
        wire.send(encoded(1, 2))
        self.assertEqual(Event("1"), self.successResultOf(first))
        self.assertEqual(events(2), self.taken(source, 1))
        self.assertNoResult(source.next())

    def test_cancel_loses_nothing(self) -> None:
        """
        Cancelling a caller that waits loses no event.
        """
        source, wire = self.open()
        cancelled = source.next()
        cancelled.cancel()
        self.failureResultOf(cancelled, CancelledError)
        wire.send(encoded(1))
        self.assertEqual(events(1), self.taken(source, 1))

    def test_over_reconnections(self) -> None:
        """
        A caller that waits keeps waiting while the source reconnects.
        """
        source, wire = self.open()
        following = source.next()
        wire.reset()
        self.reactor.advance(1)
        self.accept(CHUNKED + encoded(1))
        self.turn()
        self.assertEqual(Event("1"), self.successResultOf(following))

    def test_events_before_a_failure(self) -> None:
        """
        Events that came before a failure can be taken; then each call gets the failure.
        """
        source, wire = self.open()
        wire.send(encoded(1, 2))
        wire.reset()
        self.reactor.advance(1)
        self.accept(response("404 Not Found"))
        self.turn()
        self.assertIs(ReadyState.CLOSED, source.state)
        self.assertEqual(events(1, 2), self.taken(source, 2))
        for _ in range(2):
            self.failureResultOf(source.next(), NotAnEventStream)


class IterationTests(SourceCase):
    """
    Iteration with ``async for``.
    """

    def collect(self, source: EventSource) -> "tuple[list[Event], Deferred[None]]":
        got: list[Event] = []

        async def loop() -> None:
            async for event in source:
                got.append(event)

        return got, Deferred.fromCoroutine(loop())

    def test_iteration(self) -> None:
        """
        Events come over several streams; 204 ends the loop quietly.
        """
        source, wire = self.open()
        got, done = self.collect(source)
        wire.send(encoded(1))
        self.assertEqual(events(1), got)
        wire.send(encoded(2, 3))
        wire.reset()
        self.reactor.advance(1)
        wire = self.accept(CHUNKED + encoded(4))
        self.turn()
        self.assertEqual(events(1, 2, 3, 4), got)
        wire.reset()
        self.reactor.advance(10)
        self.accept(b"HTTP/1.1 204 No Content\r\n\r\n")
        self.assertIsNone(self.successResultOf(done))

    def test_failure(self) -> None:
        """
        A failure is raised in the loop.
        """
        source = self.source()
        _, done = self.collect(source)
        self.accept(response("404 Not Found"))
        self.turn()
        self.failureResultOf(done, NotAnEventStream)

    def test_two(self) -> None:
        """
        Two loops share the events, in turns.
        """
        source, wire = self.open()
        (first, _), (second, _) = self.collect(source), self.collect(source)
        wire.send(encoded(1, 2, 3, 4))
        self.assertEqual((events(1, 3), events(2, 4)), (first, second))


class ForEachTests(SourceCase):
    """
    ``for_each``, with a callback.
    """

    def test_for_each(self) -> None:
        """
        The callback gets each event, and the Deferred fires when the source has ended.
        """
        source, wire = self.open()
        got: list[Event] = []
        done = source.for_each(got.append)
        wire.send(encoded(1, 2))
        self.assertEqual(events(1, 2), got)
        self.assertNoResult(done)
        source.close()
        self.turn()
        self.assertIsNone(self.successResultOf(done))

    def test_waits(self) -> None:
        """
        The next event waits for a Deferred or a coroutine of the callback.
        """
        source, wire = self.open()
        got: list[Event] = []
        waiting: list[Deferred[None]] = []

        def deferred(event: Event) -> "Deferred[None]":
            got.append(event)
            waiting.append(Deferred())
            return waiting[-1]

        async def coroutine(event: Event) -> None:
            await deferred(event)

        for handle in (deferred, coroutine):
            source, wire = self.open()
            got.clear()
            source.for_each(handle)
            wire.send(encoded(1, 2))
            self.assertEqual(events(1), got)
            waiting[-1].callback(None)
            self.assertEqual(events(1, 2), got)
            waiting[-1].callback(None)

    def test_handle_fails(self) -> None:
        """
        An exception of the callback fails the Deferred and closes the source.
        """
        source, wire = self.open()
        done = source.for_each(lambda _: 1 / 0)
        wire.send(encoded(1, 2))
        self.assertIs(ReadyState.CLOSED, source.state)
        self.turn()
        self.failureResultOf(done, ZeroDivisionError)
        self.assertFalse(wire.is_connected)

    def test_source_fails(self) -> None:
        """
        A failure of the source fails the Deferred.
        """
        source = self.source()
        done = source.for_each(lambda _: None)
        self.accept(response("404 Not Found"))
        self.turn()
        self.failureResultOf(done, NotAnEventStream)

    def test_cancel(self) -> None:
        """
        Cancelling the Deferred of ``for_each`` cancels the Deferred of the callback, and closes the
        source.
        """
        cancelled: list[object] = []
        for handle in (None, lambda _: Deferred(cancelled.append)):
            source, wire = self.open()
            done = source.for_each(handle)
            if handle is not None:
                wire.send(encoded(1))
            done.cancel()
            self.assertIs(ReadyState.CLOSED, source.state)
            self.turn()
            self.failureResultOf(done, CancelledError)
        self.assertEqual(1, len(cancelled))


class BackpressureTests(SourceCase):
    """
    A slow application.
    """

    def test_pause(self) -> None:
        """
        When many events wait, the connection is not read until all are taken.
        """
        source, wire = self.open()
        wire.send(encoded(*range(MANY - 1)))
        self.assertFalse(wire.is_paused)
        wire.send(encoded(MANY - 1))
        self.assertTrue(wire.is_paused)
        wire.send(encoded(MANY))
        self.turn()
        self.assertEqual(events(*range(MANY - 1)), self.taken(source, MANY - 1))
        self.assertTrue(wire.is_paused)
        self.assertEqual(events(MANY - 1), self.taken(source, 1))
        self.assertFalse(wire.is_paused)
        self.turn()
        self.assertEqual(events(MANY), self.taken(source, 1))

    def test_paused_is_not_silent(self) -> None:
        """
        A stream that is not read for long does not count as silent.
        """
        source, wire = self.open(silence_timeout=20)
        wire.send(encoded(*range(MANY)))
        self.reactor.advance(1000)
        self.assertIs(ReadyState.OPEN, source.state)
        self.taken(source, MANY)
        self.reactor.advance(20)
        self.assertIs(ReadyState.CONNECTING, source.state)

    def test_peer_leaves(self) -> None:
        """
        A peer that leaves during a pause is noticed after it, and no event that came is lost.
        """
        source, wire = self.open()
        wire.send(encoded(*range(MANY + 1)))
        wire.reset()
        self.assertIs(ReadyState.OPEN, source.state)
        self.assertEqual(events(*range(MANY + 1)), self.taken(source, MANY + 1))
        self.assertIs(ReadyState.CONNECTING, source.state)

    def test_next_stream_is_paused(self) -> None:
        """
        A new stream is paused at once if many events of the last one still wait.
        """
        source, wire = self.open()
        wire.send(encoded(*range(MANY - 1)))
        wire.reset()
        self.reactor.advance(1)
        wire = self.accept(CHUNKED)
        self.turn()
        self.assertFalse(wire.is_paused)
        wire.send(encoded(7, 8))
        self.assertTrue(wire.is_paused)
        wire.reset()
        self.taken(source, MANY)
        self.taken(source, 1)
        self.assertIs(ReadyState.CONNECTING, source.state)

    def test_chunks_of_one_piece(self) -> None:
        """
        When an event pauses the stream, later events in the same piece of bytes are held, and read
        after the pause.
        """
        source, wire = self.open()
        wire.send(b"".join(encoded(number) for number in range(3 * MANY)))
        self.assertEqual(MANY, len(source._queue))
        self.assertEqual(events(*range(3 * MANY)), self.taken(source, 3 * MANY))

    @given(st.lists(st.integers(-4, 2 * MANY)))
    def test_any_order(self, steps: list[int]) -> None:
        """
        All events are handed out once and in order, in any order of events, broken streams and
        callers.
        """
        self.setUp()
        source, wire = self.open()
        sent, got = [], []
        waiting: list[Deferred[Event | None]] = []
        for step in steps:
            if step > 0:
                some = range(len(sent), len(sent) + step)
                sent += events(*some)
                wire.send(encoded(*some))
            elif step == -4 and source.state is ReadyState.OPEN and not wire.is_paused:
                wire.reset()
                self.reactor.advance(10)
                wire = self.accept(CHUNKED)
                self.turn()
            else:
                waiting.append(source.next())
                self.turn()
        while len(waiting) < len(sent):
            waiting.append(source.next())
            self.turn()
        for one in waiting:
            one.addCallback(got.append)
        self.assertEqual(sent, got[: len(sent)])
        self.tearDown()
