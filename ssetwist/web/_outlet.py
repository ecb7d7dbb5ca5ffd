"""
One event stream over one ``twisted.web`` request, from its head to its end.

Everything that opens, feeds, watches and ends a stream is here, for the hub's streams and for
per-request ones alike; nothing else touches the request.
"""

import socket
from collections.abc import Callable
from enum import Enum
from math import inf
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from twisted.web.server import Request
from zope.interface import implementer

from ..hub import EndReason, Streams
from ..hub.outlets import NOT_SENT, PIECE, Chunk, Writer, not_sent
from ._head import decline_encoder, stream_head, write_head
from ._insides import (
    begin_chunked,
    count_sent,
    has_begun,
    has_early_bytes,
    is_over,
    leave_last_chunk,
    pause_until_empty,
    socket_of,
    take_over,
    tell_end,
)
from ._request import log_end, reason_for
from ._waiting import MAX_WAITING, Waiting
from .site import Connection, descriptor_of, watch_peer

#: The end of a chunked response (RFC 9112, 7.1).
LAST_CHUNK = b"0\r\n\r\n"


class _State(Enum):
    NEW = "the request is there, no head was written"
    OPEN = "a stream"
    CLOSING = "it has ended for everyone, the last bytes are on their way"
    CLOSED = "nothing is held any more"


