"""
What an event source may do next.
"""

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client.source._states import Activity, ReadyState, new_states
from tests import examples


class Thing:
    """
    Something that goes on.
    """

    def stop(self) -> None:
        """
        End.
        """


class StatesTests(SynchronousTestCase):
    """
    From the beginning to the end.
    """

    def test_life(self) -> None:
        """
        It is connecting through delays and attempts, open with a stream, and closed for good.
        """
        states = new_states()
        for happens, expected in (
            (states.delays, ReadyState.CONNECTING),
            (states.attempts, ReadyState.CONNECTING),
            (states.delays, ReadyState.CONNECTING),
            (states.attempts, ReadyState.CONNECTING),
            (states.opens, ReadyState.OPEN),
            (states.delays, ReadyState.CONNECTING),
        ):
            self.assertTrue(happens(Thing()))
            self.assertIs(expected, states.ready_state())
        self.assertTrue(states.ends().is_new)
        self.assertIs(ReadyState.CLOSED, states.ready_state())

    def test_values(self) -> None:
        """
        The states have the numbers that they have in browsers.
        """
        self.assertEqual([0, 1, 2], [ReadyState[n].value for n in ("CONNECTING", "OPEN", "CLOSED")])


class _Model(RuleBasedStateMachine):
    """
    Whatever happens, in whatever order it can.
    """

    def __init__(self) -> None:
        super().__init__()
        self.states = new_states()
        self.activity: Activity | None = Thing()
        self.states.delays(self.activity)
        self.name = "delayed"

    def happens(self, name: str, to: str) -> None:
        thing = Thing()
        counts = getattr(self.states, name)(thing)
        assert counts == (self.name != "closed")
        if counts:
            self.activity, self.name = thing, to

    @precondition(lambda self: self.name != "delayed")
    @rule()
    def delays(self) -> None:
        self.happens("delays", "delayed")

    @precondition(lambda self: self.name in ("delayed", "closed"))
    @rule()
    def attempts(self) -> None:
        self.happens("attempts", "attempting")

    @precondition(lambda self: self.name in ("attempting", "closed"))
    @rule()
    def opens(self) -> None:
        self.happens("opens", "open")

    @rule()
    def ends(self) -> None:
        ending = self.states.ends()
        assert ending.is_new == (self.name != "closed")
        assert ending.activity is (None if self.name == "closed" else self.activity)
        self.name = "closed"

    @rule()
    def ready_state(self) -> None:
        names = {"open": ReadyState.OPEN, "closed": ReadyState.CLOSED}
        assert self.states.ready_state() is names.get(self.name, ReadyState.CONNECTING)


StatesModelTests = _Model.TestCase
StatesModelTests.settings = settings(max_examples=examples(50))
