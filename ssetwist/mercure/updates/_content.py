"""
The content of a request: its body, its media type, and the media types that its client accepts
(RFC 9110, 8.3 and 12.5.1).
"""

import re
from collections.abc import Sequence

from twisted.web.server import Request

from ...errors import Refused

EVENT_STREAM = "text/event-stream"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
JSON_LINES = "application/x-ndjson"

#: Bytes of ``Accept`` that are read.  Browsers send some 150.
MAX_ACCEPT = 2000

_QUALITY = re.compile(r"0(\.0{0,3})?")

#: The media types that include an event stream; a higher number is more precise.
_PRECISION = {EVENT_STREAM: 2, "text/*": 1, "*/*": 0}


def read_body(request: Request, max_bytes: int) -> bytes:
    """
    Return the body.  Our Site limits it already; another Site may not.

    :raises Refused: 413, if it is larger.
    """
    if request.content is None:
        return b""
    request.content.seek(0)
    body: bytes = request.content.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise Refused(413, f"The body must not have more than {max_bytes} bytes.")
    return body


def media_type_of(values: Sequence[bytes]) -> str | None:
    """
    Return the media type of a body, in lower case and without parameters.

    :param values: The values of all ``Content-Type`` fields.
    :returns: ``None`` without a field; an empty text if the value is malformed.
    """
    if not values:
        return None
    text = values[0].decode("latin-1").partition(";")[0].strip(" \t").lower()
    is_one = re.fullmatch(r"[!#$&^_.+\-a-z0-9]+/[!#$&^_.+\-a-z0-9]+", text)
    return text if len(values) == 1 and is_one else ""


def takes_event_stream(values: Sequence[bytes]) -> bool:
    """
    Return true if a client accepts an event stream.  A client without ``Accept``, or with one that
    is malformed, accepts it (S10).

    :param values: The values of all ``Accept`` fields.
    """
    found: dict[str, bool] = {}
    for part in b",".join(values)[:MAX_ACCEPT].decode("latin-1").lower().split(","):
        name, *parameters = (piece.strip(" \t") for piece in part.split(";"))
        if "/" in name:
            found[name] = not any(
                _QUALITY.fullmatch(one[2:]) for one in parameters if one[:2] == "q="
            )
    if not found:
        return True
    matching = [name for name in _PRECISION if name in found]
    return bool(matching) and found[max(matching, key=_PRECISION.__getitem__)]
