"""
The figures of all rounds.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median

from ._figures import Column, Figures


@dataclass(slots=True)
class Results:
    """
    :ivar notes: What was left out, and why.
    """

    notes: list[str] = field(default_factory=list)
    _rounds: dict[tuple[str, str], list[Figures]] = field(default_factory=lambda: defaultdict(list))

    def add(self, case: str, subject: str, figures: Figures) -> None:
        self._rounds[case, subject].append(figures)

    def note(self, text: str) -> None:
        """
        Note something, once.
        """
        if text not in self.notes:
            self.notes.append(text)

    def values(self, case: str, subject: str, column: Column) -> list[float]:
        """
        Return a figure of each round in which it was measured.
        """
        rounds = self._rounds.get((case, subject), [])
        return [figures[column] for figures in rounds if column in figures]

    def median(self, case: str, subject: str, column: Column) -> float | None:
        """
        Return the median of the rounds, or None where that has not been measured.
        """
        values = self.values(case, subject, column)
        return median(values) if values else None

    def has(self, case: str, subject: str) -> bool:
        return (case, subject) in self._rounds
