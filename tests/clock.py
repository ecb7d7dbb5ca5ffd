"""
The clock of the tests.
"""

from typing import Any

from twisted.internet import task
from twisted.internet.interfaces import IDelayedCall


class Clock(task.Clock):
    """
    A clock that refuses a time in the past, as a reactor does; Twisted's own takes it.
    """

    def callLater(self, delay: float, *call: Any, **options: Any) -> IDelayedCall:
        assert delay >= 0, f"{delay} s from now is in the past"
        return super().callLater(delay, *call, **options)
