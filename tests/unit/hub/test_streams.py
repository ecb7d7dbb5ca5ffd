"""
The one timer that looks after all open streams.
"""

from collections.abc import Callable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import EndReason
from ssetwist.hub import DEFAULT_HEARTBEAT, DEFAULT_STALL_TIMEOUT, Streams
from ssetwist.hub.outlets import Chunk
from tests.unit.hub.fake import Broken, FakeOutlet, do_nothing, fail

HEARTBEAT = b":\n"
EVENT = Chunk(b"data: a\n\n", 1)


class Heard:
    """
    A writer that remembers how its stream ended.

    :param act: Called when it ends.
    """

    def __init__(self, outlet: FakeOutlet, act: Callable[[], object] = do_nothing) -> None:
        self.reasons: list[EndReason] = []
        self._act = act
        outlet.writer = self

    def has_room(self) -> None:
        """
        Nothing more is written.
        """

    def before_end(self) -> None:
        """
        Nothing more is written.
        """

    def ended(self, reason: EndReason) -> None:
        self.reasons.append(reason)
        self._act()


class StreamsTestCase(SynchronousTestCase):
    """
    Streams with the defaults, 15 s and 20 s, and a clock that ends empty.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.streams = Streams(self.clock)
        self.addCleanup(self.check_nothing_is_left)

    def check_nothing_is_left(self) -> None:
        """
        Check that the timer has gone with the last stream.
        """
        self.streams.abort()
        self.assertEqual([], self.clock.getDelayedCalls())

    def pass_time(self, seconds: float) -> None:
        """
        Let time pass, from one call to the next, as in a reactor that has little to do.
        """
        end = self.clock.seconds() + seconds
        while (calls := self.clock.getDelayedCalls()) and calls[0].getTime() <= end:
            self.clock.advance(calls[0].getTime() - self.clock.seconds())
        self.clock.advance(end - self.clock.seconds())


class HeartbeatTests(StreamsTestCase):
    """
    Comments to those that are silent.
    """

    def test_default(self) -> None:
        """
        By default a stream is never silent for as long as the shortest idle limit of the usual
        gateways, 29 seconds.
        """
        self.assertEqual(DEFAULT_HEARTBEAT, self.streams.heartbeat)
        self.assertLess(DEFAULT_HEARTBEAT, 29)

    def test_silent(self) -> None:
        """
        A silent stream gets a comment that counts as no event.
        """
        outlet = FakeOutlet(self.streams)
        self.pass_time(15.0)
        self.assertEqual(([HEARTBEAT], 0), (outlet.writes, outlet.event_count))

    def test_again_and_again(self) -> None:
        """
        A stream that stays silent goes on to get comments.
        """
        outlet = FakeOutlet(self.streams)
        self.pass_time(3600.0)
        self.assertEqual({HEARTBEAT}, set(outlet.writes))
        self.assertGreaterEqual(len(outlet.writes), 240)

    def test_not_too_many(self) -> None:
        """
        A comment comes at most a fifth of the heartbeat early.
        """
        outlet = FakeOutlet(self.streams)
        self.pass_time(3600.0)
        self.assertLessEqual(len(outlet.writes), 3600 / (15.0 * 4 / 5))

    def test_not_silent(self) -> None:
        """
        A stream with events of its own gets no comment.
        """
        outlet = FakeOutlet(self.streams)
        for _ in range(20):
            self.pass_time(10.0)
            outlet.write(EVENT)
        self.assertEqual([b"data: a\n\n"] * 20, outlet.writes)

    def test_silent_ones_only(self) -> None:
        """
        Where one stream is silent and another is not, only the silent one gets a comment.
        """
        silent, other = FakeOutlet(self.streams), FakeOutlet(self.streams)
        self.pass_time(10.0)
        other.write(EVENT)
        self.pass_time(5.0)
        self.assertEqual(([HEARTBEAT], [b"data: a\n\n"]), (silent.writes, other.writes))

    @given(
        heartbeat=st.floats(0.1, 100.0),
        stall_timeout=st.floats(0.05, 20.0),
        starts=st.lists(st.floats(0.0, 3.0), min_size=1, max_size=3),
        pauses=st.lists(st.floats(0.0, 2.0), max_size=10),
    )
    def test_never_silent_for_longer(
        self, heartbeat: float, stall_timeout: float, starts: list[float], pauses: list[float]
    ) -> None:
        """
        Whenever they began and whatever else was written, none is silent for longer than the
        heartbeat.  (The other times are in heartbeats.)
        """
        clock = Clock()
        streams = Streams(clock, heartbeat=heartbeat, stall_timeout=stall_timeout * heartbeat)
        outlets: list[FakeOutlet] = []
        for start in starts:
            clock.callLater(start * heartbeat, lambda: outlets.append(FakeOutlet(streams)))
        at = max(starts)
        for pause in pauses:
            at += pause
            clock.callLater(at * heartbeat, lambda: outlets[0].write(EVENT))
        end = (at + 5) * heartbeat
        while (calls := clock.getDelayedCalls()) and calls[0].getTime() <= end:
            clock.advance(calls[0].getTime() - clock.seconds())
        for outlet in outlets:
            times = [*outlet.write_times, end]
            silence = max(later - earlier for earlier, later in pairwise(times))
            self.assertLessEqual(silence, heartbeat * (1 + 1e-6))
        streams.abort()
        self.assertEqual([], clock.getDelayedCalls())

    def test_spread(self) -> None:
        """
        A thousand that have been silent for equally long do not all get their comment in one
        moment: no tenth of a second sees more than a tenth of them.
        """
        outlets = [FakeOutlet(self.streams) for _ in range(1000)]
        most = 0
        for _ in range(150):
            before = sum(outlet.is_open and len(outlet.writes) for outlet in outlets)
            self.clock.advance(0.1)
            after = sum(len(outlet.writes) for outlet in outlets)
            most = max(most, after - before)
        self.assertEqual([1] * 1000, [len(outlet.writes) for outlet in outlets])
        self.assertLessEqual(most, 100)

    def test_spread_over_all_parts(self) -> None:
        """
        Streams are spread over all of the parts that are looked after one by one, about evenly.
        """
        outlets = [FakeOutlet(self.streams) for _ in range(3000)]
        sizes = [len(part) for part in self.streams._parts]
        self.assertGreater(len(sizes), 10)
        average = len(outlets) / len(sizes)
        self.assertGreater(min(sizes), average / 2)
        self.assertLess(max(sizes), average * 3 / 2)

    def test_same_frames(self) -> None:
        """
        All that are looked after in one moment get the very same comment.
        """
        self.streams = Streams(self.clock, heartbeat=0.5)
        outlets = [FakeOutlet(self.streams) for _ in range(3)]
        self.pass_time(0.5)
        self.assertEqual(1, len({id(outlet.given[0]) for outlet in outlets}))

    def test_late_reactor(self) -> None:
        """
        A reactor whose turns take half a second looks after more at a time: nobody is silent for
        longer than the heartbeat and one turn.
        """
        outlets = [FakeOutlet(self.streams) for _ in range(100)]
        for _ in range(200):
            self.clock.advance(0.5)
        for outlet in outlets:
            times = [*outlet.write_times, self.clock.seconds()]
            silence = max(later - earlier for earlier, later in pairwise(times))
            self.assertLessEqual(silence, 15.5)

    def test_short(self) -> None:
        """
        A heartbeat too short for parts of a tenth of a second is still kept.
        """
        self.streams = Streams(self.clock, heartbeat=0.05)
        outlet = FakeOutlet(self.streams)
        self.pass_time(1.0)
        self.assertGreaterEqual(len(outlet.writes), 20)

    def test_behind(self) -> None:
        """
        A stream that is behind gets no comment: other bytes wait already.
        """
        outlet = FakeOutlet(self.streams)
        outlet.fall_behind()
        self.pass_time(19.0)
        self.assertEqual([], outlet.writes)

    def test_caught_up(self) -> None:
        """
        A stream that was behind and has caught up gets its comments again.
        """
        outlet = FakeOutlet(self.streams)
        outlet.fall_behind()
        self.pass_time(10.0)
        outlet.read()
        self.pass_time(15.0)
        self.assertEqual([HEARTBEAT], outlet.writes)

    def test_off(self) -> None:
        """
        With a heartbeat of 0 there are no comments.
        """
        self.streams = Streams(self.clock, heartbeat=0)
        outlet = FakeOutlet(self.streams)
        self.pass_time(3600.0)
        self.assertEqual([], outlet.writes)

    def test_gone(self) -> None:
        """
        A stream that has ended gets nothing more, while others do.
        """
        outlet, other = FakeOutlet(self.streams), FakeOutlet(self.streams)
        outlet.leave()
        self.pass_time(15.0)
        self.assertEqual(([], [HEARTBEAT]), (outlet.writes, other.writes))


class TimerTests(StreamsTestCase):
    """
    One timer, as long as it is needed.
    """

    def test_none(self) -> None:
        """
        Without streams there is no timer.
        """
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_one_for_all(self) -> None:
        """
        A thousand streams have one timer, from the first on, over many heartbeats.
        """
        for _ in range(1000):
            FakeOutlet(self.streams)
            self.assertEqual(1, len(self.clock.getDelayedCalls()))
        for _ in range(60):
            self.clock.advance(1.0)
            self.assertEqual(1, len(self.clock.getDelayedCalls()))

    def test_gone_with_the_last(self) -> None:
        """
        The timer goes with the last stream, and not before.
        """
        outlets = [FakeOutlet(self.streams) for _ in range(3)]
        for outlet in outlets:
            self.assertEqual(1, len(self.clock.getDelayedCalls()))
            outlet.leave()
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_again(self) -> None:
        """
        The next stream starts it again.
        """
        FakeOutlet(self.streams).leave()
        outlet = FakeOutlet(self.streams)
        self.pass_time(15.0)
        self.assertEqual([HEARTBEAT], outlet.writes)

    def test_last_one_cut_by_the_timer(self) -> None:
        """
        The timer also goes when it cuts the last stream itself.
        """
        FakeOutlet(self.streams).fall_behind()
        self.pass_time(24.0)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_next_one_from_the_end_of_the_last(self) -> None:
        """
        A stream that begins while the timer cuts the last one is looked after by one timer.
        """
        outlet = FakeOutlet(self.streams)
        outlet.fall_behind()
        next_ones: list[FakeOutlet] = []
        Heard(outlet, lambda: next_ones.append(FakeOutlet(self.streams)))
        self.pass_time(24.0)
        self.assertEqual(1, len(next_ones))
        self.assertEqual(1, len(self.clock.getDelayedCalls()))

    def test_length(self) -> None:
        """
        Its length is the number of streams that are open or still ending.
        """
        outlet, other = FakeOutlet(self.streams), FakeOutlet(self.streams)
        other.fall_behind()
        for one in (outlet, other):
            one.end(EndReason.FINISHED)
        self.assertEqual(1, len(self.streams))
        other.read()
        self.assertEqual(0, len(self.streams))

    def test_discard_twice(self) -> None:
        """
        Who is not looked after may be discarded.
        """
        outlet = FakeOutlet(self.streams)
        self.streams.discard(outlet)
        self.streams.discard(outlet)
        self.assertEqual(0, len(self.streams))

    def test_two_side_by_side(self) -> None:
        """
        The streams of two servers have nothing to do with each other.
        """
        others = Streams(self.clock, heartbeat=1.0)
        outlet, other = FakeOutlet(self.streams), FakeOutlet(others)
        self.pass_time(1.0)
        self.assertEqual(([], [HEARTBEAT]), (outlet.writes, other.writes))
        others.abort()
        self.assertEqual((True, False), (outlet.is_open, other.is_open))


class StallTests(StreamsTestCase):
    """
    Cutting those who take nothing.
    """

    def test_stalled(self) -> None:
        """
        Who is behind without progress for the stall time-out is cut.
        """
        outlet = FakeOutlet(self.streams)
        heard = Heard(outlet)
        outlet.fall_behind()
        self.pass_time(24.0)
        self.assertTrue(outlet.is_cut)
        self.assertEqual([EndReason.STALLED], heard.reasons)

    def test_not_before(self) -> None:
        """
        Nobody is cut before the stall time-out.
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
        Whenever it began, it is cut after the stall time-out, and no later than a fifth of it
        after that.
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
        Whoever makes some progress, however slowly, is not cut.
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
        A stream that has kept up is never cut, however long it has nothing to say.
        """
        outlet = FakeOutlet(self.streams)
        self.pass_time(3600.0)
        self.assertTrue(outlet.is_open)

    def test_without_heartbeat(self) -> None:
        """
        Those who stall are cut also where there is no heartbeat, no more than a fifth late.
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
        Who does not take the end of the response is cut too.
        """
        outlet = FakeOutlet(self.streams)
        outlet.fall_behind()
        outlet.end(EndReason.FINISHED, last_words=b"data: a\n\n")
        self.assertEqual(1, len(self.streams))
        self.pass_time(24.0)
        self.assertTrue(outlet.is_cut)

    def test_others(self) -> None:
        """
        Cutting one hurts nobody else.
        """
        outlet, other = FakeOutlet(self.streams), FakeOutlet(self.streams)
        outlet.fall_behind()
        self.pass_time(24.0)
        self.assertEqual((True, True), (outlet.is_cut, other.is_open))


class LifetimeTests(StreamsTestCase):
    """
    Ending those whose time is over.
    """

    def test_for_ever(self) -> None:
        """
        Unless told otherwise a stream has no lifetime.
        """
        outlet = FakeOutlet(self.streams)
        self.pass_time(3600.0)
        self.assertTrue(outlet.is_open)

    def test_over(self) -> None:
        """
        A stream ends properly when its lifetime is over: not before, and no later than a fifth of
        the heartbeat after that.
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
        Who is behind then is given time to read what waits.
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
        Who does not take its end is cut after the stall time-out, and told nothing a second time.
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
        It ends also where there is no heartbeat.
        """
        self.streams = Streams(self.clock, heartbeat=0)
        outlet = FakeOutlet(self.streams)
        outlet.expires = 100.0
        self.pass_time(104.0)
        self.assertFalse(outlet.is_open)


class BrokenOutletTests(StreamsTestCase):
    """
    An outlet that raises what it should not.
    """

    def setUp(self) -> None:
        super().setUp()
        self.outlets = [FakeOutlet(self.streams) for _ in range(5)]
        self.broken, *self.others = self.outlets
        self.addCleanup(setattr, self.broken, "during_abort", do_nothing)

    def test_cut(self) -> None:
        """
        It is logged and cut.
        """
        heard = Heard(self.broken)
        self.broken.during_write = fail
        self.pass_time(15.0)
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))
        self.assertEqual([EndReason.CONNECTION_LOST], heard.reasons)

    def test_others(self) -> None:
        """
        The others have their heartbeat, now and from then on.
        """
        self.broken.during_write = fail
        for count in (1, 2, 3):
            self.pass_time(15.0)
            self.assertTrue(all(len(other.writes) >= count for other in self.others))
        self.flushLoggedErrors(Broken)

    def test_cannot_be_cut(self) -> None:
        """
        The others have their heartbeat even if the broken one cannot be cut either.
        """
        self.broken.during_write = self.broken.during_abort = fail
        self.pass_time(30.0)
        self.assertTrue(self.flushLoggedErrors(Broken))
        self.assertEqual([2] * 4, [len(other.writes) for other in self.others])

    def test_drain(self) -> None:
        """
        The others end properly when the server stops.
        """
        self.broken.during_end = fail
        self.streams.drain(3.0)
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))
        self.assertEqual([False] * 4, [other.is_open for other in self.others])

    def test_abort(self) -> None:
        """
        The others are cut when the server stops.
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
        Every stream ends properly, because the server stops.
        """
        outlets = [FakeOutlet(self.streams) for _ in range(3)]
        heard = [Heard(outlet) for outlet in outlets]
        self.streams.drain(3.0)
        self.assertEqual([[EndReason.DRAINING]] * 3, [one.reasons for one in heard])
        self.assertEqual([False] * 3, [outlet.is_cut for outlet in outlets])
        self.assertEqual(0, len(self.streams))

    def test_draining_is_known_first(self) -> None:
        """
        That the server stops is known before the first stream ends: whoever is told of an end, and
        comes back at once, is not let in.
        """
        known: list[bool] = []
        outlet = FakeOutlet(self.streams)
        outlet.during_end = lambda: known.append(self.streams.is_draining)
        self.assertFalse(self.streams.is_draining)
        self.streams.drain(3.0)
        self.assertEqual([True], known)

    def test_retry(self) -> None:
        """
        The last that a client reads is when to come back; it is no event.
        """
        self.streams = Streams(self.clock, jitter=lambda: 0.0)
        outlet = FakeOutlet(self.streams)
        self.streams.drain(3.0)
        self.assertEqual(b"retry: 3000\n", outlet.received)

    def test_spread(self) -> None:
        """
        Each comes back at a moment of its own, 200 of them a second.
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
        Who is behind is given time to read what waits, and then ends.
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

    def test_abort(self) -> None:
        """
        Every stream that is left is cut, because the server stops.
        """
        outlets = [FakeOutlet(self.streams) for _ in range(3)]
        heard = [Heard(outlet) for outlet in outlets]
        self.streams.abort()
        self.assertEqual([[EndReason.DRAINING]] * 3, [one.reasons for one in heard])
        self.assertEqual([True] * 3, [outlet.is_cut for outlet in outlets])

    def test_abort_after_drain(self) -> None:
        """
        Who does not read its end is cut, and is told nothing a second time.
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
        Where there is no stream, nothing happens.
        """
        self.streams.drain(3.0)
        self.streams.abort()
        self.assertEqual([], self.clock.getDelayedCalls())
