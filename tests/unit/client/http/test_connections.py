"""
Connections of a client's own, as an agent uses them again.
"""

from twisted.internet.defer import Deferred
from twisted.web.iweb import IResponse

from ssetwist.client.http import BoundedBody
from ssetwist.client.http._connections import MAX_HEAD, Connections
from tests.unit.client.case import SourceCase, Wire, response

#: The fields of a head that is more than half of what a head may be.
LARGE = {f"X_{number}": "x" * 10_000 for number in range(MAX_HEAD // 20_000 + 1)}


class KeptTests(SourceCase):
    """
    One connection, and several requests.
    """

    def setUp(self) -> None:
        super().setUp()
        self.connections = Connections(self.reactor, kept=1)

    def tearDown(self) -> None:
        closed = self.connections.close()
        self.turn()
        self.successResultOf(closed)
        super().tearDown()

    def exchange(self, wire: Wire | None = None) -> tuple[Wire, bytes]:
        """
        Ask, over a connection that is kept if there is one, and answer with a large head.
        """
        waiting = self.connections.agent.request(b"GET", b"http://127.0.0.1/")
        waiting.addCallback(self.read)
        self.turn()
        wire = self.accept() if wire is None else wire
        for line in response("200 OK", b"body", **LARGE).splitlines(keepends=True):
            wire.send(line)
        self.turn()
        return wire, self.successResultOf(waiting)

    def read(self, answer: IResponse) -> "Deferred[bytes]":
        body = BoundedBody(100)
        answer.deliverBody(body)
        return body.done

    def test_heads_do_not_add_up(self) -> None:
        """
        Each response may have a head of the full length, however many came before it.
        """
        wire, first = self.exchange()
        _, second = self.exchange(wire)
        self.assertEqual((b"body", b"body"), (first, second))
        self.assertEqual(2, wire.request.count(b"GET / "))
