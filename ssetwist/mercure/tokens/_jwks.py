"""
A JWK set that its issuer publishes, kept up to date.
"""

from collections.abc import Callable, Iterable, Iterator
from math import inf
from random import random

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..._waiters import Waiters
from ...clock import steady
from ...hub import Turns
from ._key_set import KeySet, parse_set
from ._keys import VerificationKey

_log = Logger()

#: Seconds between two reads of the set.
REFRESH_INTERVAL = 300.0

#: Minimum number of seconds between two reads because of tokens with an unknown key, and the time
#: until a source that is down is asked again.
MIN_INTERVAL = 30.0

#: Maximum time for one read, in seconds.
TIMEOUT = 10.0

#: The largest set, in bytes.
MAX_SET_BYTES = 1024 * 1024

#: Maximum part by which an interval is shortened, at random, so that hubs do not all ask at the
#: same moment.
_JITTER = 0.1


class CannotFetch(Exception):
    """
    A JWK set cannot be read; the message says why, without secrets.
    """


#: Reads a JWK set: fires with at most :data:`MAX_SET_BYTES`, or fails with :class:`CannotFetch`.
#: Cancelling it leaves nothing behind.
Fetch = Callable[[], "Deferred[bytes]"]


class JwkSet:
    """
    A JWK set that its issuer may change.  While its source is down, its last keys are kept.  A set
    that can be read replaces them, even if it is empty.

    It is a ``KeySource``, see ``_trust.py``.
    """

    def __init__(
        self,
        name: str,
        fetch: Fetch,
        *,
        clock: IReactorTime,
        algorithms: Iterable[str] | None = None,
        jitter: Callable[[], float] = random,
    ) -> None:
        """
        :param name: Its name in the log.
        :param algorithms: Algorithms that its keys may be used with; by default all that fit.
        :param jitter: Returns a random number from 0 to 1.
        """
        self._name = name
        self._fetch = fetch
        self._clock = steady(clock)
        self._turns = Turns(self._clock)
        self._algorithms = None if algorithms is None else tuple(algorithms)
        self._jitter = jitter
        self._set = KeySet(())
        self._problem = "it has not been read yet"
        self._is_down = False
        self._read_at = -inf
        self._reading: Deferred[None] | None = None
        self._timer: IDelayedCall | None = None
        self._waiting: Waiters[None] = Waiters()
        self._told: Iterator[Deferred[None]] = iter(())
        self._tell = self._turns.sweep((), _fire)
        self._is_started = False

    @property
    def keys(self) -> tuple[VerificationKey, ...]:
        return self._set.keys

    @property
    def problem(self) -> str:
        return f"{self._name}: {self._problem}" if self._problem else ""

    def start(self) -> None:
        if not self._is_started:
            self._is_started = True
            self._read()

    def stop(self) -> None:
        """
        Stop reading the set.  Then no timer runs, and every Deferred has fired.
        """
        self._is_started = False
        self._stop_timer()
        if self._reading is not None:
            self._reading.cancel()
        self._tell_all()

    def seek(self) -> "Deferred[None]":
        """
        Read the set again, at most every 30 seconds, or wait for a read that is under way.
        """
        if self._reading is None:
            if not self._is_started or self._clock.seconds() - self._read_at < MIN_INTERVAL:
                return succeed(None)
            self._read()
        if self._reading is None:  # the read took no time
            return succeed(None)
        return self._waiting.wait()

    def _read(self) -> None:
        self._stop_timer()
        self._read_at = self._clock.seconds()
        self._reading = reading = Deferred.fromCoroutine(self._update())
        reading.addErrback(self._failed).addBoth(self._rest)

    async def _update(self) -> None:
        try:
            content = await self._fetch().addTimeout(TIMEOUT, self._clock, _timed_out)
            found = parse_set(content, self._algorithms)
        except (CannotFetch, ValueError) as problem:
            self._keep(str(problem))
        else:
            self._replace(found)

    def _failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):  # by stop()
            _log.failure("reading {name} failed", failure, name=self._name)
            self._keep("it could not be read")

    def _keep(self, problem: str) -> None:
        if not self._is_started:
            return  # stopped, which is not a problem
        self._problem = problem
        if not self._is_down:
            self._is_down = True
            _log.error(
                "{name}: {problem}; its last {count} keys are kept",
                name=self._name,
                problem=problem,
                count=len(self.keys),
            )

    def _replace(self, found: KeySet) -> None:
        if self._is_down or found.skipped != self._set.skipped or not found.keys:
            _log.info(
                "{name}: read, {count} usable keys; skipped: {skipped}",
                name=self._name,
                count=len(found.keys),
                skipped=found.reasons or "none",
            )
        self._problem, self._is_down, self._set = "", False, found

    def _rest(self, _: object) -> None:
        """
        End a read: schedule the next one, and fire the waiting Deferreds.
        """
        self._reading = None
        if self._is_started:
            seconds = MIN_INTERVAL if self._is_down else REFRESH_INTERVAL
            seconds *= 1 - _JITTER * self._jitter()
            self._timer = self._clock.callLater(seconds, self._read)
        self._tell_all()
        # Each of them goes on with its request, and there may be thousands.
        self._told = self._waiting.take()
        self._tell = self._turns.sweep(self._told, _fire)
        self._tell.start()
        if not self._is_started:
            self._tell_all()

    def _tell_all(self) -> None:
        self._tell.stop()
        for one in self._told:
            one.callback(None)

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None


def _timed_out(_: object, seconds: float) -> Failure:
    return Failure(CannotFetch(f"it could not be read in {seconds:g} s"))


def _fire(one: "Deferred[None]") -> None:
    one.callback(None)
