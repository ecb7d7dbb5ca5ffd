"""
Walks through a log: pieces, gaps and cancelling.
"""

from collections.abc import Coroutine
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from ssetwist import Event, View
from ssetwist.hub import EVERYTHING
from ssetwist.hub._log_walk import Gap, LogWalk
from ssetwist.hub._turns import MAX_TURN
from ssetwist.hub._view import ViewHistory
from tests.unit.hub.case import THIRD, HubTestCase
from tests.unit.hub.fake import SlowLog


class LogWalkTests(HubTestCase):
    """
    A walk through the log of a hub.
    """

    def walk(self, position: int = 0, **options: Any) -> LogWalk:
        """
        Return a walk through the log of a hub with these options.
        """
        self.hub = self.make_hub(**options)
        return LogWalk(self.hub._replay, position)

    def result_of(self, work: Coroutine[Deferred[Any], Any, Any]) -> Any:
        """
        Return the result of a coroutine that need not wait.
        """
        return self.successResultOf(Deferred.fromCoroutine(work))

    def read(self, walk: LogWalk, until: int | None = None) -> list[int] | Gap:
        """
        Return the positions of the next piece, or the gap.
        """
        found = self.result_of(walk.read(until))
        return found if isinstance(found, Gap) else [entry.position for entry in found]

    def test_pieces(self) -> None:
        """
        A walk reads the log piece by piece to the live end, and its position moves along.
        """
        walk = self.walk()
        self.publish(*(letter * THIRD for letter in "abcde"))
        for expected in ([1, 2], [3, 4], [5]):
            self.assertFalse(walk.is_at_live_end)
            self.assertEqual(expected, self.read(walk))
            self.assertEqual(expected[-1], walk.position)
        self.assertTrue(walk.is_at_live_end)

    def test_until(self) -> None:
        """
        A walk reads at most up to a position.
        """
        walk = self.walk(1)
        self.publish(*"abcde")
        self.assertEqual(([2, 3], 3), (self.read(walk, 3), walk.position))

    def test_gap(self) -> None:
        """
        A walk stops at a gap, which ends before the oldest event that is kept.
        """
        walk = self.walk(log=self.make_log(max_count=2))
        self.publish(*"abcde")
        self.assertEqual((Gap(3, False), 0), (self.read(walk), walk.position))

    def test_gap_beyond_the_live_end(self) -> None:
        """
        If the log has forgotten events that are not published yet, a gap ends at the live end.
        """
        log = SlowLog(self.make_log(max_count=1))
        walk = self.walk(log=log)
        for _ in range(3):
            log.kept.append(("t",), Event())
        reading = Deferred.fromCoroutine(walk.read())
        log.answer("read")
        self.assertEqual(Gap(0, False), self.successResultOf(reading))

    def test_optional(self) -> None:
        """
        If a walk starts at the oldest event, forgotten events up to the live end of that moment are
        not a gap.
        """
        walk = self.walk(log=self.make_log(max_count=2))
        self.publish(*"abc")
        walk.begin_at_oldest()
        self.assertEqual(1, walk.position)
        self.publish("d", "e")
        self.assertEqual(Gap(3, True), self.read(walk))
        self.publish("f")
        self.assertEqual(Gap(4, False), self.read(walk))

    def test_rest(self) -> None:
        """
        A walk waits for the next turn while there is more to read, and does not wait at the live
        end.
        """
        walk = self.walk()
        self.publish("a")
        resting = Deferred.fromCoroutine(walk.rest())
        self.assertNoResult(resting)
        self.clock.turn()
        self.successResultOf(resting)
        self.read(walk)
        self.result_of(walk.rest())

    def test_cancel_while_it_waits(self) -> None:
        """
        Cancelling a walk cancels the Deferred that it waits for.
        """
        log = SlowLog(self.make_log())
        walk = self.walk(log=log)
        reading = Deferred.fromCoroutine(walk.read())
        walk.cancel()
        self.failureResultOf(reading, CancelledError)
        self.assertEqual(["read"], log.cancelled)

    def test_cancel_while_it_runs(self) -> None:
        """
        A walk that is cancelled by a filter stops at its next wait, and leaves no timer.
        """
        walk = self.walk()
        self.publish(*"abc")
        self.settle()
        asked = []

        def cancel(*_: object) -> bool:
            asked.append(walk.cancel())
            self.clock.busy(2 * MAX_TURN)
            return True

        views = ViewHistory(View.of(EVERYTHING, filter=cancel))
        self.failureResultOf(Deferred.fromCoroutine(walk.read_seen(views)), CancelledError)
        self.assertEqual(1, len(asked))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_many_views(self) -> None:
        """
        Selecting the events of one piece takes the time of a turn at most, however often the view
        has been changed.
        """
        walk = self.walk()
        asked = []

        def slow(*_: object) -> bool:
            asked.append(self.clock.busy(MAX_TURN / 2))
            return True

        views = ViewHistory(View.of(EVERYTHING, filter=partial(slow)))
        for position in range(6):
            self.publish("a")
            views.change(View.of(EVERYTHING, filter=partial(slow)), position + 1)
        reading = Deferred.fromCoroutine(walk.read_seen(views))
        for count in (2, 4, 6):
            self.assertEqual(count, len(asked))
            self.clock.turn()
        self.assertEqual(6, len(self.successResultOf(reading)))

    def test_many_walks(self) -> None:
        """
        So do the pieces of all walks that begin in one turn.
        """
        asked = []

        def slow(*_: object) -> bool:
            asked.append(self.clock.busy(MAX_TURN / 2))
            return True

        walks = [self.walk()]
        self.publish("a")
        walks += [LogWalk(self.hub._replay, 0) for _ in range(5)]
        views = ViewHistory(View.of(EVERYTHING, filter=slow))
        reading = [Deferred.fromCoroutine(walk.read_seen(views)) for walk in walks]
        self.assertEqual(2, len(asked))
        self.settle()
        self.assertEqual([1] * 6, [len(self.successResultOf(one)) for one in reading])
