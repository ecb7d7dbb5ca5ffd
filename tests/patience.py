"""
Waiting until a condition is true, and no longer.
"""

import time
from collections.abc import Callable

#: Seconds that a step may take at most.  Only a failing test takes so long, so the number is
#: generous: on a machine with ten times more work than it can do, each process takes many seconds
#: to start.
PATIENCE = 120.0


def wait_until(is_so: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """
    Wait until a condition is true.

    :raises AssertionError: If it does not become true in time.
    """
    deadline = time.monotonic() + patience
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience:g} s: {what}")
        time.sleep(0.005)
