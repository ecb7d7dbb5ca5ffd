"""
The start of a body that is not an event stream.
"""

import gzip

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseDone

from ssetwist.client.http._start_of_body import MAX_BYTES, MAX_SECONDS, start_of_body
from tests.clock import Clock
from tests.unit.client.case import FakeResponse


class StartTests(SynchronousTestCase):
    """
    Limits to bytes and time.
    """

    def setUp(self) -> None:
        self.clock = Clock()

    def tearDown(self) -> None:
        self.assertEqual([], self.clock.getDelayedCalls())

    def start(self, *first: bytes, is_gzip: bool = False) -> "Deferred[bytes]":
        self.response = FakeResponse(first=first)
        return start_of_body(self.response, self.clock, is_gzip=is_gzip)

    @property
    def is_cut(self) -> bool:
        return "abort" in self.response.transport.calls

    def test_whole(self) -> None:
        """
        A short body is returned whole, and its connection is not cut.
        """
        body = self.start(b"so", b"rry")
        self.assertNoResult(body)
        self.response.protocol.connectionLost(Failure(ResponseDone()))
        self.assertEqual(b"sorry", self.successResultOf(body))
        self.assertFalse(self.is_cut)

    def test_broken(self) -> None:
        """
        If the connection breaks, the received bytes are returned.
        """
        body = self.start(b"so")
        self.response.protocol.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(b"so", self.successResultOf(body))

    def test_long(self) -> None:
        """
        A long body is cut at the limit.
        """
        body = self.start(b"a" * (MAX_BYTES - 1), b"bcd", b"e")
        self.assertEqual(b"a" * (MAX_BYTES - 1) + b"b", self.successResultOf(body))
        self.assertTrue(self.is_cut)
        self.response.protocol.connectionLost(Failure(ConnectionLost()))

    def test_slow(self) -> None:
        """
        A slow body is cut after five seconds.
        """
        body = self.start(b"a")
        self.clock.advance(MAX_SECONDS)
        self.assertEqual(b"a", self.successResultOf(body))
        self.assertTrue(self.is_cut)

    def test_cancel(self) -> None:
        """
        Cancelling cuts the connection.
        """
        body = self.start(b"a")
        body.cancel()
        self.successResultOf(body)
        self.assertTrue(self.is_cut)

    def test_gzip(self) -> None:
        """
        gzip is decoded within the same limit; a body that is not gzip is returned unchanged.
        """
        whole = gzip.compress(b"sorry " * 10_000)
        for sent, expected in (
            (whole, (b"sorry " * 10_000)[:MAX_BYTES]),
            (gzip.compress(b"sorry"), b"sorry"),
            (b"sorry", b"sorry"),
        ):
            body = self.start(sent, is_gzip=True)
            self.response.protocol.connectionLost(Failure(ResponseDone()))
            self.assertEqual(expected, self.successResultOf(body))
