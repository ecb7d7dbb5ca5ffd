"""
What a subject written in Python is told to publish.  Standard library only: it is imported in the
virtual environments of others.
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Order:
    """
    :ivar count: How many events in all.
    :ivar size: Bytes of data of each.
    :ivar burst: How many of them in one turn of the event loop.
    :ivar pause: Seconds from the start of one turn to the start of the next; 0 for the next turn.
    """

    count: int
    size: int
    burst: int
    pause: float

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Order":
        return cls(
            int(query["count"]),
            int(query["size"]),
            int(query["burst"]),
            int(query["pause"]) / 1e6,
        )

    @property
    def turns(self) -> list[int]:
        """
        How many events in each turn.
        """
        full, rest = divmod(self.count, self.burst)
        return [self.burst] * full + [rest] * bool(rest)


def data(size: int, events: int) -> list[str]:
    """
    Return the data of so many events that are published at once, with the time, as ``load.c``
    expects it.
    """
    return [f"@{time.monotonic_ns():020d}{'x' * (size - 22)}~"] * events


def arguments() -> argparse.Namespace:
    """
    Return ``port``, and ``heartbeat`` in seconds, 0 for never, from the command line.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("heartbeat", type=float)
    return parser.parse_args()
