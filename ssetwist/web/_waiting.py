"""
What waits for one connection.
"""

from collections import deque

#: Small frames are joined up to so many bytes: each object by itself would cost more than it holds.
_JOINED = 4096


class Waiting:
    """
    Bytes that a connection has not taken yet, to be taken in pieces.

    They are kept by reference: what waits for a thousand clients is there once.
    """

    __slots__ = ("_frames", "_size", "_taken")

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._size = 0
        self._taken = 0  # of the first frames

    def __len__(self) -> int:
        return self._size

    def append(self, frames: bytes) -> None:
        """
        Add bytes at the end.
        """
        if self._frames and len(self._frames[-1]) + len(frames) <= _JOINED:
            self._frames[-1] += frames
        else:
            self._frames.append(frames)
        self._size += len(frames)

    def take(self, most: int) -> bytes:
        """
        Remove and return bytes from the front, as many as there are up to a limit.
        """
        pieces = []
        room = most
        while room and self._frames:
            first = self._frames[0]
            piece = first[self._taken : self._taken + room]
            pieces.append(piece)
            room -= len(piece)
            self._taken += len(piece)
            if self._taken == len(first):
                self._frames.popleft()
                self._taken = 0
        self._size -= most - room
        return b"".join(pieces)
