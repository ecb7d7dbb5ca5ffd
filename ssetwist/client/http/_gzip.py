"""
gzip (RFC 1952) as it comes, in bounded pieces.  Pure.

A few bytes of gzip can stand for a thousand times as many, so nobody gets more at once than a
piece, and nothing is decoded before it is asked for.
"""

import zlib

#: How many bytes are decoded at once at most; as many as a socket is read for.
PIECE = 2**16

_GZIP = 16 + zlib.MAX_WBITS  # as zlib has it


class GzipDecoder:
    """
    Takes bytes as they come, and gives as many as there are by then: whatever a server has flushed
    (``Z_SYNC_FLUSH``) is there at once.  Several members behind each other are one stream.
    """

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._waiting = b""
        self._has_more = False

    def push(self, data: bytes) -> None:
        """
        Take some bytes; they are held until :meth:`take` comes to them.
        """
        self._waiting += data

    def take(self) -> bytes:
        """
        Return the next bytes, at most :data:`PIECE`; ``b""`` where more must be pushed first.

        :raises ValueError: If it is no gzip.
        """
        while self._waiting or self._has_more:
            try:
                data = self._member.decompress(self._waiting, PIECE)
            except zlib.error as problem:
                raise ValueError(str(problem)) from None
            # A full piece may leave bytes behind that zlib has read but not yet written.
            self._has_more = len(data) == PIECE
            self._waiting = self._member.unconsumed_tail
            if self._member.eof:
                self._waiting = self._member.unused_data
                self._has_more = False
                self._member = zlib.decompressobj(_GZIP)
            if data:
                return data
        return b""
