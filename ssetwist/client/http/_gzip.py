"""
A decoder of gzip (RFC 1952) that works in bounded pieces.  Pure.

A few bytes of gzip can stand for a thousand times as many.  So nothing is decoded before it is
asked for, and never more than one piece.
"""

import zlib

#: Bytes that are decoded at once, at most; a read from a socket has the same limit.
PIECE = 2**16

_GZIP = 16 + zlib.MAX_WBITS  # zlib's code for gzip


class GzipDecoder:
    """
    A decoder that gives bytes as soon as the server has flushed them (``Z_SYNC_FLUSH``).  Several
    members in a row are one stream.
    """

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._waiting = b""
        self._has_more = False

    def push(self, data: bytes) -> None:
        """
        Add some bytes; they are held until :meth:`take` decodes them.
        """
        self._waiting += data

    def take(self) -> bytes:
        """
        Return the next bytes, at most :data:`PIECE`; ``b""`` if more must be pushed first.

        :raises ValueError: If the bytes are not gzip.
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
