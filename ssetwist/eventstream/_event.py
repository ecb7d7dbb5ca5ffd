"""
What an event is.  Everything that decides whether an event may be written is here: an
:class:`Event` that exists is valid, so nobody downstream checks again.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidEvent

#: What a reader calls an event whose type was not given (WHATWG HTML 9.2.6, "dispatch the event").
DEFAULT_TYPE = "message"

#: The longest reconnection time, in milliseconds: the largest whole number that every browser can
#: hold exactly.
MAX_RETRY = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Event:
    """
    One event of an event stream (WHATWG HTML 9.2).

    :ivar data: The payload.  Any text, the empty one too.  CR, LF and CRLF all separate lines, and
        a reader sees each of them as LF; nothing else is changed.
    :ivar type: What a browser's ``addEventListener`` listens for.  Note that ``error`` is also the
        name of the event with which ``EventSource`` reports a lost connection.
    :ivar id: What a reader sends as ``Last-Event-ID`` when it comes back.  ``None`` leaves the
        reader's last event ID as it is, ``""`` makes it forget it.
    :ivar retry: The reader's new reconnection time, in milliseconds, as on the wire.

    :raises InvalidEvent: If the event could not be written without changing what it says: a line
        break in ``type`` or ``id`` would begin another field, a reader ignores an ``id`` with a
        NUL and a ``retry`` that is not made of digits only, and a lone surrogate has no UTF-8.
    :raises TypeError: If ``data``, ``type`` or ``id`` is no text.
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
        value: Any,  # whatever json.dumps takes
        *,
        type: str = DEFAULT_TYPE,
        id: str | None = None,
        retry: int | None = None,
    ) -> "Event":
        """
        Make an event whose data is a value as JSON, on one line and without needless blanks.

        :raises InvalidEvent: If the value has no JSON; not-a-number and the infinities have none.
        """
        try:
            data = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as problem:
            raise InvalidEvent("data", f"has no JSON: {problem}") from problem
        return cls(data, type=type, id=id, retry=retry)

    def json(self) -> Any:  # whatever the data says
        """
        Return the value whose JSON the data is.

        :raises ValueError: If it is none (``json.JSONDecodeError``).
        """
        return json.loads(self.data)


class _Draft:
    __slots__ = ("data", "id", "retry", "type")


#: Makes an event that has still to be written, without checks and defaults: who has set all four
#: sets ``draft.__class__ = Event``, and it is one.  A parser, whose text cannot be wrong, makes
#: events so in a quarter of the time that ``Event(...)`` takes, which is most of what it does.
#: ``Any``, for it is another thing before than after.
Draft: Callable[[], Any] = _Draft


def check_id(id: str) -> None:
    """
    Check that an id reaches the reader as it is.
    """
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
                field,
                f"must be text that has UTF-8; there is a lone surrogate at index {problem.start}",
            ) from None


def _check_line(field: str, value: str) -> None:
    _check_text(field, value)
    if "\n" in value or "\r" in value:
        raise InvalidEvent(field, "must not contain a line break: it would begin another field")


def _check_milliseconds(field: str, value: object) -> None:
    # bool is an int to Python, but True is no number of milliseconds.
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidEvent(field, f"must be a whole number of milliseconds, not {value!r}")
    if not 0 <= value <= MAX_RETRY:
        raise InvalidEvent(field, f"must be a number of milliseconds from 0 to {MAX_RETRY}")
