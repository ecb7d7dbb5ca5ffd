"""
More than one core for one flush.
"""

import os
import sys
import threading
from collections.abc import Callable

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from ssetwist.hub import _senders
from ssetwist.hub._senders import Senders
from tests.unit.hub.fake import Broken

DATA = b"data: a\n\n"


class Sending:
    """
    A short cut to a socket.

    :param act: What it does.
    """

    def __init__(self, act: Callable[[], int]) -> None:
        self.act = act
        self.threads: list[str] = []
        self.given: list[bytes] = []

    def __call__(self, data: bytes) -> int:
        self.threads.append(threading.current_thread().name)
        self.given.append(data)
        return self.act()


class SendersTests(SynchronousTestCase):
    """
    Three threads, this one among them.
    """

    def setUp(self) -> None:
        self.senders = Senders(3)
        self.addCleanup(self.senders.close)

    def ours(self) -> list[str]:
        return [one.name for one in threading.enumerate() if one.name.startswith("ssetwist-send")]

    def test_in_order(self) -> None:
        """
        The results stand in the order of the outlets, for any number of them; each sends once.
        """
        for count in (1, 2, 3, 4, 10, 256, 1000):
            outlets = [Sending(lambda number=number: number) for number in range(count)]
            self.assertEqual(list(range(count)), self.senders.send(DATA, outlets))
            self.assertEqual([[DATA]] * count, [outlet.given for outlet in outlets])

    def test_at_the_same_time(self) -> None:
        """
        They send at the same time: here each goes on only when all have begun.
        """
        barrier = threading.Barrier(3, timeout=30)
        outlets = [Sending(barrier.wait) for _ in range(3)]
        self.assertEqual([0, 1, 2], sorted(self.senders.send(DATA, outlets)))
        threads = {outlet.threads[0] for outlet in outlets}
        self.assertEqual(3, len(threads))
        self.assertIn(threading.current_thread().name, threads)

    def test_slow_one(self) -> None:
        """
        While one send takes long, the other threads do the rest.
        """
        left = list(range(8))
        done = threading.Event()

        def act() -> int:
            left.pop()
            if not left:
                done.set()
            return 1

        outlets = [Sending(lambda: int(done.wait(30))), *(Sending(act) for _ in range(8))]
        self.assertEqual([1] * 9, self.senders.send(DATA, outlets))

    def test_raising(self) -> None:
        """
        What one raises is its result, in whatever thread, and the others send.
        """
        problem = Broken()

        def fail() -> int:
            raise problem

        outlets = [Sending(fail if number % 2 else int) for number in range(9)]
        self.assertEqual([0, problem] * 4 + [0], self.senders.send(DATA, outlets))

    def test_refused(self) -> None:
        """
        Where the kernel takes nothing, or reports an error, nothing was sent: the reactor meets the
        error in a moment.
        """

        def refuse() -> int:
            raise BlockingIOError

        def break_off() -> int:
            raise BrokenPipeError

        outlets = [Sending(act) for act in (int, refuse, break_off) * 3]
        self.assertEqual([0] * 9, self.senders.send(DATA, outlets))

    def test_not_before(self) -> None:
        """
        There are no threads before there is something to send: a daemon forks in between.
        """
        self.assertEqual([], self.ours())
        self.senders.send(DATA, [Sending(int) for _ in range(9)])
        self.assertTrue(self.ours())

    def test_no_more_than_told(self) -> None:
        """
        There are never more of them than so many.
        """
        for _ in range(10):
            self.senders.send(DATA, [Sending(int) for _ in range(9)])
        self.assertLessEqual(len(self.ours()), 2)

    def run_on(self, cores: set[int]) -> None:
        """
        Have this thread run on these cores only, until the test is over.
        """
        self.addCleanup(os.sched_setaffinity, 0, os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores)

    def threads(self) -> set[int]:
        """
        Have each thread send something, and return the others' numbers.
        """
        numbers: set[int] = set()
        barrier = threading.Barrier(3, timeout=30)

        def act() -> int:
            numbers.add(threading.get_native_id())
            return barrier.wait()

        self.senders.send(DATA, [Sending(act) for _ in range(3)])
        return numbers - {threading.get_native_id()}

    def test_other_cores(self) -> None:
        """
        They may run on all cores but the one on which this thread runs, wherever that is; where
        there is no other, on that one.
        """
        if not hasattr(os, "sched_getaffinity"):
            raise SkipTest("threads cannot be moved here")
        all_cores = os.sched_getaffinity(0)
        threads = self.threads()
        self.assertEqual(2, len(threads))
        for core in sorted(all_cores):
            # Where this thread is, is chance unless it is said.
            self.patch(_senders, "_current_core", lambda core=core: core)
            self.senders.send(DATA, [Sending(int) for _ in range(3)])
            expected = all_cores - {core} or all_cores
            self.assertEqual([expected] * 2, [os.sched_getaffinity(one) for one in threads])
            self.assertEqual(all_cores, os.sched_getaffinity(0), "this one may run anywhere")

    def test_same_core(self) -> None:
        """
        As long as this thread is where it was they are left alone: moving them takes time.
        """
        if not hasattr(os, "sched_getaffinity"):
            raise SkipTest("threads cannot be moved here")
        core = min(os.sched_getaffinity(0))
        self.patch(_senders, "_current_core", lambda: core)
        threads = self.threads()
        self.threads()
        for one in threads:
            os.sched_setaffinity(one, {core})
        self.threads()
        self.assertEqual([{core}] * 2, [os.sched_getaffinity(one) for one in threads])

    def test_one_core(self) -> None:
        """
        Where there is no other core they stay where they are, and send.
        """
        if not hasattr(os, "sched_getaffinity"):
            raise SkipTest("threads cannot be moved here")
        core = min(os.sched_getaffinity(0))
        self.run_on({core})
        threads = self.threads()
        self.assertEqual(threads, self.threads())
        self.assertEqual([{core}] * 2, [os.sched_getaffinity(one) for one in threads])

    def test_cannot_be_moved(self) -> None:
        """
        Where the system does not let them be moved, they send all the same.
        """

        def refuse(id: int, cores: set[int]) -> None:
            raise PermissionError

        self.patch(os, "sched_setaffinity", refuse)
        barrier = threading.Barrier(3, timeout=30)
        for _ in range(2):
            results = self.senders.send(DATA, [Sending(barrier.wait) for _ in range(3)])
            self.assertEqual([0, 1, 2], sorted(results))

    def test_unknown_core(self) -> None:
        """
        Where it cannot be told on which core a thread runs, nothing depends on it.
        """
        self.patch(sys, "platform", "win32")
        self.assertEqual(-1, _senders._find_current_core()())

    def test_close(self) -> None:
        """
        They end when told to; twice is no error, and neither is before they began.
        """
        self.senders.close()
        self.senders.send(DATA, [Sending(int) for _ in range(9)])
        self.senders.close()
        self.senders.close()
        self.assertEqual([], self.ours())
