"""
The kind of outlet for each kind of connection.
"""

from ssetwist.web._http1 import ChannelOutlet, Http10Outlet, SocketOutlet
from ssetwist.web._outlet import RequestOutlet
from tests.memory import Client, SocketClient
from tests.unit.web.case import OutletCase, StreamCase, WrappedClient


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
        A stream over HTTP/1.1 that is directly on a socket writes to the socket.
        """
        self.assertIs(SocketOutlet, self.kind(SocketClient))

    def test_channel(self) -> None:
        """
        A stream over HTTP/1.1 writes to the channel if there is a protocol below it, or no socket.
        """
        self.assertIs(ChannelOutlet, self.kind(WrappedClient))
        self.assertIs(ChannelOutlet, self.kind(Client))

    def test_http_1_0(self) -> None:
        """
        A stream over HTTP/1.0 is never chunked, not even on a socket.
        """
        for make_client in (SocketClient, WrappedClient, Client):
            self.assertIs(Http10Outlet, self.kind(make_client, version="1.0"))


class FailureTests(StreamCase):
    """
    Subscribing that fails after the head was sent.
    """

    def test_cut(self) -> None:
        """
        The connection is cut, so that the client sees that something is wrong and comes back; a
        proper end would look like the end of the events.
        """

        def fail(*_: object, **__: object) -> None:
            raise ZeroDivisionError("no subscriber")

        self.hub.subscribe = fail  # type: ignore[assignment, method-assign]
        client = self.client()
        self.assertTrue(client.transport.is_aborted)
        self.assertFalse(client.is_complete)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertEqual(0, len(self.hub.streams))
        self.clock.advance(0)
