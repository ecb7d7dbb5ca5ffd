"""
What a hub's subscribers share on their way to the live end, and what happens to those who do not
get there.
"""

from dataclasses import dataclass
from enum import Enum

from twisted.internet.interfaces import IReactorTime

from ..errors import InvalidEvent, InvalidOption
from ..eventstream import DEFAULT_TYPE, GAP, Event, encode_event
from ..log import MAX_ID, EventLog, render_id
from ._chunk import Chunk
from ._fan_out import FanOut


class WhenBehind(Enum):
    """
    What becomes of a subscriber that was behind for so long that the log no longer holds what it
    has missed.
    """

    #: It is disconnected.  A browser comes back by itself and is told of the gap.
    DISCONNECT = "disconnect"
    #: It is told of the gap and goes on with what is published from now on.
    SKIP = "skip"
    #: It is told of the gap and goes on with what is left.  And whenever it is behind, it catches
    #: up with the newest event of each topic alone: what a dashboard wants.
    LATEST = "latest"


class UnknownCursor(Enum):
    """
    What a subscriber gets that comes back with an id that the log does not know, or no longer; in
    both cases after it has been told of the gap.
    """

    #: What is published from now on.
    LIVE = "live"
    #: Everything that is kept.
    ALL = "all"


@dataclass(frozen=True, slots=True)
class ReplayPolicy:
    """
    What a hub does about those who are not at the live end.

    :ivar gap: The type of the event that tells of a gap; ``None`` or ``""`` for no such event.
    :raises InvalidOption: If one of them makes no sense.
    """

    when_behind: WhenBehind = WhenBehind.DISCONNECT
    unknown_cursor: UnknownCursor = UnknownCursor.LIVE
    gap: str | None = GAP

    def __post_init__(self) -> None:
        for name, kind in (("when_behind", WhenBehind), ("unknown_cursor", UnknownCursor)):
            try:
                object.__setattr__(self, name, kind(getattr(self, name)))
            except ValueError:
                known = ", ".join(one.value for one in kind)
                problem = f"{getattr(self, name)!r} is not one of {known}"
                raise InvalidOption(name, problem) from None
        if self.gap in ("end", "error"):
            raise InvalidOption("gap", f"{self.gap!r} is the type of other events of the hub")
        try:
            Event(type=self.gap or DEFAULT_TYPE)
        except InvalidEvent as problem:
            raise InvalidOption("gap", f"{self.gap!r}: {problem}") from None


@dataclass(frozen=True, slots=True)
class ReplayContext:
    """
    What the subscribers of one hub share on their way.

    :ivar live: The live end, where it leads.
    """

    log: EventLog
    clock: IReactorTime
    live: FanOut
    policy: ReplayPolicy

    def gap(self, asked: str, resume_after: int) -> Chunk:
        """
        Return what tells of a gap.

        :param asked: The cursor that cannot be honoured.
        :param resume_after: The position after which the stream goes on; it becomes the client's
            cursor, so that it is not told of the same gap again.
        """
        if not self.policy.gap:
            return Chunk(b"")
        epoch, oldest, newest = self.log.epoch, self.log.oldest, self.log.head
        is_empty = oldest > newest
        event = Event.with_json(
            {
                # Whatever it was, it must fit into the event.
                "asked": asked[:MAX_ID].encode("utf-8", "replace").decode(),
                "oldest": None if is_empty else render_id(epoch, oldest),
                "newest": None if is_empty else render_id(epoch, newest),
            },
            type=self.policy.gap,
            id=render_id(epoch, resume_after),
        )
        return Chunk(encode_event(event))
