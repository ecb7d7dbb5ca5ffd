"""
A log that has to wait for something, such as another machine.
"""

from twisted.internet.defer import CancelledError, Deferred

from ssetwist import EndReason, Event, WhenBehind
from ssetwist.hub import EARLIEST
from ssetwist.hub.outlets import PIECE
from tests.unit.hub.case import HubTestCase, id_of, shown
from tests.unit.hub.fake import Broken, FakeListener, SlowLog, fail


class SlowLogTestCase(HubTestCase):
    """
    A hub with three events in a log that answers when the test says so.
    """

    def setUp(self) -> None:
        super().setUp()
        self.log = SlowLog(self.make_log())
        self.hub = self.make_hub(log=self.log)
        self.publish("a", "b", "c")
        self.log.answer("append")
        self.settle()

    def publish_now(self, *data: str) -> None:
        """
        Publish, let the log answer, and hand the event out.
        """
        self.publish(*data)
        self.log.answer("append")
        self.settle()


class PublishTests(SlowLogTestCase):
    """
    Publishing.
    """

    def test_safe(self) -> None:
        """
        The publisher gets the id when the event is safe in the log, and not before.
        """
        id = self.hub.publish("t", Event("d"))
        self.assertNoResult(id)
        self.log.answer("append")
        self.assertEqual(id_of(4), self.successResultOf(id))

    def test_handed_out(self) -> None:
        """
        An event is handed out when the log says that it is there.
        """
        listener = self.subscribe()
        self.publish("d")
        self.settle()
        self.assertEqual(([], id_of(3)), (listener.data, self.hub.resume_id))
        self.log.answer("append")
        self.assertEqual(id_of(4), self.hub.resume_id)
        self.settle()
        self.assertEqual(["d"], listener.data)

    def test_from_elsewhere(self) -> None:
        """
        An event that another hub has appended to the log is also handed out.
        """
        listener = self.subscribe()
        self.log.append(("t",), Event("d"))
        self.log.answer("append")
        self.settle()
        self.assertEqual(["d"], listener.data)

    def test_cancel(self) -> None:
        """
        Cancelling a publication stops the publisher's wait; the log may keep the event.
        """
        listener = self.subscribe()
        id = self.hub.publish("t", Event("d"))
        kept = self.log.head
        id.cancel()
        self.failureResultOf(id, CancelledError)
        self.assertEqual((4, []), (kept, listener.data))

    def test_unavailable(self) -> None:
        """
        If the log fails, only the publisher hears about it.
        """
        listener = self.subscribe()
        id = self.hub.publish("t", Event("d"))
        self.log.break_down()
        self.failureResultOf(id, Broken)
        self.assertIsNone(listener.end_reason)


