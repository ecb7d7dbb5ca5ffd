"""
The command: ``python -m benchmarks``.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from . import _processes
from ._cases import CASES
from ._load import Failed
from ._plot import svg
from ._profile import profile_of_connects, profile_of_deliveries
from ._run import Plan, run
from ._subjects import SUBJECTS
from ._table import bars, text, write_csv
from ._workshop import FOLDER, Workshop, build, install

_RESULTS = Path(__file__).parent / "results"


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure this hub side by side with others, on this machine alone.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--cases",
        default=",".join(case.name for case in CASES),
        help="what to measure, separated by commas",
    )
    add(
        "--subjects",
        default=",".join(subject.name for subject in SUBJECTS),
        help="subjects to measure, separated by commas; c-loop and nchan give the ratios",
    )
    add("--rounds", type=int, default=5, help="number of rounds; the medians are shown")
    add("--seconds", type=float, default=3.0, help="seconds that one measurement takes")
    add("--heartbeat", type=int, default=15, help="seconds between heartbeats of idle subscribers")
    add("--patience", type=float, default=60.0, help="seconds that a single step may take")
    add(
        "--install",
        action="store_true",
        help="install the other servers first, with apt-get, pip and npm",
    )
    add("--no-profile", action="store_true", help="do not profile this hub")
    add("--workshop", type=Path, default=FOLDER, help="folder to install and compile in")
    add("--results", type=Path, default=_RESULTS, help="folder for the table and the plot")
    options = parser.parse_args(arguments)
    for name, known in (("cases", CASES), ("subjects", SUBJECTS)):
        wanted = getattr(options, name).split(",")
        if unknown := set(wanted) - {one.name for one in known}:
            parser.error(f"there are no {name} {', '.join(sorted(unknown))}")
        setattr(options, name, [one for one in known if one.name in wanted])
    if min(options.rounds, options.seconds, options.heartbeat) <= 0:
        parser.error("rounds, seconds and heartbeat must be more than 0")
    return options


def main() -> None:
    options = _options()
    # SIGTERM ends this process as an exception does, so that every server is stopped.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit("terminated"))
    _processes.raise_file_limit()
    workshop = Workshop(options.workshop)
    build(workshop)
    if options.install:
        install(workshop)
    plan = Plan(
        options.cases,
        options.subjects,
        options.rounds,
        options.seconds,
        options.heartbeat,
        options.patience,
    )
    results = run(plan, workshop)
    options.results.mkdir(parents=True, exist_ok=True)
    if not options.no_profile:
        for name, profile in (
            ("profile.txt", profile_of_deliveries),
            ("profile-connect.txt", profile_of_connects),
        ):
            try:
                (options.results / name).write_text(profile(plan, workshop))
            except (Failed, OSError) as error:
                results.note(str(error))
    table, reached = text(results, plan, workshop), bars(results, plan)
    (options.results / "table.txt").write_text(table)
    write_csv(options.results / "table.csv", results, plan)
    (options.results / "bars.txt").write_text(reached)
    (options.results / "plot.svg").write_text(svg(results, plan))
    print(table)
    print(reached)


if __name__ == "__main__":
    main()
