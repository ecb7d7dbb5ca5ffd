"""
A profile of deliveries and connects in this hub: samples of ``py-spy``, summed by function.
"""

import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ._cases import CASES
from ._figures import Column
from ._load import Failed
from ._publisher import Order
from ._run import Plan
from ._session import Session
from ._subjects import SUBJECTS
from ._workshop import Workshop

#: Samples per second, seconds, and number of functions that are shown.
_RATE, _SECONDS, _LINES = 500, 5, 25

#: Number of clients that connect.
_CONNECTS = 10_000


def profile_of_deliveries(plan: Plan, workshop: Workshop) -> str:
    """
    Return a table of the case ``one-1k``: for each function its share of the time and its
    microseconds per delivery, without and with the functions that it calls.

    :raises Failed: If ``py-spy`` is not installed or may not look at the server.
    """
    samples = workshop.folder / "profile.raw"
    case = CASES[0]
    with Session(SUBJECTS[0], workshop, case.setup, patience=plan.patience) as session:
        figures = case.measure(session, plan.seconds)
        events = int(figures[Column.RATE] / session.subscribers * (_SECONDS + 1))
        with _recording(session, samples, plan, workshop):
            session.publish(Order(events, 100))
    return _table(samples, figures[Column.CPU], "delivery")


def profile_of_connects(plan: Plan, workshop: Workshop) -> str:
    """
    Return the same table for connects to a server that has 1,000 subscribers.

    :raises Failed: As above.
    """
    samples = workshop.folder / "profile.raw"
    with Session(SUBJECTS[0], workshop, CASES[0].setup, patience=plan.patience) as session:
        each = session.connected.cpu / session.subscribers * 1e6
        with _recording(session, samples, plan, workshop):
            session.connect(_CONNECTS)
    return _table(samples, each, "connect")


@contextmanager
def _recording(session: Session, samples: Path, plan: Plan, workshop: Workshop) -> Iterator[None]:
    """
    Take samples of the server during a block.
    """
    py_spy = workshop.folder / "venv/bin/py-spy"
    if not py_spy.exists():
        raise Failed("no profile: py-spy is not installed")
    options: list[str | Path] = ["--rate", str(_RATE), "--duration", str(_SECONDS), "--native"]
    options += ["--format", "raw", "--output", samples]
    recording = subprocess.Popen(
        [py_spy, "record", "--pid", str(session.pid), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        yield
        _, errors = recording.communicate(timeout=plan.patience)
    except subprocess.TimeoutExpired as error:
        raise Failed("no profile: py-spy does not end") from error
    finally:
        recording.kill()
        recording.wait()
    if recording.returncode:
        raise Failed(f"no profile: {errors.decode(errors='replace').strip()[-200:]}")


def _table(samples: Path, microseconds: float, of_what: str) -> str:
    alone: Counter[str] = Counter()
    within: Counter[str] = Counter()
    total = 0
    for line in samples.read_text().splitlines():
        stack, _, samples_of_it = line.rpartition(" ")
        count = int(samples_of_it)
        # A frame is "function (file:line)"; the samples of all lines of a function are summed.
        frames = [_function(frame) for frame in stack.split(";")]
        total += count
        alone[frames[-1]] += count
        for frame in set(frames):
            within[frame] += count
    lines = [
        f"{microseconds:.2f} us of CPU per {of_what}; {total} samples.",
        "",
        f"{'self %':>7} {'self us':>8} {'with callees us':>16}  function",
    ]
    for name, count in alone.most_common(_LINES):
        part = count / total
        lines.append(
            f"{part * 100:7.1f} {part * microseconds:8.2f} "
            f"{within[name] / total * microseconds:16.2f}  {name}"
        )
    return "\n".join([*lines, ""])


def _function(frame: str) -> str:
    name, _, place = frame.partition(" (")
    file = Path(place.rstrip(")").split(":")[0]).name
    return f"{name} ({file})" if file else name
