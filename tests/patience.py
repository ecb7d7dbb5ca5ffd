"""
Waiting for a fact, and for no longer than it takes.
"""

import time
from collections.abc import Callable

#: Seconds that anything may take at most.  Only a failing test takes so long, so it is generous: on
#: a machine with ten times more to do than it can, each process takes many seconds to start.
PATIENCE = 120.0


def wait_until(is_so: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """
    Wait until something is so.

    :raises AssertionError: If it is not so in time.
    """
    deadline = time.monotonic() + patience
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience:g} s: {what}")
        time.sleep(0.005)
