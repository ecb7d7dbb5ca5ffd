"""
Outlet over HTTP/2, where many streams share a connection.
"""

from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from ..hub import EndReason, Streams
from ..hub.outlets import Chunk
from ._head import write_head
from ._insides import was_reset
from ._outlet import MOST_AT_ONCE, RequestOutlet

_log = Logger()


class Http2Outlet(RequestOutlet):
    """
    Outlet over HTTP/2.

    Everything waits for the next turn of the reactor.  While Twisted works through the bytes of one
    read, its HTTP/2 library has already processed them all, and has forgotten a stream that the
    client closed in it.  A write to that stream then fails, or breaks the whole connection.
    """

    __slots__ = ("_soon",)

    def __init__(self, request: Request, streams: Streams) -> None:
        self._soon: IDelayedCall | None = None
        super().__init__(request, streams)

    def _begin(self, first_bytes: bytes) -> None:
        # In HTTP/2 no bytes follow a request, and a stream does not have a socket of its own.
        write_head(self._request)
        self.write(Chunk(first_bytes))

    def _put(self, data: bytes) -> None:
        self._request.write(data)

    def _go_on(self, most: int = MOST_AT_ONCE) -> None:
        if self._soon is None:
            self._soon = self._streams.clock.callLater(0, self._go_on_now, most)

    def _go_on_now(self, most: int) -> None:
        self._soon = None
        super()._go_on(most)

    def _reason_for(self, result: Failure | None) -> EndReason:
        if result is not None and was_reset(result):
            return EndReason.CLIENT_CLOSED
        return super()._reason_for(result)

    def _disconnect(self, request: Request, *, at_once: bool) -> None:
        # Not now: a reset while Twisted tells all streams that their connection is lost would end
        # its loop, and the others would never hear of it.
        self._streams.clock.callLater(0, _reset, request.channel)

    def _close(self) -> tuple[Request, float]:
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        return super()._close()


def _reset(channel: Any) -> None:  # a stream, for which Twisted lacks an interface
    try:
        channel.abortConnection()
    except Exception:
        # The client may have reset the stream first, or the connection is lost.
        _log.debug("this HTTP/2 stream was gone already")
