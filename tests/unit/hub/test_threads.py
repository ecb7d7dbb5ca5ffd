"""
Large audiences, served by several threads.
"""

import threading
from collections.abc import Callable

from ssetwist import EndReason
from ssetwist.hub._fan_out import _LARGE_BATCH, _MANY, MAX_FLUSH
from ssetwist.hub.outlets import Chunk, not_sent
from ssetwist.testing import MemoryHub
from tests.unit.hub.case import HubTestCase
from tests.unit.hub.fake import Broken, FakeListener, fail


def threads() -> list[str]:
    """
    Return the names of the threads that send.
    """
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("ssetwist-send")]


class ThreadsTests(HubTestCase):
    """
    A hub with two threads.
    """

    def setUp(self) -> None:
        super().setUp()
        self.hub = self.make_hub(flush_threads=2)
        self.listeners = [self.subscribe() for _ in range(_MANY)]
        self.broken = (self.listeners[3], self.listeners[-3])  # one in each thread
        self.others = [one for one in self.listeners if one not in self.broken]

    def hand_out(self, *data: str) -> None:
        self.publish(*data)
        self.clock.turn()

    def test_everybody(self) -> None:
        """
        Every subscriber gets the events in one piece and with the same bytes.
        """
        self.hand_out("a", "b")
        self.assertEqual([["a", "b"]] * _MANY, [one.data for one in self.listeners])
        self.assertEqual({1}, {len(one.writes) for one in self.listeners})
        self.assertEqual(1, len({id(one.given[0]) for one in self.listeners}))
        self.assertEqual({2}, {one.event_count for one in self.listeners})

    def test_at_the_same_time(self) -> None:
        """
        Two threads send at the same time: here the first and the last wait for each other.
        """
        barrier = threading.Barrier(2, timeout=30)
        self.listeners[0].during_send = self.listeners[-1].during_send = barrier.wait
        self.hand_out("a")
        self.assertEqual([["a"]] * _MANY, [one.data for one in self.listeners])

    def test_cannot_take(self) -> None:
        """
        A client that cannot take an event is behind from there on; it gets everything later.
        """
        slow = self.listeners[5]
        slow.stop_reading()
        self.hand_out("a")
        self.hand_out("b")
        self.assertEqual([], slow.data)
        self.assertEqual([1], [one.behind for one in self.hub.subscribers if one.behind])
        slow.read()
        self.settle()
        self.hand_out("c")
        self.assertEqual(["a", "b", "c"], slow.data)

    def test_few(self) -> None:
        """
        A small audience is served without other threads.
        """
        self.listeners[0].leave()
        self.hand_out("a")
        self.assertEqual([], threads())
        self.assertEqual([["a"]] * (_MANY - 1), [one.data for one in self.listeners[1:]])

    def test_one_thread(self) -> None:
        """
        A hub with one thread starts no others.
        """
        hub = self.make_hub(flush_threads=1)
        for _ in range(_MANY):
            self.subscribe(hub).during_send = fail
        self.publish("a", hub=hub)
        self.clock.turn()
        self.assertEqual(([], _MANY), (threads(), hub.subscriber_count))

    def test_subscribers_in_order(self) -> None:
        """
        The outlet of the oldest subscriber is settled first.
        """
        heard: list[int] = []
        for number, one in enumerate(self.listeners):
            one.during_write = lambda number=number: heard.append(number)
        self.hand_out("a")
        self.assertEqual(list(range(_MANY)), heard)

    def test_settled_before_another_write(self) -> None:
        """
        Everything that the threads have sent is settled before an outlet without a short cut
        writes: this write may call the application, which may end any of the other streams.
        """
        heard: list[str] = []
        first, *others = self.listeners
        first.short_cut = lambda chunk: not_sent  # type: ignore[method-assign]
        first.during_write = lambda: heard.append("write")
        for one in others:
            one.during_write = lambda: heard.append("settle")
        self.hand_out("a")
        self.assertEqual(["settle"] * len(others) + ["write"], heard)

    def test_raising_send(self) -> None:
        """
        Outlets that fail to send are logged and cut, in any thread; the others get the event.
        """
        for one in self.broken:
            one.during_send = fail
        self.hand_out("a")
        self.assertEqual(2, len(self.flushLoggedErrors(Broken)))
        self.assertEqual([True] * 2, [one.is_cut for one in self.broken])
        self.assertEqual([EndReason.CONNECTION_LOST] * 2, [one.end_reason for one in self.broken])
        self.assertEqual([["a"]] * len(self.others), [one.data for one in self.others])

    def test_raising_short_cut(self) -> None:
        """
        Outlets that fail to begin are logged and cut.
        """
        for one in self.broken:
            one.during_short_cut = fail
        self.hand_out("a")
        self.assertEqual(2, len(self.flushLoggedErrors(Broken)))
        self.assertEqual([True] * 2, [one.is_cut for one in self.broken])
        self.assertEqual([["a"]] * len(self.others), [one.data for one in self.others])

    def test_sent_once(self) -> None:
        """
        All outlets send the very same bytes, as the first one has framed them.
        """
        first = self.listeners[0]

        def frame(chunk: Chunk) -> Callable[[bytes], int]:
            chunk.on_wire = b"on the wire"
            return short_cut(chunk)

        short_cut, first.short_cut = first.short_cut, frame
        self.hand_out("a")
        self.assertEqual({b"on the wire"}, {data for one in self.listeners for data, _ in one.sent})
        self.assertEqual({1}, {len(one.sent) for one in self.listeners})

    def test_raising_settle(self) -> None:
        """
        Outlets that fail to settle are logged and cut, after all others are settled.
        """
        for one in self.broken:
            one.during_write = fail
            one.during_abort = lambda: self.assertTrue(all(one.data for one in self.others))
        self.hand_out("a")
        self.assertEqual(2, len(self.flushLoggedErrors(Broken)))
        self.assertEqual([True] * 2, [one.is_cut for one in self.broken])
        self.assertEqual([["a"]] * len(self.others), [one.data for one in self.others])

    def test_behind(self) -> None:
        """
        A subscriber that falls behind gets the rest from the log.
        """
        for one in self.broken:
            one.stop_reading()
        self.hand_out("a")
        self.hand_out("b")
        self.assertEqual([[], []], [one.data for one in self.broken])
        for one in self.broken:
            one.read()
        self.hand_out("c")
        self.assertEqual([["a", "b", "c"]] * _MANY, [one.data for one in self.listeners])

    def test_from_callbacks(self) -> None:
        """
        Publishing, subscribing and ending other subscribers while one is settled does no harm.
        """
        first, last = self.listeners[0], self.listeners[-1]
        late: list[FakeListener] = []

        def act() -> None:
            if not late:
                self.publish("b")
                late.append(self.subscribe())
                last.subscriber.end()

        first.during_write = act
        self.hand_out("a")
        self.hand_out("c")
        served = self.listeners[:-1]
        self.assertEqual([["a", "b", "c"]] * len(served), [one.data for one in served])
        self.assertEqual(["c"], late[0].data)
        self.assertEqual(EndReason.ENDED_BY_APPLICATION, last.end_reason)

    def test_long(self) -> None:
        """
        A flush that takes too long goes on in the next turn, whatever happens in between.
        """
        while len(self.listeners) < 2 * _LARGE_BATCH + _MANY - 1:
            self.listeners.append(self.subscribe())
        first, leaver, changed = (self.listeners[number] for number in (0, -2, -1))
        first.during_write = lambda: len(first.given) or self.clock.busy(MAX_FLUSH)
        self.hand_out("a")
        self.assertEqual(_LARGE_BATCH, sum(bool(one.writes) for one in self.listeners))
        self.publish("b")
        late = self.subscribe()
        leaver.leave()
        changed.subscriber.change_topics("u")
        self.settle()
        served = self.listeners[:-2]
        self.assertEqual([["a", "b"]] * len(served), [one.data for one in served])
        self.assertEqual([[], [], ["a", "b"]], [one.data for one in (late, leaver, changed)])

    def test_same_as_one(self) -> None:
        """
        With two threads every subscriber gets the very same bytes as with one.
        """

        def run(hub: MemoryHub) -> list[bytes]:
            listeners = [self.subscribe(hub, last_event_id="earliest") for _ in range(_MANY + 9)]
            for number in range(20):
                self.publish(f"{number}a", f"{number}b", hub=hub)
                listeners[number].stop_reading()
                self.clock.turn()
                listeners[number // 2].read()
                listeners[-number - 1].leave()
            for one in listeners:
                one.read()
            self.settle()
            return [one.received for one in listeners]

        one, two = (run(self.make_hub(flush_threads=count)) for count in (1, 2))
        self.assertEqual(one, two)

    def test_close(self) -> None:
        """
        Closing the hub ends the threads.
        """
        self.hand_out("a")
        self.assertEqual(1, len(threads()))
        self.hub.close()
        self.assertEqual([], threads())

    def test_close_before_the_flush(self) -> None:
        """
        A flush after the hub was closed leaves no threads behind.
        """
        self.publish("a")
        self.hub.close()
        self.clock.turn()
        left = threads()
        self.hub._live.close()
        self.assertEqual([], left)
        self.assertEqual([["a"]] * _MANY, [one.data for one in self.listeners])
