"""
Finding out that a peer has vanished: a laptop lid, a tunnel, a cable.  No FIN ever comes.

It takes three things together.  Something unacknowledged must be on its way, which the heartbeat
sees to; the kernel must then give up in time (``TCP_USER_TIMEOUT``; by itself it retries for a
quarter of an hour); and a stream on which nothing is on its way needs the kernel's own probes
(keep-alive).  Each alone misses a case.
"""

import socket
import sys

from twisted.internet.abstract import FileDescriptor
from twisted.protocols.policies import ProtocolWrapper

#: Bytes that the kernel may hold of what it has not sent yet.  Without it, it takes up to 4 MiB
#: for a client that does not read, and the server would learn of that megabytes too late.
UNSENT_LIMIT = 128 * 1024

#: The user time-out in parts of the stall time-out.  A little longer, so that it is usually the
#: server which says that a client stalled, not the kernel.
USER_TIMEOUT_FACTOR = 1.5

#: Keep-alive: seconds of silence before the first probe, seconds between probes, probes.
KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_COUNT = 15, 5, 4

_Option = tuple[int, int, int]  # level, name, value


def descriptor_of(transport: object) -> FileDescriptor | None:
    """
    Return the socket transport at the bottom: this one, or the one below TLS; ``None`` if there is
    none, as in memory, or where HTTP/2 has no transport for a single stream.
    """
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    if isinstance(transport, FileDescriptor) and not getattr(transport, "TLS", False):
        return transport
    return None  # also after startTLS, which puts TLS into the socket transport itself


def watch_peer(descriptor: FileDescriptor, stall_timeout: float) -> None:
    """
    Have the kernel end the connection soon after its peer has vanished.

    :param stall_timeout: Seconds; see :data:`USER_TIMEOUT_FACTOR`.
    """
    if (handle := _socket_of(descriptor)) is not None:
        for option in _options(stall_timeout):
            handle.setsockopt(*option)


def _socket_of(descriptor: FileDescriptor) -> socket.socket | None:
    """
    Return the connected TCP socket; UNIX sockets have no such options, and no peer that vanishes.
    """
    handle = getattr(descriptor, "socket", None)
    if isinstance(handle, socket.socket) and handle.family in (socket.AF_INET, socket.AF_INET6):
        return handle
    return None


def _options(stall_timeout: float) -> list[_Option]:
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    if sys.platform == "linux":
        options += [
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL),
            (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_COUNT),
            (
                socket.IPPROTO_TCP,
                socket.TCP_USER_TIMEOUT,
                min(2**31 - 1, max(1, round(stall_timeout * USER_TIMEOUT_FACTOR * 1000))),
            ),
            (socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_LIMIT),
        ]
    return options
