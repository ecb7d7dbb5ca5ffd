"""
Which failures are worth another try, and how long a server asks to be left alone.  Pure.
"""

from ..errors import Disconnected, NotAnEventStream, SSETwistError


def is_worth_another_try(problem: SSETwistError) -> bool:
    """
    Tell whether an attempt may succeed later: whatever the network does, 429, and 5xx.
    """
    if isinstance(problem, NotAnEventStream):
        return problem.status == 429 or 500 <= problem.status <= 599
    return isinstance(problem, Disconnected)
