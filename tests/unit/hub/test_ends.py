"""
How those who wait hear of the end of a stream.
"""

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import EndReason
from ssetwist.hub import Ending

from .fake import Broken, fail


class EndReasonTests(SynchronousTestCase):
    """
    The ways in which a stream ends.
    """

    def test_values(self) -> None:
        """
        The values are what logs say, so they change for nobody.
        """
        values = {reason.name: reason.value for reason in EndReason}
        self.assertEqual(
            {
                "CLIENT_CLOSED": "client closed",
                "CONNECTION_LOST": "connection lost",
                "UNEXPECTED_BYTES": "bytes after the request",
                "STALLED": "stalled",
                "FELL_BEHIND": "fell too far behind",
                "FINISHED": "finished",
                "SOURCE_FAILED": "source failed",
                "ENDED_BY_APPLICATION": "ended by the application",
                "DRAINING": "server stopping",
            },
            values,
        )


class EndingTests(SynchronousTestCase):
    """
    The end of one stream.
    """

    def test_open(self) -> None:
        """
        Before the end there is no reason.
        """
        self.assertIsNone(Ending().reason)

    def test_reason(self) -> None:
        """
        After the end there is the reason.
        """
        ending = Ending()
        ending.tell(EndReason.FINISHED)
        self.assertEqual(EndReason.FINISHED, ending.reason)

    def test_once(self) -> None:
        """
        A stream ends once: telling it again is a mistake of ours.
        """
        ending = Ending()
        ending.tell(EndReason.FINISHED)
        self.assertRaises(AssertionError, ending.tell, EndReason.STALLED)
        self.assertEqual(EndReason.FINISHED, ending.reason)

    def test_on_end(self) -> None:
        """
        The callback is called with the reason, once.
        """
        heard: list[EndReason] = []
        Ending(heard.append).tell(EndReason.STALLED)
        self.assertEqual([EndReason.STALLED], heard)

    def test_on_end_sees_the_reason(self) -> None:
        """
        The callback finds the stream ended.
        """
        heard: list[EndReason | None] = []
        ending = Ending(lambda reason: heard.append(ending.reason))
        ending.tell(EndReason.STALLED)
        self.assertEqual([EndReason.STALLED], heard)

    def test_when_before(self) -> None:
        """
        Who asks before the end hears when it comes.
        """
        ending = Ending()
        waiting = ending.when()
        self.assertNoResult(waiting)
        ending.tell(EndReason.FINISHED)
        self.assertEqual(EndReason.FINISHED, self.successResultOf(waiting))

    def test_when_after(self) -> None:
        """
        Who asks after the end hears at once.
        """
        ending = Ending()
        ending.tell(EndReason.FINISHED)
        self.assertEqual(EndReason.FINISHED, self.successResultOf(ending.when()))

    def test_when_for_each(self) -> None:
        """
        Everyone who asks gets a Deferred of its own: what one makes of the result, or raises,
        does not reach the others.
        """
        ending = Ending()
        first, second = ending.when().addCallback(fail), ending.when()
        ending.tell(EndReason.FINISHED)
        self.failureResultOf(first, Broken)
        self.assertEqual(EndReason.FINISHED, self.successResultOf(second))

    def test_order(self) -> None:
        """
        The callback hears first, then those who wait, in the order in which they asked.
        """
        heard: list[str] = []
        ending = Ending(lambda reason: heard.append("on_end"))
        for name in ("first", "second"):
            ending.when().addCallback(lambda reason, name=name: heard.append(name))
        ending.tell(EndReason.FINISHED)
        self.assertEqual(["on_end", "first", "second"], heard)

    def test_cancel(self) -> None:
        """
        Who cancels waits no more, and the stream and the others do not notice.
        """
        ending = Ending()
        cancelled, other = ending.when(), ending.when()
        cancelled.cancel()
        self.failureResultOf(cancelled, CancelledError)
        self.assertIsNone(ending.reason)
        ending.tell(EndReason.FINISHED)
        self.assertEqual(EndReason.FINISHED, self.successResultOf(other))

    def test_cancel_from_on_end(self) -> None:
        """
        Who waits may be cancelled by the callback, as by any other, and the others still hear.
        """
        ending = Ending(lambda reason: cancelled.cancel())
        cancelled, other = ending.when(), ending.when()
        ending.tell(EndReason.FINISHED)
        self.failureResultOf(cancelled, CancelledError)
        self.assertEqual(EndReason.FINISHED, self.successResultOf(other))

    def test_cancel_from_another(self) -> None:
        """
        Who waits may be cancelled by another one who waits, and the others still hear.
        """
        ending = Ending()
        first = ending.when().addCallback(lambda reason: cancelled.cancel())
        cancelled, other = ending.when(), ending.when()
        ending.tell(EndReason.FINISHED)
        self.successResultOf(first)
        self.failureResultOf(cancelled, CancelledError)
        self.assertEqual(EndReason.FINISHED, self.successResultOf(other))

    def test_when_from_on_end(self) -> None:
        """
        The callback may ask too, and hears at once.
        """
        heard = []
        ending = Ending(lambda reason: heard.append(self.successResultOf(ending.when())))
        ending.tell(EndReason.FINISHED)
        self.assertEqual([EndReason.FINISHED], heard)

    def test_raising_on_end(self) -> None:
        """
        A callback that raises is logged, and those who wait still hear.
        """
        ending = Ending(fail)
        waiting = ending.when()
        ending.tell(EndReason.FINISHED)
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))
        self.assertEqual(EndReason.FINISHED, self.successResultOf(waiting))