@implementer(IPushProducer)
class RequestOutlet:
    """
    The :class:`ssetwist.hub.outlets.Outlet` over a request of HTTP/1; for HTTP/2 there is another.

    To be made first thing in ``render``: a request tells of its end only those who asked before.

    On TCP and UNIX sockets a write goes straight to the socket, without a turn through the
    reactor's writers; only what the kernel refuses goes to the transport.  While the transport
    holds anything, this stream is behind: what is written waits here, and follows in pieces.

    :param streams: Whoever looks after it while it is open.
    """

    #: Whether a write may reach the connection at once.
    _is_prompt = True

    __slots__ = (
        "_bytes", "_clear", "_descriptor", "_events", "_is_chunked", "_is_complete", "_opened_at",
        "_request", "_socket", "_state", "_streams", "_waiting", "behind_since", "expires",
        "last_write", "writer",
    )  # fmt: skip

    def __init__(self, request: Request, streams: Streams) -> None:
        self._state = _State.NEW
        self._request = request
        self._streams = streams
        self.writer: Writer | None = None
        self.behind_since: float | None = None
        self.expires = inf
        self.last_write = self._opened_at = streams.clock.seconds()
        self._events = self._bytes = 0
        self._waiting: Waiting | None = None
        self._descriptor: FileDescriptor | None = None
        self._is_chunked = False
        self._is_complete = True
        #: The socket, if bytes may be handed straight to it, ...
        self._socket: socket.socket | None = None
        #: ... and once more while nothing is in the way.
        self._clear: socket.socket | None = None
        if is_over(request):  # whoever waited before calling us waited for too long
            self._close()
        else:
            tell_end(request, self)
            self.refuse_early_bytes()

    @property
    def is_new(self) -> bool:
        """
        Whether the request can still be answered, with a stream or with something else.
        """
        return self._state is _State.NEW

    def refuse_early_bytes(self) -> bool:
        """
        Cut the connection, and log it, if bytes have come after the request.  Call it again after
        each wait, before you answer.

        :returns: Whether the request can no longer be answered, for this or another reason.
        """
        if self._state is _State.NEW and has_early_bytes(self._request):
            request = self._close()
            self._cut(request)
            self._announce(EndReason.UNEXPECTED_BYTES, request)
        return self._state is not _State.NEW

    @property
    def is_open(self) -> bool:
        return self._state is _State.OPEN

    @property
    def is_behind(self) -> bool:
        return self.behind_since is not None or self._waiting is not None

    def open(self, first_bytes: bytes) -> None:
        """
        Write the head and the first bytes, together, and stream from now on.

        :raises RuntimeError: If something has been written to the request already.
        """
        assert self._state is _State.NEW, self._state
        request = self._request
        if has_begun(request):
            raise RuntimeError("something was written to this request before it became a stream")
        request.registerProducer(self, True)
        self._state = _State.OPEN
        self._streams.add(self)
        try:
            self._begin(first_bytes)
        except BaseException:
            self._close()
            raise

    def write(self, chunk: Chunk) -> bool:
        clear = self._clear
        if clear is None or len(chunk.data) > PIECE:
            return self._write_slowly(chunk)
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
        data = chunk.on_wire or framed(chunk)
        self.last_write = self._streams.clock.seconds()
        self._events += chunk.events
        self._bytes += len(chunk.data)
        if sent == len(data):
            return True
        self._leave_to_transport(data[sent:])
        return False

    def end(self, reason: EndReason, *, last_words: bytes = b"", is_complete: bool = True) -> None:
        if self._state is _State.OPEN and self.writer is not None:
            self.writer.before_end()
        if self._state is not _State.OPEN:
            return
        self._state = _State.CLOSING
        self._clear = None
        self._is_complete = is_complete
        if last_words:
            if self._waiting is None:
                self._waiting = Waiting()
            self._waiting.append(last_words)
        self._announce(reason, self._request)
        if self._state is not _State.CLOSED:  # whoever was told may have aborted it
            self._go_on()

    def abort(self, reason: EndReason) -> None:
        if self._state not in (_State.OPEN, _State.CLOSING):
            return
        was_open = self._state is _State.OPEN
        request = self._close()
        self._cut(request)
        if was_open:
            self._announce(reason, request)

    # What the transport tells us, as its IPushProducer

    def pauseProducing(self) -> None:
        """
        The connection takes no more for now.
        """
        self._clear = None
        if self.behind_since is None:
            self.behind_since = self._streams.clock.seconds()

    def resumeProducing(self) -> None:
        """
        Everything that the transport held has left.
        """
        self.behind_since = None
        self._go_on()

    def stopProducing(self) -> None:
        """
        The connection is gone; why, the request tells in a moment.
        """

    # The request's end, as an EndListener hears of it: Twisted calls these; no code of ours does.

    def callback(self, _: None) -> None:
        """
        Note that the response is finished; ``Request.finish`` calls this.
        """
        self._request_is_over(None)

    def errback(self, reason: Failure) -> None:
        """
        Note that the connection is gone; ``Request.connectionLost`` calls this.
        """
        self._request_is_over(reason)

    # Inside

    def _begin(self, first_bytes: bytes) -> None:
        request = self._request
        channel = request.channel
        decline_encoder(request)
        # A connection that has been a stream is not used again.  Where it could be, Chromium
        # sometimes keeps a stream that a page has closed for 5 seconds, in the hope of its end.
        take_over(channel, self._bytes_after_request)
        ours = channel if isinstance(channel, Connection) else None
        transport: object = request.transport
        descriptor = self._descriptor = descriptor_of(transport)
        if descriptor is not None and ours is None:  # ours has done it
            watch_peer(descriptor, self._streams.stall_timeout)
        self._bytes = len(first_bytes)
        self._is_chunked = request.clientproto == b"HTTP/1.1"
        if self._is_chunked and descriptor is not None and descriptor is transport:
            self._socket = socket_of(descriptor)
        # Nothing else can be on its way on this connection, not even a "100 Continue"; so the head,
        # too, may go straight to the socket.
        is_first = ours is not None and ours.is_first_request
        is_alone = is_first and not request.requestHeaders.hasHeader(b"Expect")
        if self._socket is not None and is_alone:
            begin_chunked(request)
            self._put_on_wire(stream_head(request, first_bytes))
            if self.behind_since is None:
                self._go_on()
        else:
            write_head(request)
            request.setHeader("Connection", "close")
            request.write(first_bytes)
            if descriptor is not None:
                # Nothing may overtake the head, nor what is left of earlier responses.  It all
                # leaves now, if the client takes it, so that the stream has begun when we return.
                self._wait_until_it_has_left()
                descriptor.doWrite()

    def _go_on(self) -> None:
        """
        Hand on what waits, as far as the connection takes it; close when that was all.
        """
        while self._waiting is not None and self.behind_since is None:
            piece = self._waiting.take(PIECE)
            if not self._waiting:
                self._waiting = None
            self._put(Chunk(piece))
        if self.is_behind:
            return
        if self._state is _State.CLOSING:
            self._finish()
            return
        if self._socket is not None:
            self._clear = self._socket
        if self.writer is not None:
            self.writer.has_room()

    def _write_slowly(self, chunk: Chunk) -> bool:
        if self._state is not _State.OPEN:
            return True
        self._events += chunk.events
        if self._waiting is None:
            if self._is_prompt and self.behind_since is None and len(chunk.data) <= PIECE:
                self._put(chunk)
                return not self.is_behind
            # Whatever its size: a single event larger than the limit must be possible.
            self._waiting = Waiting()
        elif len(self._waiting) + len(chunk.data) > MAX_WAITING:
            self.abort(EndReason.FELL_BEHIND)
            return True
        self._waiting.append(chunk.data)
        self._go_on()
        return not self.is_behind

    def _put(self, chunk: Chunk) -> None:
        self.last_write = self._streams.clock.seconds()
        self._bytes += len(chunk.data)
        if self._is_chunked:
            self._put_on_wire(chunk.on_wire or framed(chunk))
        else:
            self._request.write(chunk.data)

    def _put_on_wire(self, data: bytes) -> None:
        if self._socket is None:
            self._request.channel.write(data)
            return
        try:
            sent = self._socket.send(data)
        except OSError:
            sent = 0
        if sent < len(data):
            self._leave_to_transport(data[sent:])

    def _leave_to_transport(self, data: bytes) -> None:
        """
        The kernel has refused this; or there was an error, which the reactor meets in a moment.
        """
        assert self._descriptor is not None, "only where there is a socket"
        self._descriptor.write(data)
        self._wait_until_it_has_left()

    def _wait_until_it_has_left(self) -> None:
        """
        Be behind until the transport holds nothing.
        """
        if self._descriptor is not None and pause_until_empty(self._descriptor):
            self.pauseProducing()

    def _finish(self) -> None:
        """
        End the response.  Nothing of the stream is held by the transport now.
        """
        request = self._request
        if self._is_complete and leave_last_chunk(request):
            # We wait until it has left, because after finish() nobody watches any more: a client
            # that does not read could then stay for ever.
            self._put_on_wire(LAST_CHUNK)
            if self._socket is None:
                self._wait_until_it_has_left()
            if self.behind_since is not None:
                return  # resumeProducing brings us here again
        self._close()
        if self._is_complete:
            count_sent(request, self._bytes)
            request.finish()
        else:
            self._break_off(request)

    def _break_off(self, request: Request) -> None:
        """
        Let the client see that something is missing.
        """
        transport: Any = request.transport  # there is one: the request is not over
        transport.loseConnection()

    def _cut(self, request: Request) -> None:
        transport: Any = request.transport
        transport.abortConnection()

    def _close(self) -> Request:
        """
        Let go of everything.

        :returns: The request, for the very last that is to be done with it.
        """
        was_new, self._state = self._state is _State.NEW, _State.CLOSED
        request = self._request
        del self._request  # so that whoever keeps us does not keep the request
        if was_new:
            return request
        self._waiting = self._descriptor = self._socket = self._clear = self.behind_since = None
        self._streams.discard(self)
        if getattr(request, "channel", None) is not None:
            request.unregisterProducer()
        return request

    def _request_is_over(self, reason: Failure | None) -> None:
        if self._state is _State.CLOSED:
            return
        was_open = self._state is _State.OPEN
        request = self._close()
        if was_open:
            self._announce(reason_for(reason), request)

    def _bytes_after_request(self, data: bytes) -> None:
        # Once the stream has closed, so does the connection, and whatever comes is of no interest.
        self.abort(EndReason.UNEXPECTED_BYTES)

    def _announce(self, reason: EndReason, request: Request) -> None:
        log_end(
            request,
            reason,
            duration=self._streams.clock.seconds() - self._opened_at,
            events=self._events,
            bytes_sent=self._bytes + (len(self._waiting) if self._waiting else 0),
        )
        writer, self.writer = self.writer, None
        if writer is not None:
            writer.ended(reason)


def framed(chunk: Chunk) -> bytes:
    """
    Put a chunk of HTTP around events, once for all who send them (RFC 9112, 7.1).
    """
    chunk.on_wire = b"%x\r\n%b\r\n" % (len(chunk.data), chunk.data)
    return chunk.on_wire
