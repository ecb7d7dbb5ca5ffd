"""
Sources that hang at their end, or never wait.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from math import inf, nan

from twisted.internet.defer import CancelledError, Deferred

from ssetwist.eventstream import Event
from ssetwist.hub import EndReason, Streams
from ssetwist.hub._turns import MAX_TURN
from ssetwist.web import Send, Site
from tests.memory import Client
from tests.unit.hub.fake import TurnClock
from tests.unit.web.case import Answering, ResponseCase


class Rows:
    """
    A source of one event whose ``aclose`` never ends.

    :ivar happened: The things that happened to it.
    """

    def __init__(self, happened: list[str]) -> None:
        self.happened = happened
        self.rows = iter([Event("1")])

    def __aiter__(self) -> "Rows":
        return self

    async def __anext__(self) -> Event:
        for row in self.rows:
            return row
        raise StopAsyncIteration

    async def aclose(self) -> None:
        await Deferred(lambda _: self.happened.append("cancelled"))


class HangTests(ResponseCase):
    """
    Sources that do not end when they should.
    """

    def test_aclose(self) -> None:
        """
        A stream whose source has sent everything ends properly, even if ``aclose`` never does: that
        is cancelled when its time is over.
        """
        client = self.ask(lambda: Rows(self.happened), close_timeout=3.0)
        self.clock.advance(2.9)
        self.assertEqual(([], []), (self.ended, self.happened))
        self.clock.advance(0.1)
        self.assertEqual(([EndReason.FINISHED], ["cancelled"]), (self.ended, self.happened))
        self.assertTrue(client.is_complete)

    def test_client_goes_meanwhile(self) -> None:
        """
        If the client goes while ``aclose`` hangs, it is cancelled at once, and the stream is over.
        """
        self.ask(lambda: Rows(self.happened)).close()
        self.assertEqual(([EndReason.CLIENT_CLOSED], ["cancelled"]), (self.ended, self.happened))

    def test_finally(self) -> None:
        """
        If the ``finally`` of a source hangs after the client has gone, it is cancelled once more
        when its time is over; a source that goes on even then is left alone.
        """

        last: Deferred[None] = Deferred(lambda _: None)

        async def source(again: bool) -> AsyncIterator[Event]:
            try:
                yield Event("1")
                await Deferred()
            finally:
                try:
                    await Deferred(lambda _: self.happened.append("cancelled"))
                finally:
                    if again:
                        await last

        for again in (False, True):
            self.ask(lambda again=again: source(again), close_timeout=3.0).close()
            self.assertEqual([], self.happened)
            self.clock.advance(2.9)
            self.assertEqual([], self.happened)
            self.clock.advance(0.1)
            self.assertEqual(["cancelled"], self.happened)
            self.happened.clear()
        self.assertEqual([EndReason.CLIENT_CLOSED] * 2, self.ended)
        last.callback(None)

    def test_cannot_be_cancelled(self) -> None:
        """
        If the Deferred that a source awaits raises when it is cancelled, that is logged, and the
        Deferred of a ``send`` fires all the same.
        """

        def refuse(_: object) -> None:
            raise SystemExit

        sends: list[Deferred[None]] = []

        async def source(send: Callable[[Event], "Deferred[None]"]) -> None:
            sends.append(send(Event("1")))
            client.stop_reading()
            sends.append(send(Event("2")))
            await Deferred(refuse)

        client = Client(Site(Answering(lambda: source, {}), streams=self.streams), self.clock)
        client.request()
        self.assertNoResult(sends[1])
        client.close()
        self.successResultOf(sends[1])
        self.clock.advance(10)
        self.assertEqual(1, len(self.flushLoggedErrors(SystemExit)))

    def test_option(self) -> None:
        """
        The time must be a number of seconds above 0.
        """
        for value in (0, -1, inf, nan):
            client = self.ask(lambda: iter([]), close_timeout=value)
            self.assertTrue(client.head.startswith(b"1 500"))
            self.assertEqual(1, len(self.flushLoggedErrors(ValueError)))


class NeverWaitsTests(ResponseCase):
    """
    Sources that never wait by themselves, for many clients at a time.
    """

    def setUp(self) -> None:
        super().setUp()
        self.clock = TurnClock()
        self.streams = Streams(self.clock)
        self.pulled = 0

    def events(self) -> Iterator[Event]:
        """
        Return a million events; each takes a tenth of a millisecond.
        """
        for _ in range(10**6):
            self.pulled += 1
            self.clock.busy(0.0001)
            yield Event("x")

    async def agen(self) -> AsyncIterator[Event]:
        for event in self.events():
            yield event

    def test_short_turns(self) -> None:
        """
        However many there are, they take a few milliseconds of a turn together, and each of them
        goes on.
        """
        for source in (self.events, self.agen):
            clients = [self.ask(source) for _ in range(50)]
            for _ in range(100):
                begin = self.clock.seconds()
                self.clock.turn()
                self.assertLess(self.clock.seconds() - begin, MAX_TURN + 0.002)
            counts = [client.body.count(b"data: x") for client in clients]
            self.assertGreater(min(counts), 32)
            self.assertLess(max(counts) - min(counts), 33)
            for client in clients:
                client.close()
            self.assertTrue(self.streams.is_idle)

    def test_nobody_listens(self) -> None:
        """
        A source that sends on to a client that has gone waits for nothing, and takes no turns.
        """
        sends: list[Send] = []
        client = self.ask(lambda: sends.append)
        client.close()
        for _ in range(100):
            self.assertIsNone(self.successResultOf(sends[0](Event("x"))))
        self.assertTrue(self.streams.turns.is_idle)

    def test_room_for_all(self) -> None:
        """
        If all clients have room again at the same moment, their sources share the turns as well.
        """
        clients = [self.ask(self.events) for _ in range(50)]
        for client in clients:
            client.stop_reading()
        for _ in range(100):
            self.clock.turn()
        pulled = self.pulled
        for client in clients:
            client.read_again()
        at_once = self.pulled - pulled
        for _ in range(100):
            begin = self.clock.seconds()
            self.clock.turn()
            self.assertLess(self.clock.seconds() - begin, MAX_TURN + 0.002)
        for client in clients:
            client.close()
        self.assertEqual(0, at_once, "each waits for its turn")

    def test_cancelled(self) -> None:
        """
        A wait for a turn can be cancelled.
        """
        happened: list[str] = []

        async def source(send: Callable[[Event], "Deferred[None]"]) -> None:
            try:
                for _ in range(100):
                    await send(Event("x"))
            except CancelledError:
                happened.append("cancelled")

        self.ask(lambda: source).close()
        self.assertEqual(["cancelled"], happened)
