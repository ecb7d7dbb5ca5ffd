"""
Event streams over ``twisted.web``: a resource of a hub's streams, a stream for one request, and the
site that serves them.

The names that a resource of one's own needs to open streams are in :mod:`ssetwist.web.opening`.
"""

from ._console import console
from ._response import stream
from ._send import Send
from ._stream import EventStreamResource
from .site import Site

__all__ = ["EventStreamResource", "Send", "Site", "console", "stream"]
