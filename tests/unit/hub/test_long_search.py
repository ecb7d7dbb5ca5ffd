"""
Searches for audiences that take longer than a turn may: whatever happens meanwhile, every subscriber
gets every event after its own beginning, once and in order.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ssetwist import View
from ssetwist.hub._turns import MAX_TURN
from tests.unit.hub.case import HubTestCase, id_of
from tests.unit.hub.fake import FakeListener


@dataclass(frozen=True)
class Slow:
    """
    A matcher of every topic that begins with its name; each look takes some time.
    """

    name: str
    take: Callable[[], object]

    def __hash__(self) -> int:
        return hash(self.name)

    def matches(self, topic: str) -> bool:
        self.take()
        return topic.startswith(self.name)


class LongSearchTests(HubTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.slow = [
            self.subscribe(view=View.of(self.matcher(str(number)))) for number in range(6)
        ]
        self.exact = self.subscribe(view="t")
        self.all = self.subscribe(view=View.of(self.matcher("")))

    def matcher(self, name: str) -> Slow:
        return Slow(name, lambda: self.clock.busy(MAX_TURN / 2))

    def assert_heard(self, listener: FakeListener, *data: str) -> None:
        self.assertEqual([*data], listener.data)

    def test_later(self) -> None:
        """
        The search goes on in later turns, and nobody hears of the event before its end.
        """
        self.publish("a")
        turns = 0
        while not self.all.data:
            self.assert_heard(self.exact)
            self.assertFalse(self.hub.is_idle)
            self.clock.turn()
            turns += 1
        self.assertGreater(turns, 3)
        self.settle()
        self.assert_heard(self.exact, "a")
        for listener in self.slow:
            self.assert_heard(listener)

    def test_in_order(self) -> None:
        """
        Events that are published during a search follow it, also ephemeral ones.
        """
        self.publish("a")
        self.clock.turn()
        self.publish("b")
        self.publish("c", ephemeral=True)
        self.settle()
        self.assert_heard(self.all, "a", "b", "c")
        self.assert_heard(self.exact, "a", "b", "c")

    def test_joins_meanwhile(self) -> None:
        """
        A subscriber that joins during a search is at the position before the event, and so gets it:
        with a matcher that is being looked for, with a new one, and with a topic.
        """
        self.publish("a")
        self.clock.turn()
        begin = self.hub.resume_id
        self.assertEqual(id_of(0), begin)
        late = [
            self.subscribe(view=view)
            for view in (View.of(self.matcher("")), View.of(self.matcher("t")), "t")
        ]
        other = self.subscribe(view=View.of(self.matcher("x")))
        self.settle()
        for listener in late:
            self.assert_heard(listener, "a")
        self.assert_heard(other)

    def test_leaves_meanwhile(self) -> None:
        """
        A subscriber that leaves during a search is left out.
        """
        self.publish("a")
        self.clock.turn()
        self.all.leave()
        self.exact.leave()
        self.settle()
        self.assert_heard(self.all)
        self.assert_heard(self.exact)

    def test_changes_meanwhile(self) -> None:
        """
        Topics that are changed during a search hold for the event that is being looked for: it has
        no place among those that were published before.
        """
        self.publish("a")
        self.clock.turn()
        self.exact.subscriber.change_topics("u")
        self.slow[0].subscriber.change_topics("t")
        self.settle()
        self.assert_heard(self.exact)
        self.assert_heard(self.slow[0], "a")

    def test_comes_back_meanwhile(self) -> None:
        """
        A subscriber that comes back during a search gets what it missed, and then the event, once.
        """
        self.publish("a")
        self.settle()
        self.publish("b")
        self.clock.turn()
        back = self.subscribe(view="t", last_event_id=id_of(1))
        first = self.subscribe(view="t", last_event_id=id_of(0))
        self.settle()
        self.assert_heard(back, "b")
        self.assert_heard(first, "a", "b")

    def test_closed_meanwhile(self) -> None:
        """
        A hub that is closed during a search still hands the event out.
        """
        self.publish("a")
        self.clock.turn()
        self.hub.close()
        self.settle()
        self.assert_heard(self.all, "a")

    def test_private(self) -> None:
        """
        Grants that take long are also looked at in several turns, and those of a subscriber that
        joins meanwhile count.
        """
        granted = [
            self.subscribe(view=View.of("t", grants=[self.matcher(name)])) for name in ("t", "u")
        ]
        self.publish("a", private=True)
        self.clock.turn()
        late = self.subscribe(view=View.of("t", grants=[self.matcher("")]))
        self.settle()
        self.assert_heard(granted[0], "a")
        self.assert_heard(granted[1])
        self.assert_heard(late, "a")
        self.assert_heard(self.exact)
