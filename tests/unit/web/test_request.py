"""
Facts about a request.
"""

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Request

from ssetwist.testing import MemoryHub
from ssetwist.web import Site
from ssetwist.web._request import address_of, header_of, path_of, peer_of
from tests.clock import Clock
from tests.memory import MemoryTransport
from tests.unit.web.test_head import SettingHeaders


class RequestTests(SynchronousTestCase):
    """
    Address and header fields of a request.
    """

    def request(self, peer: IAddress) -> Request:
        """
        Make a request that comes from this address.
        """
        clock = Clock()
        hub = MemoryHub(clock=clock)
        site = Site(SettingHeaders(hub), streams=hub.streams)
        transport = MemoryTransport(clock, peer)
        transport.protocol = channel = site.buildProtocol(peer)
        channel.makeConnection(transport)
        self.addCleanup(channel.connectionLost)
        request = Request(channel, False)
        request.client = peer
        return request

    def test_address(self) -> None:
        """
        A request over IPv4 or IPv6 has the address by which the hub counts clients; a request over
        a UNIX socket has an empty one.
        """
        for peer, address, name in (
            (IPv4Address("TCP", "192.0.2.1", 5000), "192.0.2.1", "192.0.2.1:5000"),
            (IPv6Address("TCP", "2001:db8::1", 5000), "2001:db8::1", "[2001:db8::1]:5000"),
            (UNIXAddress("/run/client"), "", "local"),
        ):
            request = self.request(peer)
            self.assertEqual((address, name), (address_of(request), peer_of(request)))

    def test_header(self) -> None:
        """
        If a field occurs several times, the last one counts; its bytes need not be UTF-8.
        """
        request = self.request(UNIXAddress(None))
        self.assertIsNone(header_of(request, b"X-Kind"))
        for value in (b"first", b"l\xe4st"):
            request.requestHeaders.addRawHeader(b"X-Kind", value)
        self.assertEqual("l\xe4st", header_of(request, b"X-Kind"))

    def test_path_with_a_token(self) -> None:
        """
        A log line shows no part of a token in a path: the token is removed before the path is
        shortened.
        """
        request = self.request(UNIXAddress(None))
        token = b"eyJ" + b"h" * 50 + b"." + b"p" * 50 + b"." + b"s" * 50
        for length in range(1, 250):
            request.path = b"/" * length + token
            shown = path_of(request)
            self.assertNotIn("eyJ", shown)
            self.assertLessEqual(len(shown), 200)
