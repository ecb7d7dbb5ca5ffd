"""
What is measured.  A case is a function from a session to figures.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from ._publisher import Order
from ._session import Session


class Column(Enum):
    """
    A figure, with its heading and how many digits are shown after the point.
    """

    RATE = "per second", 0
    CPU = "CPU us each", 2
    P50 = "p50 ms", 2
    P99 = "p99 ms", 2
    LAST = "last ms", 2
    MEMORY = "KiB each", 1
    BUSY = "CPU %", 2


Figures = dict[Column, float]


@dataclass(frozen=True, slots=True)
class Case:
    """
    :ivar measure: From a session, and the seconds that a measurement is to take, to figures.
    :ivar compared: The figure that is set against the other subjects'.
    :ivar with_heartbeat: Whether the servers send heartbeats.  Cases that agree in this are
        measured one after the other in one session.
    """

    name: str
    title: str
    measure: Callable[[Session, float], Figures]
    compared: Column = Column.CPU
    with_heartbeat: bool = False


def fan_out(size: int, burst: int) -> Callable[[Session, float], Figures]:
    """
    Return a case of publishing to everybody: at full speed for the rate, then at a third of that
    for the CPU and the latency.

    At full speed the load may fall behind a fast server, and what is sent to a socket that has not
    been read yet is cheaper to send: nobody needs to be woken.  Such a server would look better
    than it is, and latency would say how long the queue is.
    """

    def measure(session: Session, seconds: float) -> Figures:
        trial, _ = session.publish(Order(5 * burst, size, burst))
        turns = _between(5, seconds / 2 / (trial.seconds / 5), 5000)
        full, _ = session.publish(Order(turns * burst, size, burst))
        pause = 3 * full.seconds / turns
        turns = _between(3, seconds / pause, 5000)
        paced, cpu = session.publish(Order(turns * burst, size, burst, pause))
        return {
            Column.RATE: full.deliveries / full.seconds,
            Column.CPU: cpu / paced.deliveries * 1e6,
            Column.P50: paced.p50 * 1e3,
            Column.P99: paced.p99 * 1e3,
            Column.LAST: paced.last * 1e3,
        }

    return measure


def connect(session: Session, seconds: float) -> Figures:
    """
    What connecting took: it has been done when a session begins.
    """
    return {
        Column.RATE: session.subscribers / session.connected.seconds,
        Column.CPU: session.connected.cpu / session.subscribers * 1e6,
    }


def idle(session: Session, seconds: float) -> Figures:
    """
    Everybody is there and nothing happens, but one heartbeat to each.
    """
    session.idle(session.heartbeat / 2)
    cpu = session.idle(session.heartbeat)
    return {
        Column.MEMORY: session.memory / 1024,
        Column.BUSY: cpu / session.heartbeat * 100,
    }


def _between(least: int, value: float, most: int) -> int:
    return max(least, min(int(value), most))


CASES = (
    Case("one", "100-byte events, one at a time", fan_out(100, 1)),
    Case("burst", "100-byte events, 16 published at once", fan_out(100, 16)),
    Case("large", "10,000-byte events, one at a time", fan_out(10_000, 1)),
    Case("connect", "subscribers connecting", connect),
    Case("idle", "idle subscribers, with heartbeats", idle, Column.MEMORY, with_heartbeat=True),
)
