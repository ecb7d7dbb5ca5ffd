"""
All cases with all subjects, round by round, so that whatever disturbs the machine for a while
disturbs everybody.
"""

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from ._cases import Case, Column, Figures
from ._load import Failed
from ._session import Session
from ._subjects import Subject, Workshop


@dataclass(frozen=True, slots=True)
class Plan:
    """
    :ivar subscribers: How many each server has.
    :ivar seconds: What one measurement is to take.
    :ivar heartbeat: Seconds, in cases with heartbeats.
    :ivar patience: Seconds that any one step may take.
    """

    cases: Sequence[Case]
    subjects: Sequence[Subject]
    rounds: int
    subscribers: int
    seconds: float
    heartbeat: int
    patience: float


@dataclass(slots=True)
class Results:
    """
    :ivar notes: What was left out, and why.
    """

    notes: list[str] = field(default_factory=list)
    _rounds: dict[tuple[str, str], list[Figures]] = field(default_factory=lambda: defaultdict(list))

    def add(self, case: Case, subject: Subject, figures: Figures) -> None:
        self._rounds[case.name, subject.name].append(figures)

    def median(self, case: Case, subject: str, column: Column) -> float | None:
        """
        Return the median of the rounds, or None where that has not been measured.
        """
        rounds = self._rounds.get((case.name, subject), [])
        values = [figures[column] for figures in rounds if column in figures]
        return median(values) if values else None

    def rounds(self, case: Case, subject: str) -> int:
        return len(self._rounds.get((case.name, subject), []))


def run(plan: Plan, workshop: Workshop) -> Results:
    """
    Measure.  Writes a line about where it is to standard error.
    """
    results = Results()
    present = []
    for subject in plan.subjects:
        if missing := subject.missing(workshop):
            results.notes.append(f"{subject.name} is left out: {missing} is not installed")
        else:
            present.append(subject)
    steps = [(number, subject) for number in range(plan.rounds) for subject in present]
    for step, (number, subject) in enumerate(steps):
        text = f"[{step + 1}/{len(steps)}] round {number + 1} of {plan.rounds}: {subject.name}"
        print(text, end=_line_end(), file=sys.stderr, flush=True)
        for cases in _sessions(plan.cases):
            try:
                _measure(cases, subject, plan, workshop, results)
            except (Failed, OSError) as error:
                names = ", ".join(case.name for case in cases)
                results.notes.append(f"{subject.name} ({names}), round {number + 1}: {error}")
    print(file=sys.stderr)
    return results


def _measure(
    cases: Sequence[Case], subject: Subject, plan: Plan, workshop: Workshop, results: Results
) -> None:
    with Session(
        subject,
        workshop,
        subscribers=plan.subscribers,
        heartbeat=plan.heartbeat if cases[0].with_heartbeat else 0,
        patience=plan.patience,
    ) as session:
        for case in cases:
            results.add(case, subject, case.measure(session, plan.seconds))


def _sessions(cases: Sequence[Case]) -> list[list[Case]]:
    both = ([case for case in cases if case.with_heartbeat is has] for has in (False, True))
    return [group for group in both if group]


def _line_end() -> str:
    return "  \r" if sys.stderr.isatty() else "\n"
