"""
Cases that are measured.
"""

from dataclasses import dataclass

from ._figures import Column
from ._measures import Measure, connect, fan_out, flush, idle, one_topic_each, replay, unread
from ._setup import OWN_TOPIC, PRIVATE_TOPIC, Setup

#: Bytes that the event log may hold in the cases that must not keep every event.
SMALL_LOG = 8 * 2**20

_1K, _10K = Setup(1000), Setup(10_000)
_IDLE = Setup(10_000, has_heartbeat=True)
_UNREAD = Setup(950, log_bytes=SMALL_LOG)


@dataclass(frozen=True, slots=True)
class Case:
    """
    :ivar compared: The figure that is compared with the other subjects'.
    :ivar needs: The ability that a subject must have, or an empty string.
    """

    name: str
    title: str
    setup: Setup
    measure: Measure
    compared: Column = Column.CPU
    needs: str = ""


# Pauses are longer than every subject that matters in a case needs; see "fan_out" for the least.
CASES = (
    Case("one-1k", "100-byte events, one at a time", _1K, fan_out(100, 1, 0.3)),
    Case("burst-1k", "100-byte events, 16 published at once", _1K, fan_out(100, 16, 0.7)),
    Case("large-1k", "10,000-byte events, one at a time", _1K, fan_out(10_000, 1, 0.3)),
    Case("replay", "as many reconnect, 1,000 events back", _1K, replay, needs="replay"),
    Case("connect-10k", "subscribers connecting", _10K, connect),
    Case("one-10k", "100-byte events, one at a time", _10K, fan_out(100, 1, 0.7)),
    Case("burst-10k", "100-byte events, 16 published at once", _10K, fan_out(100, 16, 2.5)),
    Case("idle-10k", "idle subscribers, with heartbeats", _IDLE, idle, Column.MEMORY),
    *(
        Case(
            f"{kind}-{name}",
            f"each has a {what} of its own, an event to one of them",
            Setup(subscribers, path=path),
            one_topic_each,
            needs=kind,
        )
        for kind, what, path in (
            ("topics", "topic", OWN_TOPIC),
            ("private", "private topic", PRIVATE_TOPIC),
        )
        for name, subscribers in (("10", 10), ("10k", 10_000))
    ),
    *(
        Case(
            f"unread-{mute}",
            f"10,000-byte events, 30 MB of them; {mute} more subscribers never read",
            _UNREAD,
            unread(mute),
            Column.P99,
            needs="unread",
        )
        for mute in (0, 50)
    ),
    *(
        Case(
            f"threads-{threads}",
            f"one event to clients that do not read yet, on all cores by {words}",
            Setup(2000, threads=threads),
            flush,
            Column.LAST,
            needs="threads",
        )
        for threads, words in ((1, "one thread"), (2, "two threads"))
    ),
)
