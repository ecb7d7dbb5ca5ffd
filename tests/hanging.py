"""
A test that hangs: it fails, and the others go on.

Trial ends a ``TestCase`` with a reactor by a time-out of its own.  A test without a reactor may
still wait for ever, in the kernel for a pipe or in a loop.
"""

import signal
from collections.abc import Callable
from functools import wraps
from typing import Any

from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.patience import PATIENCE

#: Seconds that a test may take beside others on a busy machine: longer than a wait of its own.  And
#: more for each factor of random examples.
LIMIT, MORE_LIMIT = PATIENCE + 30, 20.0


class Hangs(Exception):
    """
    A test has taken too long.
    """


def fail_if_hanging(seconds: float) -> None:
    """
    Make each test without a reactor fail after some seconds.
    """
    if not hasattr(signal, "SIGALRM"):  # Windows
        return
    signal.signal(signal.SIGALRM, _fail)
    SynchronousTestCase.run = limited(SynchronousTestCase.run, seconds)  # type: ignore[method-assign]


def limited(run: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    """
    Return the method ``run`` of a test with a limit of its time.
    """

    @wraps(run)
    def run_in_time(case: SynchronousTestCase, result: Any = None) -> Any:  # of any runner
        if isinstance(case, TestCase):
            return run(case, result)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            return run(case, result)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    return run_in_time


def _fail(*_: object) -> None:
    raise Hangs("the test has taken too long")
