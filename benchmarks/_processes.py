"""
Processes: start one on its own cores, end it with everything that it has started, and read its
figures from the operating system.
"""

import ctypes
import os
import resource
import signal
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

#: Linux sends a process this signal when its parent has gone.
_PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None)

#: Open files per process: more than the subscribers of any case.
FILES = 20_000


def raise_file_limit() -> None:
    """
    Allow many connections in this process and in the processes that it starts.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, max(hard, FILES)))
    except (ValueError, OSError):  # the system allows less
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def usable_cores() -> list[int]:
    """
    Return the cores of this machine: the servers use the first, the load uses the last.
    """
    return sorted(os.sched_getaffinity(0))


def start(
    command: Sequence[str | Path],
    *,
    cores: Iterable[int],
    log: IO[bytes],
    stdin: int = subprocess.DEVNULL,
    stdout: int | None = None,
) -> "subprocess.Popen[bytes]":
    """
    Start a process on some cores, in a new process group.

    The kernel asks it to end if this process ends first.
    """

    def in_child() -> None:
        os.sched_setaffinity(0, cores)
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return subprocess.Popen(
        [str(part) for part in command],
        stdin=stdin,
        stdout=log if stdout is None else stdout,
        stderr=log,
        cwd=Path(__file__).parent.parent,
        start_new_session=True,
        preexec_fn=in_child,
    )


def end(process: "subprocess.Popen[bytes]") -> None:
    """
    End a process and its whole group.
    """
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def tree(pid: int) -> list[int]:
    """
    Return the ids of a process and of all its descendants.
    """
    found = [pid]
    for child in found:
        for path in Path(f"/proc/{child}/task").glob("*/children"):
            found += map(int, path.read_text().split())
    return found


def cpu(pid: int) -> float:
    """
    Return the CPU seconds, user and system, of a process and all its descendants.

    The seconds come from ``schedstat`` of each thread, in nanoseconds.  ``stat`` has the same
    figure, unless threads have ended, but in hundredths of a second: too coarse for a thousand
    connects.
    """
    total = 0
    for process in tree(pid):
        for path in Path(f"/proc/{process}/task").glob("*/schedstat"):
            total += int(path.read_text().split()[0])
    return total / 1e9


def memory(pid: int) -> int:
    """
    Return the resident bytes of a process and all its descendants.
    """
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in tree(pid))
    return pages * os.sysconf("SC_PAGE_SIZE")


def files(pid: int) -> int:
    """
    Return the number of files that a process has open.
    """
    return len(os.listdir(f"/proc/{pid}/fd"))
