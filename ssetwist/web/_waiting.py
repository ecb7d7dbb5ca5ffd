"""
Bytes that wait for one connection.
"""

from collections import deque

from twisted.internet.defer import Deferred

#: Bytes that may wait for a client that is behind.  The transport may hold one piece more, so a
#: client that never reads costs well below 1 MiB.
MAX_WAITING = 512 * 1024

#: Small pieces are joined up to this many bytes: one object each would cost more than its content.
_JOINED = 4096


class Waiting:
    """
    Bytes that a connection has not taken yet, to be taken in pieces.

    They are kept by reference: bytes that wait for a thousand clients exist once.

    :ivar turn: The turn of the reactor that they wait for, if the connection would take them now.
    """

    __slots__ = ("_chunks", "_size", "_taken", "turn")

    def __init__(self) -> None:
        self.turn: Deferred[None] | None = None
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._taken = 0  # bytes of the first chunk

    def __len__(self) -> int:
        return self._size

    def append(self, chunk: bytes) -> None:
        if self._chunks and len(self._chunks[-1]) + len(chunk) <= _JOINED:
            self._chunks[-1] += chunk
        else:
            self._chunks.append(chunk)
        self._size += len(chunk)

    def take(self, max_bytes: int) -> bytes:
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
