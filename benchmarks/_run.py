"""
A run: all cases with all subjects, round by round, so that a disturbance of the machine affects all
subjects.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from ._cases import Case
from ._load import Failed
from ._results import Results
from ._session import Session
from ._setup import Setup
from ._subjects import Subject
from ._workshop import Workshop


@dataclass(frozen=True, slots=True)
class Plan:
    """
    :ivar seconds: Length of one measurement.
    :ivar heartbeat: Seconds between heartbeats, in cases that have them.
    :ivar patience: Seconds that a single step may take.
    """

    cases: Sequence[Case]
    subjects: Sequence[Subject]
    rounds: int
    seconds: float
    heartbeat: int
    patience: float


def run(plan: Plan, workshop: Workshop) -> Results:
    """
    Measure, and write the progress to standard error.
    """
    results = Results()
    present = []
    for subject in plan.subjects:
        if missing := subject.missing(workshop):
            results.note(f"{subject.name} is left out: {missing} is not installed")
        else:
            present.append(subject)
    steps = [(number, subject) for number in range(plan.rounds) for subject in present]
    for step, (number, subject) in enumerate(steps):
        text = f"[{step + 1}/{len(steps)}] round {number + 1} of {plan.rounds}: {subject.name}"
        print(text, end=_line_end(), file=sys.stderr, flush=True)
        cases = [case for case in plan.cases if not case.needs or case.needs in subject.abilities]
        for setup, of_setup in _sessions(cases).items():
            try:
                _measure(setup, of_setup, subject, plan, workshop, results)
            except (Failed, OSError) as error:
                names = ", ".join(case.name for case in of_setup)
                results.note(f"{subject.name} ({names}), round {number + 1}: {error}")
    print(file=sys.stderr)
    return results


def _measure(
    setup: Setup,
    cases: Sequence[Case],
    subject: Subject,
    plan: Plan,
    workshop: Workshop,
    results: Results,
) -> None:
    with Session(
        subject, workshop, setup, heartbeat=plan.heartbeat, patience=plan.patience
    ) as session:
        for case in cases:
            figures = case.measure(session, plan.seconds)
            results.add(case.name, subject.name, figures)
            if case.compared not in figures:
                results.note(f"{subject.name} cannot keep to the pace of {case.name}")


def _sessions(cases: Sequence[Case]) -> dict[Setup, list[Case]]:
    groups: dict[Setup, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.setup, []).append(case)
    return groups


def _line_end() -> str:
    return "  \r" if sys.stderr.isatty() else "\n"
