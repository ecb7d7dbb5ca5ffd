"""
The testing kit for users.
"""

import threading

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import EndReason, Event, Hub, InvalidMatcher, View, WhenBehind
from ssetwist.hub import EARLIEST
from ssetwist.hub.outlets import NOT_SENT, Chunk
from ssetwist.testing import Listener, MemoryHub, MemoryOutlet
from tests.clock import Clock

#: Text that an event may have in one line.
LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"))


class MemoryHubTests(SynchronousTestCase):
    """
    A hub on a clock.
    """

    def test_advance(self) -> None:
        """
        Events are delivered when time passes, at least to the end of the reactor turn.
        """
        hub = MemoryHub()
        listener = Listener(hub, "t")
        hub.publish("t", Event("a"))
        self.assertEqual([], listener.data)
        hub.advance()
        self.assertEqual((["a"], 0), (listener.data, hub.clock.seconds()))

    def test_time(self) -> None:
        """
        ``advance`` moves all timers of the hub, such as the heartbeat.
        """
        hub = MemoryHub(heartbeat=1.0)
        listener = Listener(hub)
        hub.advance(1.0)
        self.assertEqual((b":\n", 1.0), (listener.received, hub.clock.seconds()))

    def test_clock(self) -> None:
        """
        A hub may use a given clock.
        """
        clock = Clock()
        hub, other = MemoryHub(clock=clock), MemoryHub(clock=clock)
        listener = Listener(other)
        other.publish("t", Event("a"))
        hub.advance()
        self.assertEqual(["a"], listener.data)

    def test_options(self) -> None:
        """
        A ``MemoryHub`` takes the options of ``Hub``.
        """
        hub = MemoryHub(max_subscribers=1, when_behind=WhenBehind.SKIP)
        self.assertIsInstance(hub, Hub)
        Listener(hub)
        self.assertTrue(hub.is_full(""))
        self.assertRaises(ValueError, MemoryHub, lifetime=-1)

    def test_threads(self) -> None:
        """
        A ``MemoryHub`` does not use threads by default.
        """
        before = threading.active_count()
        for threads, expected in ((None, 0), (2, 1)):
            hub = MemoryHub() if threads is None else MemoryHub(flush_threads=threads)
            listeners = [Listener(hub) for _ in range(300)]
            hub.publish("t", Event("a"))
            hub.advance()
            self.assertEqual(expected, threading.active_count() - before)
            self.assertEqual([["a"]] * 300, [one.data for one in listeners])
            hub.close()


