"""
Parser: from the bytes of an event stream to events (WHATWG HTML 9.2.6).

All rules about which events are dispatched are here.  The events do not depend on the pieces in
which the bytes arrive.
"""

from collections.abc import Callable

from ..errors import EventTooLarge
from ._event import DEFAULT_TYPE, MAX_RETRY, Draft, Event, check_id
from ._shape import ONLY_DATA, Shape, shape_of

#: The longest line, in bytes without its end.  Most lines are JSON, and an image in it has a few
#: MB.  A server that never ends a line takes that much of our memory.
MAX_LINE = 16 * 2**20

#: The most data of one event, in bytes: a few such lines.  A server that never sends a blank line
#: takes that much of our memory.
MAX_EVENT = 64 * 2**20

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# More digits than MAX_RETRY has.  Python refuses to read thousands of them.
_MANY_DIGITS = 17

# Bytes that are read at a time: that much more memory may be used for a moment.
_PIECE = 2**16

# Bytes of whole blocks that are taken apart at a time.  With more, the fields that were found wait
# longer to become events, and Python's garbage collector goes through them meanwhile.
_BATCH = 2**14


class EventStreamParser:
    """
    Reads one event stream, in pieces of any size::

        parser = EventStreamParser()
        for event in parser.feed(some_bytes):
            print(event.data)

    At the end of the stream there is nothing to do: an event without its blank line is dropped, as
    the standard demands.

    The ``id`` of an event is the last event ID, which may come from an earlier block (WHATWG HTML
    9.2.6, ``lastEventId``); it is ``None`` if that is empty.  Its ``retry`` is always ``None``: a
    ``retry`` takes effect as it is read, and belongs to :attr:`reconnection_time` instead.

    At most one line and the data of an unfinished event are held.  Comments and unknown
    fields are not held, and may go on for ever.

    :param max_line: The longest line, also of comments, in bytes without its end.
    :param max_event: The most data of one event, in bytes of UTF-8, each line with its end.
    :param on_comment: Called with the text of each comment line, without the colon and one blank
        after it, when all bytes of that :meth:`feed` have been read.  If it raises, so does
        ``feed``, and the next one returns the events of both.
    :param last_event_id: The last event ID of the stream before, to go on with.

    :ivar last_event_id: The ``Last-Event-ID`` to send when the stream has broken.  A block without
        data also sets it; a block that is cut off does not.
    :ivar reconnection_time: Seconds to wait before the next connection, by the last valid
        ``retry``; ``None`` before the first.  A time that is too long for browsers counts as their
        longest, 2**53 - 1 ms.

    :raises ValueError: If a limit is not positive.
    :raises InvalidEvent: If ``last_event_id`` cannot be an id.
    """

    def __init__(
        self,
        *,
        max_line: int = MAX_LINE,
        max_event: int = MAX_EVENT,
        on_comment: Callable[[str], object] | None = None,
        last_event_id: str = "",
    ) -> None:
        if max_line < 1 or max_event < 1:
            raise ValueError("max_line and max_event must be numbers of bytes, 1 or more")
        check_id(last_event_id)
        self.last_event_id = last_event_id
        self.reconnection_time: float | None = None
        self._max_line = max_line
        self._max_event = max_event
        self._on_comment = on_comment
        # The part that was too large, and its limit; an exception would keep all data alive.
        self._problem: tuple[str, int] | None = None
        # Data of this length is within the limits even if each byte was bad and has become U+FFFD,
        # which has three.
        self._safe_length = min(max_line, max_event) // 3
        # The beginning of what may become a byte order mark; None after the decision.
        self._start: bytes | None = b""
        self._follows_cr = False
        self._line = bytearray()
        # The three buffers of the standard.
        self._data = bytearray()
        self._type = ""
        self._id = last_event_id
        # The findings of the present call.
        self._events: list[Event] = []
        self._comments: list[str] = []

    def feed(self, data: bytes) -> list[Event]:
        """
        Read the next bytes of the stream and return the events that they complete, oldest first.

        :raises EventTooLarge: If a line or an event exceeds its limit.  The events before it are
            returned first, so the next call may be the one that raises, even with ``b""``.  From
            then on every call raises it.
        """
        if self._problem is None:
            try:
                self._read(data)
            except EventTooLarge as problem:
                self._problem = problem.part, problem.limit
                self._line.clear()
                self._data.clear()
            self._tell_comments()
        if self._problem is not None and not self._events:
            raise EventTooLarge(*self._problem)
        events, self._events = self._events, []
        return events

    def _tell_comments(self) -> None:
        if self._comments and self._on_comment is not None:
            comments, self._comments = self._comments, []
            for comment in comments:
                self._on_comment(comment)

    def _read(self, data: bytes) -> None:
        if self._start is not None:
            data = self._start + data
            if len(data) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(data):
                self._start = data
                return
            self._start = None
            data = data.removeprefix(_BYTE_ORDER_MARK)
        if self._follows_cr and data:
            data = data.removeprefix(b"\n")  # the CR before it has ended the line
            self._follows_cr = False
        if b"\r" in data:
            self._follows_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        for start in range(0, len(data), _PIECE):
            self._read_blocks(data[start : start + _PIECE])

    def _read_blocks(self, data: bytes) -> None:
        # Between the first blank line and the last there are whole blocks, within the limits.
        start, end = data.find(b"\n\n") + 2, data.rfind(b"\n\n") + 2
        if start < end <= self._safe_length and b"\0" not in data:
            self._read_lines(data[:start])
            while start < end:
                stop = data.find(b"\n\n", start + _BATCH, end) + 2
                blocks = data[start : stop if stop > start else end]
                text = blocks.decode("utf-8", "replace")
                if shape := shape_of(text):
                    self._read_alike(text, shape)
                else:
                    self._read_lines(blocks)
                start += len(blocks)
            data = data[end:]
        self._read_lines(data)

    def _read_alike(self, text: str, shape: Shape) -> None:
        # The same as _read_lines, but for blocks of one shape, and several times as fast.
        id = self._id or None
        events = self._events
        if shape is ONLY_DATA and text.startswith("data: "):
            values = text[len("data: ") : -len("\n\n")].split("\n\ndata: ")
            if text.count("\n") == 2 * len(values):  # there are no other blocks
                for value in values:
                    event = Draft()
                    event.data = value
                    event.type = DEFAULT_TYPE
                    event.id = id
                    event.retry = None
                    event.__class__ = Event
                    events.append(event)
                return
        for new_id, type, value, other in shape(text):
            if new_id:
                id = new_id
            elif other:
                self._id = id or ""
                self._read_lines(other.encode())
                id = self._id or None
                continue
            event = Draft()
            event.data = value
            event.type = type or DEFAULT_TYPE
            event.id = id
            event.retry = None
            event.__class__ = Event
            events.append(event)
        self._id = self.last_event_id = id or ""

    def _read_lines(self, data: bytes) -> None:
        lines: list[bytes | bytearray] = [*data.split(b"\n")]  # _read has replaced CR
        last = lines.pop()
        if self._line and lines:
            self._line += lines[0]
            lines[0], self._line = self._line, bytearray()
        for line in lines:
            if len(line) > self._max_line:
                raise EventTooLarge("line", self._max_line)
            if line:
                self._read_line(line)
            else:
                self._dispatch()
        if last:
            self._line += last
            if len(self._line) > self._max_line:
                raise EventTooLarge("line", self._max_line)

    def _read_line(self, line: bytes | bytearray) -> None:
        field, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if field == b"data":
            if len(self._data) + len(value) >= self._max_event:
                raise EventTooLarge("event", self._max_event)
            self._data += value
            self._data += b"\n"
        elif field == b"event":
            self._type = value.decode("utf-8", "replace")
        elif field == b"id":
            if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
        elif field == b"retry":
            if value.isdigit():  # for bytes, only the digits of ASCII
                digits = value.lstrip(b"0")[:_MANY_DIGITS] or b"0"
                self.reconnection_time = min(int(digits), MAX_RETRY) / 1000
        elif not field and self._on_comment is not None:
            self._comments.append(value.decode("utf-8", "replace"))

    def _dispatch(self) -> None:
        self.last_event_id = self._id  # also of a block without data
        type, self._type = self._type, ""
        if self._data:
            del self._data[-1]
            event = Draft()
            # Whole lines: a line cannot begin with the rest of a character, so decoding them at
            # once or one by one is the same.
            event.data = self._data.decode("utf-8", "replace")
            event.type = type or DEFAULT_TYPE
            event.id = self._id or None
            event.retry = None
            event.__class__ = Event
            self._events.append(event)
            self._data = bytearray()
