"""
Discovery: the ``Link`` header that leads clients from a resource to its hub (RFC 8288), and the
hub's own metadata (RFC 9728).
"""

import re
from collections.abc import Sequence
from typing import Any

from ..client.mercure import metadata_path, metadata_url
from .access import quoted
from .rights import DETAIL_TYPE

__all__ = ["link", "metadata", "metadata_path", "metadata_url"]

#: Characters that headers must not have.  An application's own ids may have them.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


def link(
    hub_url: str, *, last_event_id: str | None = None, type: str = "", content_type: str = ""
) -> str:
    """
    Return the value of a ``Link`` header that leads to the hub.

    :param last_event_id: The id of the newest event that the response includes.  A client that
        subscribes after it misses nothing.
    :param type: The type of the events, if it is the same for all.
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
    Return the hub's metadata document.

    :param resource: The URL of the hub, as tokens name it in their audience.
    :param authorization_servers: URLs of issuers of tokens for the hub.
    :param cookie: The name of the cookie that may have a token; ``None`` if cookies are ignored.
    :param has_subscriptions: True if the hub lists its active subscriptions.
    """
    document: dict[str, Any] = {
        "resource": resource,
        "bearer_methods_supported": ["header"],
        "authorization_details_types_supported": [DETAIL_TYPE],
        "mercure_subscriptions": has_subscriptions,
    }
    # Members without a value are left out (RFC 9728, 3.2).
    if authorization_servers:
        document["authorization_servers"] = list(authorization_servers)
    if cookie:
        document["mercure_cookie"] = cookie
    return document
