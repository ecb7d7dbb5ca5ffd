"""
Turns of the reactor, shared by everything that can wait.
"""

from collections.abc import Iterator
from functools import partial

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.hub._turns import MAX_TURN, Turns
from ssetwist.matching._steps import Steps, at_once
from tests.unit.hub.fake import TurnClock


class TurnsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = TurnClock()
        self.turns = Turns(self.clock)
        self.done: list[object] = []

    def tearDown(self) -> None:
        self.assertTrue(self.turns.is_idle)
        self.assertEqual([], self.clock.getDelayedCalls())

    def wait(self, name: object, seconds: float = 0.0) -> Deferred[None]:
        """
        Ask for a turn, and in it do something that takes some time.
        """

        def work(_: None) -> None:
            self.clock.busy(seconds)
            self.done.append(name)

        return self.turns.next().addCallback(work)

    def test_later(self) -> None:
        """
        Nothing is done in the present turn, and everything in the next if there is time.
        """
        for name in "abc":
            self.wait(name)
        self.assertEqual(([], False), (self.done, self.turns.is_idle))
        self.clock.turn()
        self.assertEqual(["a", "b", "c"], self.done)

    def test_time_is_over(self) -> None:
        """
        Work that takes longer than a turn may is done in several, in the order of asking.
        """
        for name in "abcde":
            self.wait(name, MAX_TURN / 2)
        for expected in ("ab", "abcd", "abcde"):
            self.clock.turn()
            self.assertEqual(list(expected), self.done)

    def test_asked_meanwhile(self) -> None:
        """
        A turn that is asked for in a turn is a later one, after those that wait already.
        """
        self.wait("a").addCallback(lambda _: self.wait("again"))
        self.wait("b", MAX_TURN)
        self.wait("c")
        self.clock.turn()
        self.assertEqual(["a", "b"], self.done)
        self.clock.turn()
        self.assertEqual(["a", "b", "c", "again"], self.done)

    def test_given_up(self) -> None:
        """
        A turn that is cancelled is left out, also during a turn; without any the timer ends.
        """
        waiting = [self.wait(name) for name in "abc"]
        waiting[0].addBoth(lambda _: waiting[1].cancel())
        waiting[1].addErrback(lambda problem: problem.trap(CancelledError))
        self.clock.turn()
        self.assertEqual(["a", "c"], self.done)
        self.wait("d").addErrback(lambda problem: problem.trap(CancelledError)).cancel()
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_fails(self) -> None:
        """
        A failure does not keep the others from their turns.
        """
        failing = self.turns.next().addCallback(lambda _: 1 / 0)
        self.wait("a")
        self.clock.turn()
        self.assertEqual(["a"], self.done)
        self.failureResultOf(failing, ZeroDivisionError)

    def steps(self, seconds: float, count: int) -> Steps[str]:
        for number in range(count):
            self.clock.busy(seconds)
            self.done.append(number)
            yield
        return "result"

    def waiting_steps(self, seconds: float, count: int) -> Steps[str]:
        """
        Do the first step in a later turn.
        """
        self.turns.left = 0.0
        return self.steps(seconds, count)

    def take(self, seconds: float) -> None:
        """
        Take some of the time for work in steps.
        """
        self.clock.busy(seconds)
        self.turns.left -= seconds

    def step(self, name: str) -> Steps[str]:
        self.clock.busy(MAX_TURN * 0.8)
        self.done.append(name)
        return "result"
        yield

    def test_steps(self) -> None:
        """
        Work in steps is done at once if it is short, and otherwise in as many turns as it takes.
        """
        short = Deferred.fromCoroutine(self.turns.do(self.steps(0.0, 100)))
        self.assertEqual("result", self.successResultOf(short))
        self.done.clear()
        long = Deferred.fromCoroutine(self.turns.do(self.steps(MAX_TURN / 2, 5)))
        for expected in (2, 4, 5):
            self.assertEqual(list(range(expected)), self.done)
            self.clock.turn()
        self.assertEqual("result", self.successResultOf(long))

    def test_steps_together(self) -> None:
        """
        Work that begins in one turn takes the time of one turn, also if each is done in one step;
        the rest follows in the order in which it began.
        """
        doing = [Deferred.fromCoroutine(self.turns.do(self.step(name))) for name in "abcdef"]
        for expected in ("ab", "abcd", "abcdef"):
            self.assertEqual([*expected], self.done)
            self.assertEqual(len(expected), sum(one.called for one in doing))
            self.clock.turn()

    def test_steps_beside_a_crowd(self) -> None:
        """
        Work that begins beside a crowd need not wait behind it, if there is time.
        """
        crowd = [Deferred.fromCoroutine(self.turns.do(self.steps(MAX_TURN, 2))) for _ in range(3)]
        while not all(one.called for one in crowd):
            self.clock.turn()
            short = Deferred.fromCoroutine(self.turns.do(self.step("short")))
            self.assertEqual("result", self.successResultOf(short))

    def test_steps_cancelled(self) -> None:
        """
        Work that is cancelled goes no further, and ends properly.
        """

        def steps() -> Iterator[None]:
            try:
                yield from self.steps(MAX_TURN, 5)
            finally:
                self.done.append("end")

        doing = Deferred.fromCoroutine(self.turns.do(steps()))  # type: ignore[arg-type]
        doing.cancel()
        self.failureResultOf(doing, CancelledError)
        self.assertEqual([0, "end"], self.done)

    def test_begin_with(self) -> None:
        """
        A turn begins with the call that was asked for last, once, whatever waits already.
        """
        self.wait("a")
        for name in "bc":
            self.turns.begin_with(partial(self.done.append, name))
        self.assertFalse(self.turns.is_idle)
        self.clock.turn()
        self.clock.turn()
        self.assertEqual(["c", "a"], self.done)

    def test_begin_with_nothing(self) -> None:
        """
        A call that is given up leaves no timer, but leaves the turn to those that wait.
        """
        for others in ("", "a"):
            for name in others:
                self.wait(name)
            self.turns.begin_with(partial(self.done.append, "first"))
            self.turns.begin_with(None)
            self.assertEqual(len(others), len(self.clock.getDelayedCalls()))
        self.clock.turn()
        self.assertEqual(["a"], self.done)

    def test_begin_with_again(self) -> None:
        """
        A call may also ask for the next turn.
        """

        def first() -> None:
            self.done.append("first")
            if len(self.done) < 3:
                self.turns.begin_with(first)

        self.turns.begin_with(first)
        for count in (1, 2, 3, 3):
            self.clock.turn()
            self.assertEqual(["first"] * count, self.done)

    def test_time_is_shared(self) -> None:
        """
        The call and those that wait share the time for work in steps; but those that wait get half
        of it in any case.
        """
        for taken, expected in ((0.0, 4), (0.25, 3), (0.5, 2), (3.0, 2)):
            self.turns.begin_with(partial(self.take, taken * MAX_TURN))
            doing = Deferred.fromCoroutine(self.turns.do(self.waiting_steps(MAX_TURN * 0.26, 4)))
            self.done.clear()
            self.clock.turn()
            self.assertEqual([*range(expected)], self.done, taken)
            self.clock.turn()
            self.assertEqual("result", self.successResultOf(doing))
            self.turns.begin_with(partial(self.take, taken * MAX_TURN))
            for number in range(4):
                self.wait(number, MAX_TURN * 0.26)
            self.done.clear()
            self.clock.turn()
            self.assertEqual([*range(expected)], self.done, taken)
            self.clock.turn()

    def test_time_counts_once(self) -> None:
        """
        Work in steps that begins inside a step does not take its time twice.
        """

        def steps() -> Steps[None]:
            self.successResultOf(Deferred.fromCoroutine(self.turns.do(self.step("inner"))))
            yield

        self.successResultOf(Deferred.fromCoroutine(self.turns.do(steps())))
        self.assertAlmostEqual(MAX_TURN * 0.2, self.turns.left)

    def test_first_fails(self) -> None:
        """
        If the call fails, those that wait go on.
        """
        self.wait("a")
        self.turns.begin_with(lambda: 1 / 0)
        self.assertRaises(ZeroDivisionError, self.clock.turn)
        self.assertEqual(["a"], self.done)

    def test_at_once(self) -> None:
        """
        Steps can also be done all at once.
        """
        self.assertEqual("result", at_once(self.steps(1.0, 3)))
        self.assertEqual([0, 1, 2], self.done)
