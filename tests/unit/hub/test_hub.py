"""
The hub: what may be published, who may subscribe, and how many.
"""

import os
import random
import threading
from collections.abc import Callable
from threading import get_ident

from twisted.internet.selectreactor import SelectReactor
from twisted.python import threadable

from ssetwist import (
    EndReason,
    Event,
    Hub,
    HubClosed,
    InvalidEvent,
    InvalidMatcher,
    InvalidTopic,
    MemoryLog,
    Pattern,
    SSETwistError,
)
from ssetwist.hub import EARLIEST, END_ID
from ssetwist.hub._hub import MAX_TOPICS, usable_cores
from ssetwist.log import DEFAULT_MAX_COUNT, MAX_ID
from ssetwist.testing import MemoryHub, MemoryOutlet
from tests.unit.hub.case import HubTestCase, id_of, shown
from tests.unit.hub.fake import FakeListener


class PublishTests(HubTestCase):
    """
    What the publisher hears.
    """

    def test_id(self) -> None:
        """
        The publisher hears the id at once, whether anybody is subscribed or not.
        """
        for number in (1, 2):
            id = self.hub.publish("t", Event("a"))
            self.assertEqual(id_of(number), self.successResultOf(id))

    def test_own_id(self) -> None:
        """
        An id that the publisher gives is kept.
        """
        listener = self.subscribe()
        id = self.hub.publish("t", Event("a", id="mine"))
        self.settle()
        self.assertEqual("mine", self.successResultOf(id))
        self.assertEqual([Event("a", id="mine")], listener.events)

    def test_unknown_epoch(self) -> None:
        """
        The ids of two hubs are never the same, unless they share their log.
        """
        ids = {self.successResultOf(MemoryHub().publish("t", Event("a"))) for _ in range(10)}
        self.assertEqual(10, len(ids))

    def test_ephemeral(self) -> None:
        """
        What is ephemeral has no id, and moves no cursor.
        """
        self.publish("a")
        id = self.hub.publish("t", Event("b"), ephemeral=True)
        self.assertEqual(("", id_of(1)), (self.successResultOf(id), self.hub.resume_id))
        self.assertEqual(1, self.hub.log.head)

    def test_last_event_id(self) -> None:
        """
        The id of the newest event is known, whoever gave it; before there is one, it is that which
        asks for all.
        """
        self.assertEqual("earliest", self.hub.last_event_id)
        self.publish("a")
        self.assertEqual(id_of(1), self.hub.last_event_id)
        self.hub.publish("t", Event("b", id="mine"))
        self.hub.publish("t", Event("c"), ephemeral=True)
        self.assertEqual("mine", self.hub.last_event_id)

    def test_last_event_id_of_an_earlier_hub(self) -> None:
        """
        Of a log that has had another hub the newest position is known, and so an id of it.
        """
        self.hub.publish("t", Event("a", id="mine"))
        other = self.make_hub(log=self.hub.log)
        self.assertEqual(id_of(1), other.last_event_id)

    def test_cancel(self) -> None:
        """
        Who cancels what has fired already changes nothing.
        """
        listener = self.subscribe()
        self.hub.publish("t", Event("a")).cancel()
        self.settle()
        self.assertEqual(["a"], listener.data)

    def test_fields(self) -> None:
        """
        All that an event says arrives, and nothing is added but an id.
        """
        listener = self.subscribe()
        self.hub.publish("t", Event("a\nb", type="x", retry=5))
        self.settle()
        self.assertEqual([Event("a\nb", type="x", id=id_of(1), retry=5)], listener.events)

    def test_any_iterable(self) -> None:
        """
        Topics may come from anywhere, even more than once.
        """
        listeners = [self.subscribe(view=topic) for topic in "ab"]
        self.publish("1", to=iter(["a", "b", "a"]))
        self.publish("2", to={"b": 1})
        self.settle()
        self.assertEqual([["1"], ["1", "2"]], [one.data for one in listeners])

    def test_own_log(self) -> None:
        """
        A hub that is given no log has one of its own, in memory.
        """
        hub = MemoryHub()
        self.assertIsInstance(hub.log, MemoryLog)
        self.assertEqual(DEFAULT_MAX_COUNT, hub.log._max_count)


