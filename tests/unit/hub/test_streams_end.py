"""
Streams that are cut or ended: because they stall, are old or broken, or because the server stops.
"""

from hypothesis import given
from hypothesis import strategies as st

from ssetwist import EndReason
from ssetwist.hub import DEFAULT_STALL_TIMEOUT, Streams
from ssetwist.hub._turns import MAX_SWEEP
from tests.clock import Clock
from tests.unit.hub.fake import Broken, FakeOutlet, TurnClock, do_nothing, fail
from tests.unit.hub.streams_case import EVENT, Heard, StreamsTestCase


class StallTests(StreamsTestCase):
    """
    Cutting streams that take nothing.
    """

    def test_stalled(self) -> None:
        """
        A stream that is behind without progress for the stall time-out is cut.
        """
        outlet = FakeOutlet(self.streams)
        heard = Heard(outlet)
        outlet.fall_behind()
        self.pass_time(24.0)
        self.assertTrue(outlet.is_cut)
        self.assertEqual([EndReason.STALLED], heard.reasons)

    def test_not_before(self) -> None:
        """
        A stream is not cut before the stall time-out.
        """
        self.assertEqual(DEFAULT_STALL_TIMEOUT, self.streams.stall_timeout)
        outlet = FakeOutlet(self.streams)
        outlet.fall_behind()
        self.pass_time(19.5)
        self.assertTrue(outlet.is_open)

    @given(
        heartbeat=st.just(0.0) | st.floats(0.1, 100.0),
        stall_timeout=st.floats(0.1, 100.0),
        begin=st.floats(0.0, 3.0),
    )
    def test_when(self, heartbeat: float, stall_timeout: float, begin: float) -> None:
        """
        A stream is cut between the stall time-out and a fifth of it later, whenever it began.
        """
        clock = Clock()
        streams = Streams(clock, heartbeat=heartbeat, stall_timeout=stall_timeout)
        outlet = FakeOutlet(streams)
        ends: list[float] = []
        Heard(outlet, lambda: ends.append(clock.seconds()))
        clock.callLater(begin * stall_timeout, outlet.fall_behind)
        while calls := clock.getDelayedCalls():
            clock.advance(calls[0].getTime() - clock.seconds())
        waited = ends[0] - begin * stall_timeout
        self.assertGreaterEqual(waited, stall_timeout * (1 - 1e-6))
        self.assertLessEqual(waited, stall_timeout * (1.2 + 1e-6))

    def test_progress(self) -> None:
        """
        A stream that makes some progress, however slowly, is not cut.
        """
        outlet = FakeOutlet(self.streams)
        outlet.fall_behind()
        for _ in range(20):
            self.pass_time(19.0)
            outlet.read_some()
        self.assertTrue(outlet.is_open)

    def test_stalled_after_progress(self) -> None:
        """
        After some progress the stall time-out begins anew.
        """
        outlet = FakeOutlet(self.streams)
        outlet.fall_behind()
        self.pass_time(19.0)
        outlet.read_some()
        self.pass_time(19.5)
        self.assertTrue(outlet.is_open)
        self.pass_time(4.0)
        self.assertTrue(outlet.is_cut)

    def test_kept_up(self) -> None:
        """
        A stream that keeps up is never cut, however long it is silent.
        """
        outlet = FakeOutlet(self.streams)
        self.pass_time(3600.0)
        self.assertTrue(outlet.is_open)

    def test_without_heartbeat(self) -> None:
        """
        Without heartbeats, a stalled stream is still cut, at most a fifth of the stall time-out
        late.
        """
        self.streams = Streams(self.clock, heartbeat=0, stall_timeout=20.0)
        outlet = FakeOutlet(self.streams)
        outlet.fall_behind()
        self.pass_time(19.5)
        self.assertTrue(outlet.is_open)
        self.pass_time(4.5)
        self.assertTrue(outlet.is_cut)

    def test_while_ending(self) -> None:
        """
        A client that does not take the end of its response is also cut.
        """
        outlet = FakeOutlet(self.streams)
        outlet.fall_behind()
        outlet.end(EndReason.FINISHED, last_words=b"data: a\n\n")
        self.assertEqual(1, len(self.streams))
        self.pass_time(24.0)
        self.assertTrue(outlet.is_cut)

    def test_others(self) -> None:
        """
        Cutting one stream does not affect the others.
        """
        outlet, other = FakeOutlet(self.streams), FakeOutlet(self.streams)
        outlet.fall_behind()
        self.pass_time(24.0)
        self.assertEqual((True, True), (outlet.is_cut, other.is_open))


