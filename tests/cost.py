"""
The cost of some work, compared with other work on the same machine in the same moment.

Seconds of a thread's own processor are counted, and of some tries the least is taken: what else the
machine does is then nearly nothing.  Nothing is held to a number of seconds.
"""

import time
from collections.abc import Callable


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

    Sixteen times the size may cost four times sixteen times as much.  What is quadratic costs 256
    times as much, and what is exponential does not end; so sizes are to be small enough.

    :param make: Returns the work of a size.
    :param small: The smaller size, for which it takes some microseconds at least.
    """
    few, many = cost(make(small)), cost(make(16 * small))
    # A clock that can tell no time apart is no reason to fail.
    if many > 64 * max(few, 2e-5):
        raise AssertionError(f"{small} costs {few:.6f} s, and 16 times as much {many:.6f} s")
