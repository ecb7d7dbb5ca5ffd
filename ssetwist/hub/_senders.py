"""
More than one core for one flush.
"""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import get_native_id

#: How many sends a thread takes upon itself at a time, at most.
_MOST = 64


class Senders:
    """
    Threads that send for the reactor's while that waits for them.

    Most of a delivery is the kernel's ``send``, which needs no lock of Python's.  Since the
    reactor's thread takes its share and then waits, nothing else runs meanwhile.

    :param threads: How many there are, with the reactor's.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._ids: list[int] = []  # of those in the pool, to the kernel
        self._avoided = -1

    def send(self, data: bytes, sends: Sequence[Callable[[bytes], int]]) -> list[int | Exception]:
        """
        Call each with the data, and return what they returned or raised, in their order.
        """
        if self._pool is None:  # now and not before: a daemon has forked meanwhile
            self._pool = ThreadPoolExecutor(
                self._threads - 1, "ssetwist-send", lambda: self._ids.append(get_native_id())
            )
        self._move_away()
        results: list[int | Exception] = [0] * len(sends)
        # Each takes the next few when it is done with its own: a thread that wakes late, or has
        # slow sockets, keeps nobody waiting.
        share = min(_MOST, -(-len(sends) // (4 * self._threads)))
        begins = iter(range(0, len(sends), share))
        work = partial(_work, data, sends, results, begins, share)
        others = [self._pool.submit(work) for _ in range(self._threads - 1)]
        work()
        for other in others:
            other.result()
        return results

    def close(self) -> None:
        """
        End the threads.
        """
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
            self._ids.clear()

    def _move_away(self) -> None:
        """
        Have the threads run on other cores than this one.  By itself the kernel wakes a thread
        where it was woken from, and moves it only after some milliseconds, when all is done.
        """
        core = _current_core()
        if core == self._avoided or len(self._ids) < self._threads - 1:
            return
        self._avoided = core
        if others := os.sched_getaffinity(0) - {core}:
            with suppress(OSError):  # some containers forbid it; then it is only slower
                for id in self._ids:
                    os.sched_setaffinity(id, others)


def _no_core() -> int:
    return -1


def _find_current_core() -> Callable[[], int]:
    """
    Return what tells the core that the calling thread runs on; -1 where that cannot be told.
    """
    if sys.platform != "linux":
        return _no_core
    return getattr(ctypes.CDLL(None), "sched_getcpu", _no_core)


_current_core = _find_current_core()


def _work(
    data: bytes,
    sends: Sequence[Callable[[bytes], int]],
    results: list[int | Exception],
    begins: Iterator[int],
    share: int,
) -> None:
    for begin in begins:  # which all threads share
        results[begin : begin + share] = _send(data, sends[begin : begin + share])


def _send(data: bytes, sends: Sequence[Callable[[bytes], int]]) -> list[int | Exception]:
    # As little as possible between one send and the next: meanwhile the other threads wait.
    results: list[int | Exception] = []
    add = results.append
    for send in sends:
        try:
            add(send(data))
        except OSError:
            add(0)  # the kernel takes nothing; or an error, which the reactor meets in a moment
        except Exception as problem:
            add(problem)
    return results
