"""
The head of a request, read in one piece.

Twisted reads every head line by line, and carefully.  Nearly every head that begins a stream comes
in one piece and is plain; this file reads such a head in a third of the time.  All other heads are
left to Twisted, so that one place decides what is allowed.
"""

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

#: Segments that a path may have.  Each takes some microseconds, whoever has sent it, and all are
#: read in one turn of the reactor.
MAX_SEGMENTS = 100

#: Parameters that a query may have, for the same reason.
MAX_PARAMETERS = 500

#: Fields that announce a body, or want an answer before it.
_OF_BODIES = frozenset((b"content-length", b"transfer-encoding", b"expect"))

#: Method, target, version and fields; a name is a token (RFC 9110, 5.6.2).  Each part matches in
#: one way only, so matching takes time in proportion to the length.
_HEAD = re.compile(
    rb"(GET|HEAD|OPTIONS) ([!-~]+) (HTTP/1\.1)\r\n"
    rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\r\n\0]*\r\n)*)\r\n"
)


class PlainHead(NamedTuple):
    """
    Head of a request without a body.

    :ivar fields: Names, in their original case, and values.
    :ivar names: Names in lower case.
    """

    method: bytes
    target: bytes
    version: bytes
    fields: list[tuple[bytes, bytes]]
    names: set[bytes]


def read_plain_head(data: bytes, most_bytes: int, most_fields: int) -> PlainHead | None:
    """
    Read the head of a request without a body.

    :param data: All bytes that have come.
    :returns: ``None`` if this is not exactly one head, and a plain one.
    """
    if len(data) > most_bytes or (found := _HEAD.fullmatch(data)) is None:
        return None
    method, target, version, lines = found.groups()
    pairs = [line.split(b":", 1) for line in lines.split(b"\r\n")[:-1]]
    names = {name.lower() for name, _ in pairs}
    if len(pairs) > most_fields or not names.isdisjoint(_OF_BODIES):
        return None
    fields = [(name, value.strip(b" \t")) for name, value in pairs]
    return PlainHead(method, target, version, fields, names)


def segments_of(path: bytes) -> list[bytes]:
    """
    Return the segments of a path, decoded, as ``twisted.web`` uses them to find a resource.  If
    there are more than :data:`MAX_SEGMENTS`, the last one has the rest.
    """
    return [unquote_to_bytes(segment) for segment in path[1:].split(b"/", MAX_SEGMENTS)]