class MistakeTests(HubTestCase):
    """
    What cannot be meant: it is refused, and nothing has changed.
    """

    def setUp(self) -> None:
        super().setUp()
        self.listener = self.subscribe()
        self.addCleanup(self.check_nothing_was_published)

    def check_nothing_was_published(self) -> None:
        """
        Check that nothing has reached anybody, nor the log.
        """
        self.settle()
        self.assertEqual((b"", 0), (self.listener.received, self.hub.log.head))

    def refused(
        self, error: type[Exception], topics: object, event: object, **options: bool
    ) -> str:
        """
        Check that this cannot be published, and return what the publisher is told.
        """
        return str(self.assertRaises(error, self.hub.publish, topics, event, **options))

    def test_no_event(self) -> None:
        """
        Who publishes something else than an event is told what to publish.
        """
        for mistake in ("text", b"bytes", {"some": "object"}, Event):
            self.assertIn("Event('text')", self.refused(TypeError, "t", mistake))
            self.assertIn("Event('text')", self.refused(TypeError, "t", mistake, ephemeral=True))

    def test_number_of_topics(self) -> None:
        """
        There is at least one topic, and no more than a thousand.
        """
        for count in (0, MAX_TOPICS + 1):
            topics = [str(number) for number in range(count)]
            self.assertIn(f"not {count}", self.refused(InvalidTopic, topics, Event()))

    def test_length_of_topics(self) -> None:
        """
        A topic is not empty, and no longer than a matcher may be.
        """
        for topic in ("", "x" * 16385):
            for topics in (topic, ["t", topic]):
                self.assertIn(f"not {len(topic)}", self.refused(InvalidTopic, topics, Event()))

    def test_lone_surrogate(self) -> None:
        """
        A topic has UTF-8: no pattern could be asked about one that has not.
        """
        others = [self.subscribe(view=one) for one in ("u", Pattern("/*"))]
        for topics in ("\ud800", ["u", "/\udfff"]):
            self.assertIn("surrogate", self.refused(InvalidTopic, topics, Event()))
            self.assertIn("surrogate", self.refused(InvalidTopic, topics, Event(), ephemeral=True))
        self.settle()
        self.assertEqual([b"", b""], [one.received for one in others])

    def test_no_text(self) -> None:
        """
        A topic is text.
        """
        for topics, name in ((["t", b"u"], "bytes"), (b"t", "b't'"), ([None], "NoneType")):
            self.assertIn(name, self.refused(TypeError, topics, Event()))
        self.refused(TypeError, None, Event())

    def test_names(self) -> None:
        """
        What is chosen by name may be, and a name that there is not is refused with those that are.
        """
        for when_behind in ("disconnect", "skip", "latest"):
            self.make_hub(when_behind=when_behind, unknown_cursor="all")
        for option in ("when_behind", "unknown_cursor"):
            problem = self.assertRaises(ValueError, self.make_hub, **{option: "foo"})
            self.assertIn(f"{option} 'foo' is none of ", str(problem))

    def test_swapped(self) -> None:
        """
        An event in the place of the topics is told from them.
        """
        self.assertIn("topics must be str", self.refused(TypeError, Event(), "t"))

    def test_ids_of_the_hub(self) -> None:
        """
        An id that the hub itself would give, or that asks for something, is refused.
        """
        for id in ("", "#", "#mine", id_of(1), END_ID, EARLIEST):
            self.assertIn(repr(id), self.refused(InvalidEvent, "t", Event(id=id)))

    def test_long_id(self) -> None:
        """
        So is one that would not be looked for when it comes back.
        """
        self.assertIn(str(MAX_ID), self.refused(InvalidEvent, "t", Event(id="x" * (MAX_ID + 1))))

    def test_ephemeral_with_id(self) -> None:
        """
        So is one on an event that is not kept.
        """
        self.assertIn("ephemeral", self.refused(InvalidEvent, "t", Event(id="x"), ephemeral=True))

    def test_field(self) -> None:
        """
        The error names the field.
        """
        for event, options in ((Event(id="#x"), {}), (Event(id="x"), {"ephemeral": True})):
            error = self.assertRaises(InvalidEvent, self.hub.publish, "t", event, **options)
            self.assertEqual("id", error.field)

    def test_matchers(self) -> None:
        """
        Who asks for what there cannot be is refused.
        """
        outlet = MemoryOutlet(self.hub.streams)
        for mistake, error in (("x" * 16385, InvalidMatcher), (1, TypeError), ([b"t"], TypeError)):
            self.assertRaises(error, self.hub.subscribe, outlet, mistake)
        self.assertEqual((1, None), (self.hub.subscriber_count, outlet.writer))

    def test_numbers(self) -> None:
        """
        A number or a time below what makes sense, or without end, is refused by its name.
        """
        for option, value in (
            ("max_subscribers", -1),
            ("max_per_address", -1),
            ("flush_threads", 0),
            ("lifetime", -0.1),
            ("lifetime", float("inf")),
            ("lifetime", float("nan")),
            ("heartbeat", -1),
            ("stall_timeout", 0),
            ("stall_timeout", -1),
            ("stall_timeout", float("inf")),
            ("heartbeat", float("nan")),
        ):
            error = self.assertRaises(ValueError, Hub, clock=self.clock, **{option: value})
            self.assertIn(f"{option} {value}", str(error))


