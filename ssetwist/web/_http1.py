"""
Outlets over HTTP/1: a stream has a connection of its own, which ends with it.
"""

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.web.server import Request

from ..hub import EndReason, Streams
from ..hub.outlets import NOT_SENT, PIECE, Chunk, not_sent
from ._head import decline_encoder, stream_head, write_head
from ._insides import begin_chunked, leave_last_chunk, pause_until_empty, socket_of, take_over
from ._outlet import RequestOutlet, State
from .site import Connection, descriptor_of, watch_peer

#: The end of a chunked response (RFC 9112, 7.1).
LAST_CHUNK = b"0\r\n\r\n"


class Http10Outlet(RequestOutlet):
    """
    Outlet over HTTP/1.0: the bytes as they are, until the connection ends.
    """

    __slots__ = ()

    @property
    def _descriptor(self) -> FileDescriptor | None:
        return descriptor_of(self._request.transport)

    def _begin(self, first_bytes: bytes) -> None:
        self._take_connection()
        request = self._request
        write_head(request)
        request.setHeader("Connection", "close")
        request.write(first_bytes)
        self._bytes = len(first_bytes)
        if self._descriptor is not None:
            # Nothing may overtake the head, nor the rest of earlier responses.  Everything leaves
            # now, if the client takes it, so that the stream has begun when we return.
            self._wait_until_empty()
            self._descriptor.doWrite()

    def _take_connection(self) -> None:
        request = self._request
        channel = request.channel
        decline_encoder(request)
        # A connection that carried a stream is not used again.  Otherwise Chromium sometimes keeps
        # a closed stream for 5 seconds, in the hope that it ends and the connection is free.
        take_over(channel, self._bytes_after_request)
        if not isinstance(channel, Connection) and self._descriptor is not None:
            watch_peer(self._descriptor, self._streams.stall_timeout)  # a Connection did it already

    def _bytes_after_request(self, data: bytes) -> None:
        # Bytes after the end of the stream do not matter: the connection is about to close.
        self.abort(EndReason.UNEXPECTED_BYTES)

    def _put(self, data: bytes) -> None:
        self._request.write(data)

    def _wait_until_empty(self) -> None:
        if self._descriptor is not None and pause_until_empty(self._descriptor):
            self.pauseProducing()

    def _disconnect(self, request: Request, *, at_once: bool) -> None:
        transport: Any = request.transport  # a transport under HTTP has both methods
        if at_once:
            transport.abortConnection()
        else:
            transport.loseConnection()


class ChannelOutlet(Http10Outlet):
    """
    Outlet over HTTP/1.1, in chunks, through Twisted's channel: with TLS, for example.
    """

    __slots__ = ()

    def write(self, chunk: Chunk) -> bool:
        if self._state is not State.OPEN or self.is_behind or len(chunk.data) > PIECE:
            return self._append(chunk)
        self.last_write = self._streams.clock.seconds()
        self._events += chunk.events
        self._bytes += len(chunk.data)
        self._put_on_wire(chunk.on_wire or framed(chunk))
        return not self.is_behind

    def _put(self, data: bytes) -> None:
        self._put_on_wire(framed(Chunk(data)))

    def _put_on_wire(self, data: bytes) -> None:
        self._request.channel.write(data)

    def _put_last_chunk(self) -> None:
        self._put_on_wire(LAST_CHUNK)
        self._wait_until_empty()

    def _finish(self) -> None:
        if self._state is State.CLOSING and leave_last_chunk(self._request):
            # Wait until it has left.  After finish() nothing watches the connection any more, so a
            # client that does not read could stay for ever.
            self._put_last_chunk()
            if self.behind_since is not None:
                return  # resumeProducing calls this again
        super()._finish()


class SocketOutlet(ChannelOutlet):
    """
    Outlet over HTTP/1.1, in chunks, on plain TCP or a UNIX socket.

    A write goes straight to the socket, without a turn through the reactor's writers.  Only the
    bytes that the kernel refuses go to the transport.

    :ivar _clear: The socket while nothing is in the way, otherwise ``None``.
    """

    __slots__ = ("_clear",)

    def __init__(self, request: Request, streams: Streams) -> None:
        self._clear: socket.socket | None = None
        super().__init__(request, streams)

    def write(self, chunk: Chunk) -> bool:
        clear = self._clear
        if clear is None or len(chunk.data) > PIECE:
            return self._append(chunk)
        try:
            sent = clear.send(chunk.on_wire or framed(chunk))
        except OSError:
            sent = 0  # the kernel takes nothing; or an error, which the reactor meets in a moment
        return self.settle(chunk, sent)

    def short_cut(self, chunk: Chunk) -> Callable[[bytes], int]:
        if self._clear is None or len(chunk.data) > PIECE:
            return not_sent
        if chunk.on_wire is None:
            framed(chunk)
        return self._clear.send

    def settle(self, chunk: Chunk, sent: int) -> bool:
        if sent == NOT_SENT:
            return self.write(chunk)
        self.last_write = self._streams.clock.seconds()
        self._events += chunk.events
        self._bytes += len(chunk.data)
        if sent == len(chunk.on_wire or framed(chunk)):
            return True
        self._leave_to_transport(framed(chunk)[sent:])
        return False

    def _begin(self, first_bytes: bytes) -> None:
        request = self._request
        channel = request.channel
        # On the first request of a connection nothing else is on its way, unless the client waits
        # for "100 Continue".  So the head may also go straight to the socket.
        is_first = isinstance(channel, Connection) and channel.is_first_request
        if not is_first or request.requestHeaders.hasHeader(b"Expect"):
            super()._begin(first_bytes)
            return
        self._take_connection()
        begin_chunked(request)
        wire = socket_of(request.transport)
        self._bytes = len(first_bytes)
        self._send(wire, stream_head(request, first_bytes))
        if self.behind_since is None:
            self._clear = wire

    def _clear_way(self, is_clear: bool) -> None:
        self._clear = socket_of(self._request.transport) if is_clear else None

    def _put_on_wire(self, data: bytes) -> None:
        self._send(socket_of(self._request.transport), data)

    def _put_last_chunk(self) -> None:
        self._put_on_wire(LAST_CHUNK)

    def _send(self, wire: socket.socket | None, data: bytes) -> None:
        assert wire is not None, "this class is chosen only where there is a socket"
        try:
            sent = wire.send(data)
        except OSError:
            sent = 0
        if sent < len(data):
            self._leave_to_transport(data[sent:])

    def _leave_to_transport(self, data: bytes) -> None:
        transport: Any = self._request.transport
        transport.write(data)
        self._wait_until_empty()


def framed(chunk: Chunk) -> bytes:
    """
    Put the chunk of HTTP around events, once for all streams that send them (RFC 9112, 7.1).
    """
    chunk.on_wire = b"%x\r\n%b\r\n" % (len(chunk.data), chunk.data)
    return chunk.on_wire
