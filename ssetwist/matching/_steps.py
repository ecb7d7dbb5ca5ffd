"""
Work in steps: a generator that yields whenever other work may be done.

Whoever runs the steps decides when to stop for a while.  Most work ends before its first yield.
"""

from collections.abc import Generator
from typing import TypeAlias, TypeVar

_T = TypeVar("_T")

Steps: TypeAlias = Generator[None, None, _T]


def at_once(steps: Steps[_T]) -> _T:
    """
    Do all steps now, and return their result.
    """
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: _T = end.value
            return result
