"""
Threads that let one flush use more than one core.
"""

import ctypes
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import get_native_id
from typing import Any

from twisted.logger import Logger

_log = Logger()

#: The most sends that a thread takes at a time.
_MOST = 64


class Senders:
    """
    Threads that send together with the reactor's thread.

    Most of a delivery is the kernel's ``send``, which runs without Python's lock.  The reactor's
    thread takes its share and then waits, so nothing else runs meanwhile.  If the system starts no
    thread, that is logged once, and the reactor's thread sends alone from then on.

    :param threads: The number of threads, including the reactor's.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._ids: list[int] = []  # the kernel's, of the threads in the pool
        self._avoided = -1

    def send(
        self, data: bytes, sends: Sequence[Callable[[bytes], int]]
    ) -> list[int | BaseException]:
        """
        Call each function with the data, and return their results or exceptions, in their order.
        """
        if self._pool is None and self._threads > 1:  # made late: a daemon forks after the start
            self._pool = ThreadPoolExecutor(
                self._threads - 1, "ssetwist-send", lambda: self._ids.append(get_native_id())
            )
        if self._pool is not None:
            self._move_away()
        results: list[int | BaseException] = [0] * len(sends)
        # Each thread takes the next few when it is done with its own, so that the others need not
        # wait for one that wakes late or has slow sockets.
        share = min(_MOST, -(-len(sends) // (4 * self._threads)))
        begins = iter(range(0, len(sends), share))

        def work() -> None:
            for begin in begins:  # shared by all threads
                results[begin : begin + share] = _send(data, sends[begin : begin + share])

        others = self._begin(work)
        work()
        for other in others:
            other.result()
        return results

    def _begin(self, work: Callable[[], None]) -> list[Future[Any]]:
        """
        Let the other threads begin, if there are any.
        """
        if self._pool is None:
            return []
        try:
            return [self._pool.submit(work) for _ in range(self._threads - 1)]
        except RuntimeError:  # a process, or a container, may have too many threads already
            _log.failure("the system starts no thread, so streams are served by one thread")
            self._threads = 1
            self.close()  # waits for those that have begun
            return []

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
            self._ids.clear()

    def _move_away(self) -> None:
        # To other cores than this one.  The kernel wakes a thread on the core of the thread that
        # wakes it, and moves it after a few milliseconds, when everything is done.
        core = _current_core()
        if core == self._avoided or len(self._ids) < self._threads - 1:
            return
        self._avoided = core
        if others := os.sched_getaffinity(0) - {core}:
            with suppress(OSError):  # some containers forbid it, which only makes it slower
                for id in self._ids:
                    os.sched_setaffinity(id, others)


def _no_core() -> int:
    return -1


def _find_current_core() -> Callable[[], int]:
    """
    Return a function that returns the core of the calling thread; -1 if the system does not say.
    """
    if sys.platform != "linux":
        return _no_core
    return getattr(ctypes.CDLL(None), "sched_getcpu", _no_core)


_current_core = _find_current_core()


def _send(data: bytes, sends: Sequence[Callable[[bytes], int]]) -> list[int | BaseException]:
    # As little as possible happens between two sends: the other threads wait meanwhile.
    results: list[int | BaseException] = []
    add = results.append
    for send in sends:
        try:
            add(send(data))
        except OSError:
            add(0)  # the kernel takes nothing, or fails in a way that the reactor notices soon
        except BaseException as problem:  # of an application's outlet
            add(problem)
    return results
