"""
How each case is measured: functions from a session, and the seconds that a measurement is to take,
to figures.
"""

import time
from collections.abc import Callable
from statistics import median

from ._figures import Column, Figures
from ._publisher import Order
from ._session import WARM_UP, Session

Measure = Callable[[Session, float], Figures]

#: A pace can be kept to by who needs at most so much of a pause.
_BUSY = 0.9

#: How many flushes nobody reads; and how many before, so that threads have been started.
_FLUSHES, _FIRST_FLUSHES = 7, 2


def fan_out(size: int, burst: int, pause: float) -> Measure:
    """
    Return a case of publishing to everybody: at full speed for the rate, then at a pace that is the
    same for all subjects, for the CPU and the latency.

    At full speed the load may fall behind a fast server, and what is sent to a socket that has not
    been read yet is cheaper to send: nobody needs to be woken.  Such a server would look better
    than it is, and latency would say how long the queue is.

    The same for all, because the pace alone changes what a ``send`` costs: after 200 ms without
    data by half as much CPU, see the README.  Pauses are longer than that; mostly events are
    further apart, too.

    Who cannot keep to the pace has no such figures.
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
    What connecting took: it has been done when a session begins.
    """
    connects = session.subscribers - WARM_UP
    return {
        Column.RATE: connects / session.connected.seconds,
        Column.CPU: session.connected.cpu / connects * 1e6,
    }


def idle(session: Session, seconds: float) -> Figures:
    """
    Everybody is there and nothing happens, but one heartbeat to each.
    """
    session.idle(1)
    cpu = session.idle(session.heartbeat)
    return {
        Column.MEMORY: session.memory_each / 1024,
        Column.BUSY: cpu / session.heartbeat * 100,
    }


def one_topic_each(session: Session, seconds: float) -> Figures:
    """
    Events, each to one subscriber, each in a turn of its own.
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
    Return a case of publishing so much to everybody and to so many more who never read.
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
    One event to everybody while nobody reads, so that on two cores nothing runs but the server.
    """
    flushes = [session.publish_unread(Order(1, 100)) for _ in range(_FIRST_FLUSHES + _FLUSHES)]
    flushes = flushes[_FIRST_FLUSHES:]
    return {
        Column.LAST: median(received.last for received, _ in flushes) * 1e3,
        Column.CPU: median(cpu / received.deliveries for received, cpu in flushes) * 1e6,
    }


def replay(session: Session, seconds: float) -> Figures:
    """
    As many again as there are connect, each with a cursor 1,000 events back.

    CPU with all that connecting takes; and without, as the first connects of this session tell it.
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