class MemoryOutletTests(SynchronousTestCase):
    """
    A connection in memory.
    """

    def setUp(self) -> None:
        self.hub = MemoryHub()
        self.outlet = MemoryOutlet(self.hub.streams)
        self.heard: list[str] = []
        self.outlet.writer = self
        self.addCleanup(self.check_nothing_is_left)

    def check_nothing_is_left(self) -> None:
        """
        Check that the streams have dropped the outlet, and its timer.
        """
        self.hub.streams.abort()
        self.assertEqual((0, []), (len(self.hub.streams), self.hub.clock.getDelayedCalls()))

    # Methods of a writer

    def has_room(self) -> None:
        self.heard.append("room")

    def before_end(self) -> None:
        self.heard.append("before")

    def ended(self, reason: EndReason) -> None:
        self.heard.append(reason.value)

    def write(self, data: bytes, events: int = 1) -> bool:
        return self.outlet.write(Chunk(data, events))

    def test_new(self) -> None:
        """
        A new outlet is open, keeps up and is empty, and the streams hold it.
        """
        outlet = self.outlet
        self.assertEqual(
            (True, False, False, b"", [], 0),
            (
                outlet.is_open,
                outlet.is_behind,
                outlet.is_cut,
                outlet.received,
                outlet.writes,
                outlet.event_count,
            ),
        )
        self.assertEqual(1, len(self.hub.streams))

    def test_write(self) -> None:
        """
        Written bytes are read by the client, and recorded write by write.
        """
        self.assertTrue(self.write(b"a"))
        self.assertTrue(self.write(b"bc", 2))
        self.assertEqual([b"a", b"bc"], self.outlet.writes)
        self.assertEqual((b"abc", 3), (self.outlet.received, self.outlet.event_count))

    def test_short_cut(self) -> None:
        """
        An outlet in memory sends nothing before ``settle``.
        """
        chunk = Chunk(b"abc", 2)
        sent = self.outlet.short_cut(chunk)(chunk.data)
        self.assertEqual((NOT_SENT, b""), (sent, self.outlet.received))
        self.assertTrue(self.outlet.settle(chunk, sent))
        self.assertEqual(([b"abc"], 2), (self.outlet.writes, self.outlet.event_count))

    def test_last_write(self) -> None:
        """
        ``last_write`` is the time of the last write that the client has read.
        """
        self.hub.clock.advance(1.0)
        self.write(b"")
        self.assertEqual(0.0, self.outlet.last_write)
        self.write(b"a")
        self.assertEqual(1.0, self.outlet.last_write)
        self.outlet.stop_reading()
        self.hub.clock.advance(1.0)
        self.write(b"b")
        self.assertEqual(1.0, self.outlet.last_write)
        self.outlet.read()
        self.assertEqual(2.0, self.outlet.last_write)

    def test_stop_reading(self) -> None:
        """
        A client that has stopped reading is behind from the next write on.
        """
        self.outlet.stop_reading()
        self.assertFalse(self.outlet.is_behind)
        self.hub.clock.advance(1.0)
        self.assertFalse(self.write(b"a"))
        self.hub.clock.advance(1.0)
        self.assertFalse(self.write(b"b"))
        self.assertEqual((True, 1.0), (self.outlet.is_behind, self.outlet.behind_since))
        self.assertEqual((b"", [b"a", b"b"]), (self.outlet.received, self.outlet.writes))

    def test_read(self) -> None:
        """
        A client that reads again gets the waiting bytes, and the writer learns that there is room.
        """
        self.outlet.stop_reading()
        self.write(b"a")
        self.write(b"b")
        self.outlet.read()
        self.assertEqual((b"ab", None), (self.outlet.received, self.outlet.behind_since))
        self.assertEqual(["room"], self.heard)
        self.assertTrue(self.write(b"c"))
        self.assertEqual(b"abc", self.outlet.received)

    def test_read_while_it_keeps_up(self) -> None:
        """
        Without waiting bytes the writer is not called.
        """
        self.outlet.read()
        self.outlet.stop_reading()
        self.outlet.read()
        self.assertTrue(self.write(b"a"))
        self.assertEqual((b"a", []), (self.outlet.received, self.heard))

    def test_read_without_writer(self) -> None:
        """
        A client may read while the outlet does not have a writer.
        """
        self.outlet.writer = None
        self.outlet.stop_reading()
        self.write(b"a")
        self.outlet.read()
        self.assertEqual(b"a", self.outlet.received)

    def test_end(self) -> None:
        """
        At the end the writer may write once more, and then gets the reason; the last words come
        last, and do not count as a write.
        """
        self.before_end = lambda: self.write(b"b")
        self.write(b"a")
        self.outlet.end(EndReason.FINISHED, last_words=b"c")
        self.assertEqual((b"abc", [b"a", b"b"]), (self.outlet.received, self.outlet.writes))
        self.assertEqual((["finished"], None), (self.heard, self.outlet.writer))
        self.assertEqual((False, False), (self.outlet.is_open, self.outlet.is_cut))
        self.assertEqual(0, len(self.hub.streams))

    def test_end_without_writer(self) -> None:
        """
        An outlet without a writer can end.
        """
        self.outlet.writer = None
        self.outlet.end(EndReason.FINISHED, last_words=b"c")
        self.assertEqual((b"c", False), (self.outlet.received, self.outlet.is_open))

    def test_end_while_behind(self) -> None:
        """
        Waiting bytes and the last words are read at the end; until then the streams hold the
        outlet.
        """
        self.outlet.stop_reading()
        self.write(b"a")
        self.outlet.end(EndReason.FINISHED, last_words=b"b")
        self.assertEqual((b"", 1), (self.outlet.received, len(self.hub.streams)))
        self.outlet.read()
        self.assertEqual((b"ab", 0), (self.outlet.received, len(self.hub.streams)))
        self.assertEqual(["before", "finished"], self.heard)

    def test_end_twice(self) -> None:
        """
        A second end does nothing, and the writer is not called again.
        """
        for last_words in (b"a", b"b"):
            self.outlet.end(EndReason.FINISHED, last_words=last_words)
        self.assertEqual((b"a", ["before", "finished"]), (self.outlet.received, self.heard))

    def test_end_from_before_end(self) -> None:
        """
        If the writer cuts the connection in ``before_end``, that is the reason of the end.
        """
        self.before_end = lambda: self.outlet.abort(EndReason.STALLED)
        self.outlet.end(EndReason.FINISHED, last_words=b"a")
        self.assertEqual((b"", ["stalled"]), (self.outlet.received, self.heard))

    def test_write_after_the_end(self) -> None:
        """
        A write after the end is dropped without an error.
        """
        self.outlet.end(EndReason.FINISHED)
        self.assertTrue(self.write(b"a"))
        self.assertEqual((b"", []), (self.outlet.received, self.outlet.writes))
        self.assertEqual(0, self.outlet.event_count)

    def test_abort(self) -> None:
        """
        A cut drops waiting bytes and calls the writer once; a second cut does nothing.
        """
        self.outlet.stop_reading()
        self.write(b"a")
        self.outlet.abort(EndReason.STALLED)
        self.outlet.abort(EndReason.DRAINING)
        self.outlet.read()
        self.assertEqual((b"", ["stalled"]), (self.outlet.received, self.heard))
        self.assertEqual((True, 0), (self.outlet.is_cut, len(self.hub.streams)))

    def test_abort_after_end(self) -> None:
        """
        A cut may follow an end; the writer is not called again.
        """
        self.outlet.stop_reading()
        self.outlet.end(EndReason.FINISHED, last_words=b"a")
        self.outlet.abort(EndReason.DRAINING)
        self.assertEqual((True, ["before", "finished"]), (self.outlet.is_cut, self.heard))
        self.assertEqual(0, len(self.hub.streams))

    def test_leave(self) -> None:
        """
        The client may leave once, for any reason; that does not count as a cut.
        """
        self.outlet.leave()
        self.outlet.leave(EndReason.CONNECTION_LOST)
        self.assertEqual((["client closed"], False), (self.heard, self.outlet.is_cut))
        other = MemoryOutlet(self.hub.streams)
        other.writer = self
        other.leave(EndReason.CONNECTION_LOST)
        self.assertEqual("connection lost", self.heard[-1])

    def test_stalled(self) -> None:
        """
        An outlet in memory stalls like a real one.
        """
        self.outlet.stop_reading()
        self.write(b"a")
        for _ in range(250):
            self.hub.advance(0.1)
        self.assertEqual((["stalled"], True), (self.heard, self.outlet.is_cut))


