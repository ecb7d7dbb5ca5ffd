"""
One event stream over one ``twisted.web`` request, from its head to its end.

Everything that opens, feeds, watches and ends a stream is here, for the hub's streams and for
per-request ones alike; nothing else touches the request.  Line numbers of Twisted are not quoted
because they move; what is relied upon is tested.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, cast
from urllib.parse import quote

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request
from zope.interface import implementer

from ..hub import EndReason, Streams
from ._head import take_off_encoder, write_head
from ._peer import descriptor_of, options_of, set_options, watch_peer
from ._site import Site

_log = Logger()

#: Bytes that may wait for a client that is behind.  With what the transport may hold, one piece,
#: a client that never reads costs well below 1 MiB.
MAX_WAITING = 512 * 1024

#: Bytes handed to the connection at a time.  Each piece that leaves counts as progress.
PIECE = 64 * 1024

#: Bytes of a path that the log line of a stream has at most.
_LOGGED_PATH = 200

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
    The :class:`~ssetwist.hub.Outlet` over a request.

    To be made first thing in ``render``: a request tells of its end only those who asked before.

    On TCP and UNIX sockets a write goes straight to the socket, without a turn through the
    reactor's writers; only what the kernel refuses goes to the transport.  While the transport
    holds anything, this stream is behind: what is written waits here, and follows in pieces.

    :param streams: Whoever looks after it while it is open.
    :ivar on_room: Called when the connection has taken all that was written and the stream is
        still open.
    """

    __slots__ = (
        "_bytes",
        "_channel",
        "_descriptor",
        "_events",
        "_is_chunked",
        "_is_complete",
        "_is_direct",
        "_opened_at",
        "_options_before",
        "_request",
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
        self._waiting: bytearray | None = None
        self._is_complete = True
        if request.finished or getattr(request, "channel", None) is None:
            # Whoever waited before calling us waited for too long: this request is over, and what
            # it would return from notifyFinish now never fires.
            self._close()
            return
        request.notifyFinish().addBoth(self._request_is_over)

    @property
    def is_new(self) -> bool:
        """
        Whether the request can still be answered with something else than a stream.
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
        """
        assert self._state is _State.NEW, self._state
        request = self._request
        self._state = _State.OPEN
        descriptor = self._descriptor = descriptor_of(request.transport)
        self._is_direct = descriptor is not None and descriptor is request.transport
        self._options_before = []
        if descriptor is not None and not isinstance(request.site, Site):  # ours watches by itself
            self._options_before = options_of(descriptor)
            watch_peer(descriptor, self._streams.stall_timeout)
        channel: Any = request.channel  # of HTTP/1.1, or one stream of HTTP/2
        self._channel: Any = channel if isinstance(channel, HTTPChannel) else None
        if self._channel is not None:
            # An HTTPChannel keeps what follows a request until the response is done: up to 16 KiB,
            # above which it stops reading and so no longer sees the client leave, and without any
            # limit while the client does not read.  In HTTP/2 nothing can follow.
            self._channel.rawDataReceived = self._bytes_after_request  # type: ignore[method-assign]
        request.registerProducer(self, True)
        take_off_encoder(request)
        write_head(request)
        request.write(first_bytes)
        self._is_chunked = bool(request.chunked)
        self._bytes = len(first_bytes)
        self._streams.add(self)
        if self._is_direct:
            # Nothing may overtake the head.
            self._wait_until_it_has_left()

    def write(self, frames: bytes, events: int = 1) -> None:
        if self._state is not _State.OPEN:
            return
        self._events += events
        if self.behind_since is None and self._waiting is None and len(frames) <= PIECE:
            self._put(frames)
        elif self._waiting is None:
            # Whatever its size: a single event larger than the limit must be possible.
            self._waiting = bytearray(frames)
            self._advance()
        elif len(self._waiting) + len(frames) > MAX_WAITING:
            self.abort(EndReason.FELL_BEHIND)
        else:
            self._waiting += frames

    def end(self, reason: EndReason, *, last_words: bytes = b"", is_complete: bool = True) -> None:
        if self._state is not _State.OPEN:
            return
        self._state = _State.CLOSING
        self._is_complete = is_complete
        if last_words:
            self._waiting = (self._waiting or bytearray()) + last_words
        self._tell(reason, self._request)
        self._advance()

    def abort(self, reason: EndReason) -> None:
        if self._state not in (_State.OPEN, _State.CLOSING):
            return
        was_open = self._state is _State.OPEN
        request = self._close()
        # HTTP/2 has no transport for one stream; there the channel resets the stream, and then
        # never tells of its end, so we must not wait for that.
        victim: Any = request.transport or request.channel
        victim.abortConnection()
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
        self._advance()
        if self.on_room is not None and not self.is_behind:
            self.on_room()

    def stopProducing(self) -> None:
        """
        The connection is gone; why, the request tells in a moment.
        """

    # Inside

    def _advance(self) -> None:
        """
        Hand on what waits, as far as the connection takes it, and close when that was all.
        """
        while self._waiting is not None and self.behind_since is None:
            piece = bytes(self._waiting[:PIECE])
            del self._waiting[:PIECE]
            if not self._waiting:
                self._waiting = None
            self._put(piece)
        if self._state is _State.CLOSING and self._waiting is None and self.behind_since is None:
            self._finish()

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
        Be behind until the transport holds nothing.  By itself it would pause us only above 64 KiB.
        """
        descriptor = self._descriptor
        if descriptor is not None and descriptor.producer is not None:
            descriptor.producerPaused = True
            cast(IPushProducer, descriptor.producer).pauseProducing()

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
            channel: Any = request.channel  # of HTTP/2
            channel.abortConnection()

    def _close(self) -> Request:
        """
        Let go of everything, and leave the connection as we found it.

        :returns: The request, for the very last that is to be done with it.
        """
        was_new, self._state = self._state is _State.NEW, _State.CLOSED
        request = self._request
        del self._request  # so that whoever keeps us does not keep the request
        if was_new:
            return request
        self._waiting = self.on_room = self.behind_since = None
        self._streams.discard(self)
        if self._channel is not None:
            del self._channel.rawDataReceived
            self._channel = None
        if self._descriptor is not None:
            set_options(self._descriptor, self._options_before)
            self._descriptor = None
        if getattr(request, "channel", None) is not None:
            request.unregisterProducer()
        return request

    def _request_is_over(self, result: object) -> None:
        if self._state is _State.CLOSED:
            return
        was_open = self._state is _State.OPEN
        request = self._close()
        if was_open:
            self._tell(_reason_for(result), request)

    def _bytes_after_request(self, data: bytes) -> None:
        self.abort(EndReason.UNEXPECTED_BYTES)

    def _tell(self, reason: EndReason, request: Request) -> None:
        # The access log has no line for a stream that the client closed, which is most of them.
        _log.info(
            "{peer} {path}: {reason} after {duration:.1f} s, {events} events, {bytes} bytes",
            peer=_name_of(request.getClientAddress()),
            path=quote(request.path[:_LOGGED_PATH], safe="/:@!$&'()*+,;=~%"),
            reason=reason.value,
            duration=self._streams.clock.seconds() - self._opened_at,
            events=self._events,
            bytes=self._bytes,
        )
        on_end, self.on_end = self.on_end, None
        if on_end is not None:
            on_end(reason)


def _reason_for(result: object) -> EndReason:
    """
    Translate what ``notifyFinish`` said.
    """
    if not isinstance(result, Failure):
        return EndReason.ENDED_BY_APPLICATION  # it called request.finish() behind our back
    # This is all that tells a reset HTTP/2 stream, which is how a browser closes one, from a
    # broken connection.
    if result.check(ConnectionDone) or "Stream reset" in str(result.value):
        return EndReason.CLIENT_CLOSED
    return EndReason.CONNECTION_LOST


def _name_of(address: object) -> str:
    if isinstance(address, IPv6Address):
        return f"[{address.host}]:{address.port}"
    if isinstance(address, IPv4Address):
        return f"{address.host}:{address.port}"
    return "local"
