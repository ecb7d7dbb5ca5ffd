"""
Results as two tables: one to read, one to compute with.
"""

import csv
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from . import _bars
from ._cases import Case
from ._figures import Column
from ._results import Results
from ._run import Plan
from ._workshop import Workshop

#: Subjects that the compared figure is divided by.
REFERENCES = {"c-loop": "x C", "nchan": "x nchan"}

_LABELS = ["case", "subject"]


def rows(results: Results, plan: Plan) -> list[list[str]]:
    """
    Return the headings, then one row for each case and subject that was measured.
    """
    columns = [column.value[0] for column in Column]
    table = [[*_LABELS, *REFERENCES.values(), "least-most", *columns]]
    for case in plan.cases:
        for subject in plan.subjects:
            if results.has(case.name, subject.name):
                table.append(_row(results, case, subject.name))
    return table


def text(results: Results, plan: Plan, workshop: Workshop) -> str:
    """
    Return the table as reStructuredText, with the conditions above and the notes below.
    """
    cases = [
        f"- {case.name}: {case.setup.subscribers:,} subscribers; {case.title}"
        for case in plan.cases
    ]
    versions = [
        f"- {subject.name}: {subject.versions(workshop)}"
        for subject in plan.subjects
        if not subject.missing(workshop)
    ]
    notes = [f"- {note}" for note in results.notes]
    parts = [
        *[conditions(plan), "", *cases, ""],
        simple_table(rows(results, plan), len(_LABELS)),
        *["Versions:", "", *versions, ""],
    ]
    if notes:
        parts += ["Notes:", "", *notes, ""]
    return "\n".join(parts)


def bars(results: Results, plan: Plan) -> str:
    """
    Return the table of the bars.
    """
    return f"{conditions(plan)}\n\n{simple_table(_bars.rows(results), 3)}"


def simple_table(table: Sequence[Sequence[str]], labels: int) -> str:
    """
    Return a simple table of reStructuredText.  The first row is the headings, and this many columns
    are words.
    """
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    rule = "  ".join("=" * width for width in widths)
    lines = []
    for row in table:
        cells = [cell or ".." for cell in row]
        words = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)][:labels]
        figures = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)][labels:]
        lines.append("  ".join(words + figures).rstrip())
    return "\n".join([rule, lines[0], rule, *lines[1:], rule, ""])


def conditions(plan: Plan) -> str:
    """
    Return the machine, the subjects and the number of rounds, in words.
    """
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}; "
        f"medians of {plan.rounds} rounds of {plan.seconds:g} s, "
        f"heartbeat {plan.heartbeat} s where there is one."
    )


def write_csv(path: Path, results: Results, plan: Plan) -> None:
    """
    Write the table with an empty cell for each figure that was not measured.
    """
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows(results, plan))


def _row(results: Results, case: Case, subject: str) -> list[str]:
    own = results.median(case.name, subject, case.compared)
    digits = case.compared.value[1]
    ratios = []
    for reference in REFERENCES:
        other = results.median(case.name, reference, case.compared)
        if own is None or other is None or round(other, digits) <= 0:
            ratios.append("")
        else:
            ratios.append(f"{own / other:.2f}")
    values = results.values(case.name, subject, case.compared)
    spread = f"{min(values):.{digits}f}-{max(values):.{digits}f}" if values else ""
    figures = []
    for column in Column:
        value = results.median(case.name, subject, column)
        figures.append("" if value is None else f"{value:.{column.value[1]}f}")
    return [case.name, subject, *ratios, spread, *figures]
