"""
The command ``python -m benchmarks.parser``: it measures how fast our parser and other clients in
Python read event streams, and checks that the time for a large event is in proportion to its size.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

from ._table import simple_table
from ._versions import of_peer, of_this
from ._workshop import FOLDER, Workshop, install_readers
from .subjects.readers import LARGE, MODES, READERS, STREAMS

_RESULTS = Path(__file__).parent / "results"
_PROGRAM = Path(__file__).parent / "subjects/readers.py"

_OURS = "ssetwist"

#: Bars: the least ratio of our events per second to those of each other library, and the streams
#: that it holds for; and the most that an event may take compared with an event of half its size.
_MUST, _SMALL, _LINEAR = 5.0, ("fields", "data"), 2.5

#: Seconds that a process may take.
_PATIENCE = 300.0

#: Seconds of each round, by library and measurement.
_Figures = dict[tuple[str, str], list[float]]


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.parser",
        description="Measure how fast event streams are read, side by side with others.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="number of rounds; the medians are shown")
    add("--events", type=int, default=100_000, help="events in each stream")
    add("--install", action="store_true", help="install the others first, with pip")
    add("--workshop", type=Path, default=FOLDER, help="folder to install in")
    add("--results", type=Path, default=_RESULTS, help="folder for the table")
    options = parser.parse_args(arguments)
    if min(options.rounds, options.events) <= 0:
        parser.error("rounds and events must be more than 0")
    return options


def main() -> None:
    options = _options()
    workshop = Workshop(options.workshop)
    if options.install:
        install_readers(workshop)
    libraries = [one for one in READERS if one == _OURS or _is_installed(one, workshop)]
    figures: _Figures = defaultdict(list)
    for number in range(options.rounds):
        for library in libraries:
            print(f"[{number + 1}/{options.rounds}] {library}", file=sys.stderr, flush=True)
            python = sys.executable if library == _OURS else workshop.python
            command = [python, _PROGRAM, library, f"--events={options.events}"]
            for extra in ([], ["--large"]) if library == _OURS else ([],):
                for what, seconds in _run([*command, *extra]).items():
                    figures[library, what].append(seconds)
    report = _report(figures, libraries, options, workshop)
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "parser.txt").write_text(report)
    print(report)


def _is_installed(library: str, workshop: Workshop) -> bool:
    return workshop.has(f"{library.replace('-', '_')}-*.dist-info")


def _run(command: Sequence[str | Path]) -> dict[str, float]:
    done = subprocess.run(
        command, check=True, timeout=_PATIENCE, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _report(
    figures: _Figures, libraries: Sequence[str], options: argparse.Namespace, workshop: Workshop
) -> str:
    versions = [of_this(_OURS) if one == _OURS else of_peer(one) for one in libraries]
    absent = [one for one in READERS if one not in libraries]
    parts = [
        f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}, Python "
        f"{platform.python_version()}; medians of {options.rounds} rounds of {options.events:,} "
        "events.",
        "",
        *[f"- {stream}: {like}" for stream, like in STREAMS.items()],
        "",
        simple_table(_speeds(figures, libraries, options.events), 2),
        "One event in pieces of 1 KB, by our parser:",
        "",
        simple_table(_large(figures), 1),
        "Versions: " + ", ".join(version(workshop) for version in versions) + ".",
        *([f"Not installed: {', '.join(absent)}."] if absent else []),
        "",
        *_bars(figures, libraries),
        "",
    ]
    return "\n".join(parts)


def _speeds(figures: _Figures, libraries: Sequence[str], events: int) -> list[list[str]]:
    headings = ["stream", "library"]
    for mode in MODES:
        headings += [f"events/s, {mode}", "least-most", "x slower"]
    table = [headings]
    for stream in STREAMS:
        for library in libraries:
            row = [stream, library]
            for mode in MODES:
                rounds = figures[library, f"{stream} {mode}"]
                most, least = events / min(rounds), events / max(rounds)
                row += [
                    f"{events / median(rounds):,.0f}",
                    f"{least / 1000:,.0f}k-{most / 1000:,.0f}k",
                    f"{_ratio(figures, library, f'{stream} {mode}'):.2f}",
                ]
            table.append(row)
    return table


def _ratio(figures: _Figures, library: str, what: str) -> float:
    """
    Return the time of a library divided by that of ours.
    """
    return median(figures[library, what]) / median(figures[_OURS, what])


def _large(figures: _Figures) -> list[list[str]]:
    table = [["form", *[f"{size:g} MB" for size in LARGE["lines"]], "x for twice the bytes"]]
    for form, sizes in LARGE.items():
        seconds = [median(figures[_OURS, f"{size:g} {form}"]) for size in sizes]
        steps = [f"{after / before:.2f}" for before, after in pairwise(seconds)]
        table.append([form, *[f"{one:.3f} s" for one in seconds], ", ".join(steps)])
    return table


def _bars(figures: _Figures, libraries: Sequence[str]) -> list[str]:
    """
    Return the table of the bars.
    """
    said = []
    for stream in _SMALL:
        for library in libraries:
            if library != _OURS:
                ratios = [_ratio(figures, library, f"{stream} {mode}") for mode in MODES]
                verdict = "met" if min(ratios) >= _MUST else "NOT met"
                said.append(
                    f"- {stream}, at least {_MUST:g} x {library}: "
                    f"{' and '.join(f'{one:.2f} x' for one in ratios)}, {verdict}"
                )
    for form, sizes in LARGE.items():
        before, after = (median(figures[_OURS, f"{size:g} {form}"]) for size in sizes[-2:])
        verdict = "met" if after / before <= _LINEAR else "NOT met"
        said.append(
            f"- {form}, twice the bytes at most {_LINEAR:g} x: {after / before:.2f} x, {verdict}"
        )
    return said


if __name__ == "__main__":
    main()
