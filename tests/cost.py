"""
The cost of some work, compared with other work on the same machine at the same moment.

The cost is the processor time of one thread, the least of several tries, so other work of the
machine hardly counts.  No test has an absolute limit in seconds.
"""

import time
from collections.abc import Callable
from functools import partial

#: Seconds that a clock measures well.
_MEASURABLE = 1e-3


def cost(work: Callable[[], object], tries: int = 5) -> float:
    """
    Return the seconds of processor time that some work takes, the least of several tries.
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
    times as much, and exponential work does not end, so use small sizes.

    :param make: Returns the work for a size.
    :param small: The smaller size.  The fixed cost of the work must be less than the cost of this
        size.
    """
    few, many = _cost_of_one(make(small)), _cost_of_one(make(16 * small))
    if many > 64 * few:
        raise AssertionError(f"{small} costs {few:.9f} s, and 16 times as much {many:.9f} s")


def _cost_of_one(work: Callable[[], object]) -> float:
    """
    Return the cost of some work, repeated until the clock can measure it.
    """
    times = 1
    while (together := cost(partial(_repeat, work, times))) < _MEASURABLE:
        times *= 4
    return together / times


def _repeat(work: Callable[[], object], times: int) -> None:
    for _ in range(times):
        work()
