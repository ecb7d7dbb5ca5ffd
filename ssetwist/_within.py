"""
Bounded waits for what an application does; a leaf that every package may import.

An application may answer too late or never, may refuse to be cancelled, and may raise anything,
even when it is cancelled.  None of that reaches the code that waits.
"""

from collections.abc import Awaitable, Callable, Coroutine
from inspect import isawaitable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

_log = Logger()

_T = TypeVar("_T")


def within(
    seconds: float,
    awaited: Awaitable[_T],
    clock: IReactorTime,
    *,
    late: Callable[[], Exception],
) -> "Deferred[_T]":
    """
    Wait for an application, but not for longer than it may take.

    :param seconds: Time for the answer, from now on.
    :param awaited: A Deferred, a coroutine, or anything else that can be awaited.
    :param late: Returns the error to fail with when the time is over.
    :returns: A Deferred that fires with the answer.  When the time is over it fails, and when it is
        cancelled it fires with ``CancelledError``; in both cases at once, whether or not the
        application lets itself be cancelled.  A failure that comes too late is logged.
    :raises TypeError: If it cannot be awaited.
    """
    asked = _as_deferred(awaited)
    if asked.called and not asked.paused:
        return asked  # the usual case: nothing had to wait
    return _Wait(seconds, asked, clock, late).answer


def _as_deferred(awaited: Any) -> "Deferred[Any]":  # callers pass anything
    if isinstance(awaited, Deferred):
        return awaited
    if isinstance(awaited, Coroutine):
        return Deferred.fromCoroutine(awaited)
    if isawaitable(awaited):
        return Deferred.fromCoroutine(_await(awaited))
    name = awaited.__class__.__name__
    raise TypeError(f"expected a Deferred or a coroutine, not {name}: {awaited!r}"[:200])


async def _await(awaited: Awaitable[_T]) -> _T:
    return await awaited


class _Wait(Generic[_T]):
    """
    One wait.  It is over as soon as ``_answer`` is ``None``, and then holds nothing of the waiter.
    """

    def __init__(
        self,
        seconds: float,
        asked: "Deferred[_T]",
        clock: IReactorTime,
        late: Callable[[], Exception],
    ) -> None:
        self.answer: Deferred[_T] = Deferred(lambda _: self._give_up())
        self._answer: Deferred[_T] | None = self.answer
        self._asked = asked
        self._late = late
        self._is_late = False
        self._timer = clock.callLater(seconds, self._time_is_over)
        asked.addBoth(self._came)

    def _came(self, result: Any) -> None:  # an answer, or a Failure
        if (answer := self._take_answer()) is not None:
            answer.callback(result)
        elif self._is_late and isinstance(result, Failure) and not result.check(CancelledError):
            _log.failure("an application failed after its time was over", result)

    def _time_is_over(self) -> None:
        answer = self._take_answer()
        assert answer is not None, "the timer is cancelled when an answer comes"
        self._is_late = True
        self._cancel()
        answer.errback(self._late())

    def _give_up(self) -> None:
        if self._take_answer() is not None:
            self._cancel()

    def _take_answer(self) -> "Deferred[_T] | None":
        answer, self._answer = self._answer, None
        if answer is not None:
            del self.answer
            if self._timer.active():
                self._timer.cancel()
        return answer

    def _cancel(self) -> None:
        try:
            self._asked.cancel()
        except BaseException:
            _log.failure("an application failed when it was cancelled")
