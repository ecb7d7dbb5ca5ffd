"""
Beginning of a stream, read from a request.
"""

import re
from dataclasses import dataclass

from twisted.web.server import Request

from ..hub import EARLIEST

#: Limit of the newest events that a client may ask for; with a larger number it gets this many.
MAX_LAST = 1000

#: Spellings of the query parameter with which clients come back (the header has one spelling).
LAST_EVENT_ID_PARAMETERS = (
    "last_event_id", "lastEventID", "lastEventId", "Last-Event-ID", "evs_last_event_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Start:
    """
    Beginning of a stream: after an event, with the newest events, or by default at the live end.

    :ivar last_event_id: The id of the event after which the stream goes on.
    :ivar last: Number of the newest events with which the stream begins.
    """

    last_event_id: str | None = None
    last: int = 0

    @property
    def is_live(self) -> bool:
        """
        True if the client wants only events that are published from now on.
        """
        return self.last_event_id is None and not self.last


def start_of(request: Request) -> Start:
    """
    Read the beginning that a client asks for.

    An id wins over ``from``, by which a page asks for history the first time: ``from`` is part of
    the address, so the client still sends it when it comes back.

    :raises ValueError: If ``from`` is invalid.  An id never is.
    """
    if (id := last_event_id(request)) is not None:
        return Start(id)
    wanted = (request.args or {}).get(b"from", [b""])[0]
    if not wanted:
        return Start()
    if wanted == EARLIEST.encode():
        return Start(EARLIEST)
    if not re.fullmatch(rb"-[0-9]{1,9}", wanted):
        raise ValueError(f"from must be {EARLIEST!r}, or -10 for the last ten events")
    return Start(last=min(-int(wanted), MAX_LAST))


def last_event_id(request: Request) -> str | None:
    """
    Return the id of the last event that the client saw; ``None`` if it did not send one.

    The header wins over the query.  An empty id counts as not sent: a client that was told to
    forget its id sends that (WHATWG HTML 9.2.6).
    """
    values = request.requestHeaders.getRawHeaders(b"Last-Event-ID")
    if not values and request.args:
        values = [
            value
            for name in LAST_EVENT_ID_PARAMETERS
            for value in request.args.get(name.encode(), ())
        ]
    if not values or not values[0]:
        return None
    return decode_id(values[0])


def decode_id(id: bytes) -> str:
    """
    Decode an id as a client sent it: in UTF-8, or Latin-1.
    """
    try:
        return id.decode()
    except UnicodeDecodeError:
        return id.decode("latin-1")