class LifetimeTests(StreamsTestCase):
    """
    Ending streams whose lifetime is over.
    """

    def test_for_ever(self) -> None:
        """
        By default, the lifetime of a stream is infinite.
        """
        outlet = FakeOutlet(self.streams)
        self.pass_time(3600.0)
        self.assertTrue(outlet.is_open)

    def test_over(self) -> None:
        """
        A stream ends properly when its lifetime is over: not before, and at most a fifth of the
        heartbeat later.
        """
        outlet = FakeOutlet(self.streams)
        heard = Heard(outlet)
        outlet.expires = 100.0
        self.pass_time(99.5)
        self.assertTrue(outlet.is_open)
        self.pass_time(4.0)
        self.assertEqual(([EndReason.LIFETIME_OVER], False), (heard.reasons, outlet.is_cut))

    def test_behind(self) -> None:
        """
        A client that is behind at the end of its lifetime may still read the bytes that wait.
        """
        outlet = FakeOutlet(self.streams)
        outlet.expires = 10.0
        outlet.fall_behind()
        outlet.write(EVENT)
        self.pass_time(14.0)
        self.assertEqual((False, False), (outlet.is_open, outlet.is_cut))
        outlet.read()
        self.assertEqual(EVENT.data, outlet.received)

    def test_stalled_then(self) -> None:
        """
        A client that does not take the end of its stream is cut after the stall time-out; its
        writer is not told a second time.
        """
        outlet = FakeOutlet(self.streams)
        heard = Heard(outlet)
        outlet.expires = 10.0
        self.pass_time(9.0)
        outlet.fall_behind()
        self.pass_time(24.0)
        self.assertEqual(([EndReason.LIFETIME_OVER], True), (heard.reasons, outlet.is_cut))

    def test_without_heartbeat(self) -> None:
        """
        Without heartbeats, streams still end when their lifetime is over.
        """
        self.streams = Streams(self.clock, heartbeat=0)
        outlet = FakeOutlet(self.streams)
        outlet.expires = 100.0
        self.pass_time(104.0)
        self.assertFalse(outlet.is_open)

    def test_crowd(self) -> None:
        """
        Many streams of one age end in several turns, each of which is short, also if others of them
        become late meanwhile.
        """
        clock = self.clock = TurnClock()
        self.streams = Streams(clock, heartbeat=1)
        outlets = [FakeOutlet(self.streams) for _ in range(10)]
        for outlet in outlets:
            outlet.expires = 1.0
            outlet.during_end = lambda: clock.busy(MAX_SWEEP * 0.6)
        clock.turn(1)
        for expected in (8, 6, 4, 2, 0):
            self.assertEqual(expected, len(self.streams))
            clock.turn()
        self.assertTrue(self.streams.is_idle)

    def test_crowd_that_leaves(self) -> None:
        """
        Nothing is left to do if all others leave before their turn.
        """
        clock = self.clock = TurnClock()
        self.streams = Streams(clock, heartbeat=1)
        outlets = [FakeOutlet(self.streams) for _ in range(10)]
        for outlet in outlets:
            outlet.expires = 1.0
            outlet.during_end = lambda: clock.busy(MAX_SWEEP)
        clock.turn(1)
        for outlet in outlets:
            if outlet.is_open:
                outlet.leave()
        self.assertEqual([], clock.getDelayedCalls())


