"""
Insides of Twisted that this room relies on, each with its reason.

Twisted does not document these names, or not what we do with them.
``tests/unit/web/test_insides.py`` has one test for each, which runs with the oldest Twisted that is
supported and with the newest.  When one of them fails, this is the file to mend.
"""

import socket
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request


def is_over(request: Request) -> bool:
    """
    Tell whether a request can no longer be answered: it has been, or its client has gone.
    ``notifyFinish()`` would return a Deferred that never fires.
    """
    return bool(request.finished) or getattr(request, "channel", None) is None


def is_http2(request: Request) -> bool:
    """
    Tell whether a request came over HTTP/2, where its channel is a stream and not a connection.
    """
    channel = getattr(request, "channel", None)
    return channel is not None and not isinstance(channel, HTTPChannel)


def has_early_bytes(request: Request) -> bool:
    """
    Tell whether bytes have come after a request that has not been answered.
    """
    # With the end of a request's body Twisted puts an empty piece there.
    return any(getattr(request.channel, "_dataBuffer", ()))


def take_over(channel: Any, received: Callable[[bytes], None]) -> None:  # it has no types
    """
    Have an ``HTTPChannel`` close after this response, and hand over what comes until then.

    By itself it keeps what follows a request until the response is done: up to 16 KiB, above which
    it stops reading and so no longer sees the client leave, and without any limit while the client
    does not read.
    """
    channel.persistent = False
    channel.rawDataReceived = received


def has_begun(request: Request) -> bool:
    """
    Tell whether a head has been written.
    """
    return bool(request.startedWriting)


def begin_chunked(request: Request) -> None:
    """
    Have a request believe that it has written the head of a chunked response.
    """
    request.startedWriting = 1
    request.chunked = 1


def leave_last_chunk(request: Request) -> bool:
    """
    Leave the last chunk of a response to us, and tell whether there is to be one: after
    ``finish()`` nobody would see whether it leaves.
    """
    is_due = bool(request.chunked)
    request.chunked = 0
    return is_due


def count_sent(request: Request, size: int) -> None:
    """
    Say how many bytes a response has had, for the access log: not all passed Twisted's counter.
    """
    request.sentLength = size


def take_off_encoder(request: Request) -> bool:
    """
    Have a response sent as it is, and tell whether it would have been encoded.  There is no other
    way to decline the offer of an ``EncodingResourceWrapper``.
    """
    if getattr(request, "_encoder", None) is None:
        return False
    request._encoder = None
    return True


def forget_paths(request: Request) -> None:
    """
    Forget what only the search for a resource needs.
    """
    request.prepath = request.postpath = None
    request.sitepath = None  # type: ignore[attr-defined]  # Twisted's Site puts it there


def socket_of(transport: object) -> socket.socket | None:
    """
    Return the socket of a transport, to which bytes may be handed while the transport holds none.
    """
    return getattr(transport, "socket", None)


def pause_until_empty(descriptor: FileDescriptor) -> bool:
    """
    Have a transport resume its producer once it holds nothing, and tell whether it has a producer.

    By itself it pauses it only above 64 KiB, and not at all if it was paused before it came.
    """
    if descriptor.producer is None:
        return False
    descriptor.producerPaused = True
    cast(IPushProducer, descriptor.producer).pauseProducing()
    return True


def was_reset(failure: Failure) -> bool:
    """
    Tell whether the client has reset an HTTP/2 stream, which is how a browser closes one.
    """
    # This text is all that tells it from a broken connection.
    return "Stream reset" in str(failure.value)
