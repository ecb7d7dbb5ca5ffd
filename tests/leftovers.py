"""
Threads, processes and sockets that a test leaves behind: the test itself fails for them, and no
test after it.

The tests are classes of trial, and pytest runs them by their method ``run`` also.  Each test goes
through it under either runner, so :func:`watch` puts itself there; a base class could be forgotten.
"""

import os
import signal
import socket
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

#: Seconds in which what was closed must have gone; only a failing test takes so long.
PATIENCE = 30.0

#: Seconds for a thread to end after the sockets were shut that it may have waited for.
_GRACE = 1.0

#: How the threads of a pool are called that Twisted keeps for later.  Trial ends those of the
#: reactor, and waits for what they do.
_POOL = "PoolThread-"


@dataclass(frozen=True)
class Open:
    """
    All that is there at one moment.

    :ivar threads: All that run.
    :ivar processes: The children of this process, and the dead ones that nobody has waited for.
    :ivar sockets: The number of the inode, by descriptor.
    """

    threads: frozenset[threading.Thread] = frozenset()
    processes: frozenset[int] = frozenset()
    sockets: frozenset[tuple[int, str]] = frozenset()

    @classmethod
    def now(cls) -> "Open":
        """
        Look.
        """
        threads = (one for one in threading.enumerate() if not one.name.startswith(_POOL))
        return cls(frozenset(threads), frozenset(_children()), frozenset(_sockets()))

    def without(self, *others: "Open") -> "Open":
        """
        Return what is in none of the others.
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
        End all of it, as far as one can from here.
        """
        for process in self.processes:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
        for descriptor, _ in self.sockets:
            # Shut, and not closed: somebody may still think that the descriptor is his own.
            with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as one:
                one.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(_GRACE)


@dataclass
class _Shared:
    """
    All that tests share by intention.
    """

    parts: list[Open] = field(default_factory=list)


_shared = _Shared()


@contextmanager
def shared() -> Iterator[None]:
    """
    Open something that is for all tests from now on, so that no test leaves it behind.
    """
    before = Open.now()
    yield
    _shared.parts.append(Open.now().without(before))


def left(before: Open, patience: float = PATIENCE) -> Open:
    """
    Wait until there is nothing but what was there before; return what remains after all.
    """
    deadline = time.monotonic() + patience
    pause = 0.001
    while (more := Open.now().without(before, *_shared.parts)) and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
    return more


def watch() -> None:
    """
    Have each test fail for what it leaves behind, and end that.
    """
    for kind in (unittest.TestCase, SynchronousTestCase):
        kind.run = _looking(kind.run)


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
    for task in _listdir("/proc/self/task"):
        # The thread may have ended.
        with suppress(OSError), open(f"/proc/self/task/{task}/children") as children:
            yield from map(int, children.read().split())


def _sockets() -> Iterator[tuple[int, str]]:
    for number in _listdir("/proc/self/fd"):
        with suppress(OSError):  # it was the descriptor of this very listing
            link = os.readlink(f"/proc/self/fd/{number}")
            if link.startswith("socket:"):
                yield int(number), link


def _listdir(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except FileNotFoundError:  # other systems have no such folder, and no such check
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
