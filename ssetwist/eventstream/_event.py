"""
Events.  All rules about which events may be written are here: an :class:`Event` that exists is
valid, so that no other code needs to check it again.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidEvent

#: The type of an event that was sent without one (WHATWG HTML 9.2.6, "dispatch the event").
DEFAULT_TYPE = "message"

#: The longest reconnection time, in milliseconds: the largest whole number that every browser can
#: hold exactly.
MAX_RETRY = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Event:
    """
    One event of an event stream (WHATWG HTML 9.2).

    :ivar data: Any text, even an empty one.  CR, LF and CRLF all separate lines, and a reader sees
        each of them as LF; nothing else is changed.
    :ivar type: The name to listen for with a browser's ``addEventListener``.  Note that ``error``
        is also the name of the event with which ``EventSource`` reports a lost connection.
    :ivar id: The ``Last-Event-ID`` that a reader sends when it comes back.  ``None`` leaves the
        reader's last event ID as it is, ``""`` makes the reader forget it.
    :ivar retry: The reader's new reconnection time, in milliseconds, as on the wire.

    :raises InvalidEvent: If the event could not be written without changing it: a line break in
        ``type`` or ``id`` would begin another field, a reader ignores an ``id`` with a NUL and a
        ``retry`` with anything but digits, and a lone surrogate cannot be encoded as UTF-8.
    :raises TypeError: If ``data``, ``type`` or ``id`` is not text.
    """

    data: str = ""
    type: str = DEFAULT_TYPE
    id: str | None = None
    retry: int | None = None

    def __post_init__(self) -> None:
        _check_text("data", self.data)
        _check_line("type", self.type)
        if not self.type:
            raise InvalidEvent("type", f"must not be empty; the default is {DEFAULT_TYPE!r}")
        if self.id is not None:
            check_id(self.id)
        if self.retry is not None:
            _check_milliseconds("retry", self.retry)

    @classmethod
    def with_json(
        cls,
        value: Any,  # anything that json.dumps takes
        *,
        type: str = DEFAULT_TYPE,
        id: str | None = None,
        retry: int | None = None,
    ) -> "Event":
        """
        Make an event with a value as JSON, on one line and without needless blanks.

        :raises InvalidEvent: If JSON cannot have the value, such as not-a-number or infinity.
        """
        try:
            data = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as problem:
            raise InvalidEvent("data", f"cannot be written as JSON: {problem}") from problem
        return cls(data, type=type, id=id, retry=retry)

    def json(self) -> Any:  # depends on the data
        """
        Read the data as JSON, and return the value.

        :raises ValueError: If the data is not JSON (``json.JSONDecodeError``).
        """
        return json.loads(self.data)


class _Draft:
    __slots__ = ("data", "id", "retry", "type")


#: Makes an event without checks and defaults: set all four attributes, then ``draft.__class__ =
#: Event``.  For the parser, whose text is always valid: it takes a quarter of the time of
#: ``Event()``, and making events is most of its work.  ``Any``, because the class changes.
Draft: Callable[[], Any] = _Draft


def check_id(id: str) -> None:
    _check_line("id", id)
    if "\0" in id:
        raise InvalidEvent("id", "must not contain NUL: readers would ignore it")


def _check_text(field: str, value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{field} must be str, not {value.__class__.__name__}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as problem:
            raise InvalidEvent(
                field, f"must be text for UTF-8; there is a lone surrogate at index {problem.start}"
            ) from None


def _check_line(field: str, value: str) -> None:
    _check_text(field, value)
    if "\n" in value or "\r" in value:
        raise InvalidEvent(field, "must not contain a line break: it would begin another field")


def _check_milliseconds(field: str, value: object) -> None:
    # bool is an int to Python, but True is not a number of milliseconds.
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidEvent(field, f"must be a whole number of milliseconds, not {value!r}")
    if not 0 <= value <= MAX_RETRY:
        raise InvalidEvent(field, f"must be a number of milliseconds from 0 to {MAX_RETRY}")
