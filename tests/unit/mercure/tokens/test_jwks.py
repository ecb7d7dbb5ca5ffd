"""
JWK sets that somebody else changes.
"""

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.mercure.tokens._jwks import (
    MIN_INTERVAL,
    REFRESH_INTERVAL,
    TIMEOUT,
    CannotFetch,
    JwkSet,
)
from tests.unit.mercure.fake_tokens import jwk, jwk_set


class Server:
    """
    Gives a set when the test says so.
    """

    def __init__(self) -> None:
        self.asked: list[Deferred[bytes]] = []
        self.cancelled = 0

    def fetch(self) -> "Deferred[bytes]":
        """
        Be asked.
        """
        self.asked.append(Deferred(self._cancel))
        return self.asked[-1]

    def answer(self, *kids: str) -> None:
        """
        Give a set of keys of these names.
        """
        self.asked[-1].callback(jwk_set(*(jwk("P-256", kid=kid) for kid in kids)))

    def fail(self, problem: Exception) -> None:
        """
        Give none.
        """
        self.asked[-1].errback(problem)

    def _cancel(self, _: object) -> None:
        self.cancelled += 1


class JwkSetTests(SynchronousTestCase):
    """
    A set, and when it is read.
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
        Whatever happened: after the end nothing is left.
        """
        self.set.stop()
        self.assertEqual([], self.clock.getDelayedCalls())

    def kids(self) -> list[str | None]:
        """
        Return the names of its keys.
        """
        return [key.kid for key in self.set.keys]

    def test_read(self) -> None:
        """
        It is read when it is started, once, and then every five minutes.
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
        Not all hubs ask at the same moment.
        """
        self.jitter = 1.0
        self.set.start()
        self.server.answer("a")
        self.clock.advance(REFRESH_INTERVAL * 0.9)
        self.assertEqual(2, len(self.server.asked))

    def test_not_started(self) -> None:
        """
        Before it is started, and after its end, nothing is read, and nobody waits.
        """
        self.successResultOf(self.set.seek())
        self.set.start()
        self.set.stop()
        self.successResultOf(self.set.seek())
        self.clock.advance(REFRESH_INTERVAL)
        self.assertEqual(1, len(self.server.asked))

    def test_again(self) -> None:
        """
        It may be started again.
        """
        self.set.start()
        self.set.stop()
        self.set.start()
        self.server.answer("a")
        self.assertEqual(["a"], self.kids())

    def test_seek(self) -> None:
        """
        Who misses a key waits for one read with all others that do.
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
        That happens every 30 seconds at most.
        """
        self.set.start()
        self.server.answer("a")
        self.clock.advance(MIN_INTERVAL - 1)
        self.successResultOf(self.set.seek())
        self.assertEqual(1, len(self.server.asked))

    def test_seek_first(self) -> None:
        """
        Who comes before the first read is over waits for it.
        """
        self.set.start()
        waiting = self.set.seek()
        self.assertNoResult(waiting)
        self.server.answer("a")
        self.successResultOf(waiting)

    def test_seek_in_vain(self) -> None:
        """
        Who waits is told also if nothing could be read, or the end comes.
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
        Who does not wait any longer takes nothing from the others.
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
        Who is told may make others go.
        """
        self.set.start()
        first, second = self.set.seek(), self.set.seek()
        first.addCallback(lambda _: second.cancel())
        self.server.answer("a")
        self.successResultOf(first)
        self.failureResultOf(second, CancelledError)

    def test_at_once(self) -> None:
        """
        A source that takes no time is read at once.
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
        While its source is down, the keys are kept, and it is asked again every 30 seconds; the log
        has one line when that begins, and one when it ends.
        """
        self.set.start()
        self.server.answer("a")
        self.clock.advance(REFRESH_INTERVAL)
        with capturedLogs() as logs:
            for problem in ("it is gone", "it is still gone", "it is away"):
                self.server.fail(CannotFetch(problem))
                self.assertEqual(["a"], self.kids())
                self.assertEqual(f"the set: {problem}", self.set.problem)
                self.clock.advance(MIN_INTERVAL)
            self.server.answer("b")
        self.assertEqual((["b"], ""), (self.kids(), self.set.problem))
        self.assertEqual(
            [
                (LogLevel.error, "the set: it is gone; 1 keys that it had are kept"),
                (LogLevel.info, "the set: read, 1 keys can be used; skipped: none"),
            ],
            [(event["log_level"], formatEvent(event)) for event in logs],
        )

    def test_no_set(self) -> None:
        """
        A source that gives something else is down.
        """
        self.set.start()
        self.server.answer("a")
        for content, expected in (
            (b"<html>", "it is not JSON"),
            (b"[]", "it is no JWK set"),
            (b"\xff", "it is not JSON"),
        ):
            self.clock.advance(REFRESH_INTERVAL)
            self.server.asked[-1].callback(content)
            self.assertIn(expected, self.set.problem)
            self.assertEqual(["a"], self.kids())

    def test_empty(self) -> None:
        """
        A set without keys takes all keys away: whoever publishes it wants them gone.
        """
        self.set.start()
        self.server.answer("a")
        self.clock.advance(REFRESH_INTERVAL)
        with capturedLogs() as logs:
            self.server.answer()
        self.assertEqual([], self.kids())
        self.assertIn("0 keys can be used", formatEvent(logs[0]))

    def test_skipped(self) -> None:
        """
        What is skipped is told when that changes.
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
        Its keys may be limited to some algorithms.
        """
        keys = JwkSet("s", self.server.fetch, clock=self.clock, algorithms=iter(["RS256"]))
        keys.start()
        self.server.asked[-1].callback(jwk_set(jwk("P-256"), jwk("RSA")))
        self.assertEqual([("RS256",)], [key.algorithms for key in keys.keys])
        keys.stop()

    def test_too_slow(self) -> None:
        """
        A read has ten seconds.
        """
        self.set.start()
        self.clock.advance(TIMEOUT)
        self.assertEqual(1, self.server.cancelled)
        self.assertEqual("the set: it could not be read in 10 s", self.set.problem)

    def test_stop_while_read(self) -> None:
        """
        Its end cancels the read, and is no problem of the source's.
        """
        with capturedLogs() as logs:
            self.set.start()
            self.set.stop()
        self.assertEqual((1, []), (self.server.cancelled, list(logs)))

    def test_stop_and_fail(self) -> None:
        """
        A source that fails because it was cancelled has no problem either.
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

    def test_defect(self) -> None:
        """
        A source that fails in a way that nobody thought of is down, too, and is asked again.
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
