"""
Timed calls that a reactor makes because a descriptor is readable.
"""

from collections.abc import Callable
from math import inf

from twisted.internet.base import DelayedCall
from twisted.internet.error import AlreadyCalled, ConnectionLost
from twisted.internet.interfaces import IReactorTime, IReadDescriptor
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ssetwist.clock._timers import Timers


class Reactor:
    """
    A reactor that watches descriptors.

    :ivar readers: Watched descriptors.
    :ivar is_running: False until it runs.
    """

    def __init__(self) -> None:
        self.readers: set[Timers] = set()
        self.is_running = True
        self.at_start: list[Callable[[], object]] = []
        self.later: list[Callable[[], object]] = []

    def addReader(self, reader: Timers) -> None:  # noqa: N802 (Twisted's name)
        self.readers.add(reader)

    def removeReader(self, reader: Timers) -> None:  # noqa: N802 (Twisted's name)
        self.readers.discard(reader)

    def callWhenRunning(self, call: Callable[[], object]) -> None:
        if self.is_running:
            call()
        else:
            self.at_start.append(call)

    def callLater(self, delay: float, call: Callable[[], object]) -> None:
        self.later.append(call)


class Bell:
    """
    A bell that remembers that it has rung.
    """

    is_rung = False
    count = 0

    def fileno(self) -> int:
        return 7

    def ring(self) -> None:
        self.is_rung = True
        self.count += 1

    def clear(self) -> None:
        self.is_rung = False


class Alarm:
    """
    An alarm that remembers its moment.
    """

    at = inf
    fails = False

    def set(self, at: float) -> None:
        if self.fails and at < inf:
            raise RuntimeError("can't start new thread")
        self.at = at


