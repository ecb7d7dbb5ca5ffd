"""
The cost of some work, compared with other work on the same machine in the same moment.

Seconds of a thread's own processor are counted, and of some tries the least is taken: what else the
machine does is then nearly nothing.  Nothing is held to a number of seconds.
"""

import time
from collections.abc import Callable
from functools import partial

#: Seconds that a clock measures well.
_MEASURABLE = 1e-3


def cost(work: Callable[[], object], tries: int = 5) -> float:
    """
    Return the seconds of processor time that some work takes, at the least of some tries.
    """
    costs = []
    for _ in range(tries):
        began = time.thread_time()
        work()
        costs.append(time.thread_time() - began)
    return min(costs)


def assert_linear(make: Callable[[int], Callable[[], object]], small: int) -> None:
    """
    Check that work grows with its size, and not faster.

    Sixteen times the size may cost four times sixteen times as much.  Quadratic work costs 256
    times as much, and exponential work does not end; so sizes are to be small enough.

    :param make: Returns the work of a size.
    :param small: The smaller size.  What each piece of work costs besides its size must be less
        than what its size costs.
    """
    few, many = _cost_of_one(make(small)), _cost_of_one(make(16 * small))
    if many > 64 * few:
        raise AssertionError(f"{small} costs {few:.9f} s, and 16 times as much {many:.9f} s")


def _cost_of_one(work: Callable[[], object]) -> float:
    """
    Return what some work costs, done so often that the clock can tell.
    """
    times = 1
    while (together := cost(partial(_repeat, work, times))) < _MEASURABLE:
        times *= 4
    return together / times


def _repeat(work: Callable[[], object], times: int) -> None:
    for _ in range(times):
        work()
