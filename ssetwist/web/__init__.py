"""
Event streams over ``twisted.web``.
"""

from ._console import console
from ._response import Send, stream
from ._site import Site
from ._stream import DEFAULT_RETRY, EventStreamResource

__all__ = ["DEFAULT_RETRY", "EventStreamResource", "Send", "Site", "console", "stream"]
