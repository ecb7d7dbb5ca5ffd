"""
JWK sets that their issuers change.
"""

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.hub._turns import MAX_SWEEP
from ssetwist.mercure.tokens._jwks import (
    MIN_INTERVAL,
    REFRESH_INTERVAL,
    TIMEOUT,
    CannotFetch,
    JwkSet,
)
from tests.clock import Clock
from tests.unit.hub.fake import TurnClock
from tests.unit.mercure.fake_tokens import jwk, jwk_set


class Server:
    """
    A server that answers when the test says so.
    """

    def __init__(self) -> None:
        self.asked: list[Deferred[bytes]] = []
        self.cancelled = 0

    def fetch(self) -> "Deferred[bytes]":
        """
        Ask for the set.
        """
        self.asked.append(Deferred(self._cancel))
        return self.asked[-1]

    def answer(self, *kids: str) -> None:
        """
        Answer with a set of keys with these names.
        """
        self.asked[-1].callback(jwk_set(*(jwk("P-256", kid=kid) for kid in kids)))

    def fail(self, problem: Exception) -> None:
        """
        Answer with an error.
        """
        self.asked[-1].errback(problem)

    def _cancel(self, _: object) -> None:
        self.cancelled += 1


class JwkSetTests(SynchronousTestCase):
    """
    The times when a set is read, and its keys.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.server = Server()
        self.jitter = 0.0
        self.set = JwkSet(
            "the set", self.server.fetch, clock=self.clock, jitter=lambda: self.jitter
        )

    def tearDown(self) -> None:
        """
        Check that no timer is left.
        """
        self.set.stop()
        self.assertEqual([], self.clock.getDelayedCalls())

    def kids(self) -> list[str | None]:
        """
        Return the names of the keys.
        """
        return [key.kid for key in self.set.keys]

    def test_read(self) -> None:
        """
        A set is read once when it is started, and then every five minutes.
        """
        self.set.start()
        self.set.start()
        self.assertEqual("the set: it has not been read yet", self.set.problem)
        self.server.answer("a")
        self.assertEqual((["a"], ""), (self.kids(), self.set.problem))
        self.clock.advance(REFRESH_INTERVAL - 1)
        self.assertEqual(1, len(self.server.asked))
        self.clock.advance(1)
        self.server.answer("b")
        self.assertEqual(["b"], self.kids())
        self.clock.advance(REFRESH_INTERVAL)
        self.assertEqual(3, len(self.server.asked))

    def test_jitter(self) -> None:
        """
        The interval between reads is shortened at random.
        """
        self.jitter = 1.0
        self.set.start()
        self.server.answer("a")
        self.clock.advance(REFRESH_INTERVAL * 0.9)
        self.assertEqual(2, len(self.server.asked))

    def test_not_started(self) -> None:
        """
        A set that has not been started, or was stopped, reads nothing, and ``seek`` fires at once.
        """
        self.successResultOf(self.set.seek())
        self.set.start()
        self.set.stop()
        self.successResultOf(self.set.seek())
        self.clock.advance(REFRESH_INTERVAL)
        self.assertEqual(1, len(self.server.asked))

    def test_restart(self) -> None:
        """
        A set that was stopped may be started again.
        """
        self.set.start()
        self.set.stop()
        self.set.start()
        self.server.answer("a")
        self.assertEqual(["a"], self.kids())

    def test_seek(self) -> None:
        """
        Tokens with unknown keys share one read.
        """
        self.set.start()
        self.server.answer("a")
        self.clock.advance(MIN_INTERVAL)
        waiting = [self.set.seek() for _ in range(3)]
        self.assertEqual(2, len(self.server.asked))
        self.assertNoResult(waiting[0])
        self.server.answer("b")
        for one in waiting:
            self.successResultOf(one)
        self.assertEqual(["b"], self.kids())
        self.assertEqual(1, len(self.clock.getDelayedCalls()))

    def test_seek_too_often(self) -> None:
        """
        Tokens with unknown keys cause a read every 30 seconds at most.
        """
        self.set.start()
        self.server.answer("a")
        self.clock.advance(MIN_INTERVAL - 1)
        self.successResultOf(self.set.seek())
        self.assertEqual(1, len(self.server.asked))

    def test_seek_first(self) -> None:
        """
        A token that comes during the first read waits for it.
        """
        self.set.start()
        waiting = self.set.seek()
        self.assertNoResult(waiting)
        self.server.answer("a")
        self.successResultOf(waiting)

    def test_seek_in_vain(self) -> None:
        """
        A wait also ends if the read fails, or if the set is stopped.
        """
        self.set.start()
        waiting = self.set.seek()
        self.server.fail(CannotFetch("it is gone"))
        self.successResultOf(waiting)
        self.clock.advance(MIN_INTERVAL)
        waiting = self.set.seek()
        self.set.stop()
        self.successResultOf(waiting)

    def test_seek_cancelled(self) -> None:
        """
        Cancelling one ``seek`` does not affect the others.
        """
        self.set.start()
        first, second = self.set.seek(), self.set.seek()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(0, self.server.cancelled)
        self.server.answer("a")
        self.successResultOf(second)

    def test_one_cancels_another(self) -> None:
        """
        A callback of one ``seek`` may cancel another ``seek``.
        """
        self.set.start()
        first, second = self.set.seek(), self.set.seek()
        first.addCallback(lambda _: second.cancel())
        self.server.answer("a")
        self.successResultOf(first)
        self.failureResultOf(second, CancelledError)

    def test_immediate_source(self) -> None:
        """
        A source may answer at once.
        """
        contents = [jwk_set(jwk("P-256", kid=kid)) for kid in ("b", "a")]
        keys = JwkSet("the set", lambda: succeed(contents.pop()), clock=self.clock)
        keys.start()
        self.assertEqual(["a"], [key.kid for key in keys.keys])
        self.clock.advance(MIN_INTERVAL)
        self.successResultOf(keys.seek())
        self.assertEqual(["b"], [key.kid for key in keys.keys])
        keys.stop()

    def test_down(self) -> None:
        """
        While its source is down, a set keeps its keys and asks every 30 seconds; the log has one
        line when that begins, and one when it ends, each time.
        """
        self.set.start()
        self.server.answer("a")
        for _ in range(2):
            self.clock.advance(REFRESH_INTERVAL)
            with capturedLogs() as logs:
                for problem in ("it is gone", "it is still gone", "it is away"):
                    self.server.fail(CannotFetch(problem))
                    self.assertEqual(["a"], self.kids())
                    self.assertEqual(f"the set: {problem}", self.set.problem)
                    self.clock.advance(MIN_INTERVAL)
                self.server.answer("a")
            self.assertEqual((["a"], ""), (self.kids(), self.set.problem))
            self.assertEqual(
                [
                    (LogLevel.error, "the set: it is gone; its last 1 keys are kept"),
                    (LogLevel.info, "the set: read, 1 usable keys; skipped: none"),
                ],
                [(event["log_level"], formatEvent(event)) for event in logs],
            )

    def test_not_a_set(self) -> None:
        """
        A source that does not answer with a JWK set counts as down.
        """
        self.set.start()
        self.server.answer("a")
        for content, expected in (
            (b"<html>", "it is not JSON"),
            (b"[]", "it is not a JWK set"),
            (b"\xff", "it is not JSON"),
        ):
            self.clock.advance(REFRESH_INTERVAL)
            self.server.asked[-1].callback(content)
            self.assertIn(expected, self.set.problem)
            self.assertEqual(["a"], self.kids())

    def test_empty(self) -> None:
        """
        An empty set removes all keys, because its issuer no longer wants them.
        """
        self.set.start()
        self.server.answer("a")
        self.clock.advance(REFRESH_INTERVAL)
        with capturedLogs() as logs:
            self.server.answer()
        self.assertEqual([], self.kids())
        self.assertIn("0 usable keys", formatEvent(logs[0]))

    def test_skipped(self) -> None:
        """
        The log tells when the list of skipped keys changes.
        """
        self.set.start()
        with capturedLogs() as logs:
            for _ in range(2):
                self.server.asked[-1].callback(jwk_set(jwk("P-256"), {"kty": "oct", "kid": "o"}))
                self.clock.advance(REFRESH_INTERVAL)
        self.assertEqual(1, len(logs))
        self.assertIn("skipped: key 'o': it is a shared secret", formatEvent(logs[0]))

    def test_algorithms(self) -> None:
        """
        The keys of a set may be limited to some algorithms.
        """
        keys = JwkSet("s", self.server.fetch, clock=self.clock, algorithms=iter(["RS256"]))
        keys.start()
        self.server.asked[-1].callback(jwk_set(jwk("P-256"), jwk("RSA")))
        self.assertEqual([("RS256",)], [key.algorithms for key in keys.keys])
        keys.stop()

    def test_too_slow(self) -> None:
        """
        A read that takes more than ten seconds is cancelled.
        """
        self.set.start()
        self.clock.advance(TIMEOUT)
        self.assertEqual(1, self.server.cancelled)
        self.assertEqual("the set: it could not be read in 10 s", self.set.problem)

    def test_stop_while_read(self) -> None:
        """
        Stopping a set cancels its read, and logs nothing.
        """
        with capturedLogs() as logs:
            self.set.start()
            self.set.stop()
        self.assertEqual((1, []), (self.server.cancelled, list(logs)))

    def test_stop_and_fail(self) -> None:
        """
        A source that fails while it is cancelled logs nothing.
        """

        def fetch() -> "Deferred[bytes]":
            return Deferred(lambda d: d.errback(CannotFetch("the connection was cut")))

        keys = JwkSet("the set", fetch, clock=self.clock)
        with capturedLogs() as logs:
            keys.start()
            keys.stop()
        self.assertEqual([], list(logs))
        keys.start()
        self.clock.advance(TIMEOUT)
        self.assertEqual("the set: it could not be read in 10 s", keys.problem)
        keys.stop()

    def test_unexpected_error(self) -> None:
        """
        A source that raises an unexpected error counts as down, and is asked again.
        """
        asked = []

        def fetch() -> "Deferred[bytes]":
            asked.append(1)
            return fail(ZeroDivisionError())

        keys = JwkSet("the set", fetch, clock=self.clock)
        keys.start()
        self.assertEqual("the set: it could not be read", keys.problem)
        self.clock.advance(MIN_INTERVAL)
        self.assertEqual(2, len(asked))
        keys.stop()
        self.assertEqual(2, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_crowd(self) -> None:
        """
        Many requests that wait for a read go on in several turns, each of which is short; when the
        set is stopped, the others go on at once.
        """
        for is_stopped in (False, True):
            clock = TurnClock()
            keys = JwkSet("the set", self.server.fetch, clock=clock)
            keys.start()
            told: list[int] = []

            def hear(_: None, told: list[int] = told, clock: TurnClock = clock) -> None:
                clock.busy(MAX_SWEEP * 0.6)
                told.append(len(told))

            for _ in range(6):
                keys.seek().addCallback(hear)
            self.server.answer("a")
            self.assertEqual(2, len(told))
            clock.turn()
            self.assertEqual(4, len(told))
            if is_stopped:
                keys.stop()
            else:
                clock.turn()
            self.assertEqual(6, len(told))
            keys.stop()
            self.assertEqual([], clock.getDelayedCalls())
