"""
Where a stream begins: what a request says of what its client has seen.
"""

import re
from dataclasses import dataclass

from twisted.web.server import Request

from ..hub import EARLIEST

#: How many of the newest events a client gets at most, however many it asks for.
MAX_LAST = 1000

#: How clients spell the query parameter with which they come back (the header has one spelling).
LAST_EVENT_ID_PARAMETERS = (
    "last_event_id",
    "lastEventID",
    "lastEventId",
    "Last-Event-ID",
    "evs_last_event_id",
)


@dataclass(frozen=True, slots=True)
class Start:
    """
    Where a stream begins; if neither is given, at the live end.

    :ivar last_event_id: The id of the event after which it goes on.
    :ivar last: With how many of the newest events it begins.
    """

    last_event_id: str | None = None
    last: int = 0

    @property
    def is_live(self) -> bool:
        """
        Whether only what is published from now on is wanted.
        """
        return self.last_event_id is None and not self.last


_LIVE = Start()


def start_of(request: Request) -> Start:
    """
    Read where a client wants to begin.

    A cursor says more than ``from``, with which a page asks for history the first time: it is in
    the address, so the client still sends it when it comes back.

    :raises ValueError: If ``from`` makes no sense.  A cursor always does.
    """
    if (id := last_event_id(request)) is not None:
        return Start(id)
    wanted = (request.args or {}).get(b"from", [b""])[0]
    if not wanted:
        return _LIVE
    if wanted == EARLIEST.encode():
        return Start(EARLIEST)
    if not re.fullmatch(rb"-[0-9]{1,9}", wanted):
        raise ValueError(f"from must be {EARLIEST!r}, or -10 for the last ten events")
    return Start(last=min(-int(wanted), MAX_LAST))


def last_event_id(request: Request) -> str | None:
    """
    Return the id that the client says it saw last; ``None`` if it says nothing.

    The header wins over the query.  An empty one says nothing: it
    is what a client sends that was told to forget its own (WHATWG HTML 9.2.6).
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
