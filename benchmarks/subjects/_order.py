"""
What a subject written in Python is told to publish.  Standard library only: it is imported in the
virtual environments of others.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Order:
    """
    :ivar count: How many events in all.
    :ivar size: Bytes of data of each.
    :ivar burst: How many of them in one turn of the event loop.
    :ivar pause: Seconds from the start of one turn to the start of the next; 0 for the next turn.
    :ivar topics: How many topics the events take turns in; 0 for the one that everybody has.
    """

    count: int
    size: int
    burst: int
    pause: float
    topics: int

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Order":
        return cls(
            int(query["count"]),
            int(query["size"]),
            int(query["burst"]),
            int(query["pause"]) / 1e6,
            int(query["topics"]),
        )

    @property
    def turns(self) -> list[int]:
        """
        How many events in each turn.
        """
        full, rest = divmod(self.count, self.burst)
        return [self.burst] * full + [rest] * bool(rest)


def topics(count: int) -> Iterator[str]:
    """
    Return the topic of each event: all of so many in turn, but not one after its neighbour, whose
    memory the processor may have fetched with it.  With 0 there are none: an empty string.
    """
    for number in itertools.count(step=7919):  # a prime: it comes to all of them
        yield f"t{number % count}" if count else ""


def data(size: int, events: int) -> list[str]:
    """
    Return the data of so many events that are published at once, with the time, as ``load.c``
    expects it.
    """
    now, filling = f"{time.monotonic_ns():020d}", "x" * (size - 22)
    # Not one string many times: a log that keeps them would look smaller than it is.
    return [f"@{now}{filling}~" for _ in range(events)]


def arguments(
    add_more: Callable[[argparse.ArgumentParser], object] | None = None,
) -> argparse.Namespace:
    """
    Return ``port``, and ``heartbeat`` in seconds, 0 for never, from the command line; and what this
    subject has more of.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("heartbeat", type=float)
    if add_more is not None:
        add_more(parser)
    return parser.parse_args()
