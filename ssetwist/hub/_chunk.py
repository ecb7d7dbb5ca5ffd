"""
Bytes on their way to many clients.
"""

from collections.abc import Sequence

#: Events that are joined in one step: a millisecond for small ones.
_STEP = 1024


class Chunk:
    """
    Whole events and comments of an event stream, joined once for all clients that get them.

    :ivar data: The bytes.
    :ivar events: The number of events in them, for the accounts.
    :ivar on_wire: The data as an outlet sends it, with whatever HTTP puts around it, kept for other
        outlets of the same kind; ``None`` until the first one needs it.
    """

    __slots__ = ("data", "events", "on_wire")

    def __init__(self, data: bytes, events: int = 0) -> None:
        self.data = data
        self.events = events
        self.on_wire: bytes | None = None

    @classmethod
    def joined(cls, encoded: Sequence[bytes]) -> "Chunk":
        return cls(encoded[0] if len(encoded) == 1 else b"".join(encoded), len(encoded))


class Joining:
    """
    Encoded events that are made one chunk, in steps: a loop of the application may have published
    hundreds of thousands.

    :param encoded: The events; the list is emptied.
    """

    __slots__ = ("_encoded", "_events", "_pieces")

    def __init__(self, encoded: list[bytes]) -> None:
        encoded.reverse()  # the end of a list can be cut off without moving the rest
        self._encoded = encoded
        self._events = len(encoded)
        self._pieces: list[bytes] = []

    def step(self) -> Chunk | None:
        """
        Join some more.

        :returns: The chunk after the last step; before that, ``None``.
        """
        if self._encoded:
            some = self._encoded[-_STEP:]
            del self._encoded[-_STEP:]
            some.reverse()
            self._pieces.append(b"".join(some))
            if self._encoded:
                return None
        return Chunk(b"".join(self._pieces), self._events)

    def finish(self) -> Chunk:
        while (chunk := self.step()) is None:
            pass
        return chunk