class OtherThreadTests(HubTestCase):
    """
    Calls from another thread than the reactor's.
    """

    def setUp(self) -> None:
        super().setUp()
        self.patch(threadable, "ioThread", get_ident())

    def call(self, function: Callable[[], object]) -> Exception | None:
        """
        Call something in another thread, and return what it raised.
        """
        raised: list[Exception] = []

        def run() -> None:
            try:
                function()
            except Exception as problem:
                raised.append(problem)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return raised[0] if raised else None

    def make_real_hub(self) -> Hub:
        """
        Make a hub on the reactor that there really is; nothing is scheduled on it.
        """
        from twisted.internet import reactor

        hub = Hub(clock=reactor, flush_threads=1)
        self.addCleanup(hub.close)
        return hub

    def test_publish(self) -> None:
        """
        Who publishes is told what to do instead, and nothing is published.
        """
        hub = self.make_real_hub()
        error = self.call(lambda: hub.publish("t", Event("a")))
        self.assertIsInstance(error, RuntimeError)
        for advice in ("reactor.callFromThread(hub.publish, ...)", "blockingCallFromThread"):
            self.assertIn(advice, str(error))
        self.assertEqual(0, hub.log.head)

    def test_subscribe(self) -> None:
        """
        So is who subscribes, and nobody is subscribed.
        """
        hub = self.make_real_hub()
        outlet = MemoryOutlet(self.hub.streams)
        error = self.call(lambda: hub.subscribe(outlet))
        self.assertIsInstance(error, RuntimeError)
        self.assertIn("hub.subscribe", str(error))
        self.assertEqual((0, None), (hub.subscriber_count, outlet.writer))

    def test_own_thread(self) -> None:
        """
        The reactor's own thread may do both.
        """
        hub = self.make_hub()
        for one in (hub, self.make_real_hub()):
            self.successResultOf(one.publish("t", Event("a")))

    def test_before_the_reactor_runs(self) -> None:
        """
        As long as no reactor runs, there is no other thread than its own.
        """
        self.patch(threadable, "ioThread", None)
        self.assertIsNone(self.call(lambda: self.make_real_hub().publish("t", Event("a"))))

    def test_other_reactor(self) -> None:
        """
        A reactor that runs beside the installed one has a thread that Twisted does not know.
        """
        other = SelectReactor()
        self.addCleanup(other.disconnectAll)
        hub = Hub(clock=other, flush_threads=1)
        self.assertIsNone(self.call(lambda: hub.publish("t", Event("a"))))

    def test_clock(self) -> None:
        """
        A clock has no thread of its own: tests may run wherever they like.
        """
        self.assertIsNone(self.call(lambda: self.hub.publish("t", Event("a"))))


