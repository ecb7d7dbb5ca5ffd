"""
The alarm: a thread that wakes a reactor.
"""

import select
import threading
import time
from collections.abc import Callable
from math import inf

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.clock._alarm import CLOCK_THREAD, LINGER, Alarm, Bell
from tests.patience import PATIENCE, wait_until

#: Seconds after which the thread of an alarm looks again.
SOON = 0.01


def fail(thread: threading.Thread) -> None:
    """
    Start no thread.
    """
    raise RuntimeError("can't start new thread")


class BellTests(SynchronousTestCase):
    """
    A pipe that rings.
    """

    def test_rings(self) -> None:
        """
        A bell that rings, or has rung, ends the wait for it, and is silent after that.
        """
        bell = Bell()
        bell.ring()
        bell.wait(PATIENCE)
        self.assertEqual([], select.select([bell], [], [], 0)[0])
        thread = threading.Thread(target=bell.wait, args=(PATIENCE,))
        thread.start()
        bell.ring()
        thread.join(PATIENCE / 2)
        self.assertFalse(thread.is_alive())

    def test_shortest_wait(self) -> None:
        """
        A wait of less than a millisecond is a wait: its thread does not spin.
        """
        bell = Bell()
        begin = time.monotonic()
        bell.wait(0.0001)
        self.assertGreaterEqual(time.monotonic() - begin, 0.0001)

    def test_rings_often(self) -> None:
        """
        A bell that nobody hears may ring without end; all of that is cleared at once.
        """
        bell = Bell()
        for _ in range(100_000):
            bell.ring()
        bell.clear()
        begin = time.monotonic()
        bell.wait(0.01)
        self.assertGreaterEqual(time.monotonic() - begin, 0.01)


class PlayedBell(Bell):
    """
    A bell without a pipe.  In place of each wait, a step of the test is done.

    :ivar waits: Seconds of each wait.
    :ivar rings: Number of times that it rang.
    """

    def __init__(self, *steps: Callable[[], object]) -> None:
        self.steps = iter(steps)
        self.waits: list[float] = []
        self.rings = 0

    def ring(self) -> None:
        self.rings += 1

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        next(self.steps)()


class ChoiceTests(SynchronousTestCase):
    """
    Choices of a moment.  The thread is not started: the test does its work.
    """

    def play(self, first: float, second: float) -> tuple[bool, list[float]]:
        """
        Choose a second moment while the thread waits because of the first, and then none.

        :returns: True if the second choice wakes the thread; and the seconds of its waits.
        """
        threads: list[threading.Thread] = []
        woken: list[bool] = []
        alarm = Alarm(lambda: None, seconds=lambda: 0.0, start=threads.append)
        bell = alarm._bell = PlayedBell(
            lambda: (alarm.set(second), woken.append(bell.rings > 0), alarm.set(inf)),
            lambda: None,
        )
        alarm.set(first)
        threads[0].run()
        return woken[0], bell.waits

    def test_earlier(self) -> None:
        """
        A thread that waits is woken for an earlier moment, and if there is none any more.
        """
        for first, second in ((3600.0, 60.0), (1e7, 60.0), (3600.0, inf), (0.0, LINGER / 2)):
            self.assertTrue(self.play(first, second)[0], (first, second))

    def test_soon(self) -> None:
        """
        A thread that looks again soon, and early enough for the new moment, is left alone, because
        it takes time to wake one.
        """
        for first, second in ((0.0, LINGER), (0.0, 3600.0), (LINGER / 2, 60.0), (LINGER, inf)):
            self.assertFalse(self.play(first, second)[0], (first, second))

    def test_waits(self) -> None:
        """
        The thread waits until its moment, but at most for a day, and then a little longer for
        another one.
        """
        for first, waits in ((60.0, [60.0, LINGER]), (1e7, [86_400.0, LINGER]), (0.0, [LINGER])):
            self.assertEqual(waits, self.play(first, inf)[1])

    def test_no_thread(self) -> None:
        """
        If no thread can be started, the next choice tries it again.
        """
        threads: list[threading.Thread] = []
        starts = iter((fail, threads.append))
        alarm = Alarm(lambda: None, start=lambda thread: next(starts)(thread))
        self.assertRaises(RuntimeError, alarm.set, 60.0)
        self.assertEqual([], threads)
        alarm.set(60.0)
        self.assertEqual(1, len(threads))