class ListenerTests(SynchronousTestCase):
    """
    A subscriber without a socket.
    """

    def setUp(self) -> None:
        self.hub = MemoryHub()

    def test_docstring(self) -> None:
        """
        The example in the docstring works.
        """
        listener = Listener(self.hub, "news")
        self.hub.publish("news", Event("hello"))
        self.hub.advance()
        self.assertEqual(["hello"], [event.data for event in listener.events])

    def test_subscriber(self) -> None:
        """
        A listener has its subscriber and the reason of its end.
        """
        listener = Listener(self.hub)
        self.assertEqual((listener.subscriber,), self.hub.subscribers)
        self.assertIsNone(listener.end_reason)
        listener.leave()
        self.assertEqual(EndReason.CLIENT_CLOSED, listener.end_reason)

    def test_options(self) -> None:
        """
        A listener subscribes to everything by default, and takes the options of ``Hub.subscribe``.
        """
        for topic in "ab":
            self.hub.publish(topic, Event(topic), private=topic == "b")
        for seen, expected in (
            (View.of("b", grants="b"), ["b"]),
            (["a", "b"], ["a"]),
            ("b", []),
        ):
            self.assertEqual(expected, Listener(self.hub, seen, last_event_id=EARLIEST).data)
        self.assertEqual(["a"], Listener(self.hub, last=5, address="192.0.2.1").data)
        self.assertRaises(InvalidMatcher, Listener, self.hub, "x" * 20_000)

    @given(st.text(), LINE.filter(bool), st.none() | st.integers(0, 10**9))
    def test_events(self, data: str, type: str, retry: int | None) -> None:
        """
        ``events`` are the published events, with the ids of the hub.
        """
        listener = Listener(self.hub)
        event = Event(data, type=type, retry=retry)
        id = self.successResultOf(self.hub.publish("t", event))
        self.hub.publish("t", Event("ephemeral"), ephemeral=True)
        self.hub.advance()
        lines = data.replace("\r\n", "\n").replace("\r", "\n")
        self.assertEqual(
            [Event(lines, type=type, id=id, retry=retry), Event("ephemeral")], listener.events
        )
        self.assertEqual([lines, "ephemeral"], listener.data)
        listener.leave()

    def test_no_events(self) -> None:
        """
        Comments, and blocks with only a ``retry`` or an id, are not among the ``events``.
        """
        listener = Listener(self.hub)
        for data in (b":\n", b": data: a\n", b"retry: 3000\n", b"id: x\n\n", b"data: b\n\n"):
            listener.write(Chunk(data))
        self.assertEqual([Event("b")], listener.events)

    def test_only_what_was_read(self) -> None:
        """
        ``events`` does not contain bytes that the client has not read.
        """
        listener = Listener(self.hub)
        listener.stop_reading()
        self.hub.publish("t", Event("a"))
        self.hub.advance()
        self.assertEqual([], listener.data)
        listener.read()
        self.assertEqual(["a"], listener.data)

    def test_last_words(self) -> None:
        """
        ``events`` contains events that were written when the stream ended.
        """
        listener = Listener(self.hub)
        listener.subscriber.end(for_good=True)
        self.assertEqual([("end", "#end")], [(event.type, event.id) for event in listener.events])
