"""
Event streams over ``twisted.web``.
"""

from ._console import console
from ._response import stream
from ._send import Send
from ._site import Site
from ._stream import EventStreamResource

__all__ = ["EventStreamResource", "Send", "Site", "console", "stream"]
