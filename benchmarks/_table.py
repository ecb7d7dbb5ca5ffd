"""
Results as a table to read and as one to compute with.
"""

import csv
import os
import platform
from pathlib import Path

from ._cases import Case, Column
from ._run import Plan, Results

#: What the compared figure is divided by.
REFERENCES = {"c-loop": "x C", "nchan": "x nchan"}

_LABELS = ["case", "subject"]


def rows(results: Results, plan: Plan) -> list[list[str]]:
    """
    Return the headings, then a row for each case and subject that was measured.
    """
    headings = [*_LABELS, *REFERENCES.values(), *(column.value[0] for column in Column)]
    table = [headings]
    for case in plan.cases:
        for subject in plan.subjects:
            if results.rounds(case, subject.name):
                table.append(_row(results, case, subject.name))
    return table


def text(results: Results, plan: Plan) -> str:
    """
    Return it as a simple table of reStructuredText, with what there is to know above and below.
    """
    table = rows(results, plan)
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    rule = "  ".join("=" * width for width in widths)
    lines = []
    for row in table:
        cells = zip(row, widths, range(len(row)), strict=True)
        lines.append("  ".join(_aligned(*cell) for cell in cells).rstrip())
    cases = [f"- {case.name}: {case.title}" for case in plan.cases]
    notes = [f"- {note}" for note in results.notes]
    parts = [conditions(plan), "", *cases, "", rule, lines[0], rule, *lines[1:], rule, ""]
    if notes:
        parts += ["Notes:", "", *notes, ""]
    return "\n".join(parts)


def conditions(plan: Plan) -> str:
    """
    Say on what, with whom and how often it was measured.
    """
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}, "
        f"Python {platform.python_version()}; {plan.subscribers:,} subscribers, "
        f"medians of {plan.rounds} rounds of {plan.seconds:g} s, "
        f"heartbeat {plan.heartbeat} s where there is one."
    )


def write_csv(path: Path, results: Results, plan: Plan) -> None:
    """
    Write the table with an empty cell for what was not measured.
    """
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows(results, plan))


def _row(results: Results, case: Case, subject: str) -> list[str]:
    own = results.median(case, subject, case.compared)
    digits = case.compared.value[1]
    ratios = []
    for reference in REFERENCES:
        other = results.median(case, reference, case.compared)
        is_something = own is not None and other is not None and round(other, digits) > 0
        ratios.append(f"{own / other:.2f}" if is_something else "")
    figures = []
    for column in Column:
        value = results.median(case, subject, column)
        figures.append("" if value is None else f"{value:.{column.value[1]}f}")
    return [case.name, subject, *ratios, *figures]


def _aligned(cell: str, width: int, column: int) -> str:
    cell = cell or ".."
    return cell.ljust(width) if column < len(_LABELS) else cell.rjust(width)
