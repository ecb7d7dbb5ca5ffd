"""
Faults of the application in the hooks of a source, and everything that they may raise.
"""

from asyncio import CancelledError as AsyncioCancelledError
from math import nan

from twisted.internet.defer import CancelledError

from ssetwist.client import ReadyState
from ssetwist.errors import Disconnected, HeadersUnavailable
from tests.unit.client.case import HEAD, SourceCase

PROBLEMS = (
    ZeroDivisionError,
    SystemExit,
    KeyboardInterrupt,
    GeneratorExit,
    AsyncioCancelledError,
    CancelledError,
    StopIteration,
    StopAsyncIteration,
)


class FaultTests(SourceCase):
    """
    A source goes on, or ends with an error; it is never stuck.
    """

    def test_hooks(self) -> None:
        """
        A hook that raises changes nothing; without a policy that works, the source ends.
        """
        for name in ("on_open", "on_comment", "on_interruption", "jitter", "policy"):
            for problem in PROBLEMS:

                def hook(*_: object, problem: type[BaseException] = problem) -> None:
                    raise problem("oops")

                source = self.source(**{name: hook})
                closed = source.when_closed()
                self.accept(HEAD + b": hello\n\ndata: 1\n\n").finish()
                self.turn()
                self.assertEqual("1", self.successResultOf(source.next()).data)
                if name == "policy":
                    self.failureResultOf(closed, Disconnected)
                else:
                    self.reactor.pump([1.0] * 10)
                    self.assertEqual(1, self.asked(), (name, problem))
                    self.accept(HEAD)
                self.assertTrue(self.flushLoggedErrors(problem), (name, problem))
                closed = source.close()
                self.turn()
                self.successResultOf(closed)

    def test_jitter(self) -> None:
        """
        A number that is not from 0 to 1 is logged, and replaced.
        """
        for value in (-1, 2, nan, None, "1"):
            source = self.source(jitter=lambda value=value: value)
            self.accept(HEAD).finish()
            self.reactor.pump([1.0] * 10)
            self.accept(HEAD)
            self.assertTrue(self.flushLoggedErrors(ValueError, TypeError))
            closed = source.close()
            self.turn()
            self.successResultOf(closed)

    def test_fresh_headers(self) -> None:
        """
        Without fresh headers the attempt fails, and another one follows.
        """
        for problem in PROBLEMS:

            def hook(problem: type[BaseException] = problem) -> None:
                raise problem("oops")

            failures: list[object] = []
            source = self.source(
                fresh_headers=hook, on_interruption=failures.append, jitter=lambda: 0.5
            )
            self.reactor.pump([1.0] * 5)
            self.assertGreater(len(failures), 1, problem)
            for one in failures:
                self.assertIsInstance(one.problem, (HeadersUnavailable, Disconnected))
            self.assertIs(ReadyState.CONNECTING, source.state)
            closed = source.close()
            self.turn()
            self.successResultOf(closed)
            self.flushLoggedErrors(problem)
