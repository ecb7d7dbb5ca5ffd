"""
A reader of event streams, written from the standard alone: the oracle for our own code.

It follows WHATWG HTML 9.2.6, "Interpreting an event stream", sentence by sentence, and it is slow.
"""

from codecs import getincrementaldecoder
from dataclasses import dataclass


@dataclass(frozen=True)
class Received:
    """
    An event as it is dispatched to the page.
    """

    type: str
    data: str
    last_event_id: str


class ReferenceReader:
    """
    Reads one stream, in pieces of any size.

    :ivar received: The events that were dispatched, in order.
    :ivar last_event_id: The value that ``Last-Event-ID`` would have.
    :ivar reconnection_time: Milliseconds; ``None`` until the stream sets it.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.last_event_id = ""
        self.reconnection_time: int | None = None
        self._decoder = getincrementaldecoder("utf-8")(errors="replace")
        self._is_first = True
        self._follows_cr = False
        self._line = ""
        self._data = self._type = self._id = ""

    def read(self, some: bytes) -> None:
        """
        Read the next bytes.  At the end of a stream nothing must be done: "Once the end of the file
        is reached, any pending data must be discarded."
        """
        for character in self._decoder.decode(some):
            self._read_character(character)

    def _read_character(self, character: str) -> None:
        is_first, self._is_first = self._is_first, False
        follows_cr, self._follows_cr = self._follows_cr, character == "\r"
        if is_first and character == "\ufeff":
            return  # "UTF-8 decode" strips one byte order mark at the beginning
        if follows_cr and character == "\n":
            return  # the CR before it has ended the line
        if character in "\r\n":
            line, self._line = self._line, ""
            self._read_line(line)
        else:
            self._line += character

    def _read_line(self, line: str) -> None:
        if not line:
            self._dispatch()
        elif not line.startswith(":"):
            field, _, value = line.partition(":")
            self._read_field(field, value.removeprefix(" "))

    def _read_field(self, field: str, value: str) -> None:
        if field == "event":
            self._type = value
        elif field == "data":
            self._data += value + "\n"
        elif field == "id" and "\0" not in value:
            self._id = value
        elif field == "retry" and value and set(value) <= set("0123456789"):
            self.reconnection_time = 0
            for digit in value:  # because int(value) takes only some thousands of digits
                self.reconnection_time = self.reconnection_time * 10 + int(digit)

    def _dispatch(self) -> None:
        self.last_event_id = self._id  # also by a block without data; it stays from then on
        type_, self._type = self._type, ""
        data, self._data = self._data, ""
        if data:
            self.received.append(
                Received(type_ or "message", data.removesuffix("\n"), self.last_event_id)
            )


def read(*pieces: bytes) -> ReferenceReader:
    """
    Return a reader that has read these bytes.
    """
    reader = ReferenceReader()
    for piece in pieces:
        reader.read(piece)
    return reader
