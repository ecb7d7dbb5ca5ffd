"""
The kind of outlet for each kind of connection.
"""

from ssetwist.web._http1 import ChannelOutlet, Http10Outlet, SocketOutlet
from ssetwist.web._outlet import RequestOutlet
from tests.memory import Client, SocketClient
from tests.unit.web.case import OutletCase, WrappedClient


class OutletForTests(OutletCase):
    """
    Outlets over HTTP/1.
    """

    def kind(self, make_client: type[Client], **request: object) -> type[RequestOutlet]:
        """
        Return the kind of outlet that a request gets.
        """
        self.make_client = make_client
        _, outlet = self.connect(**request)  # type: ignore[arg-type]  # the options of request
        return type(outlet)

    def test_socket(self) -> None:
        """
        HTTP/1.1 on a socket itself goes straight to the socket.
        """
        self.assertIs(SocketOutlet, self.kind(SocketClient))

    def test_channel(self) -> None:
        """
        HTTP/1.1 with a protocol between it and the socket, or without a socket, goes through the
        channel.
        """
        self.assertIs(ChannelOutlet, self.kind(WrappedClient))
        self.assertIs(ChannelOutlet, self.kind(Client))

    def test_http_1_0(self) -> None:
        """
        HTTP/1.0 is never chunked, on a socket neither.
        """
        for make_client in (SocketClient, WrappedClient, Client):
            self.assertIs(Http10Outlet, self.kind(make_client, version="1.0"))