class ReplayTests(SlowLogTestCase):
    """
    Subscribing.
    """

    def test_live(self) -> None:
        """
        A client without an id does not ask the log.
        """
        listener = self.subscribe()
        self.assertEqual([], self.log.unanswered)
        self.publish_now("d")
        self.assertEqual(["d"], listener.data)

    def test_in_the_end(self) -> None:
        """
        A client with an id gets the events after it when the log has answered.
        """
        listener = self.subscribe(last_event_id=id_of(1))
        self.log.answer("find")
        self.assertEqual([], listener.data)
        self.log.answer("read")
        self.assertEqual(["b", "c"], listener.data)

    def test_published_meanwhile(self) -> None:
        """
        Events that are published while the log is silent follow, once.
        """
        listener = self.subscribe(last_event_id=id_of(1))
        self.publish_now("d")
        self.log.answer("find")
        self.publish_now("e")
        self.assertEqual([], listener.data)
        self.log.answer("read")
        self.settle()
        self.publish_now("f")
        self.assertEqual(["b", "c", "d", "e", "f"], listener.data)

    def test_published_while_it_writes(self) -> None:
        """
        Events that are published after a piece was read and before it was written follow, once.
        """
        listener = self.subscribe(last_event_id=id_of(1), is_behind=True)
        self.log.answer("find")
        listener.read()
        listener.stop_reading()
        self.log.answer("read")
        self.publish_now("d")
        listener.read()
        self.settle()
        self.log.answer("read")
        self.publish_now("e")
        self.assertEqual(["b", "c", "d", "e"], listener.data)

    def test_not_yet_published(self) -> None:
        """
        An event that is in the log, but has not been published here, does not come twice.
        """
        live = self.subscribe()
        listener = self.subscribe(last_event_id=id_of(1))
        self.log.answer("find")
        self.publish("d", "e")
        self.log.answer("read")
        self.assertEqual(["b", "c"], listener.data)
        self.log.answer("append")
        self.settle()
        self.assertEqual((["d", "e"], ["b", "c", "d", "e"]), (live.data, listener.data))

    def test_last_not_yet_published(self) -> None:
        """
        If a client asks for the last few events, an event that is in the log, but has not been
        published here, does not come twice.
        """
        listener = self.subscribe(last=2)
        self.publish("d")
        self.log.answer("read")  # to find them
        self.log.answer("read")  # to write them
        self.log.answer("append")
        self.settle()
        self.assertEqual(["b", "c", "d"], listener.data)

    def test_not_yet_published_when_it_came(self) -> None:
        """
        An event that was in the log before a client came, and is published later, comes once, with
        or without an id of the client.
        """
        self.publish("d")
        listeners = [self.subscribe(), self.subscribe(last_event_id=id_of(3))]
        self.log.answer("find")
        self.log.answer("append")
        self.settle()
        self.assertEqual([["d"]] * 2, [one.data for one in listeners])

    def test_seen_before_it_is_published(self) -> None:
        """
        An event that the client has seen at another hub, before it was published here, does not
        come again; a client that leaves meanwhile leaves nothing behind.
        """
        self.publish("d", "e")
        listeners = [self.subscribe(last_event_id=id_of(number)) for number in (4, 5, 5)]
        self.log.answer("find")
        listeners.pop().leave()
        self.log.answer("append")
        self.settle()
        self.publish_now("f")
        self.assertEqual([["e", "f"], ["f"]], [one.data for one in listeners])

    def test_latest(self) -> None:
        """
        With the policy LATEST, an event that is in the log, but has not been published here, does
        not come twice.
        """
        self.hub = self.make_hub(log=self.log, when_behind=WhenBehind.LATEST)
        listener = self.subscribe(last_event_id=id_of(0))
        self.log.answer("find")
        self.publish("d")
        self.log.answer("read")  # to find them
        self.log.answer("read")  # to write them
        self.log.answer("append")
        self.settle()
        self.assertEqual(["c", "d"], listener.data)

    def test_forgotten_before_it_is_read(self) -> None:
        """
        A client that asks for the earliest or for the last few events is not told about a gap if
        the log forgets events between naming the oldest and reading it.
        """
        for options, reads, expected in (
            ({"last_event_id": EARLIEST}, 2, ["b", "c"]),
            ({"last": 1}, 3, ["c"]),  # the third one to write them
        ):
            self.log = SlowLog(self.make_log(max_count=2))
            self.hub = self.make_hub(log=self.log)
            self.publish_now("a", "b")
            listener = self.subscribe(**options)
            self.publish_now("c")
            for _ in range(reads):
                self.log.answer("read")
                self.settle()
            self.assertEqual((expected, None), (shown(listener), listener.end_reason))

    def test_gap(self) -> None:
        """
        A gap is reported when the log has answered; events from then on follow.
        """
        listener = self.subscribe(last_event_id="unknown")
        self.publish_now("d")
        self.assertEqual([], shown(listener))
        self.log.answer("find")
        self.publish_now("e")
        self.assertEqual(["gap", "e"], shown(listener))

    def test_change_topics(self) -> None:
        """
        If a client changes its topics while the log is silent, earlier events count by the old
        topics and later ones by the new, however often it changes.
        """
        listener = self.subscribe(view="t", last_event_id=id_of(2))
        self.publish_now("d")
        self.publish("x", to="u")
        self.log.answer("append")
        listener.subscriber.change_topics("u")
        self.publish_now("e")
        self.publish("y", to="u")
        self.log.answer("append")
        self.log.answer("find")
        listener.subscriber.change_topics(["t", "u"])
        self.publish("z", to="u")
        self.publish_now("f")
        self.log.answer("read")
        self.settle()
        self.assertEqual(["c", "d", "y", "z", "f"], listener.data)

    def test_change_topics_beyond_what_is_read(self) -> None:
        """
        If a client changes its topics while the log is silent, earlier events count by the old
        topics, even if a piece of the log ends before the change.
        """
        self.log = SlowLog(self.make_log())
        self.hub = self.make_hub(log=self.log)
        third = "x" * (PIECE // 3)
        listener = self.subscribe(view="t", is_behind=True)
        for number in range(6):
            self.publish_now(f"{number}{third}")
        listener.subscriber.change_topics("u")
        self.publish_now("not seen")
        self.publish("seen", to="u")
        self.log.answer("append")
        listener.read()
        for _ in range(3):
            self.log.answer("read")
            self.settle()
        self.assertEqual([*"012345", "s"], [one[0] for one in listener.data])


class EndTests(SlowLogTestCase):
    """
    Ends while the log is silent.
    """

    def test_find(self) -> None:
        """
        If a client goes while the log looks for its id, the search is cancelled.
        """
        self.subscribe(last_event_id=id_of(1)).leave()
        self.assertEqual((["find"], []), (self.log.cancelled, self.log.unanswered))

    def test_read(self) -> None:
        """
        If a client goes while the log reads, the read is cancelled.
        """
        first = self.subscribe(last_event_id=id_of(1))
        self.log.answer("find")
        second = self.subscribe(last=2)
        third = self.subscribe(is_behind=True)
        self.publish_now("d")
        third.read()
        for listener in (first, second, third):
            listener.leave()
        self.assertEqual((["read"] * 3, []), (self.log.cancelled, self.log.unanswered))

    def test_properly(self) -> None:
        """
        A subscriber that is ended properly while the log is silent gets only its last bytes.
        """
        listener = self.subscribe(last_event_id=id_of(1))
        self.publish_now("d")
        listener.subscriber.end(for_good=True)
        self.assertEqual(["end"], [event.type for event in listener.events])
        self.assertEqual((False, ["find"]), (listener.is_cut, self.log.cancelled))

    def test_drain(self) -> None:
        """
        When the server stops while the log is silent, every subscriber gets only its last bytes.
        """
        listeners = [self.subscribe(last_event_id=id_of(1)), self.subscribe(last=1)]
        self.hub.close()
        self.hub.streams.drain(3.0)
        self.assertEqual([EndReason.DRAINING] * 2, [one.end_reason for one in listeners])
        self.assertEqual([], self.log.unanswered)

    def test_fails(self) -> None:
        """
        If the log fails to answer, the failure is logged, and the subscriber is cut; its client can
        come back.
        """
        heard: list[EndReason] = []
        listeners = [
            self.subscribe(on_end=lambda subscriber, reason: heard.append(reason), **options)
            for options in ({"last_event_id": id_of(1)}, {"last": 1})
        ]
        other = self.subscribe()
        self.log.break_down()
        self.assertEqual(2, len(self.flushLoggedErrors(Broken)))
        self.assertEqual([EndReason.CATCH_UP_FAILED] * 2, heard)
        self.assertEqual([True] * 2, [one.is_cut for one in listeners])
        self.publish_now("d")
        self.assertEqual((["d"], 1), (other.data, self.hub.subscriber_count))

    def test_raises(self) -> None:
        """
        If the log raises at once, that is logged, and the subscriber is cut.
        """
        self.log.find = fail
        listener = self.subscribe(last_event_id=id_of(1))
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))
        self.assertEqual(EndReason.CATCH_UP_FAILED, listener.end_reason)

    def test_cancels_by_itself(self) -> None:
        """
        If the log cancels its answer by itself, that is logged, and the subscriber is cut.
        """
        listener = self.subscribe(last_event_id=id_of(1))
        self.log.unanswered.pop()[1].errback(CancelledError())
        self.assertEqual(1, len(self.flushLoggedErrors(CancelledError)))
        self.assertEqual((EndReason.CATCH_UP_FAILED, True), (listener.end_reason, listener.is_cut))

    def test_fails_when_cancelled(self) -> None:
        """
        A log that fails in another way when it is cancelled does not prevent a proper end.
        """
        self.log.find = lambda id: Deferred(lambda result: result.errback(Broken()))
        listener = self.subscribe(last_event_id=id_of(1), is_behind=True)
        listener.subscriber.end(for_good=True)
        listener.read()
        self.flushLoggedErrors(Broken)
        self.assertEqual(["end"], [event.type for event in listener.events])
        self.assertFalse(listener.is_cut)

    def test_answers_too_late(self) -> None:
        """
        An answer that comes after its client has gone, because the log cannot cancel it, is
        ignored.
        """
        result: Deferred[int | None] = Deferred()
        self.log.find = lambda id: result
        listener: FakeListener = self.subscribe(last_event_id=id_of(1))
        listener.leave()
        result.callback(1)
        self.settle()
        self.assertEqual([], listener.writes)
