"""
Vocabulary: ids and types beyond the format that our hubs and their clients agree upon.

They are here because the client does not import the hub, and both import this package.
"""

#: Last event id that asks for all events that are kept (Mercure).
EARLIEST = "earliest"

#: The default type of the event that tells about a gap.
GAP = "gap"


def is_hub_id(id: str) -> bool:
    """
    Return true if publishers may not give an id: it begins with ``#``, or is empty or
    :data:`EARLIEST`, which mean something else in ``Last-Event-ID``.
    """
    return id.startswith("#") or id in ("", EARLIEST)
