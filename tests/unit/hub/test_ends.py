"""
How those who wait hear of the end of a stream.
"""

from asyncio import CancelledError as AsyncioCancelledError
from collections.abc import Callable

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import EndReason
from ssetwist.hub.outlets import HasEnd
from tests.unit.hub.fake import Broken, fail


class Stream(HasEnd):
    """
    As much of a stream as ends.
    """

    def __init__(self, on_end: Callable[[EndReason], object] | None = None) -> None:
        super().__init__(on_end)

    def end(self, reason: EndReason) -> None:
        self._tell_end(reason)


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
                "CATCH_UP_FAILED": "could not be caught up",
                "LIFETIME_OVER": "lifetime over",
                "TOKEN_EXPIRED": "token expired",
                "FINISHED": "finished",
                "SOURCE_FAILED": "source failed",
                "ENDED_BY_APPLICATION": "ended by the application",
                "DRAINING": "server stopping",
            },
            values,
        )


class HasEndTests(SynchronousTestCase):
    """
    The end of one stream.
    """

    def test_open(self) -> None:
        """
        Before the end there is no reason.
        """
        self.assertIsNone(Stream().end_reason)

    def test_reason(self) -> None:
        """
        After the end there is the reason.
        """
        stream = Stream()
        stream.end(EndReason.FINISHED)
        self.assertEqual(EndReason.FINISHED, stream.end_reason)

    def test_once(self) -> None:
        """
        A stream ends once: telling it again is a mistake of ours.
        """
        stream = Stream()
        stream.end(EndReason.FINISHED)
        self.assertRaises(AssertionError, stream.end, EndReason.STALLED)
        self.assertEqual(EndReason.FINISHED, stream.end_reason)

    def test_on_end(self) -> None:
        """
        The callback is called with the reason, once.
        """
        heard: list[EndReason] = []
        Stream(heard.append).end(EndReason.STALLED)
        self.assertEqual([EndReason.STALLED], heard)

    def test_on_end_sees_the_reason(self) -> None:
        """
        The callback finds the stream ended.
        """
        heard: list[EndReason | None] = []
        stream = Stream(lambda reason: heard.append(stream.end_reason))
        stream.end(EndReason.STALLED)
        self.assertEqual([EndReason.STALLED], heard)

    def test_when_before(self) -> None:
        """
        Who asks before the end hears when it comes.
        """
        stream = Stream()
        waiting = stream.when_ended()
        self.assertNoResult(waiting)
        stream.end(EndReason.FINISHED)
        self.assertEqual(EndReason.FINISHED, self.successResultOf(waiting))

    def test_when_after(self) -> None:
        """
        Who asks after the end hears at once.
        """
        stream = Stream()
        stream.end(EndReason.FINISHED)
        self.assertEqual(EndReason.FINISHED, self.successResultOf(stream.when_ended()))

    def test_when_for_each(self) -> None:
        """
        Everyone who asks gets a Deferred of its own: what one makes of the result, or raises,
        does not reach the others.
        """
        stream = Stream()
        first, second = stream.when_ended().addCallback(fail), stream.when_ended()
        stream.end(EndReason.FINISHED)
        self.failureResultOf(first, Broken)
        self.assertEqual(EndReason.FINISHED, self.successResultOf(second))

    def test_order(self) -> None:
        """
        The callback hears first, then those who wait, in the order in which they asked.
        """
        heard: list[str] = []
        stream = Stream(lambda reason: heard.append("on_end"))
        for name in ("first", "second"):
            stream.when_ended().addCallback(lambda reason, name=name: heard.append(name))
        stream.end(EndReason.FINISHED)
        self.assertEqual(["on_end", "first", "second"], heard)

    def test_cancel(self) -> None:
        """
        Who cancels waits no more, and the stream and the others do not notice.
        """
        stream = Stream()
        cancelled, other = stream.when_ended(), stream.when_ended()
        cancelled.cancel()
        self.failureResultOf(cancelled, CancelledError)
        self.assertIsNone(stream.end_reason)
        stream.end(EndReason.FINISHED)
        self.assertEqual(EndReason.FINISHED, self.successResultOf(other))

    def test_cancel_from_on_end(self) -> None:
        """
        Who waits may be cancelled by the callback, as by any other, and the others still hear.
        """
        stream = Stream(lambda reason: cancelled.cancel())
        cancelled, other = stream.when_ended(), stream.when_ended()
        stream.end(EndReason.FINISHED)
        self.failureResultOf(cancelled, CancelledError)
        self.assertEqual(EndReason.FINISHED, self.successResultOf(other))

    def test_cancel_from_another(self) -> None:
        """
        Who waits may be cancelled by another one who waits, and the others still hear.
        """
        stream = Stream()
        first = stream.when_ended().addCallback(lambda reason: cancelled.cancel())
        cancelled, other = stream.when_ended(), stream.when_ended()
        stream.end(EndReason.FINISHED)
        self.successResultOf(first)
        self.failureResultOf(cancelled, CancelledError)
        self.assertEqual(EndReason.FINISHED, self.successResultOf(other))

    def test_when_from_on_end(self) -> None:
        """
        The callback may ask too, and hears at once.
        """
        heard = []
        stream = Stream(lambda reason: heard.append(self.successResultOf(stream.when_ended())))
        stream.end(EndReason.FINISHED)
        self.assertEqual([EndReason.FINISHED], heard)

    def test_raising_on_end(self) -> None:
        """
        A callback that raises is logged, and those who wait still hear.
        """
        stream = Stream(fail)
        waiting = stream.when_ended()
        stream.end(EndReason.FINISHED)
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))
        self.assertEqual(EndReason.FINISHED, self.successResultOf(waiting))

    def test_cancelled_on_end(self) -> None:
        """
        The same with a cancelled task of asyncio, which is no ``Exception``.
        """

        def on_end(reason: EndReason) -> None:
            raise AsyncioCancelledError

        stream = Stream(on_end)
        waiting = stream.when_ended()
        stream.end(EndReason.FINISHED)
        self.assertEqual(1, len(self.flushLoggedErrors(AsyncioCancelledError)))
        self.assertEqual(EndReason.FINISHED, self.successResultOf(waiting))
