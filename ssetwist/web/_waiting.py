"""
What waits for one connection.
"""

from collections import deque

#: Bytes that may wait for a client that is behind.  With what the transport may hold, one piece,
#: a client that never reads costs well below 1 MiB.
MAX_WAITING = 512 * 1024

#: Small frames are joined up to so many bytes: each object by itself would cost more than it holds.
_JOINED = 4096


class Waiting:
    """
    Bytes that a connection has not taken yet, to be taken in pieces.

    They are kept by reference: what waits for a thousand clients is there once.
    """

    __slots__ = ("_chunks", "_size", "_taken")

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._taken = 0  # of the first frames

    def __len__(self) -> int:
        return self._size

    def append(self, chunk: bytes) -> None:
        """
        Add bytes at the end.
        """
        if self._chunks and len(self._chunks[-1]) + len(chunk) <= _JOINED:
            self._chunks[-1] += chunk
        else:
            self._chunks.append(chunk)
        self._size += len(chunk)

    def take(self, max_bytes: int) -> bytes:
        """
        Remove and return bytes from the front, as many as there are up to a limit.
        """
        pieces = []
        room = max_bytes
        while room and self._chunks:
            first = self._chunks[0]
            piece = first[self._taken : self._taken + room]
            pieces.append(piece)
            room -= len(piece)
            self._taken += len(piece)
            if self._taken == len(first):
                self._chunks.popleft()
                self._taken = 0
        self._size -= max_bytes - room
        return b"".join(pieces)