class ThreadsTests(HubTestCase):
    """
    How many threads there are.
    """

    def test_cores(self) -> None:
        """
        Unless told otherwise, as many as there are cores that this process may use.
        """
        hub = Hub(clock=self.clock)
        expected = len(os.sched_getaffinity(0))
        self.assertEqual(expected, usable_cores())
        senders = hub._live._senders
        self.assertEqual(expected, 1 if senders is None else senders._threads)

    def test_without_affinity(self) -> None:
        """
        Where it is not known which these are, as many as there are at all.
        """
        self.addCleanup(setattr, os, "sched_getaffinity", os.sched_getaffinity)
        del os.sched_getaffinity
        self.assertEqual(os.cpu_count(), usable_cores())
        self.patch(os, "cpu_count", lambda: None)
        self.assertEqual(1, usable_cores())


class LifetimeTests(HubTestCase):
    """
    How long a stream may last.
    """

    def setUp(self) -> None:
        super().setUp()
        self.hub = self.make_hub(lifetime=100.0, heartbeat=1.0)

    def test_for_ever(self) -> None:
        """
        Unless told otherwise, for ever.
        """
        listener = self.subscribe(self.make_hub())
        self.clock.advance(10.0**6)
        self.assertTrue(listener.is_open)

    def test_jitter(self) -> None:
        """
        It ends up to a fifth sooner, by chance, so that those who came together do not come back
        together.
        """
        for jitter, expected in ((0.0, 100.0), (0.5, 90.0), (1.0, 80.0)):
            self.hub.streams.jitter = lambda jitter=jitter: jitter
            self.assertEqual(expected, self.subscribe().expires)
        self.hub.streams.jitter = random.Random(1).random
        times = {self.subscribe().expires for _ in range(100)}
        self.assertEqual(100, len(times))

    def test_from_its_beginning(self) -> None:
        """
        It counts from when it subscribed.
        """
        self.hub.streams.jitter = lambda: 0.0
        self.clock.busy(5.0)
        self.assertEqual(105.0, self.subscribe().expires)

    def test_over(self) -> None:
        """
        Then it ends properly, with all that was published for it, and goes on where it was when it
        comes back.
        """
        self.hub.streams.jitter = lambda: 0.0
        heard: list[EndReason] = []
        listener = self.subscribe(on_end=lambda subscriber, reason: heard.append(reason))
        for _ in range(995):
            self.clock.turn(0.1)
        self.assertTrue(listener.is_open)
        self.publish("a")
        for _ in range(10):
            self.clock.turn(0.1)
        self.assertEqual(([EndReason.LIFETIME_OVER], ["a"]), (heard, listener.data))
        self.assertFalse(listener.is_cut)
        self.publish("b")
        back = self.subscribe(last_event_id=listener.events[-1].id)
        self.assertEqual(["b"], shown(back))


