"""
Names for a resource that opens streams by itself, as :class:`ssetwist.web.EventStreamResource` and
:class:`ssetwist.mercure.MercureResource` do: facts about a request, and the opening of a stream.
"""

from ._opener import StreamOpener, outlet_for
from ._outlet import RequestOutlet, is_over
from ._pieces import write_pieces
from ._request import address_of, header_of, is_browser, path_of, peer_of
from ._start import LAST_EVENT_ID_PARAMETERS, Start, decode_id

__all__ = [
    "LAST_EVENT_ID_PARAMETERS",
    "RequestOutlet",
    "Start",
    "StreamOpener",
    "address_of",
    "decode_id",
    "header_of",
    "is_browser",
    "is_over",
    "outlet_for",
    "path_of",
    "peer_of",
    "write_pieces",
]
