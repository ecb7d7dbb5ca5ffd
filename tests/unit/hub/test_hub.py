"""
The hub: the events that it accepts, the subscribers that it accepts, and its limits.
"""

import random

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
from ssetwist.hub._hub import MAX_TOPICS
from ssetwist.log import DEFAULT_MAX_COUNT, MAX_ID
from ssetwist.testing import MemoryHub, MemoryOutlet
from tests.unit.hub.case import HubTestCase, id_of, shown


class PublishTests(HubTestCase):
    """
    Results of publishing.
    """

    def test_id(self) -> None:
        """
        The publisher gets the id at once, with or without subscribers.
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
        Two hubs never give the same id, unless they share their log.
        """
        ids = {self.successResultOf(MemoryHub().publish("t", Event("a"))) for _ in range(10)}
        self.assertEqual(10, len(ids))

    def test_ephemeral(self) -> None:
        """
        An ephemeral event gets an empty id, and does not change the last event id.
        """
        self.publish("a")
        id = self.hub.publish("t", Event("b"), ephemeral=True)
        self.assertEqual(("", id_of(1)), (self.successResultOf(id), self.hub.resume_id))
        self.assertEqual(1, self.hub.log.head)

    def test_last_event_id(self) -> None:
        """
        The hub knows the id of the newest event, even if a publisher gave this id; before the first
        event, it is the id that asks for everything.
        """
        self.assertEqual("earliest", self.hub.last_event_id)
        self.publish("a")
        self.assertEqual(id_of(1), self.hub.last_event_id)
        self.hub.publish("t", Event("b", id="mine"))
        self.hub.publish("t", Event("c"), ephemeral=True)
        self.assertEqual("mine", self.hub.last_event_id)

    def test_last_event_id_of_an_earlier_hub(self) -> None:
        """
        A hub on a log that another hub has used knows the log's own id of the newest position.
        """
        self.hub.publish("t", Event("a", id="mine"))
        other = self.make_hub(log=self.hub.log)
        self.assertEqual(id_of(1), other.last_event_id)

    def test_largest(self) -> None:
        """
        An event may have as many topics, and a topic and an id may be as long, as the limits say.
        """
        for topics, event in (
            ([str(number) for number in range(MAX_TOPICS)], Event()),
            ("x" * 16384, Event()),
            ("t", Event(id="x" * MAX_ID)),
        ):
            self.assertTrue(self.successResultOf(self.hub.publish(topics, event)))

    def test_knows(self) -> None:
        """
        The hub knows its ids, also the one before its first event.
        """
        before = self.hub.resume_id
        self.publish("a")
        for id, is_known in ((before, True), (id_of(1), True), (id_of(2), False), ("x", False)):
            self.assertIs(is_known, self.successResultOf(self.hub.knows(id)), id)

    def test_cancel(self) -> None:
        """
        Cancelling a Deferred that has fired changes nothing.
        """
        listener = self.subscribe()
        self.hub.publish("t", Event("a")).cancel()
        self.settle()
        self.assertEqual(["a"], listener.data)

    def test_fields(self) -> None:
        """
        All fields of an event arrive, and only an id is added.
        """
        listener = self.subscribe()
        self.hub.publish("t", Event("a\nb", type="x", retry=5))
        self.settle()
        self.assertEqual([Event("a\nb", type="x", id=id_of(1), retry=5)], listener.events)

    def test_any_iterable(self) -> None:
        """
        Topics may be any iterable, with repetitions.
        """
        listeners = [self.subscribe(view=topic) for topic in "ab"]
        self.publish("1", to=iter(["a", "b", "a"]))
        self.publish("2", to={"b": 1})
        self.settle()
        self.assertEqual([["1"], ["1", "2"]], [one.data for one in listeners])

    def test_own_log(self) -> None:
        """
        By default, a hub has a log in memory.
        """
        hub = MemoryHub()
        self.assertIsInstance(hub.log, MemoryLog)
        self.assertEqual(DEFAULT_MAX_COUNT, hub.log._events._max_count)


