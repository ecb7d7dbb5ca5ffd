"""
Publishing: a POST becomes entries of the log, each exactly once.
"""

from ._publishing import Publishing

__all__ = [
    "Publishing",
]
