"""
Policy of a hub for subscribers that have missed events.
"""

from dataclasses import dataclass
from enum import Enum

from twisted.internet.interfaces import IReactorTime

from ..errors import InvalidEvent, InvalidOption
from ..eventstream import DEFAULT_TYPE, GAP, Event, encode_event
from ..log import MAX_ID, EventLog, render_id
from ._chunk import Chunk
from ._fan_out import FanOut
from ._timed_log import TimedLog
from ._turns import Turns


class WhenBehind(Enum):
    """
    Treatment of a subscriber that was behind for so long that the log no longer holds the events
    that it has missed.
    """

    #: Disconnect it.  A browser comes back by itself and is told about the gap.
    DISCONNECT = "disconnect"
    #: Tell it about the gap, and go on with events that are published from now on.
    SKIP = "skip"
    #: Tell it about the gap, and go on with the events that are left.  Also, whenever it is behind,
    #: send only the newest event of each topic, which is all that a dashboard wants.
    LATEST = "latest"


class UnknownCursor(Enum):
    """
    Treatment of a subscriber that comes back with an id that the log never knew or has forgotten.
    It is told about the gap, and then gets these events.
    """

    #: Events that are published from now on.
    LIVE = "live"
    #: All events that are kept.
    ALL = "all"


@dataclass(frozen=True, slots=True)
class ReplayPolicy:
    """
    The options of a hub for subscribers that are not at the live end.

    :ivar gap: The type of the event that tells about a gap; ``None`` or ``""`` for no such event.
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
    The objects that all catch-ups of one hub share.

    :ivar timed_log: The same log, for everything that may have to wait.
    :ivar turns: Turns of the reactor, in which they go on.
    :ivar live: The live end, to which they lead.
    """

    log: EventLog
    timed_log: TimedLog
    clock: IReactorTime
    turns: Turns
    live: FanOut
    policy: ReplayPolicy

    def gap(self, asked: str, resume_after: int) -> Chunk:
        """
        Return the event that tells about a gap; an empty chunk if the hub sends no such event.

        :param asked: The id after which the stream cannot go on.
        :param resume_after: The position after which it goes on.  The event has its id, so that a
            client that comes back is not told about the same gap again.
        """
        if not self.policy.gap:
            return Chunk(b"")
        epoch, oldest, newest = self.log.epoch, self.log.oldest, self.log.head
        is_empty = oldest > newest
        event = Event.with_json(
            {
                # Clients send anything; it must fit into the event.
                "asked": asked[:MAX_ID].encode("utf-8", "replace").decode(),
                "oldest": None if is_empty else render_id(epoch, oldest),
                "newest": None if is_empty else render_id(epoch, newest),
            },
            type=self.policy.gap,
            id=render_id(epoch, resume_after),
        )
        return Chunk(encode_event(event))
