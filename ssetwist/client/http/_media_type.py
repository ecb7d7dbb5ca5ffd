"""
What a response says that it is.  Pure.
"""

import re

#: The media type of an event stream (WHATWG HTML 9.2.5).
EVENT_STREAM = "text/event-stream"

_ESSENCE = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+")


def is_event_stream(content_type: str) -> bool:
    """
    Tell whether this is an event stream, whatever parameters it has: the standard reads every event
    stream as UTF-8, whatever its ``charset``.

    :param content_type: The value of ``Content-Type``; ``""`` if there is none.  Of several, with
        commas between them, the last counts that names a type (WHATWG Fetch, "extract a MIME
        type").
    """
    essence = ""
    for value in content_type.split(","):
        one = value.partition(";")[0].strip(" \t\r\n").lower()
        # What follows a comma within a quoted parameter is no type, for the quote's sake.
        if one != "*/*" and _ESSENCE.fullmatch(one):
            essence = one
    return essence == EVENT_STREAM
