"""
Events that the log forgets while a client that has begun to read takes nothing more.
"""

from itertools import product

from twisted.internet.defer import CancelledError

from ssetwist import EndReason, View, WhenBehind
from ssetwist.hub import EARLIEST, EVERYTHING
from ssetwist.hub._catch_up import CatchUp
from ssetwist.hub.outlets import PIECE
from tests.unit.hub.case import HubTestCase, id_of, shown
from tests.unit.hub.fake import FakeListener, SlowLog

#: The log keeps three events, and a piece has one.
KEPT = 3
LARGE = "x" * (PIECE - 1000)


class ForgottenAfterTheFirstWriteTests(HubTestCase):
    """
    Once a client has been sent something, no event that follows may be left out silently, however
    the client began.
    """

    def overtaken(self, when_behind: WhenBehind, later: str, **start: object) -> FakeListener:
        """
        Return a client that has read some of the kept events, and then took nothing until the log
        had forgotten the rest.

        :param later: The events that are published meanwhile.
        """
        hub = self.make_hub(log=self.make_log(max_count=KEPT), when_behind=when_behind)
        for name in "abc":
            self.publish(name + LARGE, to=name, hub=hub)
        listener = self.subscribe(hub, **start)
        while not listener.data:
            self.clock.turn()
        listener.stop_reading()
        self.settle()
        for name in later:
            self.publish(name + LARGE, to=name, hub=hub)
        listener.read()
        self.settle()
        return listener

    def test_told(self) -> None:
        """
        If the next event of a client is forgotten, the client is cut, or is told about the gap and
        gets the events that the hub's policy allows, even if it asked for whatever is kept.
        """
        starts = ({"last_event_id": EARLIEST}, {"last_event_id": id_of(0)}, {"last": KEPT})
        for when_behind, later, start in product(WhenBehind, ("def", "defg"), starts):
            follows = {
                WhenBehind.DISCONNECT: [],
                WhenBehind.SKIP: ["gap"],
                WhenBehind.LATEST: ["gap", *later[-KEPT:]],
            }
            with self.subTest(when_behind=when_behind, later=later, **start):
                listener = self.overtaken(when_behind, later, **start)
                heard = [one.removesuffix(LARGE) for one in shown(listener)]
                self.assertEqual(["a", "b", *follows[when_behind]], heard)
                is_cut = listener.end_reason is EndReason.FELL_BEHIND
                self.assertEqual(when_behind is WhenBehind.DISCONNECT, is_cut)

    def test_nothing_written_yet(self) -> None:
        """
        A client that asked for whatever is kept, and has received nothing yet, has no gap if events
        are forgotten.
        """
        for when_behind in WhenBehind:
            hub = self.make_hub(log=self.make_log(max_count=KEPT), when_behind=when_behind)
            self.publish(*"abc", hub=hub)
            listener = self.subscribe(hub, last_event_id=EARLIEST, is_behind=True)
            self.publish(*"de", hub=hub)
            listener.read()
            self.settle()
            expected = ["e"] if when_behind is WhenBehind.LATEST else ["c", "d", "e"]
            self.assertEqual(expected, shown(listener), when_behind)


class ForgottenWhileTheLastAreSoughtTests(HubTestCase):
    """
    The log forgets events while the last few are searched.
    """

    def test_all_after_the_gap(self) -> None:
        """
        A client that asked for the last event, and is told about a gap before it is found, gets
        everything after the gap.
        """
        log = SlowLog(self.make_log(max_count=KEPT))
        hub = self.make_hub(log=log, when_behind=WhenBehind.SKIP)
        self.publish(*"123", hub=hub)
        log.answer("append")
        listener = self.subscribe(hub, last=1)
        self.publish("4", hub=hub)
        log.answer("append")
        self.settle()
        log.answer("read")  # 1 is forgotten already, which is not a gap
        self.publish(*"567", hub=hub)
        log.answer("append")
        listener.stop_reading()
        self.settle()
        log.answer("read")
        self.publish(*"89", hub=hub)
        log.answer("append")
        listener.read()
        self.settle()
        log.answer("read")
        self.assertEqual(["gap", "8", "9"], shown(listener))

    def test_told_once(self) -> None:
        """
        A client is told about a gap only once, even if some of the events that it asked for had
        been found.
        """
        log = SlowLog(self.make_log(max_count=KEPT))
        hub = self.make_hub(log=log, when_behind=WhenBehind.SKIP)
        self.publish(*(name + LARGE for name in "123"), hub=hub)
        log.answer("append")
        listener = self.subscribe(hub, last=1)
        log.answer("read")  # of 1, which is found
        self.publish(*"4567", hub=hub)  # 1 to 4 are forgotten
        log.answer("append")
        self.settle()
        log.answer("read")
        self.settle()
        self.publish("8", hub=hub)
        log.answer("append")
        self.settle()
        self.assertEqual(["gap", "8"], shown(listener))


class EndTests(HubTestCase):
    """
    Ends of catch-ups.
    """

    def test_ended_in_a_write(self) -> None:
        """
        A catch-up that ends during its own write fails with ``CancelledError``.
        """
        self.publish("a", "b")
        listener = self.subscribe()
        catch_up = CatchUp(self.hub._replay, listener, View.of(EVERYTHING), 0)
        listener.during_write = catch_up.end
        self.failureResultOf(catch_up.run(), CancelledError)

    def test_ended_by_its_filter(self) -> None:
        """
        Nothing is written to a subscriber that its own filter has ended.
        """
        self.publish("a", "b")
        listener = self.subscribe(
            is_behind=True, last_event_id=EARLIEST, view=View.of("t", filter=self.end)
        )
        self.ended = listener.subscriber
        listener.read()
        self.settle()
        self.assertEqual([], listener.given)

    def end(self, *_: object) -> bool:
        """
        End the subscriber, and return true.
        """
        self.ended.end()
        return True
