"""
Replays in pieces, and ends during a replay.
"""

from ssetwist import EndReason, Event, View
from ssetwist.hub import EARLIEST
from ssetwist.hub.outlets import PIECE
from tests.unit.hub.case import THIRD, HubTestCase
from tests.unit.hub.fake import Broken, fail


class PiecesTests(HubTestCase):
    """
    A long history.
    """

    def setUp(self) -> None:
        super().setUp()
        self.long = [letter * THIRD for letter in "abcdefghi"]

    def test_bounded(self) -> None:
        """
        A replay is written in pieces, and each piece has a limited size.
        """
        self.publish(*self.long)
        for options in ({"last_event_id": EARLIEST}, {"last": 9}):
            listener = self.subscribe(**options)
            self.settle()
            self.assertEqual(self.long, listener.data)
            self.assertLessEqual(max(len(one) for one in listener.writes), PIECE)
            self.assertEqual((5, 9), (len(listener.writes), listener.event_count))

    def test_large_event(self) -> None:
        """
        An event that is larger than a piece is a piece by itself.
        """
        data = ["a", "b" * (PIECE + 1), "c"]
        self.publish(*data)
        for options in ({"last_event_id": EARLIEST}, {"last": 3}):
            listener = self.subscribe(**options)
            self.settle()
            self.assertEqual((3, data), (len(listener.writes), listener.data))

    def test_one_in_each_turn(self) -> None:
        """
        Each turn writes one piece, so that a long history does not keep the reactor to itself.
        """
        self.publish(*self.long)
        listener = self.subscribe(last_event_id=EARLIEST)
        for count in range(1, 6):
            self.assertEqual(count, len(listener.writes))
            self.clock.turn()

    def test_read_in_turns(self) -> None:
        """
        The search for the last few events reads one piece in each turn.
        """
        self.publish(*self.long)
        listener = self.subscribe(last=1)
        for _ in range(4):
            self.assertEqual([], listener.writes)
            self.clock.turn()
        self.assertEqual(self.long[-1:], listener.data)

    def test_as_fast_as_it_is_taken(self) -> None:
        """
        As long as the connection has not taken a piece, the next piece is not read.
        """
        self.publish(*self.long)
        for options in ({"last_event_id": EARLIEST}, {"last": 9}):
            listener = self.subscribe(is_behind=True, **options)
            self.settle()
            self.assertLessEqual(len(listener.writes), 1)
            for count in (4, 6, 8, 9):
                listener.read()  # it takes what waits, and the next one if that is written at once
                listener.stop_reading()
                self.settle()
                self.assertEqual(count, listener.event_count)
            listener.read()
            self.settle()
            self.assertEqual(self.long, listener.data)

    def test_nothing_to_be_seen(self) -> None:
        """
        A long history without visible events is passed over, and nothing is written.
        """
        self.publish(*self.long, to="u")
        listener = self.subscribe(view="t", last_event_id=EARLIEST)
        self.publish("x", to="t")
        self.settle()
        self.assertEqual((["x"], 1), (listener.data, len(listener.writes)))

    def test_how_far_behind(self) -> None:
        """
        ``behind`` is the number of events that have not been sent to a subscriber.
        """
        self.publish(*self.long)
        listener = self.subscribe(last_event_id=EARLIEST)
        for expected in (7, 5, 3, 1, 0):
            self.assertEqual(expected, listener.subscriber.behind)
            self.clock.turn()
        self.publish("x")
        self.assertEqual(0, listener.subscriber.behind)