class SubscribersTests(HubTestCase):
    """
    Those who are subscribed.
    """

    def test_none(self) -> None:
        """
        At first there is nobody.
        """
        self.assertEqual((0, ()), (self.hub.subscriber_count, self.hub.subscribers))

    def test_in_order(self) -> None:
        """
        The oldest stands first, also after others have gone.
        """
        outlets = [MemoryOutlet(self.hub.streams) for _ in range(5)]
        subscribers = [self.hub.subscribe(outlet) for outlet in outlets]
        outlets[0].leave()
        outlets[2].leave()
        subscribers.append(self.hub.subscribe(MemoryOutlet(self.hub.streams)))
        expected = [subscribers[number] for number in (1, 3, 4, 5)]
        self.assertEqual(expected, list(self.hub.subscribers))

    def test_snapshot(self) -> None:
        """
        Whoever looks may end them while going through them.
        """
        for _ in range(3):
            self.subscribe()
        for subscriber in self.hub.subscribers:
            subscriber.end()
        self.assertEqual((), self.hub.subscribers)

    def test_churn(self) -> None:
        """
        After many have come and gone, in any order and for any reason, nothing of them is left.
        """
        chance = random.Random(1)
        hub = self.make_hub(max_per_address=1000)
        outlets: list[FakeListener] = []
        for number in range(2000):
            outlets.append(self.subscribe(hub, address=f"192.0.2.{number % 7}"))
            if chance.random() < 0.7:
                outlet = outlets.pop(chance.randrange(len(outlets)))
                outlet.abort(chance.choice(list(EndReason)))
            hub.publish("t", Event("a"))
            if number % 3 == 0:
                self.clock.turn()
        self.assertEqual(len(outlets), hub.subscriber_count)
        hub.streams.drain(3.0)
        self.assertEqual(0, hub.subscriber_count)
        self.assertEqual([False] * 7, [hub.is_full(f"192.0.2.{n}") for n in range(7)])

    def test_two_hubs(self) -> None:
        """
        Two hubs side by side share nothing.
        """
        other_hub = self.make_hub(max_subscribers=1)
        outlet, other = self.subscribe(), self.subscribe(other_hub)
        self.publish("a")
        self.publish("b", hub=other_hub)
        self.settle()
        self.assertEqual((["a"], ["b"]), (outlet.data, other.data))
        self.assertEqual((False, True), (self.hub.is_full(""), other_hub.is_full("")))
        self.assertEqual((1, 1), (self.hub.subscriber_count, other_hub.subscriber_count))
        other_hub.close()
        other_hub.streams.abort()
        self.assertEqual((False, True), (self.hub.is_closed, outlet.is_open))


class FullTests(HubTestCase):
    """
    How many there may be.
    """

    def test_no_limit(self) -> None:
        """
        Without a limit there is always room.
        """
        for _ in range(100):
            self.subscribe(address="192.0.2.1")
        self.assertFalse(self.hub.is_full("192.0.2.1"))

    def test_total(self) -> None:
        """
        When as many are here as may be, there is no room for anyone.
        """
        hub = self.make_hub(max_subscribers=2)
        self.subscribe(hub, address="192.0.2.1")
        self.assertFalse(hub.is_full("192.0.2.1"))
        self.subscribe(hub, address="192.0.2.2")
        self.assertTrue(hub.is_full("192.0.2.3"))
        self.assertTrue(hub.is_full(""))

    def test_total_falls(self) -> None:
        """
        When one has gone there is room for another.
        """
        hub = self.make_hub(max_subscribers=1)
        outlet = self.subscribe(hub)
        outlet.leave()
        self.assertFalse(hub.is_full(""))

    def test_per_address(self) -> None:
        """
        When as many are here from one address as may be, there is room for other addresses only.
        """
        hub = self.make_hub(max_per_address=2)
        self.subscribe(hub, address="192.0.2.1")
        self.assertFalse(hub.is_full("192.0.2.1"))
        self.subscribe(hub, address="192.0.2.1")
        self.assertTrue(hub.is_full("192.0.2.1"))
        self.assertFalse(hub.is_full("192.0.2.2"))

    def test_per_address_falls(self) -> None:
        """
        When one has gone, however it ended, there is room for another from its address.
        """
        hub = self.make_hub(max_per_address=2)
        ends = (
            FakeListener.leave,
            lambda outlet: outlet.abort(EndReason.STALLED),
            lambda outlet: outlet.end(EndReason.ENDED_BY_APPLICATION),
        )
        self.subscribe(hub, address="192.0.2.1")
        for end in ends:
            outlet = self.subscribe(hub, address="192.0.2.1")
            self.assertTrue(hub.is_full("192.0.2.1"))
            end(outlet)
            self.assertFalse(hub.is_full("192.0.2.1"))

    def test_ending_ones_do_not_count(self) -> None:
        """
        Who still has its last bytes to read takes nobody's place.
        """
        hub = self.make_hub(max_subscribers=1, max_per_address=1)
        outlet = self.subscribe(hub, address="192.0.2.1")
        outlet.stop_reading()
        hub.subscribers[0].end()
        self.assertFalse(hub.is_full("192.0.2.1"))

    def test_no_address(self) -> None:
        """
        Those without an address, as on UNIX sockets, are not counted as if they had the same.
        """
        hub = self.make_hub(max_per_address=1)
        for _ in range(3):
            self.subscribe(hub)
            self.assertFalse(hub.is_full(""))

    def test_asking_changes_nothing(self) -> None:
        """
        An address that was asked for is as free as before.
        """
        hub = self.make_hub(max_per_address=1)
        for _ in range(3):
            self.assertFalse(hub.is_full("192.0.2.1"))


