"""
The head of a request, read at once.

Twisted reads a head line by line, whatever it is, and carefully.  Nearly every head that begins a
stream comes in one piece and is plain; such a one is read here in a third of the time.  What is not
plain in any way is left to Twisted, so that there is one place that decides what is allowed.
"""

import re

#: Fields that say something about a body, or want an answer before it.
_OF_BODIES = frozenset((b"content-length", b"transfer-encoding", b"expect"))

_FIRST_LINE = re.compile(rb"(GET|HEAD|OPTIONS) ([!-~]+) (HTTP/1\.1)")

#: A token (RFC 9110, 5.6.2).
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")

_LINE_END, _HEAD_END = b"\r\n", b"\r\n\r\n"

#: Method, target, version, and the names and values of the fields.
PlainHead = tuple[bytes, bytes, bytes, list[tuple[bytes, bytes]]]


def read_plain_head(data: bytes, most_bytes: int, most_fields: int) -> PlainHead | None:
    """
    Read the head of a request without a body.

    :param data: All that has come.
    :returns: ``None`` if this is not exactly one head, or not a plain one.
    """
    if len(data) > most_bytes or data.find(_HEAD_END) != len(data) - len(_HEAD_END):
        return None
    first, *lines = data[: -len(_HEAD_END)].split(_LINE_END)
    # Every CR and every LF is one that was split at, and there is no NUL.
    count = len(lines) + 2
    if (
        (found := _FIRST_LINE.fullmatch(first)) is None
        or len(lines) > most_fields
        or data.count(b"\n") != count
        or data.count(b"\r") != count
        or b"\0" in data
    ):
        return None
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or name.lower() in _OF_BODIES or _NAME.fullmatch(name) is None:
            return None
        fields.append((name, value.strip(b" \t")))
    return found[1], found[2], found[3], fields
