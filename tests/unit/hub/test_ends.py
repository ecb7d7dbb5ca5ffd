"""
Ends of streams, and the callbacks that report them.
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
    The part of a stream that ends.
    """

    def __init__(self, on_end: Callable[[EndReason], object] | None = None) -> None:
        super().__init__(on_end)

    def end(self, reason: EndReason) -> None:
        self._tell_end(reason)


class EndReasonTests(SynchronousTestCase):
    """
    Reasons for the end of a stream.
    """

    def test_values(self) -> None:
        """
        The values are the words of the log, so they never change.
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
        Before the end, the reason is ``None``.
        """
        self.assertIsNone(Stream().end_reason)

    def test_reason(self) -> None:
        """
        After the end, the reason is known.
        """
        stream = Stream()
        stream.end(EndReason.FINISHED)
        self.assertEqual(EndReason.FINISHED, stream.end_reason)

    def test_once(self) -> None:
        """
        A stream ends once; to end it again is a mistake in our code.
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
        When the callback runs, the stream has ended.
        """
        heard: list[EndReason | None] = []
        stream = Stream(lambda reason: heard.append(stream.end_reason))
        stream.end(EndReason.STALLED)
        self.assertEqual([EndReason.STALLED], heard)

    def test_when_before(self) -> None:
        """
        A Deferred that was asked for before the end fires at the end.
        """
        stream = Stream()
        waiting = stream.when_ended()
        self.assertNoResult(waiting)
        stream.end(EndReason.FINISHED)
        self.assertEqual(EndReason.FINISHED, self.successResultOf(waiting))

    def test_when_after(self) -> None:
        """
        A Deferred that is asked for after the end has fired already.
        """
        stream = Stream()
        stream.end(EndReason.FINISHED)
        self.assertEqual(EndReason.FINISHED, self.successResultOf(stream.when_ended()))

    def test_when_for_each(self) -> None:
        """
        Each caller gets its own Deferred, which does not see results or exceptions of other
        callers' callbacks.
        """
        stream = Stream()
        first, second = stream.when_ended().addCallback(fail), stream.when_ended()
        stream.end(EndReason.FINISHED)
        self.failureResultOf(first, Broken)
        self.assertEqual(EndReason.FINISHED, self.successResultOf(second))

    def test_order(self) -> None:
        """
        The callback runs first, then the Deferreds fire in the order in which they were asked for.
        """
        heard: list[str] = []
        stream = Stream(lambda reason: heard.append("on_end"))
        for name in ("first", "second"):
            stream.when_ended().addCallback(lambda reason, name=name: heard.append(name))
        stream.end(EndReason.FINISHED)
        self.assertEqual(["on_end", "first", "second"], heard)

    def test_cancel(self) -> None:
        """
        Cancelling a Deferred stops only its own wait; the stream and other Deferreds are not
        affected.
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
        The callback may cancel a Deferred, and other Deferreds still fire.
        """
        stream = Stream(lambda reason: cancelled.cancel())
        cancelled, other = stream.when_ended(), stream.when_ended()
        stream.end(EndReason.FINISHED)
        self.failureResultOf(cancelled, CancelledError)
        self.assertEqual(EndReason.FINISHED, self.successResultOf(other))

    def test_cancel_from_another(self) -> None:
        """
        A callback of one Deferred may cancel another, and all other Deferreds still fire.
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
        The callback may ask for a Deferred, which has fired already.
        """
        heard = []
        stream = Stream(lambda reason: heard.append(self.successResultOf(stream.when_ended())))
        stream.end(EndReason.FINISHED)
        self.assertEqual([EndReason.FINISHED], heard)

    def test_raising_on_end(self) -> None:
        """
        An exception of the callback is logged, and the Deferreds still fire.
        """
        stream = Stream(fail)
        waiting = stream.when_ended()
        stream.end(EndReason.FINISHED)
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))
        self.assertEqual(EndReason.FINISHED, self.successResultOf(waiting))

    def test_cancelled_on_end(self) -> None:
        """
        A cancelled task of asyncio, which is not an ``Exception``, is handled in the same way.
        """

        def on_end(reason: EndReason) -> None:
            raise AsyncioCancelledError

        stream = Stream(on_end)
        waiting = stream.when_ended()
        stream.end(EndReason.FINISHED)
        self.assertEqual(1, len(self.flushLoggedErrors(AsyncioCancelledError)))
        self.assertEqual(EndReason.FINISHED, self.successResultOf(waiting))
