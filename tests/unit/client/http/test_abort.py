"""
Cutting the connection of a response.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client.http import abort, discard
from tests.unit.client.case import FakeResponse, FakeTransport, PoliteTransport


class AbortTests(SynchronousTestCase):
    """
    Transports that can be cut, and others.
    """

    def test_cut(self) -> None:
        """
        A transport that can be cut is cut; any other is closed, and the caller is told that nobody
        knows when it will be gone.
        """
        for transport, was_cut, calls in (
            (FakeTransport(), True, ["abort"]),
            (PoliteTransport(), False, ["lose"]),
        ):
            self.assertIs(was_cut, abort(transport))
            self.assertEqual(calls, transport.calls)

    def test_discard(self) -> None:
        """
        A body that nobody wants is asked for, because only that gives its transport.
        """
        response = FakeResponse()
        discard(response)
        self.assertEqual("abort", response.transport.calls[0])
