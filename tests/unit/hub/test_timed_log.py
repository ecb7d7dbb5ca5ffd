"""
Logs that hang, raise, or go round in circles.
"""

from collections.abc import Sequence
from math import inf, nan

from twisted.internet.defer import Deferred, succeed

from ssetwist import EndReason, Event, LogUnavailable, WhenBehind
from ssetwist.hub import EARLIEST
from ssetwist.hub._timed_log import TimedLog
from ssetwist.log import Entry, MemoryLog
from tests.unit.hub.case import HubTestCase, id_of
from tests.unit.hub.fake import SlowLog


class HangTests(HubTestCase):
    """
    A log that does not answer.
    """

    def setUp(self) -> None:
        super().setUp()
        self.log = SlowLog(self.make_log())
        self.hub = self.make_hub(log=self.log, log_timeout=3.0)
        self.publish("a", "b")
        self.log.answer("append")
        self.settle()

    def test_publish(self) -> None:
        """
        A publication, or an announcement, fails when the time is over, and may have happened.
        """
        for publish in (self.hub.publish, self.hub.announce):
            published = publish("t", Event("c"))
            self.clock.advance(2.9)
            self.assertNoResult(published)
            self.clock.advance(0.1)
            problem = self.failureResultOf(published, LogUnavailable).value
            self.assertTrue(problem.is_uncertain)
            self.assertEqual("the event log has not stored an event within 3 s", problem.args[0])

    def test_catch_up(self) -> None:
        """
        A subscriber that needs the log is cut when the time is over.
        """
        for cursor, what in ((EARLIEST, "read"), ("x", "find")):
            listener = self.subscribe(last_event_id=cursor)
            self.clock.advance(2.9)
            self.assertIsNone(listener.subscriber.end_reason)
            self.clock.advance(0.1)
            self.assertEqual(EndReason.CATCH_UP_FAILED, listener.subscriber.end_reason)
            self.assertEqual(what, self.log.cancelled[-1])
            self.assertEqual(1, len(self.flushLoggedErrors(LogUnavailable)))

    def test_unknown_position(self) -> None:
        """
        A position that the log knows and its followers never see is waited for in the same time.
        """
        listener = self.subscribe(last_event_id="x")
        self.log.kept.find = lambda id: succeed(99)  # type: ignore[method-assign]
        self.log.answer("find")
        self.clock.advance(3)
        self.assertEqual(EndReason.CATCH_UP_FAILED, listener.subscriber.end_reason)
        self.assertEqual(1, len(self.flushLoggedErrors(LogUnavailable)))

    def test_knows(self) -> None:
        """
        The question if an id is known has the same limit.
        """
        asked = self.hub.knows(id_of(1))
        self.log.answer("find")
        self.assertTrue(self.successResultOf(asked))
        asked = self.hub.knows("x")
        self.clock.advance(3)
        self.assertFalse(self.failureResultOf(asked, LogUnavailable).value.is_uncertain)

    def test_raises_at_once(self) -> None:
        """
        Whatever a log raises at once, the Deferred of a question fails with it.
        """
        for problem in (OSError, KeyError, SystemExit):

            def fail(*_: object, problem: type[BaseException] = problem, **__: object) -> None:
                raise problem("a broken disk")

            log = self.make_log()
            log.append = log.read = log.find = fail  # type: ignore[assignment, method-assign]
            timed = TimedLog(log, self.clock, timeout=3.0)
            for asked in (
                timed.append(("t",), Event("a"), is_private=False),
                timed.read(0, 1),
                timed.find("x"),
            ):
                self.failureResultOf(asked, problem)

    def test_option(self) -> None:
        """
        The time must be a number of seconds above 0.
        """
        for value in (0, -1, inf, nan):
            self.assertRaises(ValueError, self.make_hub, log_timeout=value)


class CircleTests(HubTestCase):
    """
    A log whose ``read`` never leads on.
    """

    def assert_cut(self, read: object) -> None:
        """
        Assert that a subscriber that needs such a log is cut at once, whatever the policy.
        """
        for policy in WhenBehind:
            log = self.make_log()
            hub = self.make_hub(log=log, when_behind=policy)
            self.publish("a", "b", "c", hub=hub)
            self.settle()
            log.read = read  # type: ignore[assignment, method-assign]
            for options in ({"last_event_id": EARLIEST}, {"last_event_id": id_of(1)}, {"last": 2}):
                listener = self.subscribe(hub, **options)
                self.settle()
                self.assertEqual(EndReason.CATCH_UP_FAILED, listener.subscriber.end_reason)
                problems = self.flushLoggedErrors(LogUnavailable)
                self.assertEqual(1, len(problems))
                self.assertIn("gave nothing that follows position", str(problems[0].value))

    def test_nothing(self) -> None:
        """
        A log that gives nothing, though it has something.
        """
        self.assert_cut(lambda after, most_bytes: succeed([]))

    def test_the_same_again(self) -> None:
        """
        A log that gives the same entry again and again.
        """

        def read(after: int, most_bytes: int) -> "Deferred[Sequence[Entry]]":
            return succeed([entry])

        log = MemoryLog(self.clock)
        entry = self.successResultOf(log.append(("t",), Event("a")))
        for position in (0, -1):
            object.__setattr__(entry, "position", position)
            self.assert_cut(read)
