"""
An API that answers one request with an event stream, and is not asked again.
"""

from collections.abc import AsyncGenerator

from twisted.web.iweb import IResponse

from ..eventstream import Event


def stream_events(response: IResponse) -> AsyncGenerator[Event, None]:
    """
    Read the events of a response.
    """
    raise NotImplementedError
