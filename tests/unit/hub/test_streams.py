"""
The one timer for all open streams.
"""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ssetwist import EndReason
from ssetwist.hub import DEFAULT_HEARTBEAT, Streams
from tests.clock import Clock
from tests.unit.hub.fake import FakeOutlet
from tests.unit.hub.streams_case import EVENT, HEARTBEAT, Heard, StreamsTestCase


class HeartbeatTests(StreamsTestCase):
    """
    Comments on silent streams.
    """

    def test_default(self) -> None:
        """
        By default, a stream is never silent for 29 seconds, the shortest idle limit of the usual
        gateways.
        """
        self.assertEqual(DEFAULT_HEARTBEAT, self.streams.heartbeat)
        self.assertLess(DEFAULT_HEARTBEAT, 29)

    def test_silent(self) -> None:
        """
        A silent stream gets a comment, which does not count as an event.
        """
        outlet = FakeOutlet(self.streams)
        self.pass_time(15.0)
        self.assertEqual(([HEARTBEAT], 0), (outlet.writes, outlet.event_count))

    def test_again_and_again(self) -> None:
        """
        A stream that stays silent gets more comments.
        """
        outlet = FakeOutlet(self.streams)
        self.pass_time(3600.0)
        self.assertEqual({HEARTBEAT}, set(outlet.writes))
        self.assertGreaterEqual(len(outlet.writes), 240)

    def test_not_too_many(self) -> None:
        """
        Comments come at most a fifth of the heartbeat early.
        """
        outlet = FakeOutlet(self.streams)
        self.pass_time(3600.0)
        self.assertLessEqual(len(outlet.writes), 3600 / (15.0 * 4 / 5))

    def test_not_silent(self) -> None:
        """
        A stream with events gets no comment.
        """
        outlet = FakeOutlet(self.streams)
        for _ in range(20):
            self.pass_time(10.0)
            outlet.write(EVENT)
        self.assertEqual([b"data: a\n\n"] * 20, outlet.writes)

    def test_silent_ones_only(self) -> None:
        """
        If one stream is silent and another is not, only the silent one gets a comment.
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
        Whenever streams began and whatever else was written, they are never silent for longer than
        the heartbeat.  (The other times are in heartbeats.)
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
        The comments of three thousand streams that became silent together are spread out: a tenth
        of a second has at most a tenth of them.
        """
        outlets = [FakeOutlet(self.streams) for _ in range(3000)]
        most = 0
        for _ in range(150):
            before = sum(outlet.is_open and len(outlet.writes) for outlet in outlets)
            self.clock.advance(0.1)
            after = sum(len(outlet.writes) for outlet in outlets)
            most = max(most, after - before)
        self.assertEqual([1] * 3000, [len(outlet.writes) for outlet in outlets])
        self.assertLessEqual(most, 300)

    def test_spread_over_all_parts(self) -> None:
        """
        The streams are spread evenly over the parts, which are checked one after the other.
        """
        outlets = [FakeOutlet(self.streams) for _ in range(3000)]
        sizes = [len(part) for part in self.streams._parts]
        self.assertGreater(len(sizes), 10)
        average = len(outlets) / len(sizes)
        self.assertGreater(min(sizes), average / 2)
        self.assertLess(max(sizes), average * 3 / 2)

    def test_age(self) -> None:
        """
        The age of an outlet counts from its making, even after it has written.
        """
        self.clock.advance(100.0)
        outlet = FakeOutlet(self.streams)
        self.pass_time(20.0)
        self.assertEqual(1, len(outlet.writes))
        self.assertAlmostEqual(20.0, self.streams.age_of(outlet))
        self.assertAlmostEqual(20.0, self.streams.discard(outlet))

    def test_same_comment(self) -> None:
        """
        All streams that are checked in one moment get the very same comment.
        """
        self.streams = Streams(self.clock, heartbeat=0.5)
        outlets = [FakeOutlet(self.streams) for _ in range(3)]
        self.pass_time(0.5)
        self.assertEqual(1, len({id(outlet.given[0]) for outlet in outlets}))

    def test_late_reactor(self) -> None:
        """
        A reactor whose turns take half a second checks more parts at a time: a stream is never
        silent for longer than the heartbeat and one turn.
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
        A heartbeat that is too short for parts of a tenth of a second is still kept.
        """
        self.streams = Streams(self.clock, heartbeat=0.05)
        outlet = FakeOutlet(self.streams)
        self.pass_time(1.0)
        self.assertGreaterEqual(len(outlet.writes), 20)

    def test_behind(self) -> None:
        """
        A stream that is behind gets no comment, because other bytes wait already.
        """
        outlet = FakeOutlet(self.streams)
        outlet.fall_behind()
        self.pass_time(19.0)
        self.assertEqual([], outlet.writes)

    def test_caught_up(self) -> None:
        """
        A stream that was behind and has caught up gets comments again.
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
    One timer, while it is needed.
    """

    def test_none(self) -> None:
        """
        The timer does not run without streams.
        """
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_one_for_all(self) -> None:
        """
        A thousand streams have one timer, from the first one on, over many heartbeats.
        """
        for _ in range(1000):
            FakeOutlet(self.streams)
            self.assertEqual(1, len(self.clock.getDelayedCalls()))
        for _ in range(60):
            self.clock.advance(1.0)
            self.assertEqual(1, len(self.clock.getDelayedCalls()))

    def test_gone_with_the_last(self) -> None:
        """
        The timer stops with the last stream, and not before.
        """
        outlets = [FakeOutlet(self.streams) for _ in range(3)]
        for outlet in outlets:
            self.assertEqual(1, len(self.clock.getDelayedCalls()))
            outlet.leave()
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_again(self) -> None:
        """
        A stream that begins after the timer has stopped starts it again.
        """
        FakeOutlet(self.streams).leave()
        outlet = FakeOutlet(self.streams)
        self.pass_time(15.0)
        self.assertEqual([HEARTBEAT], outlet.writes)

    def test_broken(self) -> None:
        """
        If a write fails, its stream is cut and forgotten, even if it cannot be cut.
        """

        def fail() -> None:
            raise OSError("a broken connection")

        outlet = FakeOutlet(self.streams)
        heard = Heard(outlet)
        outlet.during_write = outlet.during_abort = fail
        self.pass_time(15)
        self.assertEqual((0, False), (len(self.streams), outlet in self.streams))
        self.assertEqual(2, len(self.flushLoggedErrors(OSError)))
        self.assertEqual([EndReason.CONNECTION_LOST], heard.reasons)

    def test_broken_attribute(self) -> None:
        """
        An outlet that cannot tell its lifetime or last write is cut; the others get their comments.
        """
        for name in ("expires", "last_write", "behind_since"):
            others = [FakeOutlet(self.streams) for _ in range(3)]
            broken = FakeOutlet(self.streams)
            heard = Heard(broken)
            setattr(broken, name, "never")
            self.pass_time(30)
            self.assertEqual([[HEARTBEAT] * 2] * 3, [one.writes for one in others])
            self.assertEqual((True, 3), (broken.is_cut, len(self.streams)), name)
            self.assertEqual([EndReason.CONNECTION_LOST], heard.reasons)
            self.assertTrue(self.flushLoggedErrors(TypeError))
            for one in others:
                one.leave()

    def test_last_one_cut_by_the_timer(self) -> None:
        """
        The timer also stops when it cuts the last stream itself.
        """
        FakeOutlet(self.streams).fall_behind()
        self.pass_time(24.0)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_next_one_from_the_end_of_the_last(self) -> None:
        """
        If a stream begins while the timer cuts the last stream, one timer goes on.
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
        The length is the number of streams that are open or still ending.
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
        Discarding a stream a second time is not an error.
        """
        outlet = FakeOutlet(self.streams)
        self.streams.discard(outlet)
        self.streams.discard(outlet)
        self.assertEqual(0, len(self.streams))

    def test_two_side_by_side(self) -> None:
        """
        The streams of two servers do not affect each other.
        """
        others = Streams(self.clock, heartbeat=1.0)
        outlet, other = FakeOutlet(self.streams), FakeOutlet(others)
        self.pass_time(1.0)
        self.assertEqual(([], [HEARTBEAT]), (outlet.writes, other.writes))
        others.abort()
        self.assertEqual((True, False), (outlet.is_open, other.is_open))
