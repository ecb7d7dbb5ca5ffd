"""
Streams opened by a resource of one's own: what its request asks for, and who opens the stream.

:class:`ssetwist.web.EventStreamResource` and :class:`ssetwist.mercure.MercureResource` are built
with these names.
"""

from ._insides import is_over
from ._opener import StreamOpener, outlet_for
from ._outlet import RequestOutlet
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
]
