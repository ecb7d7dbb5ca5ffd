"""
Discovery: how clients find the hub, by the ``Link`` header of a resource (RFC 8288), and the hub's
own metadata (RFC 9728).
"""

import re
from collections.abc import Sequence
from typing import Any

from ..client.mercure import metadata_path, metadata_url
from .access import quoted
from .rights import DETAIL_TYPE

__all__ = ["link", "metadata", "metadata_path", "metadata_url"]

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


def metadata(
    resource: str,
    *,
    authorization_servers: Sequence[str] = (),
    cookie: str | None = None,
    has_subscriptions: bool = False,
) -> dict[str, Any]:  # a JSON object
    """
    Return the document.

    :param resource: The URL of the hub, as it stands in the audience of its tokens.
    :param authorization_servers: Who gives tokens for it.
    :param cookie: The name of the cookie that it takes a token from, if it takes one.
    :param has_subscriptions: Whether it tells of active subscriptions.
    """
    document: dict[str, Any] = {
        "resource": resource,
        "bearer_methods_supported": ["header"],
        "authorization_details_types_supported": [DETAIL_TYPE],
        "mercure_subscriptions": has_subscriptions,
    }
    # What there is none of is left out (RFC 9728, 3.2).
    if authorization_servers:
        document["authorization_servers"] = list(authorization_servers)
    if cookie:
        document["mercure_cookie"] = cookie
    return document
