"""
The site: connections, the requests on them, and limits on their time and size.
"""

from ._access_log import without_tokens
from ._connection import BoundedRequest, Connection
from ._connection_limit import MAX_SLOW
from ._peer import descriptor_of, watch_peer
from ._site import Site, streams_of
from ._urgency import Urgency, urgency_of

__all__ = [
    "MAX_SLOW",
    "BoundedRequest",
    "Connection",
    "Site",
    "Urgency",
    "descriptor_of",
    "streams_of",
    "urgency_of",
    "watch_peer",
    "without_tokens",
]
