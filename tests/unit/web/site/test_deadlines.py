"""
Many deadlines with one timer.
"""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.interfaces import IDelayedCall
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.hub import Streams
from ssetwist.hub._turns import MAX_TURN
from ssetwist.web.site._deadlines import Deadlines
from tests.clock import Clock
from tests.unit.hub.fake import TurnClock


class Strict(Clock):
    """
    A clock for timers with a delay: without one, a timer could go round for ever.
    """

    def callLater(self, delay: float, *call: Any, **options: Any) -> IDelayedCall:
        assert delay > 0, "a timer without a delay"
        return super().callLater(delay, *call, **options)


class DeadlinesTests(SynchronousTestCase):
    """
    Entries, and the time at which each becomes late.
    """

    def setUp(self) -> None:
        self.clock = Strict()
        self.late: list[tuple[float, str]] = []
        self.deadlines: Deadlines[str] = Deadlines(
            Streams(self.clock), 10, lambda one: self.late.append((self.clock.seconds(), one))
        )

    def test_late(self) -> None:
        """
        Each entry is late after its own time, once, and never early.
        """
        self.deadlines.begin("a")
        self.clock.advance(3)
        self.deadlines.begin("b")
        self.clock.pump([1] * 20)
        self.assertEqual([(10, "a"), (13, "b")], self.late)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_done(self) -> None:
        """
        An entry that is done is never late; a timer without entries stops.
        """
        self.deadlines.begin("a")
        self.deadlines.done("a")
        self.deadlines.done("a")
        self.clock.advance(10)
        self.assertEqual([], self.late)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_order(self) -> None:
        """
        The entry that has waited the longest comes first.
        """
        for one in ("a", "b", "a"):
            self.deadlines.begin(one)
        self.assertEqual(["b", "a"], list(self.deadlines))

    def test_anew(self) -> None:
        """
        An entry that begins anew has the whole time again.
        """
        self.deadlines.begin("a")
        self.clock.advance(9)
        self.deadlines.begin("a")
        self.clock.pump([1] * 12)
        self.assertEqual([(19, "a")], self.late)

    def test_one_timer(self) -> None:
        """
        Any number of entries share one timer, which ``rest`` stops once no entry is left.
        """
        for number in range(100):
            self.deadlines.begin(str(number))
        self.assertEqual(1, len(self.clock.getDelayedCalls()))
        self.deadlines.rest()
        self.assertEqual(1, len(self.clock.getDelayedCalls()))
        for number in range(100):
            self.deadlines.done(str(number))
        self.deadlines.rest()
        self.deadlines.rest()
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_from_within(self) -> None:
        """
        A late entry may begin anew within the call that reports it.
        """
        deadlines: Deadlines[str] = Deadlines(Streams(self.clock), 10, lambda one: again(one))

        def again(one: str) -> None:
            self.late.append((self.clock.seconds(), one))
            if len(self.late) < 4:
                deadlines.begin(one)

        deadlines.begin("a")
        self.clock.advance(5)
        deadlines.begin("b")
        self.clock.pump([1] * 40)
        self.assertEqual([(10, "a"), (15, "b"), (20, "a"), (25, "b"), (30, "a")], self.late)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_failure(self) -> None:
        """
        If ending a late entry fails, the failure is logged, and the other entries are late in their
        own time.
        """

        def end(one: str) -> None:
            self.late.append((self.clock.seconds(), one))
            if one == "bad":
                raise RuntimeError("ending fails")
            if one == "worse":
                raise SystemExit("ending fails")

        deadlines: Deadlines[str] = Deadlines(Streams(self.clock), 10, end)
        for one in ("bad", "worse", "a"):
            deadlines.begin(one)
        self.clock.advance(5)
        deadlines.begin("b")
        self.clock.pump([5, 5])
        self.assertEqual([(10, "bad"), (10, "worse"), (10, "a"), (15, "b")], self.late)
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))
        self.assertEqual(1, len(self.flushLoggedErrors(SystemExit)))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_crowd(self) -> None:
        """
        Many entries that are late at one moment are reported in several turns, each of which is
        short; those that begin or end meanwhile are late in their own time, or never.
        """
        clock = TurnClock()
        late: list[str] = []

        def slowly(one: str) -> None:
            clock.busy(MAX_TURN * 0.6)
            late.append(one)

        deadlines: Deadlines[str] = Deadlines(Streams(clock), 10, slowly)
        for one in "abcdefg":
            deadlines.begin(one)
        clock.turn(10)
        deadlines.begin("h")
        deadlines.done("f")
        for expected in ("ab", "abcd", "abcdeg"):
            self.assertEqual(expected, "".join(late))
            clock.turn()
        clock.turn(10)
        self.assertEqual("abcdegh", "".join(late))
        clock.turn()
        self.assertEqual([], clock.getDelayedCalls())

    def test_one_timer_after_a_late_entry(self) -> None:
        """
        A late entry that begins anew while others wait shares their timer.
        """
        deadlines: Deadlines[str] = Deadlines(
            Streams(self.clock), 10, lambda one: deadlines.begin(one)
        )
        deadlines.begin("a")
        self.clock.advance(5)
        deadlines.begin("b")
        self.clock.advance(5)
        (timer,) = self.clock.getDelayedCalls()
        self.assertEqual(15, timer.getTime())

    @given(st.lists(st.tuples(st.sampled_from(["begin", "done", "wait"]), st.integers(0, 5))))
    def test_model(self, moves: list[tuple[str, int]]) -> None:
        """
        Entries become late as if each had its own timer.
        """
        self.setUp()
        model: dict[str, float] = {}
        expected: set[tuple[float, str]] = set()
        for move, number in moves:
            if move == "begin":
                self.deadlines.begin(str(number))
                model[str(number)] = self.clock.seconds() + 10
            elif move == "done":
                self.deadlines.done(str(number))
                model.pop(str(number), None)
            else:
                self.clock.advance(number)
            now = self.clock.seconds()
            for one in [one for one, until in model.items() if until <= now]:
                expected.add((now, one))
                del model[one]
        self.assertEqual(expected, set(self.late))
        self.assertEqual(len(expected), len(self.late))
