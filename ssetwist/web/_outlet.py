"""
One event stream over one ``twisted.web`` request, from its head to its end.

Everything that opens, feeds, watches and ends a stream is here, for the hub's streams and for
per-request ones alike; nothing else touches the request.  Line numbers of Twisted are not quoted
because they move; what is relied upon is tested.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, cast

from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.logger import Logger
from twisted.web.http import HTTPChannel
from twisted.web.server import Request
from zope.interface import implementer

from ..hub import EndReason, Streams
from ._end import log_end, reason_for
from ._head import take_off_encoder, write_head
from ._peer import descriptor_of, watch_peer
from ._site import Site
from ._waiting import Waiting

_log = Logger()

#: Bytes that may wait for a client that is behind.  With what the transport may hold, one piece,
#: a client that never reads costs well below 1 MiB.
MAX_WAITING = 512 * 1024

#: Bytes handed to the connection at a time.  Each piece that leaves counts as progress, so with the
#: defaults a client that is behind must take 3.3 kB/s.  A finer measure would be of no use: where a
#: window stays narrower than that for the user time-out, the kernel ends the connection.
PIECE = 64 * 1024

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
    The :class:`ssetwist.hub.Outlet` over a request.

    To be made first thing in ``render``: a request tells of its end only those who asked before.

    On TCP and UNIX sockets a write goes straight to the socket, without a turn through the
    reactor's writers; only what the kernel refuses goes to the transport.  While the transport
    holds anything, this stream is behind: what is written waits here, and follows in pieces.

    In HTTP/2 everything waits for the next turn.  While Twisted works through what one read has
    brought, its HTTP/2 library is already at the end of it, and a stream that the client has closed
    in the same read is gone there: a write then fails, or breaks the whole connection.

    :param streams: Whoever looks after it while it is open.
    :ivar on_room: Called when the connection has taken all that was written and the stream is
        still open.
    """

    __slots__ = (
        "_bytes",
        "_descriptor",
        "_events",
        "_is_chunked",
        "_is_complete",
        "_is_direct",
        "_is_http2",
        "_opened_at",
        "_request",
        "_soon",
        "_state",
        "_streams",
        "_waiting",
        "behind_since",
        "last_write",
        "on_end",
        "on_room",
    )

    def __init__(self, request: Request, streams: Streams) -> None:
        self._state = _State.NEW
        self._request = request
        self._streams = streams
        self.on_end: Callable[[EndReason], None] | None = None
        self.on_room: Callable[[], None] | None = None
        self.behind_since: float | None = None
        self.last_write = self._opened_at = streams.clock.seconds()
        self._events = self._bytes = 0
        self._waiting: Waiting | None = None
        self._soon: IDelayedCall | None = None
        self._descriptor: FileDescriptor | None = None
        self._is_complete = True
        if request.finished or getattr(request, "channel", None) is None:
            # Whoever waited before calling us waited for too long: this request is over, and what
            # it would return from notifyFinish now never fires.
            self._close()
        elif getattr(request.channel, "_dataBuffer", None):
            # Bytes after the request came in the meantime.  As below, but there is no stream yet.
            self._cut(self._close())
        else:
            request.notifyFinish().addBoth(self._request_is_over)

    @property
    def is_new(self) -> bool:
        """
        Whether the request can still be answered, with a stream or with something else.
        """
        return self._state is _State.NEW

    @property
    def is_open(self) -> bool:
        return self._state is _State.OPEN

    @property
    def is_behind(self) -> bool:
        """
        Whether the connection has not yet taken all that was written.
        """
        return self.behind_since is not None or self._waiting is not None

    def open(self, first_bytes: bytes) -> None:
        """
        Write the head and the first bytes, together, and stream from now on.

        :raises RuntimeError: If something has been written to the request already.
        """
        assert self._state is _State.NEW, self._state
        request = self._request
        if request.startedWriting:
            raise RuntimeError("something was written to this request before it became a stream")
        request.registerProducer(self, True)
        self._state = _State.OPEN
        self._streams.add(self)
        take_off_encoder(request)
        write_head(request)
        channel: Any = request.channel  # of HTTP/1.1, or one stream of HTTP/2
        self._is_http2 = not isinstance(channel, HTTPChannel)
        self._is_direct = False
        if self._is_http2:
            self.write(first_bytes, 0)
            return
        # A connection that has been a stream is not used again.  Where it could be, Chromium
        # sometimes keeps a stream that a page has closed for 5 seconds, in the hope of its end.
        request.setHeader("Connection", "close")
        channel.persistent = False
        # An HTTPChannel keeps what follows a request until the response is done: up to 16 KiB,
        # above which it stops reading and so no longer sees the client leave, and without any
        # limit while the client does not read.  In HTTP/2 nothing can follow.
        channel.rawDataReceived = self._bytes_after_request
        descriptor = self._descriptor = descriptor_of(request.transport)
        if descriptor is not None:
            self._is_direct = descriptor is request.transport
            if not isinstance(request.site, Site):  # ours has done it
                watch_peer(descriptor, self._streams.stall_timeout)
        request.write(first_bytes)
        self._is_chunked = bool(request.chunked)
        self._bytes = len(first_bytes)
        # Nothing may overtake the head, nor what is left of earlier responses.
        self._wait_until_it_has_left()

    def write(self, frames: bytes, events: int = 1) -> None:
        if self._state is not _State.OPEN:
            return
        self._events += events
        if self._waiting is None:
            if self.behind_since is None and len(frames) <= PIECE and not self._is_http2:
                self._put(frames)
                return
            # Whatever its size: a single event larger than the limit must be possible.
            self._waiting = Waiting()
        elif len(self._waiting) + len(frames) > MAX_WAITING:
            self.abort(EndReason.FELL_BEHIND)
            return
        self._waiting.append(frames)
        self._go_on()

    def end(self, reason: EndReason, *, last_words: bytes = b"", is_complete: bool = True) -> None:
        if self._state is not _State.OPEN:
            return
        self._state = _State.CLOSING
        self._is_complete = is_complete
        if last_words:
            if self._waiting is None:
                self._waiting = Waiting()
            self._waiting.append(last_words)
        self._tell(reason, self._request)
        self._go_on()

    def abort(self, reason: EndReason) -> None:
        if self._state not in (_State.OPEN, _State.CLOSING):
            return
        was_open = self._state is _State.OPEN
        request = self._close()
        self._cut(request)
        if was_open:
            self._tell(reason, request)

    # What the transport tells us, as its IPushProducer

    def pauseProducing(self) -> None:
        """
        The connection takes no more for now.
        """
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

    # Inside

    def _go_on(self) -> None:
        if self._state is _State.CLOSED:
            return  # whoever was told of the end has aborted it
        if not self._is_http2:
            self._advance()
        elif self._soon is None:
            self._soon = self._streams.clock.callLater(0, self._advance_now)

    def _advance_now(self) -> None:
        self._soon = None
        self._advance()

    def _advance(self) -> None:
        """
        Hand on what waits, as far as the connection takes it; close when that was all.
        """
        while self._waiting is not None and self.behind_since is None:
            piece = self._waiting.take(PIECE)
            if not self._waiting:
                self._waiting = None
            self._put(piece)
        if self.is_behind:
            return
        if self._state is _State.CLOSING:
            self._finish()
        elif self.on_room is not None:
            self.on_room()

    def _put(self, piece: bytes) -> None:
        self.last_write = self._streams.clock.seconds()
        self._bytes += len(piece)
        if not self._is_direct:
            self._request.write(piece)
        elif self._is_chunked:
            self._send(b"%x\r\n%b\r\n" % (len(piece), piece))
        else:
            self._send(piece)

    def _send(self, data: bytes) -> None:
        """
        Send straight to the socket; leave to the transport what the kernel refuses.
        """
        transport = self._descriptor
        assert transport is not None, "only where there is a socket"
        sent = transport.writeSomeData(data)
        if sent == len(data):
            return
        # Not a number is an error of the connection, which the reactor meets and tells in a moment.
        transport.write(data[sent:] if isinstance(sent, int) else data)
        self._wait_until_it_has_left()

    def _wait_until_it_has_left(self) -> None:
        """
        Be behind until the transport holds nothing.  By itself it would pause us only above 64 KiB,
        and not at all if it was paused when we came.
        """
        descriptor = self._descriptor
        if descriptor is not None and descriptor.producer is not None:
            descriptor.producerPaused = True
            cast(IPushProducer, descriptor.producer).pauseProducing()
            self.pauseProducing()

    def _finish(self) -> None:
        """
        End the response.  Nothing of the stream is held by the transport now.
        """
        request = self._request
        if self._is_complete and request.chunked:
            # We write it ourselves and wait until it has left, because after finish() nobody
            # watches any more: a client that does not read could then stay for ever.
            request.chunked = 0
            if self._is_direct:
                self._send(LAST_CHUNK)
            else:
                request.channel.write(LAST_CHUNK)
                self._wait_until_it_has_left()
            if self.behind_since is not None:
                return  # resumeProducing brings us here again
        self._close()
        if self._is_complete:
            request.sentLength = self._bytes  # for the access log: not all passed its counter
            request.finish()
        elif request.transport is not None:
            request.transport.loseConnection()
        else:
            self._cut(request)

    def _cut(self, request: Request) -> None:
        victim: Any = request.transport or request.channel
        try:
            victim.abortConnection()
        except Exception:
            if request.transport is not None:
                raise
            # In HTTP/2 it is one stream that is reset, and the client may have done that first.
            _log.debug("this HTTP/2 stream was gone already")

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
        self._waiting = self._descriptor = self.on_room = self.behind_since = None
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        self._streams.discard(self)
        if getattr(request, "channel", None) is not None:
            request.unregisterProducer()
        return request

    def _request_is_over(self, result: object) -> None:
        if self._state is _State.CLOSED:
            return
        was_open = self._state is _State.OPEN
        request = self._close()
        if was_open:
            self._tell(reason_for(result), request)

    def _bytes_after_request(self, data: bytes) -> None:
        # Once the stream has closed, so does the connection, and whatever comes is of no interest.
        self.abort(EndReason.UNEXPECTED_BYTES)

    def _tell(self, reason: EndReason, request: Request) -> None:
        log_end(
            request,
            reason,
            duration=self._streams.clock.seconds() - self._opened_at,
            events=self._events,
            bytes_sent=self._bytes + (len(self._waiting) if self._waiting else 0),
        )
        on_end, self.on_end = self.on_end, None
        if on_end is not None:
            on_end(reason)
