"""
One event stream over HTTP/2, where many share a connection.
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
from ._outlet import RequestOutlet

_log = Logger()


class Http2Outlet(RequestOutlet):
    """
    A stream over HTTP/2.

    Everything waits for the next turn.  While Twisted works through what one read has brought, its
    HTTP/2 library is already at the end of it, and a stream that the client has closed in the same
    read is gone there: a write then fails, or breaks the whole connection.
    """

    __slots__ = ("_soon",)

    def __init__(self, request: Request, streams: Streams) -> None:
        self._soon: IDelayedCall | None = None
        super().__init__(request, streams)

    def _begin(self, first_bytes: bytes) -> None:
        # Nothing can follow a request here, and no stream has a socket of its own.
        write_head(self._request)
        self.write(Chunk(first_bytes))

    def _put(self, data: bytes) -> None:
        self._request.write(data)

    def _go_on(self) -> None:
        if self._soon is None:
            self._soon = self._streams.clock.callLater(0, self._go_on_now)

    def _go_on_now(self) -> None:
        self._soon = None
        super()._go_on()

    def _reason_for(self, result: Failure | None) -> EndReason:
        if result is not None and was_reset(result):
            return EndReason.CLIENT_CLOSED
        return super()._reason_for(result)

    def _break_off(self, request: Request) -> None:
        self._cut(request)

    def _cut(self, request: Request) -> None:
        channel: Any = request.channel  # a stream, of which Twisted has no interface
        try:
            channel.abortConnection()
        except Exception:
            # This resets the stream, and the client may have done that first.
            _log.debug("this HTTP/2 stream was gone already")

    def _close(self) -> tuple[Request, float]:
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        return super()._close()
