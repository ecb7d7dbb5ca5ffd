"""
The seam between the hub and connections, for code that carries streams over a transport of its own.

:class:`Outlet` says what a connection must be able to do, :class:`Writer` what it tells the hub.
"""

from ._chunk import Chunk
from ._ends import HasEnd
from ._outlet import NOT_SENT, PIECE, Outlet, Writer, not_sent

__all__ = ["NOT_SENT", "PIECE", "Chunk", "HasEnd", "Outlet", "Writer", "not_sent"]
