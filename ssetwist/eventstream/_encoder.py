"""
From events to the bytes of an event stream (WHATWG HTML 9.2.5).

Of what the standard leaves open this file takes what every client in use reads alike: LF only, no
byte order mark, a blank line after events and after nothing else.  A comment or a ``retry`` with a
blank line behind it becomes an empty event in some Python clients.
"""

from ..errors import InvalidEvent
from ._event import DEFAULT_TYPE, MAX_RETRY, Event, check_id


def encode_event(event: Event) -> bytes:
    """
    Return one whole event: its fields, then the blank line that dispatches it.

    :raises TypeError: If it is no event.
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
    :raises TypeError: If it is no event; it says how to make one.
    """
    if not isinstance(value, Event):
        raise TypeError(
            f"only an ssetwist.Event can be sent, not {value.__class__.__name__}; "
            "for text there is Event('text'), for JSON Event.with_json(value)"
        )


def encode_comment(text: str = "") -> bytes:
    """
    Return a comment, one ``:`` line for each line of the text and no blank line behind it.

    Without text it is the heartbeat, the shortest thing that a stream can carry and every reader
    ignores.  A line break in the text begins another comment line, never a field.
    """
    if not text:
        return b":\n"
    return f": {_with_lf(text, ': ')}\n".encode("utf-8", "replace")


def encode_reconnection_time(seconds: float) -> bytes:
    """
    Return a ``retry`` line: how long to wait before the next connection, in seconds here, in whole
    milliseconds on the wire.  It takes effect as it is read; no blank line is needed.

    :raises InvalidEvent: If it is negative, or no number.
    """
    if not 0 <= seconds <= MAX_RETRY / 1000:
        raise InvalidEvent("retry", f"must be a number of seconds, 0 or more, not {seconds!r}")
    return b"retry: %d\n" % round(seconds * 1000)


def encode_id(id: str) -> bytes:
    """
    Return a block that has an id and no data.  It is no event: a browser only remembers the id, for
    when it comes back (WHATWG HTML 9.2.6).  Some other clients make an empty event of it.

    :raises InvalidEvent: If it has a line break or a NUL.
    """
    check_id(id)
    return f"id: {id}\n\n".encode()


def _with_lf(text: str, prefix: str) -> str:
    # An event stream breaks lines at CR, LF and CRLF and nowhere else: str.splitlines would also
    # break them at U+2028, form feed and more, and drop a newline at the end.
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\n", "\n" + prefix)
