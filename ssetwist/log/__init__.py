"""
Event logs, which keep events in order.

:class:`EventLog` is the seam; :class:`MemoryLog` is the default.
"""

from ._followers import Followers
from ._ids import MAX_ID, position_of, render_id
from ._log import Entry, EventLog
from ._memory import DEFAULT_MAX_AGE, DEFAULT_MAX_BYTES, DEFAULT_MAX_COUNT, MemoryLog

__all__ = [
    "DEFAULT_MAX_AGE",
    "DEFAULT_MAX_BYTES",
    "DEFAULT_MAX_COUNT",
    "MAX_ID",
    "Entry",
    "EventLog",
    "Followers",
    "MemoryLog",
    "position_of",
    "render_id",
]
