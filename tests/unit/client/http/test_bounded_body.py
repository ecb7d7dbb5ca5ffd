"""
A body that is read whole, up to a limit.
"""

import tracemalloc

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import PotentialDataLoss

from ssetwist.client.http import BoundedBody, CannotRead
from tests.unit.client.fake_hub import Response

LIMIT = 10


class LimitTests(SynchronousTestCase):
    """
    A limit of ten bytes.
    """

    def test_exactly(self) -> None:
        """
        A body may have as many bytes as the limit; one byte more cuts its connection.
        """
        for size in (0, LIMIT - 1, LIMIT, LIMIT + 1):
            response, body = Response(body=b"x" * size), BoundedBody(LIMIT)
            response.deliverBody(body)
            if size <= LIMIT:
                self.assertEqual(b"x" * size, self.successResultOf(body.done))
            else:
                problem = self.failureResultOf(body.done, CannotRead).value
                self.assertEqual("it is larger than 10 bytes", str(problem))
            self.assertEqual(size > LIMIT, response.transport.is_aborted)

    def test_dropped(self) -> None:
        """
        A body that is given up is freed, although somebody still holds its protocol.
        """
        response, body = Response(end=None), BoundedBody(2**20)
        response.deliverBody(body)
        tracemalloc.start()
        try:
            body.dataReceived(b"x" * 2**20)
            body.done.cancel()
            self.failureResultOf(body.done, CancelledError)
            self.assertLess(tracemalloc.get_traced_memory()[0], 2**18)
        finally:
            tracemalloc.stop()

    def test_nothing(self) -> None:
        """
        If a response without a length ends before its first byte, it has an empty body if that is
        allowed; otherwise this is an error.
        """
        for may_be_empty in (False, True):
            body = BoundedBody(LIMIT, may_be_empty=may_be_empty)
            Response(end=PotentialDataLoss()).deliverBody(body)
            if may_be_empty:
                self.assertEqual(b"", self.successResultOf(body.done))
            else:
                problem = self.failureResultOf(body.done, CannotRead).value
                self.assertIn("has no Content-Length", str(problem))