class TimersTests(SynchronousTestCase):
    """
    Timers on a reactor that the test runs.
    """

    def setUp(self) -> None:
        self.now = 100.0
        self.reactor, self.bell, self.alarm = Reactor(), Bell(), Alarm()
        self.timers = Timers(self.reactor, self.bell, self.alarm, seconds=lambda: self.now)
        self.seen: list[object] = []

    def tearDown(self) -> None:
        self.assertEqual([], self.timers.getDelayedCalls())
        self.assertEqual((set(), inf), (self.reactor.readers, self.alarm.at))

    def call(self, seconds: float, name: object) -> DelayedCall:
        """
        Note a name after some seconds.
        """
        return self.timers.callLater(seconds, self.seen.append, name)

    def turn(self, seconds: float = 0.0) -> None:
        """
        Let time pass, then do a turn of the reactor.
        """
        self.now += seconds
        if self.alarm.at <= self.now:
            self.alarm.at = inf
            self.bell.ring()
        if self.bell.is_rung:
            for reader in tuple(self.reactor.readers):
                reader.doRead()

    def test_interfaces(self) -> None:
        """
        Timers are a clock, and a descriptor that reactors watch.
        """
        verifyObject(IReactorTime, self.timers)
        verifyObject(IReadDescriptor, self.timers)
        self.assertEqual((7, "ssetwist"), (self.timers.fileno(), self.timers.logPrefix()))

    def test_next_turn(self) -> None:
        """
        A call without a delay is made in the next turn, without the alarm; what it adds follows in
        the turn after that.
        """
        self.timers.callLater(0, self.call, 0, "second")
        self.call(0, "first")
        self.assertEqual((1, inf), (self.bell.count, self.alarm.at))
        for expected in (["first"], ["first", "second"]):
            self.assertNotEqual(expected, self.seen)
            self.turn()
            self.assertEqual(expected, self.seen)

    def test_alarm_fails(self) -> None:
        """
        If the alarm cannot be set, that is logged and tried again later; no call is lost.
        """
        self.alarm.fails = True
        self.call(1, "a")
        self.turn(0.5)
        for _ in range(2):
            self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))
            self.reactor.later.pop()()
            self.turn()
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))
        self.assertEqual([], self.seen)
        self.alarm.fails = False
        self.reactor.later.pop()()
        self.turn()
        self.turn(0.5)
        self.assertEqual(["a"], self.seen)

    def test_delays(self) -> None:
        """
        Calls are made when their time has come, in this order.
        """
        for seconds in (3, 1, 2):
            self.call(seconds, seconds)
        self.assertEqual(101, self.alarm.at)
        for expected in ([1], [1, 2], [1, 2, 3]):
            self.turn(0.5)
            self.assertEqual(expected[:-1], self.seen)
            self.turn(0.5)
            self.assertEqual(expected, self.seen)

    def test_cancel(self) -> None:
        """
        A cancelled call is not made, not even if another one of its turn cancels it.
        """
        self.call(1, "a").cancel()
        self.assertEqual(set(), self.reactor.readers)
        second = self.call(1.5, "b")
        self.timers.callLater(1, second.cancel)
        third = self.call(2, "c")
        self.turn(1)
        self.call(3, "d").cancel()
        self.assertEqual([third], self.timers.getDelayedCalls())
        self.turn(1)
        self.assertEqual(["c"], self.seen)
        self.assertRaises(AlreadyCalled, self.call_made().cancel)

    def call_made(self) -> DelayedCall:
        """
        Return a call that has been made.
        """
        made = self.call(0, "made")
        self.turn()
        return made

    def test_many_cancelled(self) -> None:
        """
        Cancelled calls do not pile up, neither behind one that waits long nor alone.
        """
        for seconds in (None, 3600):
            last = None if seconds is None else self.call(seconds, "last")
            for _ in range(1000):
                self.call(30, "never").cancel()
            self.assertLess(len(self.timers._calls) + len(self.timers._new), 100)
        last.cancel()

    def test_next_after_a_cancelled_one(self) -> None:
        """
        The alarm is set for the next call that is to be made, not for one that was cancelled.
        """
        first, second = self.call(1, "a"), self.call(2, "b")
        for expected in (101, 102):
            self.call(0, "now")
            self.turn()
            self.assertEqual(expected, self.alarm.at)
            if first.active():
                first.cancel()
        second.cancel()

    def test_moved(self) -> None:
        """
        A call can be moved to an earlier and to a later time.
        """
        later, sooner = self.call(1, "later"), self.call(10, "sooner")
        self.call_made()  # now both are in their order
        self.seen.clear()
        later.delay(1)
        sooner.reset(0.5)
        self.assertEqual(100.5, self.alarm.at)
        self.turn(0.5)
        self.assertEqual(["sooner"], self.seen)
        self.turn(0.5)
        self.assertEqual(["sooner"], self.seen)
        self.turn(1)
        self.assertEqual(["sooner", "later"], self.seen)

    def test_error(self) -> None:
        """
        A call that fails, however badly, is logged, and does not keep another one from being made.
        """
        for problem in (ZeroDivisionError, SystemExit, KeyboardInterrupt):

            def fail(problem: type[BaseException] = problem) -> None:
                raise problem

            self.timers.callLater(0, fail)
            self.call(0, problem)
            self.turn()
            self.assertEqual(problem, self.seen[-1])
            self.assertEqual(1, len(self.flushLoggedErrors(problem)))

    def test_in_the_past(self) -> None:
        """
        A negative delay is refused.
        """
        self.assertRaises(AssertionError, self.timers.callLater, -1, lambda: None)

    def test_removed(self) -> None:
        """
        A reactor that has forgotten all descriptors, as trial makes it do, learns of them by the
        next call.
        """
        lost = self.call(1, "lost")
        self.reactor.readers.clear()
        self.turn(5)
        self.call(7, "next")
        self.turn()
        self.assertEqual(["lost"], self.seen)
        self.assertFalse(lost.active())
        self.turn(7)
        self.assertEqual(["lost", "next"], self.seen)

    def test_before_the_start(self) -> None:
        """
        The alarm, which needs a thread, is not set before the reactor runs: a daemon forks first.
        """
        self.reactor.is_running = False
        self.call(1, 1)
        self.call(0.5, 0.5)
        self.assertEqual((inf, 1), (self.alarm.at, len(self.reactor.at_start)))
        self.reactor.is_running = True
        self.reactor.at_start.pop()()
        self.assertEqual(100.5, self.alarm.at)
        self.turn(0.5)
        self.turn(0.5)
        self.assertEqual([0.5, 1], self.seen)

    def test_reactor_stops(self) -> None:
        """
        The alarm ends with the reactor.
        """
        call = self.call(1, "a")
        self.timers.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(inf, self.alarm.at)
        call.cancel()

    def test_looping_call(self) -> None:
        """
        A ``LoopingCall`` runs on timers.
        """
        looping = LoopingCall(lambda: self.seen.append(self.now))
        looping.clock = self.timers
        looping.start(1)
        for _ in range(3):
            self.turn(1)
        looping.stop()
        self.assertEqual([100, 101, 102, 103], self.seen)

    def test_repr(self) -> None:
        """
        Trial names what a test has left behind.
        """
        call = self.call(1, "a")
        self.assertEqual("<1 timed calls of ssetwist>", repr(self.timers))
        call.cancel()
