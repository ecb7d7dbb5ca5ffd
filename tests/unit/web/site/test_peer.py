"""
Options that make the kernel notice a vanished peer.
"""

import socket
import sys
from dataclasses import dataclass

from twisted.internet.abstract import FileDescriptor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from ssetwist.web.site._peer import (
    USER_TIMEOUT_FACTOR,
    _options,
    descriptor_of,
    has_unread,
    watch_peer,
)
from tests.clock import Clock


@dataclass
class Listener:
    """
    A port, as a connection sees it.
    """

    socket: socket.socket


class DescriptorTests(SynchronousTestCase):
    """
    The socket transport below a connection.
    """

    def test_plain(self) -> None:
        """
        A plain socket transport is at the bottom itself, and below a protocol such as that of TLS.
        """
        descriptor = FileDescriptor(Clock())
        wrapper = ProtocolWrapper(WrappingFactory(Factory()), Protocol())
        wrapper.transport = descriptor
        self.assertIs(descriptor, descriptor_of(descriptor))
        self.assertIs(descriptor, descriptor_of(wrapper))
        self.assertIsNone(descriptor_of(StringTransport()))

    def test_tls_inside(self) -> None:
        """
        A socket transport with TLS inside, as after ``startTLS``, does not count: bytes that go
        straight to its socket would not be encrypted.
        """
        descriptor = FileDescriptor(Clock())
        descriptor.TLS = True
        self.assertIsNone(descriptor_of(descriptor))


class OptionsTests(SynchronousTestCase):
    """
    Options of a socket.
    """

    def setUp(self) -> None:
        if sys.platform != "linux":
            raise SkipTest("only Linux has these options")

    def user_timeout(self, stall_timeout: float) -> int:
        """
        Return the user time-out, in milliseconds.
        """
        wanted = socket.TCP_USER_TIMEOUT
        (value,) = [value for _, name, value in _options(stall_timeout) if name == wanted]
        return value

    def test_user_timeout(self) -> None:
        """
        The user time-out is a little longer than the stall time-out.
        """
        self.assertEqual(round(20_000 * USER_TIMEOUT_FACTOR), self.user_timeout(20.0))

    def test_longest(self) -> None:
        """
        The user time-out fits into the kernel's number, and is never 0, which would mean the
        default.
        """
        self.assertEqual(2**31 - 1, self.user_timeout(1e12))
        self.assertEqual(2**31 - 1, self.user_timeout(2**31))
        self.assertEqual(1, self.user_timeout(1e-9))

    def test_listener(self) -> None:
        """
        The first connection gives the options to its listener, so that later ones inherit them and
        need no calls.
        """
        with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as connection:
            descriptor = FileDescriptor(Clock())
            descriptor.socket = connection
            descriptor.server = Listener(listening)
            watch_peer(descriptor, 20.0)
            for one in (connection, listening):
                for level, name, value in _options(20.0):
                    self.assertEqual(value, one.getsockopt(level, name), (one, name))

    def test_probes(self) -> None:
        """
        The kernel probes a peer on a silent connection, because nothing else would notice that it
        has vanished.
        """
        with socket.socket() as connection:
            descriptor = FileDescriptor(Clock())
            descriptor.socket = connection
            watch_peer(descriptor, 20.0)
            self.assertTrue(connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
            probes = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            self.assertEqual(
                [15, 5, 4], [connection.getsockopt(socket.IPPROTO_TCP, one) for one in probes]
            )

    def test_at_once(self) -> None:
        """
        The kernel sends events at once, and does not take many bytes that it cannot send.
        """
        with socket.socket() as connection:
            descriptor = FileDescriptor(Clock())
            descriptor.socket = connection
            watch_peer(descriptor, 20.0)
            self.assertTrue(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            limit = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)
            self.assertEqual(128 * 1024, limit)


class UnreadTests(SynchronousTestCase):
    """
    Bytes of a peer that nobody has read.
    """

    def test_stay(self) -> None:
        """
        A look for unread bytes leaves them there; in memory there are none.
        """
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            descriptor = FileDescriptor(Clock())
            self.assertFalse(has_unread(descriptor))
            descriptor.socket = ours
            self.assertFalse(has_unread(descriptor))
            theirs.send(b"a")
            self.assertEqual([True, True], [has_unread(descriptor) for _ in range(2)])
            self.assertEqual(b"a", ours.recv(10))
