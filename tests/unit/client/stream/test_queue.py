"""
Queue between a stream and the application that takes its events.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client.stream._queue import MANY, MUCH, EventQueue
from ssetwist.eventstream import Event


def events(*numbers: int) -> list[Event]:
    """
    Return some events.
    """
    return [Event(str(number)) for number in numbers]


class Flow:
    """
    Flow that takes note of being paused and resumed.
    """

    def __init__(self) -> None:
        self.told: list[str] = []

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")


class QueueCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.queue = EventQueue()
        self.flow = Flow()
        self.queue.connect(self.flow)


class TakingTests(QueueCase):
    """
    Order in which events are taken.
    """

    def test_held(self) -> None:
        """
        Events that come before they are asked for are held, in order.
        """
        self.queue.put(events(1, 2))
        self.assertEqual(2, len(self.queue))
        self.assertEqual(events(1, 2), [self.successResultOf(self.queue.next()) for _ in "12"])

    def test_awaited(self) -> None:
        """
        Callers that wait get the events that come, in turns.
        """
        waiting = [self.queue.next() for _ in range(3)]
        self.queue.put(events(1, 2))
        self.assertEqual(events(1, 2), [self.successResultOf(one) for one in waiting[:2]])
        self.assertNoResult(waiting[2])
        self.queue.put(events(3))
        self.assertEqual(events(3), [self.successResultOf(waiting[2])])

    def test_cancel_loses_nothing(self) -> None:
        """
        Cancelling a caller that waits loses no event.
        """
        cancelled, other = self.queue.next(), self.queue.next()
        cancelled.cancel()
        self.failureResultOf(cancelled, CancelledError)
        self.queue.put(events(1, 2))
        self.assertEqual(events(1), [self.successResultOf(other)])
        self.assertEqual(events(2), [self.successResultOf(self.queue.next())])

    def test_asks_from_within(self) -> None:
        """
        A caller that asks again from within a callback does not overtake callers that wait.
        """
        got: list[tuple[str, Event | None]] = []

        def ask(name: str) -> None:
            self.queue.next().addCallback(take, name)

        def take(event: Event | None, name: str) -> None:
            got.append((name, event))
            if len(got) < 6:
                ask(name)

        ask("a")
        ask("b")
        self.queue.put(events(1, 2, 3, 4))
        self.assertEqual(list(zip("abab", events(1, 2, 3, 4), strict=True)), got)

    def test_comes_from_within(self) -> None:
        """
        Events that come while others are handed out come after them.
        """
        got: list[Event | None] = []
        self.queue.next().addCallback(lambda event: self.queue.put(events(3)) or got.append(event))
        for _ in range(2):
            self.queue.next().addCallback(got.append)
        self.queue.put(events(1, 2))
        self.assertEqual(events(1, 2, 3), got)

    def test_stack_depth(self) -> None:
        """
        A callback that asks for the next event gets a burst of any length without a deeper stack.
        """
        got: list[Event] = []

        def take(event: Event | None) -> None:
            assert event is not None
            got.append(event)
            self.queue.next().addCallback(take)

        self.queue.next().addCallback(take)
        burst = events(*range(5000))
        self.queue.put(burst)
        self.assertEqual(burst, got)

    def test_iterated(self) -> None:
        """
        The queue is an asynchronous iterator that ends quietly.
        """

        async def all_of() -> list[Event]:
            return [event async for event in self.queue]

        self.queue.put(events(1, 2))
        result = Deferred.fromCoroutine(all_of())
        self.queue.put(events(3))
        self.queue.end()
        self.assertEqual(events(1, 2, 3), self.successResultOf(result))

    def test_taken(self) -> None:
        """
        The queue remembers the event that was taken last.
        """
        self.assertIsNone(self.queue.taken)
        self.queue.put(events(1, 2))
        self.queue.next()
        self.assertEqual(Event("1"), self.queue.taken)


class EndTests(QueueCase):
    """
    End of the queue.
    """

    def test_end(self) -> None:
        """
        After the end, the held events can still be taken; then each call gets ``None``.
        """
        self.queue.put(events(1))
        self.queue.end()
        self.queue.put(events(2))
        got = [self.successResultOf(self.queue.next()) for _ in range(3)]
        self.assertEqual([*events(1), None, None], got)

    def test_problem(self) -> None:
        """
        A problem comes after the held events, to each caller.
        """
        waiting = self.queue.next()
        problem = ValueError("why")
        self.queue.end(problem)
        self.queue.end(KeyError("not this"))
        for one in (waiting, self.queue.next()):
            self.assertIs(problem, self.failureResultOf(one, ValueError).value)

    def test_close(self) -> None:
        """
        Closing drops the held events, and callers that wait get ``None``.
        """
        self.queue.put(events(1))
        self.queue.close()
        self.assertEqual(0, len(self.queue))
        self.assertTrue(self.queue.has_untaken)
        self.assertIsNone(self.successResultOf(self.queue.next()))
        self.queue.end(ValueError("too late"))
        self.assertIsNone(self.successResultOf(self.queue.next()))

    def test_close_after_problem(self) -> None:
        """
        Closing also drops a problem that nobody has got yet.
        """
        self.queue.put(events(1))
        self.queue.end(ValueError("why"))
        self.queue.close()
        self.assertIsNone(self.successResultOf(self.queue.next()))

    def test_close_from_within(self) -> None:
        """
        When a callback closes the queue, neither this callback nor another caller gets more events.
        """
        first, second = self.queue.next(), self.queue.next()
        first.addCallback(lambda _: self.queue.close())
        self.queue.put(events(1, 2, 3))
        self.assertIsNone(self.successResultOf(second))
        self.assertIsNone(self.successResultOf(self.queue.next()))


class FlowTests(QueueCase):
    """
    Pauses of the flow.
    """

    def test_many(self) -> None:
        """
        The flow is paused when many events wait, and resumed when all are taken.
        """
        self.queue.put(events(*range(MANY - 1)))
        self.assertEqual([], self.flow.told)
        self.queue.put(events(1))
        self.assertEqual(["pause"], self.flow.told)
        for _ in range(MANY - 1):
            self.queue.next()
        self.assertEqual(["pause"], self.flow.told)
        self.queue.next()
        self.assertEqual(["pause", "resume"], self.flow.told)

    def test_much(self) -> None:
        """
        The flow is paused when the characters of the events that wait are too many: those of data,
        types and ids.
        """
        rest = MUCH - len("message") - len("type") - len("id")
        self.queue.put([Event("a" * (rest - 1))])
        self.queue.put([Event("", "type", id="id")])
        self.assertEqual([], self.flow.told)
        for _ in range(2):
            self.queue.next()
        self.queue.put([Event("a" * rest)])
        self.assertEqual([], self.flow.told)
        self.queue.put([Event("", "type", id="id")])
        self.assertEqual(["pause"], self.flow.told)

    def test_long_type_or_id(self) -> None:
        """
        A long type or id counts like long data.
        """
        self.queue.put([Event("a", "t" * (MUCH // 2)), Event("b", id="i" * (MUCH // 2))])
        self.assertEqual(["pause"], self.flow.told)

    def test_paused_once(self) -> None:
        """
        Events that come during a pause are held, and the flow is not paused again.
        """
        self.queue.put(events(*range(2 * MANY)))
        self.queue.put(events(*range(MANY)))
        self.assertEqual(3 * MANY, len(self.queue))
        self.assertEqual(["pause"], self.flow.told)

    def test_other_flow(self) -> None:
        """
        A new flow is paused at once if many events of the last one still wait.
        """
        self.queue.put(events(*range(MANY)))
        self.queue.connect(None)
        other = Flow()
        self.queue.connect(other)
        self.assertEqual(["pause"], other.told)
        for _ in range(MANY):
            self.queue.next()
        self.assertEqual(["pause", "resume"], other.told)
        self.assertEqual(["pause"], self.flow.told)

    def test_resumed_from_within(self) -> None:
        """
        A flow that brings more events within ``resume`` keeps the order.
        """
        more = events(MANY)

        def resume() -> None:
            self.queue.put(more)

        self.flow.resume = resume
        self.queue.put(events(*range(MANY)))
        got = [self.successResultOf(self.queue.next()) for _ in range(MANY + 1)]
        self.assertEqual(events(*range(MANY + 1)), got)

    def test_no_flow(self) -> None:
        """
        Between two flows nothing is paused or resumed.
        """
        self.queue.connect(None)
        self.queue.put(events(*range(MANY)))
        for _ in range(MANY):
            self.queue.next()
        self.assertEqual([], self.flow.told)

    @given(st.lists(st.integers(-3, 100)))
    def test_any_order(self, steps: list[int]) -> None:
        """
        Any order of puts and takes hands out all events, once and in order; the flow runs whenever
        the queue is empty.
        """
        self.setUp()
        put, got = [], []
        waiting: list[Deferred[Event | None]] = []
        for step in steps:
            if step > 0:
                some = events(*range(len(put), len(put) + step))
                put += some
                self.queue.put(some)
            elif step == -3 and waiting and not waiting[-1].called:
                waiting.pop().addErrback(lambda _: None).cancel()
            else:
                waiting.append(self.queue.next())
        self.queue.end()
        while len(self.queue):
            waiting.append(self.queue.next())
        for one in waiting:
            one.addCallback(got.append)
        self.assertEqual(put, [event for event in got if event is not None])
        self.assertEqual(
            ["pause", "resume"] * (len(self.flow.told) // 2),
            self.flow.told[: 2 * (len(self.flow.told) // 2)],
        )
