"""
Publishing: one POST becomes entries of the log, each of them once.
"""

from ._publishing import Publishing

__all__ = [
    "Publishing",
]
