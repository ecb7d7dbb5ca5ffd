"""
Starting a process on cores of its own and ending it, and everything it has started, whatever
happens; and what the operating system says of it.
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

#: Linux: "send me this signal when my parent is gone".
_PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None)

#: Open files a process: more than the subscribers that can be asked for.
FILES = 20_000


def raise_file_limit() -> None:
    """
    Allow this process, and those it starts, many connections.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, max(hard, FILES)))
    except (ValueError, OSError):  # that much is not for us
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def usable_cores() -> list[int]:
    """
    Return the cores that there are: the first is the servers', the last the load's.
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
    Start a process on some cores, in a process group of its own.

    It is asked to end when this process has gone without ending it.
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
    Return a process and all below it.
    """
    found = [pid]
    for child in found:
        for path in Path(f"/proc/{child}/task").glob("*/children"):
            found += map(int, path.read_text().split())
    return found


def cpu(pid: int) -> float:
    """
    Return the CPU seconds, user and system, that a process and all below it have used.

    Out of ``schedstat`` of each thread, in nanoseconds.  ``stat`` says the same, where threads do
    not end, but in hundredths of a second: too coarse for a thousand connects.
    """
    total = 0
    for process in tree(pid):
        for path in Path(f"/proc/{process}/task").glob("*/schedstat"):
            total += int(path.read_text().split()[0])
    return total / 1e9


def memory(pid: int) -> int:
    """
    Return the resident bytes of a process and all below it.
    """
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in tree(pid))
    return pages * os.sysconf("SC_PAGE_SIZE")


def files(pid: int) -> int:
    """
    Return how many files a process has open.
    """
    return len(os.listdir(f"/proc/{pid}/fd"))
