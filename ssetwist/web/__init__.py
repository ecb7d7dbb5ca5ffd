"""
Event streams over ``twisted.web``.
"""

from ._console import console
from ._head import address_of, header_of, is_browser, path_of, peer_of
from ._opener import StreamOpener
from ._outlet import RequestOutlet
from ._response import stream
from ._send import Send
from ._site import Site
from ._start import LAST_EVENT_ID_PARAMETERS, Start, decode_id
from ._stream import EventStreamResource

__all__ = [
    "LAST_EVENT_ID_PARAMETERS",
    "EventStreamResource",
    "RequestOutlet",
    "Send",
    "Site",
    "Start",
    "StreamOpener",
    "address_of",
    "console",
    "decode_id",
    "header_of",
    "is_browser",
    "path_of",
    "peer_of",
    "stream",
]