class CloseTests(HubTestCase):
    """
    A hub that takes nothing more.
    """

    def test_open(self) -> None:
        """
        A new hub is open.
        """
        self.assertFalse(self.hub.is_closed)

    def test_closed(self) -> None:
        """
        A hub that was closed stays closed, and may be closed again.
        """
        self.hub.close()
        self.hub.close()
        self.assertTrue(self.hub.is_closed)

    def test_publish(self) -> None:
        """
        Nothing can be published, and nobody gets it.
        """
        outlet = self.subscribe()
        self.hub.close()
        self.assertRaises(HubClosed, self.hub.publish, "t", Event("a"))
        self.assertEqual(b"", outlet.received)

    def test_subscribe(self) -> None:
        """
        Nobody can subscribe.
        """
        self.hub.close()
        outlet = MemoryOutlet(self.hub.streams)
        self.assertRaises(HubClosed, self.hub.subscribe, outlet)
        self.assertEqual((0, None), (self.hub.subscriber_count, outlet.writer))

    def test_error(self) -> None:
        """
        The error is one of ours.
        """
        self.hub.close()
        error = self.assertRaises(HubClosed, self.hub.publish, "t", Event("a"))
        self.assertIsInstance(error, SSETwistError)

    def test_published_before(self) -> None:
        """
        What was published before is handed out all the same.
        """
        listener = self.subscribe()
        self.publish("a")
        self.hub.close()
        self.settle()
        self.assertEqual(["a"], listener.data)

    def test_on_its_way(self) -> None:
        """
        Who is on its way through the log still gets to its end.
        """
        self.publish("a", "b")
        listener = self.subscribe(last_event_id=EARLIEST, is_behind=True)
        self.hub.close()
        listener.read()
        self.settle()
        self.assertEqual(["a", "b"], listener.data)

    def test_log(self) -> None:
        """
        The log goes on without the hub.
        """
        listener = self.subscribe()
        self.hub.close()
        self.successResultOf(self.hub.log.append(("t",), Event("a")))
        self.settle()
        self.assertEqual(([], id_of(0)), (listener.data, self.hub.resume_id))

    def test_open_streams_stay(self) -> None:
        """
        Open streams stay open until they are drained, and are told as in any other end.
        """
        heard: list[EndReason] = []
        outlet = self.subscribe(on_end=lambda subscriber, reason: heard.append(reason))
        self.hub.close()
        self.assertEqual((True, 1), (outlet.is_open, self.hub.subscriber_count))
        self.hub.streams.drain(3.0)
        self.assertEqual([EndReason.DRAINING], heard)

    def test_heartbeat(self) -> None:
        """
        The hub's heartbeat and stall time-out are those of its streams.
        """
        hub = self.make_hub(heartbeat=1.0, stall_timeout=2.0)
        self.assertEqual((1.0, 2.0), (hub.streams.heartbeat, hub.streams.stall_timeout))