class AlarmTests(SynchronousTestCase):
    """
    A thread while there is something to wait for.
    """

    def setUp(self) -> None:
        # A hub that earlier tests have made may have such a thread, too.
        self.others = set(threading.enumerate())
        self.rung: list[float] = []
        self.now = 1000.0
        self.looks = 0
        self.alarm = Alarm(lambda: self.rung.append(self.now), seconds=self.seconds)
        self.addCleanup(wait_until, lambda: not self.threads(), "the thread has ended")
        self.addCleanup(self.alarm.set, inf)

    def seconds(self) -> float:
        """
        Count the looks at the clock of the test.
        """
        self.looks += 1
        return self.now

    def look(self) -> None:
        """
        Let the thread look at the clock.
        """
        before = self.looks
        wait_until(lambda: self.looks > before + 1, "the thread looks again")

    def threads(self) -> list[threading.Thread]:
        """
        Return its threads.
        """
        return [
            one
            for one in threading.enumerate()
            if one.name == CLOCK_THREAD and one not in self.others
        ]

    def test_at_its_moment(self) -> None:
        """
        An alarm rings at its moment, not only after it.
        """
        self.alarm.set(self.now)
        wait_until(lambda: self.rung or self.looks > 1000, "it rings")
        self.assertEqual([self.now], self.rung)

    def test_months(self) -> None:
        """
        An alarm may wait for longer than the kernel can, in a thread that does not keep the process
        from ending.
        """
        problems: list[object] = []
        self.patch(threading, "excepthook", problems.append)
        self.alarm.set(self.now + 1e7)
        wait_until(lambda: self.looks, "the thread looks")
        (thread,) = self.threads()
        self.assertTrue(thread.daemon)
        self.alarm.set(self.now)
        wait_until(lambda: self.rung or problems, "it rings")
        self.assertEqual([], problems)

    def test_rings(self) -> None:
        """
        An alarm rings once, not before its time, and then the thread ends.
        """
        self.alarm.set(self.now + SOON)
        self.look()
        self.assertEqual([], self.rung)
        self.now += SOON
        wait_until(lambda: self.rung, "it rings")
        wait_until(lambda: not self.threads(), "the thread has ended")
        self.assertEqual(1, len(self.rung))
        self.alarm.set(self.now)
        wait_until(lambda: len(self.rung) == 2, "it rings again, in another thread")

    def test_earlier(self) -> None:
        """
        An earlier moment takes the place of a later one, and there is one thread.
        """
        self.alarm.set(self.now + 3600)
        self.alarm.set(self.now + SOON)
        self.assertEqual(1, len(self.threads()))
        self.now += SOON
        wait_until(lambda: self.rung, "it rings")

    def test_later(self) -> None:
        """
        A later moment takes the place of an earlier one.
        """
        self.alarm.set(self.now + SOON)
        self.alarm.set(self.now + 3 * SOON)
        self.now += 2 * SOON
        self.look()
        self.assertEqual([], self.rung)
        self.now += SOON
        wait_until(lambda: self.rung, "it rings")

    def test_never(self) -> None:
        """
        Without a moment the thread ends, soon but not at once; a new moment keeps it.
        """
        is_certain = False
        while not is_certain:
            self.alarm.set(self.now + 3600)
            before = self.threads()[-1]  # another one may be about to end
            begin = time.monotonic()
            self.alarm.set(inf)
            self.alarm.set(self.now + 3600)
            is_certain = time.monotonic() - begin < LINGER  # and this test was not stopped
        before.join(3 * LINGER)
        self.assertTrue(before.is_alive())
        self.alarm.set(inf)
        before.join(PATIENCE)
        self.assertEqual(([], []), (self.threads(), self.rung))

    def test_one_pipe(self) -> None:
        """
        All threads of an alarm, one after the other, wait at one pipe.
        """
        bells = []
        for _ in range(2):
            self.alarm.set(self.now + 3600)
            bells.append(self.alarm._bell)
            self.alarm.set(inf)
            wait_until(lambda: not self.threads(), "the thread has ended")
        self.assertIs(*bells)

    def test_nothing(self) -> None:
        """
        An alarm that was never set has no thread.
        """
        self.alarm.set(inf)
        self.assertEqual([], self.threads())
