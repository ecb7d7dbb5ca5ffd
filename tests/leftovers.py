"""
Threads, processes and sockets that a test leaves behind: they make this test fail, and not a later
one.

Both trial and pytest run each test with the method ``run`` of trial's ``TestCase``, so
:func:`watch` replaces this method.  A base class with the check could be forgotten in a test.
"""

import multiprocessing
import os
import signal
import socket
import stat
import sys
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.clock._alarm import CLOCK_THREAD

#: Seconds within which closed things must be gone; only a failing test takes so long.
PATIENCE = 30.0

#: Seconds for a thread to end after its sockets were shut down; it may have waited for them.
_GRACE = 1.0

#: Names of threads that belong to a reactor: its pool, which trial ends, and the one that waits for
#: the next timed call of ssetwist.  Trial reports the calls that a test leaves behind; those of a
#: hub that several tests share may begin at any moment.
_OF_REACTOR = ("PoolThread-", CLOCK_THREAD)


@dataclass(frozen=True)
class Open:
    """
    Everything that exists at one moment.

    :ivar threads: All running threads.
    :ivar processes: The children of this process, and dead children that no caller has waited for.
    :ivar sockets: The inode of each socket, by descriptor.
    """

    threads: frozenset[threading.Thread] = frozenset()
    processes: frozenset[int] = frozenset()
    sockets: frozenset[tuple[int, int]] = frozenset()

    @classmethod
    def now(cls) -> "Open":
        """
        Return everything that exists now.
        """
        threads = (one for one in threading.enumerate() if not one.name.startswith(_OF_REACTOR))
        return cls(frozenset(threads), frozenset(_children()), frozenset(_sockets()))

    def without(self, *others: "Open") -> "Open":
        """
        Return everything that the other snapshots do not have.
        """
        return Open(
            self.threads.difference(*(one.threads for one in others)),
            self.processes.difference(*(one.processes for one in others)),
            self.sockets.difference(*(one.sockets for one in others)),
        )

    def __bool__(self) -> bool:
        return bool(self.threads or self.processes or self.sockets)

    def __str__(self) -> str:
        named = {
            "threads": sorted(one.name for one in self.threads),
            "processes": [f"{one} ({_command(one)})" for one in sorted(self.processes)],
            "sockets": [_address(descriptor) for descriptor, _ in sorted(self.sockets)],
        }
        return "; ".join(f"{kind}: {', '.join(found)}" for kind, found in named.items() if found)

    def end(self) -> None:
        """
        End all of it, as far as this process can.
        """
        for process in self.processes:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
        for descriptor, _ in self.sockets:
            # Shut the socket down, but do not close it: other code may still use the descriptor.
            with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as one:
                one.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(_GRACE)


@dataclass
class _Shared:
    """
    Things that all tests share on purpose.
    """

    parts: list[Open] = field(default_factory=list)


_shared = _Shared()


@contextmanager
def shared() -> Iterator[None]:
    """
    Open something that all later tests share, so that it does not count as left behind.
    """
    before = Open.now()
    yield
    _shared.parts.append(Open.now().without(before))


def left(before: Open, patience: float = PATIENCE) -> Open:
    """
    Wait until only earlier things are left; return everything else that remains.
    """
    deadline = time.monotonic() + patience
    pause = 0.001
    while (more := Open.now().without(before, *_shared.parts)) and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
    return more


def watch() -> None:
    """
    Make each test fail for the things that it leaves behind, and end them.
    """
    for kind in (unittest.TestCase, SynchronousTestCase):
        kind.run = _looking(kind.run)  # type: ignore[method-assign]


def _looking(run: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(run)
    def run_and_look(case: unittest.TestCase, result: Any = None) -> Any:  # of any runner
        before = Open.now()
        returned = run(case, result)
        if more := left(before, getattr(case, "patience_for_leftovers", PATIENCE)):
            try:
                raise AssertionError(f"{case.id()} leaves behind {more}")
            except AssertionError:
                result.addError(case, sys.exc_info())
            more.end()
        return returned

    return run_and_look


def _children() -> Iterator[int]:
    for forked in multiprocessing.active_children():  # by a server of processes
        assert forked.pid is not None
        yield forked.pid
    for task in _listdir("/proc/self/task") if _has_children() else ():
        # The thread may have ended.
        with suppress(OSError), open(f"/proc/self/task/{task}/children") as children:
            yield from map(int, children.read().split())


def _has_children() -> bool:
    """
    Return false if there are certainly none: this takes a tenth of the time of a list of them.
    """
    if not hasattr(os, "waitid"):  # macOS, before Python 3.13
        return True
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _sockets() -> Iterator[tuple[int, int]]:
    for number in _listdir("/proc/self/fd"):
        with suppress(OSError):  # the descriptor of this listing itself
            found = os.fstat(int(number))
            if stat.S_ISSOCK(found.st_mode):
                yield int(number), found.st_ino


def _listdir(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except FileNotFoundError:  # other systems have no such folder, so this check is left out there
        return []


def _command(process: int) -> str:
    try:
        with open(f"/proc/{process}/cmdline") as line:
            return line.read().replace("\0", " ").strip() or "ended"
    except OSError:
        return "ended"


def _address(descriptor: int) -> str:
    try:
        with socket.socket(fileno=os.dup(descriptor)) as one:
            return f"{descriptor} at {one.getsockname()}"
    except OSError:
        return str(descriptor)