class BrokenOutletTests(StreamsTestCase):
    """
    Outlets that raise although they must not.
    """

    def setUp(self) -> None:
        super().setUp()
        self.outlets = [FakeOutlet(self.streams) for _ in range(5)]
        self.broken, *self.others = self.outlets
        self.addCleanup(setattr, self.broken, "during_abort", do_nothing)

    def test_cut(self) -> None:
        """
        An outlet that raises is logged and cut.
        """
        heard = Heard(self.broken)
        self.broken.during_write = fail
        self.pass_time(15.0)
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))
        self.assertEqual([EndReason.CONNECTION_LOST], heard.reasons)

    def test_others(self) -> None:
        """
        Beside a broken stream, other streams keep their heartbeat.
        """
        self.broken.during_write = fail
        for count in (1, 2, 3):
            self.pass_time(15.0)
            self.assertTrue(all(len(other.writes) >= count for other in self.others))
        self.flushLoggedErrors(Broken)

    def test_cannot_be_cut(self) -> None:
        """
        If a broken stream cannot even be cut, other streams still keep their heartbeat.
        """
        self.broken.during_write = self.broken.during_abort = fail
        self.pass_time(30.0)
        self.assertTrue(self.flushLoggedErrors(Broken))
        self.assertEqual([2] * 4, [len(other.writes) for other in self.others])

    def test_drain(self) -> None:
        """
        Beside a broken stream, other streams end properly when the server stops.
        """
        self.broken.during_end = fail
        self.streams.drain(3.0)
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))
        self.assertEqual([False] * 4, [other.is_open for other in self.others])

    def test_abort(self) -> None:
        """
        Beside a broken stream, other streams are cut when the server stops.
        """
        self.broken.during_abort = fail
        self.streams.abort()
        self.assertTrue(self.flushLoggedErrors(Broken))
        self.assertEqual([True] * 4, [other.is_cut for other in self.others])


