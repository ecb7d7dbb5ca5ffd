"""
Bars that the hub must reach and the figures that it reached, from the medians of one run.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ._cases import SMALL_LOG
from ._figures import Column
from ._results import Results

#: Subjects that an interpreter runs; a connect to this hub must cost less than to any other of
#: them.
_INTERPRETED = ("node", "better-sse", "twisted-loop", "aiohttp-sse", "sse-starlette")

_OURS = "ssetwist"

#: A function from results to a figure, or None if the figure was not measured.
_Figure = Callable[[Results], "float | None"]


@dataclass(frozen=True, slots=True)
class Bar:
    """
    :ivar row: The case.
    :ivar what: The figure of this hub that is compared with the limit.
    :ivar reached: Returns that figure.
    :ivar limit: The most that the figure may be; ``None`` if it is only reported.
    :ivar is_least: If true, the limit is the least that the figure may be.
    """

    row: str
    what: str
    reached: _Figure
    limit: float | None
    unit: str = "x"
    is_least: bool = False

    def verdict(self, value: float | None) -> str:
        if value is None or self.limit is None:
            return "not measured" if value is None else ""
        return "yes" if (value >= self.limit if self.is_least else value <= self.limit) else "NO"

    @property
    def must(self) -> str:
        if self.limit is None:
            return ""
        return f"{'at least' if self.is_least else 'at most'} {self.limit:g} {self.unit}"


def _of(case: str, column: Column = Column.CPU, subject: str = _OURS) -> _Figure:
    return lambda results: results.median(case, subject, column)


def _least(case: str, subjects: tuple[str, ...]) -> _Figure:
    def least(results: Results) -> float | None:
        values = [results.median(case, subject, Column.CPU) for subject in subjects]
        known = [value for value in values if value is not None]
        return min(known) if len(known) == len(subjects) else None

    return least


def _ratio(own: _Figure, other: _Figure) -> _Figure:
    def ratio(results: Results) -> float | None:
        numerator, denominator = own(results), other(results)
        return numerator / denominator if numerator is not None and denominator else None

    return ratio


def _growth(case: str) -> _Figure:
    def growth(results: Results) -> float | None:
        peak, before = _of(case, Column.PEAK)(results), _of(case, Column.BEFORE)(results)
        return None if peak is None or before is None else peak - before

    return growth


def _bars_of_fan_out(name: str, subscribers: str) -> list[Bar]:
    one, burst = f"one-{name}", f"burst-{name}"
    to_one, to_burst = f"{subscribers}, one event at a time", f"{subscribers}, 16 events at once"
    nchan, floor = _of(one, subject="nchan"), _of(one, subject="c-loop")
    return [
        Bar(to_one, "CPU per delivery by nchan's", _ratio(_of(one), nchan), 1.0),
        Bar(to_one, "CPU per delivery by the C loop's", _ratio(_of(one), floor), 1.6),
        Bar(
            to_burst,
            "CPU per delivery by nchan's",
            _ratio(_of(burst), _of(burst, subject="nchan")),
            0.2,
        ),
    ]


_IDLE = "10,000 idle, with heartbeats"
_UNREAD = "950 read, 50 never read, 30 MB"
_THREADS = "2,000 that do not read yet, 2 threads"
_REPLAY = "1,000 reconnect, 1,000 events back"

BARS = (
    *_bars_of_fan_out("1k", "1,000"),
    *_bars_of_fan_out("10k", "10,000"),
    Bar(
        "1,000, 10 KB events",
        "CPU per delivery by the C loop's",
        _ratio(_of("large-1k"), _of("large-1k", subject="c-loop")),
        1.2,
    ),
    Bar(
        "10,000 topics, an event to one",
        "CPU per publish by that with 10",
        _ratio(_of("topics-10k"), _of("topics-10")),
        1.2,
    ),
    Bar(
        "10,000 private topics, an event to one",
        "CPU per publish by that with 10",
        _ratio(_of("private-10k"), _of("private-10")),
        1.2,
    ),
    Bar(
        _IDLE,
        "memory each by nchan's",
        _ratio(_of("idle-10k", Column.MEMORY), _of("idle-10k", Column.MEMORY, "nchan")),
        1.0,
    ),
    Bar(_IDLE, "memory each", _of("idle-10k", Column.MEMORY), 7, "KiB"),
    Bar(_IDLE, "CPU of one core", _of("idle-10k", Column.BUSY), 1, "%"),
    Bar(
        "10,000 connecting",
        "CPU per connect by the least interpreted peer's",
        _ratio(_of("connect-10k"), _least("connect-10k", _INTERPRETED)),
        1.0,
    ),
    Bar(
        _UNREAD,
        "p99 of the others by that without the 50",
        _ratio(_of("unread-50", Column.P99), _of("unread-0", Column.P99)),
        1.2,
    ),
    Bar(_UNREAD, "memory they add, at its peak", _growth("unread-50"), SMALL_LOG / 2**20, "MiB"),
    Bar(
        _THREADS,
        "time of a flush by that of 1 thread",
        _ratio(_of("threads-2", Column.LAST), _of("threads-1", Column.LAST)),
        0.7,
    ),
    Bar(
        _THREADS,
        "CPU of a flush by that of 1 thread",
        _ratio(_of("threads-2"), _of("threads-1")),
        1.1,
    ),
    Bar(
        _REPLAY,
        "events per CPU second by those of one at a time",
        _ratio(_of("one-1k"), _of("replay")),
        10,
        is_least=True,
    ),
    Bar(
        _REPLAY,
        "the same without the cost of connecting",
        _ratio(_of("one-1k"), _of("replay", Column.BARE)),
        None,
    ),
)


def rows(results: Results) -> list[list[str]]:
    """
    Return the headings, then one row for each bar.
    """
    table = [["case", "figure of ssetwist", "must be", "is", "met"]]
    for bar in BARS:
        value = bar.reached(results)
        reached = "" if value is None else f"{value:.2f} {bar.unit}"
        table.append([bar.row, bar.what, bar.must, reached, bar.verdict(value)])
    return table
