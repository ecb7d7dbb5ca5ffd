"""
Vocabulary: ids and types that hubs of ours and their clients agree upon, beyond the format.

These words are here because the client knows nothing of the hub, and both know the format.
"""

#: As a cursor, an id that asks for all events that are kept (Mercure).
EARLIEST = "earliest"

#: The type of the event that tells of a gap, by default.
GAP = "gap"


def is_hub_id(id: str) -> bool:
    """
    Tell whether an id is one that only a hub may give: it begins with ``#``, or is no id but a
    word of cursors (:data:`EARLIEST`, or empty for none).
    """
    return id.startswith("#") or id in ("", EARLIEST)
