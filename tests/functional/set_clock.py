"""
A time of day that another process sets, as a time server or a person may::

    python -m tests.functional.set_clock FILE PROGRAM [ARGUMENT ...]
    python -m tests.functional.set_clock FILE -m MODULE [ARGUMENT ...]

run a Python program for which ``time.time`` is as the file says.
"""

import mmap
import runpy
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

#: Seconds by which the clock is wrong, seconds that it gains in each second, and the moment since
#: when it does.
_FORM = struct.Struct("=ddd")


class TimeOfDay:
    """
    The time of day of programs that are started with :attr:`launcher`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = self._rate = self._since = 0.0
        path.write_bytes(_FORM.pack(0.0, 0.0, 0.0))
        self.launcher = (sys.executable, "-m", "tests.functional.set_clock", str(path))

    def step(self, seconds: float) -> None:
        """
        Set the clock forward, or back.
        """
        self._offset += seconds
        self._write()

    def slew(self, rate: float) -> None:
        """
        Let the clock gain so many seconds in each second from now on, or lose them.
        """
        now = time.monotonic()
        self._offset += self._rate * (now - self._since)
        self._rate, self._since = rate, now
        self._write()

    def _write(self) -> None:
        with open(self._path, "r+b") as file:
            file.write(_FORM.pack(self._offset, self._rate, self._since))


@contextmanager
def time_of_day() -> Iterator[TimeOfDay]:
    """
    Yield a time of day that is right at first.
    """
    with tempfile.TemporaryDirectory() as folder:
        yield TimeOfDay(Path(folder, "clock"))


def _clock_of(path: str) -> Callable[[], float]:
    right, monotonic = time.time, time.monotonic
    with open(path, "r+b") as file:
        shared = mmap.mmap(file.fileno(), _FORM.size)

    def now() -> float:
        offset, rate, since = _FORM.unpack(shared[: _FORM.size])
        return right() + offset + rate * (monotonic() - since)

    return now


def main() -> None:
    """
    Run the program of the command line.
    """
    assert "twisted.internet" not in sys.modules, "its reactors keep the function that they find"
    time.time = _clock_of(sys.argv[1])
    sys.argv = sys.argv[2:]
    if sys.argv[0] == "-m":
        del sys.argv[0]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
