"""
The command ``python -m benchmarks.churn``: it checks that memory stays flat at full load while
clients come and go.
"""

import argparse
import csv
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression

from . import _line, _processes
from ._comers import Comers, Way
from ._publisher import Order
from ._session import Session
from ._setup import Setup
from ._subjects import SUBJECTS
from ._workshop import FOLDER, Workshop, build

_RESULTS = Path(__file__).parent / "results"

#: Events that are published before anything is measured: as many as the log keeps by default, so
#: that the log is full.
_LOG = 10_000

#: Events of one order; the next order follows when all subscribers that stay have received them.
_ORDER = 100

#: Seconds between two samples, and between two lines about the progress.
_SAMPLE, _LINE = 2.0, 10.0

#: The part of the time that is for warming up, and the part of the memory by which the rest may
#: change and still be called flat.
_WARM_UP, _FLAT = 0.25, 0.02

#: Seconds until the server has noticed that all clients have left.
_SETTLED = 3.0


@dataclass(frozen=True, slots=True)
class Sample:
    """
    :ivar seconds: Time since the start.
    :ivar memory: Resident bytes of the server.
    :ivar files: Number of files that the server has open.
    :ivar published: Number of events so far.
    :ivar gone: Number of clients that have come and gone so far.
    """

    seconds: float
    memory: int
    files: int
    published: int
    gone: int


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.churn",
        description="Watch the hub's memory at full load while clients come and go.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--minutes", type=float, default=5.0, help="length of the run")
    add("--subscribers", type=int, default=500, help="subscribers that stay")
    add("--clients", type=int, default=200, help="clients at a time that come and go")
    add("--seed", type=int, default=3, help="seed of the random numbers")
    add("--patience", type=float, default=60.0, help="seconds that a single step may take")
    add("--workshop", type=Path, default=FOLDER, help="folder to compile in")
    add("--results", type=Path, default=_RESULTS, help="folder for the figures and the plot")
    options = parser.parse_args(arguments)
    if min(options.minutes, options.subscribers, options.clients) <= 0:
        parser.error("minutes, subscribers and clients must be more than 0")
    return options


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit("terminated"))
    _processes.raise_file_limit()
    workshop = Workshop(options.workshop)
    build(workshop)
    setup = Setup(options.subscribers)
    with Session(SUBJECTS[0], workshop, setup, patience=options.patience) as session:
        session.publish(Order(_LOG, 100, _ORDER))
        files = _processes.files(session.pid)
        core = _processes.usable_cores()[-1]
        comers = Comers(session.port, options.clients, core, options.seed)
        cpu = _processes.cpu(session.pid)
        comers.start()
        try:
            samples = _watch(session, comers, options.minutes * 60)
        finally:
            comers.stop()
        cpu = _processes.cpu(session.pid) - cpu
        time.sleep(_SETTLED)
        left = _processes.files(session.pid) - files
    text, is_flat = _summary(samples, comers, cpu, left, options)
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "churn.txt").write_text(text)
    _write_csv(options.results / "churn.csv", samples)
    points = [(sample.seconds / 60, sample.memory / 2**20) for sample in samples]
    title = "Resident memory of the hub in MiB, at full load, while clients come and go"
    (options.results / "churn.svg").write_text(_line.svg(points, title=title, horizontal="minutes"))
    print(text)
    sys.exit(0 if is_flat and left == 0 else 1)


def _watch(session: Session, comers: Comers, seconds: float) -> list[Sample]:
    """
    Publish as fast as the subscribers that stay receive the events, and take samples.
    """
    began = time.monotonic()
    samples: list[Sample] = []
    published = 0
    next_sample = next_line = 0.0
    while True:
        now = time.monotonic() - began
        if now >= next_sample:
            next_sample = now + _SAMPLE
            files = _processes.files(session.pid)
            gone = sum(comers.gone.values())
            samples.append(Sample(now, session.memory, files, published, gone))
        if now >= next_line:
            next_line = now + _LINE
            last = samples[-1]
            line = (
                f"[{now:.0f}/{seconds:.0f} s] {last.memory / 2**20:.1f} MiB, {last.files} files, "
                f"{published:,} events, {last.gone:,} gone, {comers.ended:,} ended by the hub"
            )
            print(line, file=sys.stderr, flush=True)
        if now >= seconds:
            return samples
        session.publish(Order(_ORDER, 100))
        published += _ORDER


def _summary(
    samples: Sequence[Sample], comers: Comers, cpu: float, left: int, options: argparse.Namespace
) -> tuple[str, bool]:
    """
    Return the report, and true if the memory was flat.
    """
    duration = samples[-1].seconds
    warm = [sample for sample in samples if sample.seconds >= duration * _WARM_UP]
    memories = [sample.memory for sample in warm]
    slope, _ = linear_regression([sample.seconds for sample in warm], memories)
    change = slope * (warm[-1].seconds - warm[0].seconds) / (sum(memories) / len(memories))
    is_flat = abs(change) <= _FLAT
    ways = [f"- {comers.gone[way]:,} times: {way.value[0]}" for way in Way]
    lines = [
        f"{options.subscribers:,} subscribers stay, {options.clients:,} more at a time come and "
        f"go; {duration:.0f} s, {samples[-1].published:,} events as fast as the first "
        f"{options.subscribers:,} receive them, {cpu / duration * 100:.0f} % of a core.",
        "",
        "Clients by behaviour:",
        "",
        *ways,
        f"- {comers.ended:,} times: the hub has ended the stream",
        "",
        f"Resident memory, after the first {duration * _WARM_UP:.0f} s: "
        f"{min(memories) / 2**20:.1f} to {max(memories) / 2**20:.1f} MiB, at the end "
        f"{memories[-1] / 2**20:.1f} MiB; slope {slope * 60 / 1024:+.1f} KiB a minute, "
        f"{change * 100:+.2f} % in all.",
        "Memory is flat." if is_flat else f"Memory is NOT flat: more than {_FLAT * 100:g} %.",
        f"Open files of the hub after the clients had left: {left:+d}.",
        "",
    ]
    return "\n".join(lines), is_flat


def _write_csv(path: Path, samples: Sequence[Sample]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["seconds", "resident bytes", "open files", "events", "clients gone"])
        for one in samples:
            seconds = f"{one.seconds:.1f}"
            writer.writerow([seconds, one.memory, one.files, one.published, one.gone])


if __name__ == "__main__":
    main()
