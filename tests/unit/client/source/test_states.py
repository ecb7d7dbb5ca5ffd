"""
State machine of an event source.
"""

from typing import Any

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.interfaces import IDelayedCall
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client import Opened, ReadyState
from ssetwist.client.source import SourceOptions
from ssetwist.client.source._attempt import Attempt
from ssetwist.client.source._states import End, OpenStream, new_states
from ssetwist.client.stream import Stream
from ssetwist.errors import Disconnected
from ssetwist.eventstream import EventStreamParser
from tests import examples
from tests.clock import Clock
from tests.unit.client.case import FakeResponse


def timer() -> IDelayedCall:
    """
    Return a timer.
    """
    return Clock().callLater(0, list)


def attempt() -> Attempt:
    """
    Return an attempt that has not started.
    """
    options = SourceOptions(url="http://example.com/")
    return Attempt(options, "", send=list, clock=Clock(), answered=list, failed=list)


def open_stream() -> OpenStream:
    """
    Return a stream that has not begun.
    """
    stream = Stream(FakeResponse(), EventStreamParser(), arrived=list, ended=list, clock=Clock())
    return OpenStream(stream, Opened("http://example.com/", {}), 0)


class StatesTests(SynchronousTestCase):
    """
    Life of a source, step by step.
    """

    def test_life(self) -> None:
        """
        Each input returns what the previous state held.
        """
        states = new_states()
        stream, end, last = open_stream(), End(None), timer()
        self.assertTrue(states.wait(timer()))
        states.attempt(attempt())
        self.assertIsNone(states.fail())
        self.assertTrue(states.wait(timer()))
        states.attempt(attempt())
        states.open(stream)
        self.assertIs(stream, states.fail())
        self.assertTrue(states.wait(last))
        self.assertIs(last, states.close(end))
        self.assertIs(end, states.held())
        self.assertFalse(states.wait(timer()))

    def test_values(self) -> None:
        """
        The states have the same numbers as in browsers.
        """
        self.assertEqual([0, 1, 2], [ReadyState[n].value for n in ("CONNECTING", "OPEN", "CLOSED")])


class HeldTests(SynchronousTestCase):
    """
    Things that states hold.
    """

    def test_end(self) -> None:
        """
        Every caller that waits for the end of the connections learns about it, even if it asks
        later.
        """
        end = End(Disconnected(""))
        gone = [end.when_gone(), end.when_gone()]
        self.assertNoResult(gone[0])
        end.set_gone(None)
        for one in (*gone, end.when_gone()):
            self.assertIsNone(self.successResultOf(one))

    def test_stream(self) -> None:
        """
        An open stream is cancelled by closing it.
        """
        stream = open_stream()
        gone = stream.cancel()
        self.assertNoResult(gone)
        stream.stream.connectionLost()
        self.assertIsNone(self.successResultOf(gone))


class _Model(RuleBasedStateMachine):
    """
    Any inputs, in any order that the machine allows.
    """

    def __init__(self) -> None:
        super().__init__()
        self.states = new_states()
        self.held: Any = timer()
        self.name = "waiting"
        self.states.wait(self.held)

    def goes(self, name: str, held: object) -> None:
        self.name, self.held = name, held

    @precondition(lambda self: self.name in ("undecided", "closed"))
    @rule()
    def wait(self) -> None:
        activity = timer()
        if self.states.wait(activity):
            assert self.name == "undecided"
            self.goes("waiting", activity)
        else:
            assert self.name == "closed"

    @precondition(lambda self: self.name == "waiting")
    @rule()
    def attempt(self) -> None:
        activity = attempt()
        self.states.attempt(activity)
        self.goes("attempting", activity)

    @precondition(lambda self: self.name == "attempting")
    @rule()
    def open(self) -> None:
        stream = open_stream()
        self.states.open(stream)
        self.goes("open", stream)

    @precondition(lambda self: self.name in ("attempting", "open"))
    @rule()
    def fail(self) -> None:
        assert self.states.fail() is (self.held if self.name == "open" else None)
        self.goes("undecided", None)

    @precondition(lambda self: self.name != "closed")
    @rule()
    def close(self) -> None:
        end = End(None)
        assert self.states.close(end) is self.held
        self.goes("closed", end)

    @invariant()
    def holds(self) -> None:
        assert self.states.held() is self.held


StatesModelTests = _Model.TestCase
StatesModelTests.settings = settings(max_examples=examples(10))
