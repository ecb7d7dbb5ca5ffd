"""
Socket options that find out that a peer has vanished without a FIN: a closed laptop, a cut cable.

Three things work together, and each alone misses a case.  The heartbeat keeps unacknowledged bytes
on their way.  ``TCP_USER_TIMEOUT`` makes the kernel give up on them in time; by itself it retries
for a quarter of an hour.  Keep-alive probes a stream that has nothing on its way.
"""

import socket
import sys
from collections.abc import Sequence
from functools import lru_cache

from twisted.internet.abstract import FileDescriptor
from twisted.protocols.policies import ProtocolWrapper

from ._insides import has_tls, listener_of

#: Bytes that the kernel may hold unsent.  Without a limit it takes up to 4 MiB for a client that
#: does not read, and the server would notice megabytes too late.
UNSENT_LIMIT = 128 * 1024

#: The user time-out as a multiple of the stall time-out.  It is longer, so that usually the server
#: reports that a client stalled, and not the kernel.
USER_TIMEOUT_FACTOR = 1.5

#: Keep-alive: seconds of silence before the first probe, seconds between probes, probes.
KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_COUNT = 15, 5, 4

_Option = tuple[int, int, int]  # level, name, value


def descriptor_of(transport: object) -> FileDescriptor | None:
    """
    Return the socket transport at the bottom: this one, or the one below TLS.  ``None`` in memory,
    and for HTTP/2, which has no transport for a single stream.
    """
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    if isinstance(transport, FileDescriptor) and not has_tls(transport):
        return transport
    return None  # also after startTLS, which puts TLS into the socket transport itself


def has_unread(descriptor: FileDescriptor) -> bool:
    """
    Return true if the kernel holds bytes of the peer.
    """
    try:
        return bool(descriptor.socket.recv(1, socket.MSG_PEEK))  # type: ignore[attr-defined]
    except (AttributeError, OSError):  # in memory; nothing there; or reset
        return False


def watch_peer(descriptor: FileDescriptor, stall_timeout: float) -> None:
    """
    Let the kernel end the connection soon after its peer has vanished.

    :param stall_timeout: Seconds; see :data:`USER_TIMEOUT_FACTOR`.
    """
    options = _options(stall_timeout)
    if _has(descriptor, options[-1]):
        return
    _set(descriptor, options)
    # Connections that are accepted from now on inherit them, and need none of these calls.
    listener = listener_of(descriptor)
    if not _has(listener, options[-1]):
        _set(listener, options)


def _has(descriptor: object, option: _Option) -> bool:
    level, name, value = option
    try:
        return bool(descriptor.socket.getsockopt(level, name) == value)  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        return True  # it takes no options: a UNIX socket, or a transport without a socket


def _set(descriptor: object, options: Sequence[_Option]) -> None:
    for option in options:
        descriptor.socket.setsockopt(*option)  # type: ignore[attr-defined]


@lru_cache(maxsize=8)
def _options(stall_timeout: float) -> tuple[_Option, ...]:
    # If the last one is set, all are.
    options = [
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    ]
    if sys.platform == "linux":
        options += [
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL),
            (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_COUNT),
            (socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_LIMIT),
            (
                socket.IPPROTO_TCP,
                socket.TCP_USER_TIMEOUT,
                min(2**31 - 1, max(1, round(stall_timeout * USER_TIMEOUT_FACTOR * 1000))),
            ),
        ]
    return tuple(options)