class EndTests(HubTestCase):
    """
    Ends during a replay.
    """

    def setUp(self) -> None:
        super().setUp()
        self.publish(*(letter * THIRD for letter in "abcdefghi"))
        self.addCleanup(self.check_nothing_waits)

    def check_nothing_waits(self) -> None:
        """
        Check that nothing goes on, whatever the end.
        """
        self.hub.streams.abort()
        self.assertEqual([], self.clock.getDelayedCalls())
        self.assertEqual([], self.flushLoggedErrors())

    def test_between_two_pieces(self) -> None:
        """
        A client that goes between two pieces leaves nothing behind, not even a call for the next
        turn.
        """
        for options in ({"last_event_id": EARLIEST}, {"last": 9}):
            listener = self.subscribe(**options)
            listener.leave()
            self.assertEqual([], self.clock.getDelayedCalls())
            self.assertEqual(EndReason.CLIENT_CLOSED, listener.end_reason)

    def test_while_it_waits_for_room(self) -> None:
        """
        A client that goes while its connection takes nothing leaves nothing behind.
        """
        for options in ({"last_event_id": EARLIEST}, {"last": 9}, {"last_event_id": "?"}, {}):
            listener = self.subscribe(is_behind=True, **options)
            before = len(listener.writes)
            listener.leave()
            self.assertEqual([], self.clock.getDelayedCalls())
            listener.read()
            self.assertEqual(before, len(listener.writes))

    def test_in_a_write(self) -> None:
        """
        A client that goes in the middle of any write leaves nothing behind.
        """
        for options in ({"last_event_id": EARLIEST}, {"last": 9}, {"last_event_id": "?"}):
            for count in range(6):
                listener = self.subscribe(is_behind=True, **options)
                listener.during_write = lambda listener=listener, count=count: (
                    len(listener.given) < count or listener.leave()
                )
                most = max(len(listener.writes), count)
                listener.read()
                self.settle()
                self.assertLessEqual(len(listener.writes), most)
                listener.leave()
                self.assertEqual([], self.clock.getDelayedCalls())

    def test_properly(self) -> None:
        """
        A subscriber that is ended properly gets the bytes that its connection holds, and then its
        last words.
        """
        listener = self.subscribe(is_behind=True, last_event_id=EARLIEST)
        listener.read()
        listener.stop_reading()
        self.settle()
        listener.subscriber.end(for_good=True)
        listener.read()
        self.assertEqual(5, len(listener.events))
        self.assertEqual(("end", False), (listener.events[-1].type, listener.is_cut))

    def test_broken(self) -> None:
        """
        A subscriber that breaks in a write is logged and cut, even if cutting fails; other
        subscribers are not affected.
        """
        heard: list[EndReason] = []
        other = self.subscribe(last_event_id=EARLIEST)
        for count, during_abort in ((1, lambda: None), (0, fail)):
            listener = self.subscribe(
                is_behind=True,
                last_event_id=EARLIEST,
                on_end=lambda subscriber, reason: heard.append(reason),
            )
            listener.during_write = lambda listener=listener, count=count: (
                len(listener.given) < count or fail()
            )
            listener.during_abort = during_abort
            listener.read()
            self.settle()
            self.assertEqual(count, len(listener.writes))
            self.assertEqual(EndReason.CATCH_UP_FAILED, listener.end_reason)
            listener.during_abort = lambda: None
        self.assertEqual([EndReason.CATCH_UP_FAILED] * 2, heard)
        self.assertEqual(3, len(self.flushLoggedErrors(Broken)))
        self.assertEqual((9, 1), (len(other.events), self.hub.subscriber_count))

    def test_unhashable_filter(self) -> None:
        """
        A filter that cannot be a key of a dict is refused, and leaves nothing behind.
        """

        class Filter:
            __hash__ = None

            def __call__(self, topics: tuple[str, ...], event: Event) -> bool:
                return True

        for options in ({}, {"last": 9}):
            try:
                self.subscribe(view=View.of("t", filter=Filter()), **options)
            except TypeError:
                self.settle()
                self.assertEqual(0, self.hub.subscriber_count)
            else:  # unless it can be served all the same
                listener = self.hub.subscribers[-1].outlet
                self.publish("x")
                self.settle()
                self.assertEqual("x", listener.data[-1])
