"""
Thousands of events that were published in one turn: they are joined in steps, and none is missed.
"""

from ssetwist.hub._chunk import _STEP
from tests.unit.hub.case import HubTestCase
from tests.unit.hub.fake import TurnClock

EVENTS = 3 * _STEP


class TickingClock(TurnClock):
    """
    A clock on which a second passes whenever somebody looks at it, if it ticks.
    """

    is_ticking = False

    def seconds(self) -> float:
        self.rightNow += self.is_ticking
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
        self.clock = clock = TickingClock()
        self.hub = self.make_hub()
        self.listeners = [self.subscribe() for _ in range(3)]
        self.publish(*self.names)
        clock.is_ticking = True
        self.clock.turn()
        self.assertEqual([[]] * 3, [listener.data for listener in self.listeners])

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
        A subscriber that leaves while events are joined costs no joining, and the others still get
        them.
        """
        self.begin()
        gone, *stay = self.listeners
        ((joining, _),) = gone.subscriber._place._round
        gone.leave()
        self.assertEqual(EVENTS - _STEP, len(joining._encoded))
        self.finish()
        self.assertEqual([self.names] * 2, [listener.data for listener in stay])

    def test_ends_or_changes_meanwhile(self) -> None:
        """
        A subscriber that is ended, or gets other topics, while events are joined gets all of them
        before.
        """
        self.begin()
        ended, changed, stays = self.listeners
        ended.subscriber.end()
        changed.subscriber.change_topics("u")
        self.publish("late")
        self.publish("other", to="u")
        self.finish()
        self.assertEqual(self.names, ended.data)
        self.assertEqual([*self.names, "other"], changed.data)
        self.assertEqual([*self.names, "late", "other"], stays.data)
