"""
A thread that wakes a reactor at a moment of the monotonic clock.
"""

import os
import select
from collections.abc import Callable
from contextlib import suppress
from math import ceil, inf
from threading import Lock, Thread
from time import monotonic

#: Seconds for which the thread waits for another moment before it ends, so that requests in quick
#: succession do not start a thread each.
LINGER = 0.05

#: Seconds of the longest wait of the thread: the kernel takes milliseconds of 31 bits.
_LONGEST = 86_400.0

#: The name of the thread.
CLOCK_THREAD = "ssetwist clock"

#: Bytes that are read from the pipe at a time.
_SOME = 4096


class Bell:
    """
    A pipe.  Any thread may ring, and another one, or a reactor, notices.
    """

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        for end in (self._reading, self._writing):
            os.set_blocking(end, False)

    def fileno(self) -> int:
        return self._reading

    def ring(self) -> None:
        with suppress(BlockingIOError):  # nobody has noticed the last 64 Ki
            os.write(self._writing, b"\0")

    def clear(self) -> None:
        """
        Notice all ringing so far.
        """
        with suppress(BlockingIOError):
            while len(os.read(self._reading, _SOME)) == _SOME:
                pass

    def wait(self, seconds: float) -> None:
        """
        Wait until it rings, but at most for some seconds.

        The kernel measures them by its monotonic clock.  Locks of Python are no use here: before
        3.11, and without glibc, their time-outs depend on the time of day.
        """
        poller = select.poll()
        poller.register(self._reading, select.POLLIN)
        poller.poll(ceil(seconds * 1000))
        self.clear()


class Alarm:
    """
    A thread that calls a function at one moment, and ends soon if it gets no other.

    :param call: Called in the thread.  It must not wait.
    :param start: Starts the thread.
    """

    def __init__(
        self,
        call: Callable[[], object],
        *,
        seconds: Callable[[], float] = monotonic,
        start: Callable[[Thread], object] = Thread.start,
    ) -> None:
        self._call = call
        self._seconds = seconds
        self._start = start
        self._lock = Lock()
        self._at = inf
        self._looks_at = -inf  # the moment until which the thread waits
        self._has_thread = False
        self._bell: Bell | None = None

    def set(self, at: float) -> None:
        """
        Choose the moment, in place of an earlier choice; infinity for never.

        :raises RuntimeError: If the system starts no thread now; the next choice tries it again.
        """
        with self._lock:
            self._at = at
            if self._has_thread and self._bell is not None:
                if min(at, self._seconds() + LINGER) < self._looks_at:
                    self._bell.ring()
            elif at < inf:
                bell = self._bell = self._bell or Bell()
                self._start(Thread(target=self._work, args=(bell,), name=CLOCK_THREAD, daemon=True))
                self._has_thread = True

    def _work(self, bell: Bell) -> None:
        is_lingering = False
        while True:
            with self._lock:
                now = self._seconds()
                if self._at <= now:
                    self._at = inf
                    self._call()
                if self._at == inf and is_lingering:
                    self._has_thread = False
                    return
                is_lingering = self._at == inf
                wait = LINGER if is_lingering else min(self._at - now, _LONGEST)
                self._looks_at = now + wait
            bell.wait(wait)