class MistakeTests(HubTestCase):
    """
    Invalid calls are refused and change nothing.
    """

    def setUp(self) -> None:
        super().setUp()
        self.listener = self.subscribe()
        self.addCleanup(self.check_nothing_was_published)

    def check_nothing_was_published(self) -> None:
        """
        Check that nothing has reached a subscriber or the log.
        """
        self.settle()
        self.assertEqual((b"", 0), (self.listener.received, self.hub.log.head))

    def refused(
        self, error: type[Exception], topics: object, event: object, **options: bool
    ) -> str:
        """
        Check that an event cannot be published to some topics, and return the error.
        """
        return str(self.assertRaises(error, self.hub.publish, topics, event, **options))

    def test_not_an_event(self) -> None:
        """
        Publishing something that is not an event is refused with a message that says what to
        publish.
        """
        for mistake in ("text", b"bytes", {"some": "object"}, Event):
            self.assertIn("Event('text')", self.refused(TypeError, "t", mistake))
            self.assertIn("Event('text')", self.refused(TypeError, "t", mistake, ephemeral=True))

    def test_number_of_topics(self) -> None:
        """
        An event has at least one topic and at most a thousand.
        """
        for count in (0, MAX_TOPICS + 1):
            topics = [str(number) for number in range(count)]
            self.assertIn(f"not {count}", self.refused(InvalidTopic, topics, Event()))

    def test_length_of_topics(self) -> None:
        """
        A topic is not empty, and not longer than a matcher may be.
        """
        for topic in ("", "x" * 16385):
            for topics in (topic, ["t", topic]):
                self.assertIn(f"not {len(topic)}", self.refused(InvalidTopic, topics, Event()))

    def test_lone_surrogate(self) -> None:
        """
        A topic that UTF-8 cannot encode is refused, because patterns could not be matched with it.
        """
        others = [self.subscribe(view=one) for one in ("u", Pattern("/*"))]
        for topics in ("\ud800", ["u", "/\udfff"]):
            self.assertIn("surrogate", self.refused(InvalidTopic, topics, Event()))
            self.assertIn("surrogate", self.refused(InvalidTopic, topics, Event(), ephemeral=True))
        self.settle()
        self.assertEqual([b"", b""], [one.received for one in others])

    def test_topic_is_text(self) -> None:
        """
        A topic is text.
        """
        for topics, name in ((["t", b"u"], "bytes"), (b"t", "b't'"), ([None], "NoneType")):
            self.assertIn(name, self.refused(TypeError, topics, Event()))
        self.refused(TypeError, None, Event())

    def test_names(self) -> None:
        """
        Policies may be given by name; an unknown name is refused with a list of the known ones.
        """
        for when_behind in ("disconnect", "skip", "latest"):
            self.make_hub(when_behind=when_behind, unknown_cursor="all")
        for option in ("when_behind", "unknown_cursor"):
            problem = self.assertRaises(ValueError, self.make_hub, **{option: "foo"})
            self.assertIn(f"{option}: 'foo' is not one of ", str(problem))

    def test_swapped(self) -> None:
        """
        An event in the place of the topics is refused.
        """
        self.assertIn("topics must be str", self.refused(TypeError, Event(), "t"))

    def test_ids_of_the_hub(self) -> None:
        """
        An id that the hub itself would give, or that has a meaning of its own, is refused.
        """
        for id in ("", "#", "#mine", id_of(1), END_ID, EARLIEST):
            self.assertIn(repr(id), self.refused(InvalidEvent, "t", Event(id=id)))

    def test_long_id(self) -> None:
        """
        An id that is too long to be looked up later is refused.
        """
        self.assertIn(str(MAX_ID), self.refused(InvalidEvent, "t", Event(id="x" * (MAX_ID + 1))))

    def test_ephemeral_with_id(self) -> None:
        """
        An id on an event that is not kept is refused.
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
        An impossible matcher is refused.
        """
        outlet = MemoryOutlet(self.hub.streams)
        for mistake, error in (("x" * 16385, InvalidMatcher), (1, TypeError), ([b"t"], TypeError)):
            self.assertRaises(error, self.hub.subscribe, outlet, mistake)
        self.assertEqual((1, None), (self.hub.subscriber_count, outlet.writer))

    def test_whole_numbers(self) -> None:
        """
        A fraction, a boolean or a text in place of a whole number is refused at once, and not in a
        flush; the error names the option.
        """
        for option in ("max_subscribers", "max_per_address", "flush_threads"):
            for value in (2.5, True, "2"):
                error = self.assertRaises(TypeError, Hub, clock=self.clock, **{option: value})
                self.assertEqual(f"{option} must be a whole number, not {value!r}", str(error))

    def test_numbers(self) -> None:
        """
        A number or a time that is too small or infinite is refused, and the error names the option.
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


class LifetimeTests(HubTestCase):
    """
    Lifetimes of streams.
    """

    def setUp(self) -> None:
        super().setUp()
        self.hub = self.make_hub(lifetime=100.0, heartbeat=1.0)

    def test_for_ever(self) -> None:
        """
        By default, a stream may last for ever.
        """
        listener = self.subscribe(self.make_hub())
        self.clock.advance(10.0**6)
        self.assertTrue(listener.is_open)

    def test_jitter(self) -> None:
        """
        A stream ends up to a fifth of its lifetime sooner, at random; so clients that came together
        come back at different times.
        """
        for jitter, expected in ((0.0, 100.0), (0.5, 90.0), (1.0, 80.0)):
            self.hub.streams.jitter = lambda jitter=jitter: jitter
            self.assertEqual(expected, self.subscribe().expires)
        self.hub.streams.jitter = random.Random(1).random
        times = {self.subscribe().expires for _ in range(100)}
        self.assertEqual(100, len(times))

    def test_from_its_beginning(self) -> None:
        """
        The lifetime begins with the subscription.
        """
        self.hub.streams.jitter = lambda: 0.0
        self.clock.busy(5.0)
        self.assertEqual(105.0, self.subscribe().expires)

    def test_over(self) -> None:
        """
        At the end of its lifetime a stream ends properly, after everything that was published for
        it; when its client comes back, it misses nothing.
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


