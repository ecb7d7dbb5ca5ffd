"""
Measurements: a function for each case, from a session and the seconds of one measurement to
figures.
"""

import time
from collections.abc import Callable
from statistics import median

from ._figures import Column, Figures
from ._publisher import Order
from ._session import WARM_UP, Session

Measure = Callable[[Session, float], Figures]

#: A subject keeps to a pace if it needs at most this part of a pause.
_BUSY = 0.9

#: Number of flushes while no subscriber reads, and number of flushes before, which start the
#: threads.
_FLUSHES, _FIRST_FLUSHES = 7, 2


def fan_out(size: int, burst: int, pause: float) -> Measure:
    """
    Return a case of publishing to all subscribers: first at full speed, to measure the rate, then
    at a pace that is the same for all subjects, to measure CPU and latency.

    At full speed the load may fall behind a fast server.  Sending to a socket that has not been
    read yet is cheaper, because the kernel need not wake the reader.  A fast server would then look
    better than it is, and the latency would only measure the length of the queue.

    The pace is the same for all, because the pace alone changes the cost of a ``send``: after 200
    ms without data it takes half as much CPU again (see the README).  All pauses are longer than
    that, and in most cases the events are also further apart.

    A subject that cannot keep to the pace does not get these figures.
    """

    def measure(session: Session, seconds: float) -> Figures:
        trial, _ = session.publish(Order(burst, size, burst))
        turns = _between(3, seconds / 3 / trial.seconds, 5000)
        full, _ = session.publish(Order(turns * burst, size, burst))
        figures = {Column.RATE: full.deliveries / full.seconds}
        if full.seconds / turns > _BUSY * pause:
            return figures
        time.sleep(pause)
        turns = _between(3, seconds / pause, 5000)
        paced, cpu = session.publish(Order(turns * burst, size, burst, pause))
        return figures | {
            Column.CPU: cpu / paced.deliveries * 1e6,
            Column.P50: paced.p50 * 1e3,
            Column.P99: paced.p99 * 1e3,
            Column.LAST: paced.last * 1e3,
            Column.PER_READ: paced.deliveries / paced.reads,
        }

    return measure


def connect(session: Session, seconds: float) -> Figures:
    """
    Return the cost of connecting, which happened when the session began.
    """
    connects = session.subscribers - WARM_UP
    return {
        Column.RATE: connects / session.connected.seconds,
        Column.CPU: session.connected.cpu / connects * 1e6,
    }


def idle(session: Session, seconds: float) -> Figures:
    """
    Measure a server while nothing happens except one heartbeat to each subscriber.
    """
    session.idle(1)
    cpu = session.idle(session.heartbeat)
    return {
        Column.MEMORY: session.memory_each / 1024,
        Column.BUSY: cpu / session.heartbeat * 100,
    }


def one_topic_each(session: Session, seconds: float) -> Figures:
    """
    Measure events that go to one subscriber each, every event in its own turn.
    """
    pause = 0.001
    count = _between(100, seconds / pause, 20_000)
    received, cpu = session.publish(Order(count, 100, 1, pause, topics=session.subscribers))
    return {
        Column.CPU: cpu / count * 1e6,
        Column.P50: received.p50 * 1e3,
        Column.P99: received.p99 * 1e3,
    }


def unread(mute: int, megabytes: float = 30, pause: float = 0.015) -> Measure:
    """
    Return a case of publishing to all subscribers and to more subscribers that never read.
    """

    def measure(session: Session, seconds: float) -> Figures:
        size = 10_000
        session.mute(mute)
        before = session.memory
        with session.watch_memory() as peak:
            received, cpu = session.publish(Order(int(megabytes * 1e6 / size), size, 1, pause))
        return {
            Column.CPU: cpu / received.deliveries * 1e6,
            Column.P50: received.p50 * 1e3,
            Column.P99: received.p99 * 1e3,
            Column.LAST: received.last * 1e3,
            Column.BEFORE: before / 2**20,
            Column.PEAK: peak.bytes / 2**20,
            Column.AFTER: session.memory / 2**20,
        }

    return measure


def flush(session: Session, seconds: float) -> Figures:
    """
    Measure one event to all subscribers while no subscriber reads, so that only the server runs, on
    two cores.
    """
    flushes = [session.publish_unread(Order(1, 100)) for _ in range(_FIRST_FLUSHES + _FLUSHES)]
    flushes = flushes[_FIRST_FLUSHES:]
    return {
        Column.LAST: median(received.last for received, _ in flushes) * 1e3,
        Column.CPU: median(cpu / received.deliveries for received, cpu in flushes) * 1e6,
    }


def replay(session: Session, seconds: float) -> Figures:
    """
    Measure a replay: as many more subscribers connect, each with a cursor 1,000 events back.

    CPU is given with the cost of connecting, and without this cost, as measured in the first
    connects of this session.
    """
    back, at_once = 1000, 100
    session.publish(Order(back, 100, at_once))
    received, took = session.replay(session.subscribers, back)
    connects = session.connected.cpu / (session.subscribers - WARM_UP) * session.subscribers
    return {
        Column.RATE: received / took.seconds,
        Column.CPU: took.cpu / received * 1e6,
        Column.BARE: (took.cpu - connects) / received * 1e6,
    }


def _between(least: int, value: float, most: int) -> int:
    return max(least, min(int(value), most))
