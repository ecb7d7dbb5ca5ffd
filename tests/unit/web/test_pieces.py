"""
Long bodies, which are made and sent piece by piece.
"""

from collections.abc import Callable, Iterator

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from ssetwist import Site, Streams
from ssetwist.web._pieces import write_pieces
from tests.clock import Clock
from tests.memory import Client


class Pieces(Resource):
    """
    Answers with the pieces of a function.
    """

    isLeaf = True

    def __init__(self, make: Callable[[], Iterator[bytes]]) -> None:
        super().__init__()
        self.make = make

    def render(self, request: Request) -> int:
        write_pieces(request, self.make())
        return NOT_DONE_YET


class PiecesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.made = 0
        self.is_closed = False

    def pieces(self) -> Iterator[bytes]:
        try:
            for number in range(5):
                self.made += 1
                yield b"%d" % number * 1000
        finally:
            self.is_closed = True

    def client(self, make: Callable[[], Iterator[bytes]], method: str = "GET") -> Client:
        self.clock = Clock()
        self.streams = Streams(self.clock)
        self.site = Site(Pieces(make), streams=self.streams)
        client = Client(self.site, self.clock)
        client.request("/", method=method)
        return client

    def turns(self, number: int) -> None:
        for _ in range(number):
            self.clock.advance(0)

    def test_whole(self) -> None:
        """
        The client gets all pieces, and the response ends.
        """
        client = self.client(self.pieces)
        self.turns(10)
        self.assertEqual(b"".join(b"%d" % number * 1000 for number in range(5)), client.body)
        self.assertTrue(self.streams.turns.is_idle)

    def test_head(self) -> None:
        """
        No piece is made for a ``HEAD`` request.
        """
        client = self.client(self.pieces, "HEAD")
        self.turns(10)
        self.assertEqual((0, b""), (self.made, client.body))

    def test_slow_client(self) -> None:
        """
        No more pieces are made while the client does not take those before.
        """
        client = self.client(self.pieces)
        client.stop_reading()
        self.turns(10)
        made = self.made
        self.assertLess(made, 3)
        client.read_again()
        self.turns(10)
        self.assertEqual(5, self.made)

    def test_client_that_takes_nothing(self) -> None:
        """
        A client that takes nothing within the stall time-out is cut off, and that is no failure.
        """
        client = self.client(self.pieces)
        client.stop_reading()
        self.turns(3)
        self.clock.advance(self.streams.stall_timeout - 1)
        client.read_again()
        client.stop_reading()
        self.turns(3)
        self.clock.advance(self.streams.stall_timeout - 1)
        self.assertFalse(client.transport.is_aborted)
        with capturedLogs() as logged:
            self.clock.advance(1)
        self.assertIn(
            "192.0.2.1:50000 /: cut off, because it takes nothing", map(formatEvent, logged)
        )
        self.assertTrue(client.transport.is_aborted)
        self.turns(3)
        self.assertTrue(self.is_closed)
        self.assertTrue(self.site.is_idle)

    def test_client_that_goes(self) -> None:
        """
        When the client goes, no more pieces are made, and nothing is left.
        """
        client = self.client(self.pieces)
        client.stop_reading()
        self.turns(3)
        made = self.made
        client.close()
        self.turns(10)
        self.assertEqual(made, self.made)
        self.assertTrue(self.is_closed)

    def test_failing(self) -> None:
        """
        If a piece cannot be made, that is logged, and the connection is cut: the client must not
        take what it has for the whole.
        """

        def failing() -> Iterator[bytes]:
            yield b"begin"
            raise ZeroDivisionError

        client = self.client(failing)
        self.turns(10)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertTrue(client.transport.is_aborted)
