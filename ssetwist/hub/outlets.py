"""
The seam between the hub and connections, for code that carries streams over another transport.

:class:`Outlet` has the methods that a connection needs, :class:`Writer` those that it calls back.
"""

from ._chunk import Chunk
from ._ends import HasEnd
from ._outlet import NOT_SENT, PIECE, Outlet, Writer, not_sent

__all__ = ["NOT_SENT", "PIECE", "Chunk", "HasEnd", "Outlet", "Writer", "not_sent"]
