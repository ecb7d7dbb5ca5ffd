"""
Bounded waits for what an application does.
"""

import gc
import weakref
from collections.abc import Generator

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from ssetwist._within import within
from tests.clock import Clock


class TooLate(Exception):
    pass


def refuse_to_end(_: object) -> None:
    raise SystemExit("I do not end")


async def go_on(until: "Deferred[None]") -> None:
    """
    Wait for ever, and when cancelled for something else.
    """
    try:
        await Deferred()
    except CancelledError:
        await until


class WithinTests(SynchronousTestCase):
    """
    An application that answers, at once, later, too late, or never.
    """

    def setUp(self) -> None:
        self.clock = Clock()

    def tearDown(self) -> None:
        self.assertEqual([], self.clock.getDelayedCalls())

    def ask(self, awaited: object) -> "Deferred[object]":
        """
        Wait for an answer for at most three seconds.
        """
        return within(3.0, awaited, self.clock, late=TooLate)  # type: ignore[arg-type]  # anything

    def test_at_once(self) -> None:
        """
        An answer or a failure that is there already needs no timer.
        """
        self.assertEqual(1, self.successResultOf(self.ask(succeed(1))))
        self.failureResultOf(self.ask(fail(KeyError())), KeyError)

    def test_later(self) -> None:
        """
        An answer or a failure that comes in time is passed on, and ends the timer.
        """
        answer: Deferred[int] = Deferred()
        waiting = self.ask(answer)
        self.clock.advance(2.9)
        self.assertNoResult(waiting)
        answer.callback(1)
        self.assertEqual(1, self.successResultOf(waiting))
        answer = Deferred()
        waiting = self.ask(answer)
        answer.errback(KeyError())
        self.failureResultOf(waiting, KeyError)

    def test_chained(self) -> None:
        """
        A Deferred that has fired, but waits for another one, is waited for, and has a time.
        """
        other: Deferred[int] = Deferred()
        waiting = self.ask(succeed(None).addCallback(lambda _: other))
        self.assertNoResult(waiting)
        other.callback(1)
        self.assertEqual(1, self.successResultOf(waiting))
        waiting = self.ask(succeed(None).addCallback(lambda _: Deferred()))
        self.clock.advance(3)
        self.failureResultOf(waiting, TooLate)

    def test_never(self) -> None:
        """
        When the time is over the application is cancelled, and the wait fails.
        """
        seen: list[str] = []
        waiting = self.ask(Deferred(lambda _: seen.append("cancelled")))
        waiting.addErrback(lambda problem: seen.append("failed") or problem)
        self.clock.advance(3)
        self.failureResultOf(waiting, TooLate)
        self.assertEqual(["cancelled", "failed"], seen)

    def test_nothing_is_kept(self) -> None:
        """
        An application that never ends does not keep the result of what waited for it.
        """
        unfired: Deferred[None] = Deferred()

        class Result:
            pass

        results: list[weakref.ref[Result]] = []

        def make(_: object) -> Result:
            result = Result()
            results.append(weakref.ref(result))
            return result

        self.ask(go_on(unfired)).addErrback(make)
        self.clock.advance(3)
        gc.collect()
        self.assertEqual([None], [result() for result in results])
        unfired.callback(None)

    def test_does_not_end(self) -> None:
        """
        The wait ends even if the application does not let itself be cancelled: whether it goes on,
        or raises, and whether the time is over or the wait is cancelled.
        """
        unfired: Deferred[None] = Deferred()
        for awaited in (
            go_on(unfired),
            go_on(unfired),
            Deferred(refuse_to_end),
            Deferred(refuse_to_end),
        ):
            waiting = self.ask(awaited)
            if self.clock.seconds() % 2:
                waiting.cancel()
                self.failureResultOf(waiting, CancelledError)
                self.clock.advance(3)
            else:
                self.clock.advance(3)
                self.failureResultOf(waiting, TooLate)
        self.assertEqual(2, len(self.flushLoggedErrors(SystemExit)))

    def test_too_late(self) -> None:
        """
        An answer that comes too late is dropped; a failure is logged then.
        """
        for answer in (lambda one: one.callback(1), lambda one: one.errback(KeyError())):
            late: Deferred[int] = Deferred(lambda one: None)

            async def go_on(late: "Deferred[int]" = late) -> int:
                try:
                    await Deferred()
                finally:
                    await late

            waiting = self.ask(go_on())
            self.clock.advance(3)
            self.failureResultOf(waiting, TooLate)
            answer(late)
        # The generator's own CancelledError follows the answer.
        self.assertEqual(1, len(self.flushLoggedErrors(KeyError)))

    def test_other_awaitables(self) -> None:
        """
        Coroutines, and objects with ``__await__``, are awaited; anything else is a mistake.
        """

        async def answer() -> int:
            return 1

        class Answer:
            def __await__(self) -> Generator[object, object, int]:
                return answer().__await__()

        self.assertEqual(1, self.successResultOf(self.ask(answer())))
        self.assertEqual(1, self.successResultOf(self.ask(Answer())))
        problem = self.assertRaises(TypeError, self.ask, "news")
        self.assertEqual("expected a Deferred or a coroutine, not str: 'news'", str(problem))
        problem = self.assertRaises(TypeError, self.ask, "news" * 1000)
        self.assertEqual(200, len(str(problem)))