class CloseTests(HubTestCase):
    """
    A closed hub.
    """

    def test_open(self) -> None:
        """
        A new hub is open.
        """
        self.assertFalse(self.hub.is_closed)

    def test_closed(self) -> None:
        """
        A closed hub stays closed, and may be closed again.
        """
        self.hub.close()
        self.hub.close()
        self.assertTrue(self.hub.is_closed)

    def test_publish(self) -> None:
        """
        Publishing to a closed hub is refused, and reaches no subscriber.
        """
        outlet = self.subscribe()
        self.hub.close()
        self.assertRaises(HubClosed, self.hub.publish, "t", Event("a"))
        self.assertEqual(b"", outlet.received)

    def test_subscribe(self) -> None:
        """
        Subscribing to a closed hub is refused.
        """
        self.hub.close()
        outlet = MemoryOutlet(self.hub.streams)
        self.assertRaises(HubClosed, self.hub.subscribe, outlet)
        self.assertEqual((0, None), (self.hub.subscriber_count, outlet.writer))

    def test_error(self) -> None:
        """
        The error is an ``SSETwistError``.
        """
        self.hub.close()
        error = self.assertRaises(HubClosed, self.hub.publish, "t", Event("a"))
        self.assertIsInstance(error, SSETwistError)

    def test_published_before(self) -> None:
        """
        Events that were published before the close are still handed out.
        """
        listener = self.subscribe()
        self.publish("a")
        self.hub.close()
        self.settle()
        self.assertEqual(["a"], listener.data)

    def test_on_its_way(self) -> None:
        """
        A subscriber that is reading the log when the hub is closed still gets everything.
        """
        self.publish("a", "b")
        listener = self.subscribe(last_event_id=EARLIEST, is_behind=True)
        self.hub.close()
        listener.read()
        self.settle()
        self.assertEqual(["a", "b"], listener.data)

    def test_log(self) -> None:
        """
        The log can be used after its hub was closed.
        """
        listener = self.subscribe()
        self.hub.close()
        self.successResultOf(self.hub.log.append(("t",), Event("a")))
        self.settle()
        self.assertEqual(([], id_of(0)), (listener.data, self.hub.resume_id))

    def test_open_streams_stay(self) -> None:
        """
        After a close, open streams stay open until they are drained, and their subscribers learn
        about the drain as about any other end.
        """
        heard: list[EndReason] = []
        outlet = self.subscribe(on_end=lambda subscriber, reason: heard.append(reason))
        self.hub.close()
        self.assertEqual((True, 1), (outlet.is_open, self.hub.subscriber_count))
        self.hub.streams.drain(3.0)
        self.assertEqual([EndReason.DRAINING], heard)

    def test_heartbeat(self) -> None:
        """
        The options for heartbeat and stall time-out reach the hub's streams.
        """
        hub = self.make_hub(heartbeat=1.0, stall_timeout=2.0)
        self.assertEqual((1.0, 2.0), (hub.streams.heartbeat, hub.streams.stall_timeout))
