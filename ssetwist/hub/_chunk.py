"""
Bytes on their way to many clients.
"""

from collections.abc import Sequence


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
