"""
Bytes on their way to many.
"""

from collections.abc import Sequence


class Chunk:
    """
    Whole frames of an event stream, joined once for everyone they are for.

    :ivar data: The bytes.
    :ivar events: How many events there are in them, for the accounts.
    :ivar on_wire: What an outlet has made of the data, for the others of its kind; ``None`` until
        one has.  Whatever HTTP puts around the bytes is then put on once, too.
    """

    __slots__ = ("data", "events", "on_wire")

    def __init__(self, data: bytes, events: int = 0) -> None:
        self.data = data
        self.events = events
        self.on_wire: bytes | None = None

    @classmethod
    def joined(cls, encoded: Sequence[bytes]) -> "Chunk":
        """
        Join events, each of which is encoded already.
        """
        return cls(encoded[0] if len(encoded) == 1 else b"".join(encoded), len(encoded))
