"""
Errors of the network, in words.
"""

from OpenSSL.SSL import Error as TLSError
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseDone, ResponseFailed, ResponseNeverReceived
from twisted.web.http import PotentialDataLoss, _DataLoss

from ssetwist.client.http._problems import describe, disconnected, ended


class TellTests(SynchronousTestCase):
    """
    Texts of errors.
    """

    def test_reasons(self) -> None:
        """
        Errors inside Twisted's wrappers are shown, each once.
        """
        lost = Failure(ConnectionLost())
        problem = ResponseFailed(
            [lost, Failure(ResponseNeverReceived([lost, Failure(KeyError())]))]
        )
        self.assertEqual(
            "Connection to the other side was lost in a non-clean fashion.; KeyError",
            describe(problem),
        )

    def test_short(self) -> None:
        """
        The text is one short line.
        """
        self.assertEqual("a b", describe(ValueError("a\r\n  b")))
        refused = TLSError([("SSL routines", "", "certificate verify failed")])
        self.assertEqual("TLS: certificate verify failed", describe(refused))
        self.assertEqual("-1; Unexpected EOF", describe(TLSError("-1; Unexpected EOF")))
        self.assertEqual(200, len(describe(ValueError("x" * 1000))))
        self.assertEqual("KeyError", describe(KeyError()))


class DisconnectedTests(SynchronousTestCase):
    """
    Errors of attempts and streams.
    """

    def test_no_response(self) -> None:
        """
        The error of an attempt keeps its cause.
        """
        cause = ConnectionRefusedError("no")
        problem = disconnected(cause)
        self.assertIs(cause, problem.__cause__)
        self.assertFalse(problem.is_clean)
        self.assertIn("there was no response: ", str(problem))

    def test_clean(self) -> None:
        """
        A complete response ends cleanly, and so does one without a length, unless its connection is
        known to have been cut.
        """
        self.assertTrue(ended(Failure(ResponseDone())).is_clean)
        self.assertTrue(ended(Failure(ResponseDone()), was_cut=True).is_clean)
        self.assertTrue(ended(Failure(PotentialDataLoss())).is_clean)
        self.assertFalse(ended(Failure(PotentialDataLoss()), was_cut=True).is_clean)

    def test_broken(self) -> None:
        """
        Any other end of a stream is not clean.
        """
        cause = ResponseFailed([Failure(ConnectionDone()), Failure(_DataLoss())])
        problem = ended(Failure(cause))
        self.assertFalse(problem.is_clean)
        self.assertIs(cause, problem.__cause__)
