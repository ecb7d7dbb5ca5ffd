"""
Encoder: from events to the bytes of an event stream (WHATWG HTML 9.2.5).

Where the standard leaves a choice, the bytes are those that every client in use reads alike: LF
only, no byte order mark, a blank line after events and nowhere else.  Some Python clients make an
empty event of a comment or a ``retry`` that a blank line follows.
"""

from ..errors import InvalidEvent
from ._event import DEFAULT_TYPE, MAX_RETRY, Event, check_id


def encode_event(event: Event) -> bytes:
    """
    Return one whole event: its fields, then the blank line that dispatches it.

    :raises TypeError: If it is not an event.
    """
    require_event(event)
    fields = ""
    if event.type != DEFAULT_TYPE:
        fields = f"event: {event.type}\n"
    if event.id is not None:
        fields += f"id: {event.id}\n"
    if event.retry is not None:
        fields += f"retry: {event.retry}\n"
    return f"{fields}data: {_with_lf(event.data, 'data: ')}\n\n".encode()


def require_event(value: object) -> None:
    """
    Refuse everything that is not an event.

    :raises TypeError: The message says how to make an event.
    """
    if not isinstance(value, Event):
        raise TypeError(
            f"only an ssetwist.Event can be sent, not {value.__class__.__name__}; "
            "for text there is Event('text'), for JSON Event.with_json(value)"
        )


def encode_comment(text: str = "") -> bytes:
    """
    Return a comment: one ``:`` line for each line of the text, without a blank line after it.

    Without text it is the heartbeat, the shortest thing that a stream can carry and that every
    reader ignores.  A line break in the text begins another comment line, never a field.
    """
    if not text:
        return b":\n"
    return f": {_with_lf(text, ': ')}\n".encode("utf-8", "replace")


def encode_reconnection_time(seconds: float) -> bytes:
    """
    Return a ``retry`` line: the time to wait before the next connection, in seconds here, in whole
    milliseconds on the wire.  It takes effect as it is read, without a blank line.

    :raises InvalidEvent: If it is negative or not a number.
    """
    if not 0 <= seconds <= MAX_RETRY / 1000:
        raise InvalidEvent("retry", f"must be a number of seconds, 0 or more, not {seconds!r}")
    return b"retry: %d\n" % round(seconds * 1000)


def encode_id(id: str) -> bytes:
    """
    Return a block with an id and without data.  It is not an event: a browser only remembers the id
    for when it comes back (WHATWG HTML 9.2.6).  Some other clients make an empty event from it.

    :raises InvalidEvent: If it has a line break or a NUL.
    """
    check_id(id)
    return f"id: {id}\n\n".encode()


def _with_lf(text: str, prefix: str) -> str:
    # Lines of an event stream end at CR, LF and CRLF and nowhere else.  str.splitlines would also
    # break them at U+2028, form feed and more, and drop a newline at the end.
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\n", "\n" + prefix)
