"""
Thousands of events that were published in one turn: they are joined in steps, and none is missed.
"""

from ssetwist.hub._chunk import _STEP
from tests.unit.hub.case import HubTestCase
from tests.unit.hub.fake import TurnClock

EVENTS = 3 * _STEP


class TickingClock(TurnClock):
    """
    A clock on which a second passes whenever somebody looks at it.
    """

    def seconds(self) -> float:
        self.rightNow += 1
        return super().seconds()


class LongJoinTests(HubTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.names = [str(number) for number in range(EVENTS)]

    def test_at_once(self) -> None:
        """
        If there is time, all steps are done in one turn.
        """
        listener = self.subscribe()
        self.publish(*self.names)
        self.clock.turn()
        self.assertEqual(self.names, listener.data)

    def begin(self) -> None:
        """
        Let a hub on a ticking clock do one step.
        """
        self.clock = TickingClock()
        self.ticking = self.make_hub()
        self.listeners = [self.subscribe(self.ticking) for _ in range(2)]
        self.publish(*self.names, hub=self.ticking)
        self.clock.turn()
        self.assertEqual([], self.listeners[0].data)

    def finish(self) -> None:
        for _ in range(10):
            self.clock.turn()

    def test_in_turns(self) -> None:
        """
        Otherwise they are done in several turns, and everybody gets all events.
        """
        self.begin()
        self.finish()
        for listener in self.listeners:
            self.assertEqual(self.names, listener.data)

    def test_leaves_meanwhile(self) -> None:
        """
        A subscriber that leaves while events are joined had them on their way, and the others still
        get them.
        """
        self.begin()
        gone, stays = self.listeners
        gone.leave()
        self.finish()
        self.assertEqual(self.names, stays.data)
