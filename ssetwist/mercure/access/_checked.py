"""
A check on every authorizer, whoever wrote it: it answers in time, with rights, or allows nothing.
"""

from collections.abc import Awaitable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from ..._within import within
from ...clock import date_of
from ...errors import Refused
from ...web.opening import is_over
from ..rights import Action, Rights
from ._authorizer import Authorizer

_log = Logger()

#: Seconds until another try may succeed, if access could not be decided.
RETRY_AFTER = 5.0


def undecided(reason: str) -> Refused:
    """
    Return the refusal of a request whose access cannot be decided now.
    """
    return Refused(
        503,
        "Access cannot be decided now; try again later.",
        reason=reason,
        retry_after=RETRY_AFTER,
    )


class CheckedAuthorizer:
    """
    Decides as another authorizer does, within a time.

    A request gets 503, and nothing else happens, if the other authorizer does not answer in time,
    raises anything but ``Refused``, or answers with something that is not ``Rights``.  Its author
    finds the fault in the log.  Rights that have ended already allow nothing.

    :param timeout: Seconds for an answer.
    """

    def __init__(self, authorizer: Authorizer, clock: IReactorTime, *, timeout: float) -> None:
        self._authorizer = authorizer
        self._clock = clock
        self._now = date_of(clock)
        self._timeout = timeout

    def can_allow(self, action: Action) -> bool:
        return self._authorizer.can_allow(action)

    def authorize(self, request: Request, action: Action) -> Deferred[Rights]:
        try:
            answer: Awaitable[Rights] = self._authorizer.authorize(request, action)
            asking = within(self._timeout, answer, self._clock, late=self._late)
        except BaseException:
            asking = fail()
        return asking.addBoth(self._decided, request)

    def _late(self) -> Refused:
        return undecided(f"the authorizer has not answered within {self._timeout:g} s")

    def _decided(self, answer: Any, request: Request) -> Rights | Failure:  # anything, or a failure
        if isinstance(answer, Failure):
            return _denied(answer, request)
        try:
            return self._check(answer)
        except BaseException:
            return _denied(Failure(), request)

    def _check(self, rights: Any) -> Rights:  # an application may answer anything
        if not isinstance(rights, Rights):
            raise TypeError(f"an authorizer must answer with Rights, not {rights!r}"[:200])
        ago = self._now() - rights.expires
        if ago >= 0:
            reason = f"its rights ended {ago:.0f} s ago; Rights.expires is a date, not a duration"
            raise Refused(403, "Your rights have ended.", reason=reason)
        return rights


def _denied(problem: Failure, request: Request) -> Failure:
    if problem.check(Refused) or (problem.check(CancelledError) and is_over(request)):
        return problem
    _log.failure("the authorizer failed, so the request is denied", problem)
    return Failure(undecided("the authorizer failed, see above"))
