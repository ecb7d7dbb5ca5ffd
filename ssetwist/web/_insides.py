"""
Undocumented names and uses of Twisted that this package relies on, each with its reason.

``tests/unit/web/test_insides.py`` has one test for each, and runs with the oldest supported Twisted
and with the newest.  When one of them fails, mend this file.
"""

import socket
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request


def is_http2(request: Request) -> bool:
    """
    Return true if a request came over HTTP/2, where its channel is a stream and not a connection.
    """
    channel = getattr(request, "channel", None)
    return channel is not None and not isinstance(channel, HTTPChannel)


def has_early_bytes(request: Request) -> bool:
    """
    Return true if bytes have come after a request that has not been answered.
    """
    # At the end of a request's body Twisted appends an empty piece.
    return any(getattr(request.channel, "_dataBuffer", ()))


def take_over(channel: Any, received: Callable[[bytes], None]) -> None:  # it is untyped
    """
    Make an ``HTTPChannel`` close after this response, and hand over the bytes that come until then.

    By default it keeps them until the response is done.  Above 16 KiB it stops reading, and so no
    longer sees the client leave; while the client does not read, it keeps them without any limit.
    """
    channel.persistent = False
    channel.rawDataReceived = received


def has_begun(request: Request) -> bool:
    return bool(request.startedWriting)


def begin_chunked(request: Request) -> None:
    """
    Make a request believe that it has written the head of a chunked response.
    """
    request.startedWriting = 1
    request.chunked = 1


def leave_last_chunk(request: Request) -> bool:
    """
    Leave the last chunk of a response to us, because after ``finish()`` nothing tells if that
    has left.  Return true if the response needs one.
    """
    is_due = bool(request.chunked)
    request.chunked = 0
    return is_due


def count_sent(request: Request, size: int) -> None:
    """
    Set the size of a response for the access log: not all bytes passed Twisted's counter.
    """
    request.sentLength = size


def take_off_encoder(request: Request) -> bool:
    """
    Send a response as it is, and return true if it would have been encoded.  This is the only way
    to decline the offer of an ``EncodingResourceWrapper``.
    """
    if getattr(request, "_encoder", None) is None:
        return False
    request._encoder = None
    return True


def forget_paths(request: Request) -> None:
    """
    Forget the paths, which only the search for a resource needs.
    """
    request.prepath = request.postpath = None
    request.sitepath = None  # type: ignore[attr-defined]  # Twisted's Site puts it there


def socket_of(transport: object) -> socket.socket | None:
    """
    Return the socket of a transport, which may be given bytes while the transport is empty.
    """
    return getattr(transport, "socket", None)


def pause_until_empty(descriptor: FileDescriptor) -> bool:
    """
    Make a transport resume its producer once it holds nothing; return true if it has a producer.

    By itself it pauses a producer only above 64 KiB, and never one that was registered meanwhile.
    """
    if descriptor.producer is None:
        return False
    descriptor.producerPaused = True
    cast(IPushProducer, descriptor.producer).pauseProducing()
    return True


def was_reset(failure: Failure) -> bool:
    """
    Return true if the client has reset an HTTP/2 stream, which is how a browser closes one.
    """
    # Nothing but this text distinguishes it from a broken connection.
    return "Stream reset" in str(failure.value)
