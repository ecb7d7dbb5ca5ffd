"""
Figures of all rounds.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median

from ._figures import Column, Figures


@dataclass(slots=True)
class Results:
    """
    :ivar notes: Measurements that were left out, with the reasons.
    """

    notes: list[str] = field(default_factory=list)
    _rounds: dict[tuple[str, str], list[Figures]] = field(default_factory=lambda: defaultdict(list))

    def add(self, case: str, subject: str, figures: Figures) -> None:
        self._rounds[case, subject].append(figures)

    def note(self, text: str) -> None:
        """
        Add a note, unless it is there already.
        """
        if text not in self.notes:
            self.notes.append(text)

    def values(self, case: str, subject: str, column: Column) -> list[float]:
        """
        Return one figure of each round that measured it.
        """
        rounds = self._rounds.get((case, subject), [])
        return [figures[column] for figures in rounds if column in figures]

    def median(self, case: str, subject: str, column: Column) -> float | None:
        """
        Return the median of the rounds, or None if the figure was not measured.
        """
        values = self.values(case, subject, column)
        return median(values) if values else None

    def has(self, case: str, subject: str) -> bool:
        return (case, subject) in self._rounds
