"""
Figures that a case may have.
"""

from enum import Enum


class Column(Enum):
    """
    A figure, with its heading and the number of digits after the point.
    """

    RATE = "per second", 0
    CPU = "CPU us each", 2
    BARE = "bare us", 2
    P50 = "p50 ms", 2
    P99 = "p99 ms", 2
    LAST = "last ms", 2
    PER_READ = "per read", 1
    MEMORY = "KiB each", 1
    BUSY = "CPU %", 2
    BEFORE = "MiB before", 1
    PEAK = "MiB peak", 1
    AFTER = "MiB after", 1


Figures = dict[Column, float]
