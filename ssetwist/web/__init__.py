"""
Event streams over ``twisted.web``: a resource that streams what a hub publishes, a stream for one
request, and the site that serves both.

Resources that open streams by themselves import from :mod:`ssetwist.web.opening`.
"""

from ._console import console
from ._response import stream
from ._send import Send
from ._stream import EventStreamResource
from .site import Site

__all__ = ["EventStreamResource", "Send", "Site", "console", "stream"]
