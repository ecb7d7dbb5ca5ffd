"""
The outlet of HTTP/2, and the turns of the reactor in which it writes; ``tests/functional`` has
whole connections of HTTP/2.
"""

from ssetwist.hub import EndReason
from ssetwist.hub.outlets import Chunk
from ssetwist.web._http2 import Http2Outlet
from tests.unit.web.case import ONE, TWO, OutletCase


class TurnTests(OutletCase):
    """
    Writes of one turn.  In that turn Twisted may not have told yet that the client has closed the
    stream; a write would then break the streams of others on the same connection.
    """

    def setUp(self) -> None:
        super().setUp()
        self.resource.make_outlet = Http2Outlet

    def test_next_turn(self) -> None:
        """
        Nothing leaves in the turn in which it is written, the head neither; all leaves in the next
        turn, in its order.
        """
        client, outlet = self.connect()
        self.assertEqual(b"", client.received)
        self.clock.advance(0)
        self.assertIn(b"\r\ncontent-type: text/event-stream", client.head)
        self.assertEqual(b":\n", client.body)
        outlet.write(Chunk(ONE, 1))
        outlet.write(Chunk(TWO, 1))
        self.assertEqual(b":\n", client.body)
        self.clock.advance(0)
        self.assertEqual(b":\n" + ONE + TWO, client.body)

    def test_closed_in_the_same_turn(self) -> None:
        """
        A client that closes the stream in the turn in which it has begun is sent nothing.
        """
        client, outlet = self.connect()
        outlet.write(Chunk(ONE, 1))
        client.close()
        self.clock.advance(0)
        self.assertEqual(b"", client.received)
        self.assert_ended(EndReason.CLIENT_CLOSED, outlet)
