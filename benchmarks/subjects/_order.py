"""
Orders for subjects in Python.  This file needs only the standard library, because the virtual
environments of other servers import it.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Order:
    """
    :ivar count: Number of events.
    :ivar size: Bytes of data of each.
    :ivar burst: Number of events in one turn of the event loop.
    :ivar pause: Seconds from the start of one turn to the start of the next; 0 for the next turn.
    :ivar topics: Number of topics that the events go to in turn; 0 for the common topic.
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
        Return the number of events of each turn.
        """
        full, rest = divmod(self.count, self.burst)
        return [self.burst] * full + [rest] * bool(rest)


def topics(count: int) -> Iterator[str]:
    """
    Return the topic of each event.  All topics come in turn, but never next to a neighbour: the
    processor may have fetched the memory of both.  With 0 topics, each is an empty string.
    """
    for number in itertools.count(step=7919):  # a prime, so that it reaches all of them
        yield f"t{number % count}" if count else ""


def data(size: int, events: int) -> list[str]:
    """
    Return the data of the events of one burst, with the time, as ``load.c`` expects it.
    """
    now, filling = f"{time.monotonic_ns():020d}", "x" * (size - 22)
    # Each is a new string: a log that keeps one string many times would look too small.
    return [f"@{now}{filling}~" for _ in range(events)]


def arguments(
    add_more: Callable[[argparse.ArgumentParser], object] | None = None,
) -> argparse.Namespace:
    """
    Return the options of the command line: ``port``, ``heartbeat`` in seconds (0 for never), and
    those of this subject.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("heartbeat", type=float)
    if add_more is not None:
        add_more(parser)
    return parser.parse_args()
