"""
More than one core for one flush.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ._frames import Frames
from ._outlet import Outlet


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

    def send(self, frames: Frames, outlets: Sequence[Outlet]) -> list[int | Exception]:
        """
        Call :meth:`Outlet.send` of each, and return what they returned or raised, in their order.
        """
        if self._pool is None:  # now and not before: a daemon has forked meanwhile
            self._pool = ThreadPoolExecutor(self._threads - 1, "ssetwist-send")
        share = -(-len(outlets) // self._threads)
        others = [
            self._pool.submit(_send, frames, outlets[begin : begin + share])
            for begin in range(share, len(outlets), share)
        ]
        results = _send(frames, outlets[:share])
        for other in others:
            results += other.result()
        return results

    def close(self) -> None:
        """
        End the threads.
        """
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


def _send(frames: Frames, outlets: Sequence[Outlet]) -> list[int | Exception]:
    results: list[int | Exception] = []
    for outlet in outlets:
        try:
            results.append(outlet.send(frames))
        except Exception as problem:
            results.append(problem)
    return results
