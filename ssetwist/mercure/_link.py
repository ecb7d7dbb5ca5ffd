"""
How a resource tells where its hub is (Mercure, discovery; RFC 8288).
"""

import re

from ._challenge import quoted

#: What no header may have in it.  An id that an application made up can have it.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


def link(
    hub_url: str, *, last_event_id: str | None = None, type: str = "", content_type: str = ""
) -> str:
    """
    Return the value of a ``Link`` header that leads to the hub.

    :param last_event_id: The id of the newest event that the response has in it; a client
        subscribes after it, and so misses nothing.
    :param type: The type of the events, if they all have the same.
    :param content_type: The media type of their data, if it is the same for all.
    """
    attributes = {
        "rel": "mercure",
        "last-event-id": last_event_id,
        "type": type,
        "content-type": content_type,
    }
    target = hub_url.replace("<", "%3C").replace(">", "%3E")
    value = f"<{target}>" + "".join(
        f"; {name}={quoted(value)}" for name, value in attributes.items() if value
    )
    return _CONTROLS.sub(lambda found: f"%{ord(found[0]):02X}", value)