class StopTests(StreamsTestCase):
    """
    Ending all streams because the server stops.
    """

    def test_drain(self) -> None:
        """
        Every stream ends properly because the server stops.
        """
        outlets = [FakeOutlet(self.streams) for _ in range(3)]
        heard = [Heard(outlet) for outlet in outlets]
        self.streams.drain(3.0)
        self.assertEqual([[EndReason.DRAINING]] * 3, [one.reasons for one in heard])
        self.assertEqual([False] * 3, [outlet.is_cut for outlet in outlets])
        self.assertEqual(0, len(self.streams))

    def test_draining_is_known_first(self) -> None:
        """
        ``is_draining`` is true before the first stream ends, so that a client that comes back at
        once is not let in.
        """
        known: list[bool] = []
        outlet = FakeOutlet(self.streams)
        outlet.during_end = lambda: known.append(self.streams.is_draining)
        self.assertFalse(self.streams.is_draining)
        self.streams.drain(3.0)
        self.assertEqual([True], known)

    def test_retry(self) -> None:
        """
        The last bytes that a client reads are the time to come back; they are not an event.
        """
        self.streams = Streams(self.clock, jitter=lambda: 0.0)
        outlet = FakeOutlet(self.streams)
        self.streams.drain(3.0)
        self.assertEqual(b"retry: 3000\n", outlet.received)

    def test_never_at_once(self) -> None:
        """
        With a reconnection time of 0, clients are told to wait for a second: otherwise they would
        ask a port on which nothing listens, again and again.
        """
        self.streams = Streams(self.clock, jitter=lambda: 0.0)
        outlet = FakeOutlet(self.streams)
        self.streams.drain(0.0)
        self.assertEqual(b"retry: 1000\n", outlet.received)

    def test_not_taken(self) -> None:
        """
        A client that cannot be taken comes back after ten times the reconnection time of its
        stream, and never at once.
        """
        self.streams.jitter = lambda: 0.5
        for usual, seconds in ((0, 1.5), (0.05, 1.5), (2, 30), (None, 45)):
            self.assertEqual(seconds, self.streams.time_away(usual), usual)

    def test_spread(self) -> None:
        """
        Clients are told different times to come back, so that 200 come back in each second.
        """
        numbers = iter([number / 1000 for number in range(1000)])
        self.streams = Streams(self.clock, jitter=lambda: next(numbers))
        outlets = [FakeOutlet(self.streams) for _ in range(1000)]
        self.streams.drain(3.0)
        self.assertEqual(
            sorted(b"retry: %d\n" % milliseconds for milliseconds in range(3000, 8000, 5)),
            sorted(outlet.received for outlet in outlets),
        )

    def test_drain_those_behind(self) -> None:
        """
        A client that is behind may still read the bytes that wait, and then its stream ends.
        """
        self.streams = Streams(self.clock, jitter=lambda: 0.0)
        outlet = FakeOutlet(self.streams)
        outlet.fall_behind()
        outlet.write(EVENT)
        self.streams.drain(3.0)
        self.assertEqual((1, False), (len(self.streams), outlet.is_open))
        outlet.read()
        self.assertEqual(b"data: a\n\nretry: 3000\n", outlet.received)
        self.assertEqual(0, len(self.streams))

    def drain_some(self) -> list[FakeOutlet]:
        """
        Begin to end ten streams, of which two need the time of a turn.
        """
        self.clock = TurnClock()
        self.streams = Streams(self.clock, heartbeat=1)
        outlets = [FakeOutlet(self.streams) for _ in range(10)]
        for outlet in outlets:
            outlet.during_end = lambda: self.clock.busy(MAX_SWEEP * 0.6)
        self.streams.drain(3.0)
        return outlets

    def test_drain_many(self) -> None:
        """
        Many streams are ended in several turns; a client that leaves meanwhile is left out.
        """
        outlets = self.drain_some()
        self.assertEqual(8, len(self.streams))
        self.clock.turn()
        self.assertEqual(6, len(self.streams))
        left = [outlet for outlet in outlets if outlet.is_open]
        left[0].during_end = fail
        left[0].leave()
        self.clock.turn()
        self.clock.turn()
        self.assertEqual(1, len(self.streams))
        self.clock.turn()
        self.clock.turn()
        self.assertTrue(self.streams.is_idle)
        self.assertEqual([False] * 10, [outlet.is_cut for outlet in outlets])

    def test_abort_while_it_drains(self) -> None:
        """
        The streams that have not been ended in time are cut at once.
        """
        outlets = self.drain_some()
        self.assertFalse(self.streams.is_idle)
        self.streams.abort()
        self.assertEqual([False, True], sorted({outlet.is_cut for outlet in outlets}))
        self.assertEqual(8, sum(outlet.is_cut for outlet in outlets))
        self.assertTrue(self.streams.is_idle)

    def test_drain_is_work(self) -> None:
        """
        Streams are not idle while some are to be ended, though all clients have left.
        """
        for outlet in self.drain_some():
            outlet.leave()
        self.assertEqual((0, False), (len(self.streams), self.streams.is_idle))
        self.clock.turn()
        self.assertTrue(self.streams.is_idle)

    def test_abort(self) -> None:
        """
        Every stream that is left is cut because the server stops.
        """
        outlets = [FakeOutlet(self.streams) for _ in range(3)]
        heard = [Heard(outlet) for outlet in outlets]
        self.streams.abort()
        self.assertEqual([[EndReason.DRAINING]] * 3, [one.reasons for one in heard])
        self.assertEqual([True] * 3, [outlet.is_cut for outlet in outlets])

    def test_abort_after_drain(self) -> None:
        """
        A client that does not read its end is cut, and its writer is not told a second time.
        """
        outlet = FakeOutlet(self.streams)
        heard = Heard(outlet)
        outlet.fall_behind()
        self.streams.drain(3.0)
        self.streams.abort()
        self.assertEqual((True, [EndReason.DRAINING]), (outlet.is_cut, heard.reasons))
        self.assertEqual(0, len(self.streams))

    def test_nobody(self) -> None:
        """
        Without streams, nothing happens.
        """
        self.streams.drain(3.0)
        self.streams.abort()
        self.assertEqual([], self.clock.getDelayedCalls())
