"""
Threads that let one flush use more than one core.
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

    :param act: The function that it calls.
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
    Three threads, including this one.
    """

    def setUp(self) -> None:
        self.senders = Senders(3)
        self.addCleanup(self.senders.close)

    def ours(self) -> list[str]:
        return [one.name for one in threading.enumerate() if one.name.startswith("ssetwist-send")]

    def test_in_order(self) -> None:
        """
        The results are in the order of the outlets, whatever their number, and each outlet sends
        once.
        """
        for count in (1, 2, 3, 4, 10, 256, 1000):
            outlets = [Sending(lambda number=number: number) for number in range(count)]
            self.assertEqual(list(range(count)), self.senders.send(DATA, outlets))
            self.assertEqual([[DATA]] * count, [outlet.given for outlet in outlets])

    def test_at_the_same_time(self) -> None:
        """
        The threads send at the same time: here each send waits until all have begun.
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
        The result of a send that raises is its exception, whatever it is and in any thread, and
        other sends are not affected.
        """
        for problem in (Broken(), SystemExit(), KeyboardInterrupt()):

            def fail(problem: BaseException = problem) -> int:
                raise problem

            outlets = [Sending(fail if number % 2 else int) for number in range(9)]
            self.assertEqual([0, problem] * 4 + [0], self.senders.send(DATA, outlets))

    def test_refused(self) -> None:
        """
        If the kernel takes nothing or reports an error, the result is that nothing was sent; the
        reactor will meet the error soon.
        """

        def refuse() -> int:
            raise BlockingIOError

        def break_off() -> int:
            raise BrokenPipeError

        outlets = [Sending(act) for act in (int, refuse, break_off) * 3]
        self.assertEqual([0] * 9, self.senders.send(DATA, outlets))

    def test_started_late(self) -> None:
        """
        The threads are started with the first send, because a daemon forks before that.
        """
        self.assertEqual([], self.ours())
        self.senders.send(DATA, [Sending(int) for _ in range(9)])
        self.assertTrue(self.ours())

    def test_number_of_threads(self) -> None:
        """
        There are never more threads than the given number.
        """
        for _ in range(10):
            self.senders.send(DATA, [Sending(int) for _ in range(9)])
        self.assertLessEqual(len(self.ours()), 2)

    def run_on(self, cores: set[int]) -> None:
        """
        Let this thread run on these cores only, until the test is over.
        """
        self.addCleanup(os.sched_setaffinity, 0, os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores)

    def threads(self) -> set[int]:
        """
        Let each thread send something, and return the numbers of the others.
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
        The threads may run on all cores except the core of this thread; without another core, they
        run on that one.
        """
        if not hasattr(os, "sched_getaffinity"):
            raise SkipTest("threads cannot be moved here")
        all_cores = os.sched_getaffinity(0)
        threads = self.threads()
        self.assertEqual(2, len(threads))
        for core in sorted(all_cores):
            # By default, the core of this thread is chance.
            self.patch(_senders, "_current_core", lambda core=core: core)
            self.senders.send(DATA, [Sending(int) for _ in range(3)])
            expected = all_cores - {core} or all_cores
            self.assertEqual([expected] * 2, [os.sched_getaffinity(one) for one in threads])
            self.assertEqual(all_cores, os.sched_getaffinity(0), "this one may run anywhere")

    def test_same_core(self) -> None:
        """
        While this thread stays on its core, the threads are not moved, because that takes time.
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
        On a machine with one core, the threads stay on it, and send.
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
        If the system does not allow moving threads, they still send.
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
        If the system does not report the core of a thread, the threads still send.
        """
        self.patch(sys, "platform", "win32")
        self.assertEqual(-1, _senders._find_current_core()())

    def test_close(self) -> None:
        """
        ``close`` ends the threads; calling it twice, or before they began, is not an error.
        """
        self.senders.close()
        self.senders.send(DATA, [Sending(int) for _ in range(9)])
        self.senders.close()
        self.senders.close()
        self.assertEqual([], self.ours())

    def test_after_close(self) -> None:
        """
        Threads that have ended are forgotten: if there are new ones, only those are moved.
        """
        if not hasattr(os, "sched_getaffinity"):
            raise SkipTest("threads cannot be moved here")
        self.threads()
        self.senders.close()
        new = self.threads()
        moved: set[int] = set()
        self.patch(os, "sched_setaffinity", lambda id, cores: moved.add(id))
        self.patch(os, "sched_getaffinity", lambda id: {0, 1})
        self.patch(_senders, "_current_core", lambda: 1)
        self.threads()
        self.assertEqual(new, moved)

    def limit_threads(self, most: int) -> None:
        """
        Let the system start only so many threads from now on.
        """
        start, left = threading.Thread.start, [None] * most

        def start_or_fail(thread: threading.Thread) -> None:
            if not left:
                raise RuntimeError("can't start new thread")
            left.pop()
            start(thread)

        self.patch(threading.Thread, "start", start_or_fail)

    def test_no_thread(self) -> None:
        """
        If the system starts no thread, or too few, this thread sends alone, each once; later sends
        do not ask again.
        """
        for most in (0, 1):
            self.limit_threads(most)
            senders = Senders(3)
            for _ in range(2):
                outlets = [Sending(lambda number=number: number) for number in range(99)]
                self.assertEqual(list(range(99)), senders.send(DATA, outlets))
                self.assertEqual([[DATA]] * 99, [outlet.given for outlet in outlets])
            self.assertEqual({threading.current_thread().name}, {*outlets[0].threads})
            self.assertEqual([], self.ours())
            self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))
