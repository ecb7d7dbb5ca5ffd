"""
The active subscriptions of a hub, and their announcements.
"""

import json
import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import EndReason, Event, Hub
from ssetwist.hub import EVERYTHING, Matchers, Pattern
from ssetwist.hub._turns import MAX_TURN
from ssetwist.log import Entry, MemoryLog
from ssetwist.matching import at_once
from ssetwist.mercure import Rights
from ssetwist.mercure.subscribing._active import ActiveSubscriptions
from ssetwist.mercure.subscribing._subscriptions import ActiveSubscription, subscriptions_path
from ssetwist.testing import MemoryHub
from tests.clock import Clock
from tests.unit.mercure.case import ByName, FullLog, ResourceCase, TickingClock

#: Subscriptions of three connections: one, two and three.
CONNECTIONS = tuple(
    tuple(ActiveSubscription("exact", f"/{match}", name) for match in range(1 + number))
    for number, name in enumerate(("ann", "bob", "cleo"))
)


def told_by(hub: Hub) -> list[tuple[str, str, bool]]:
    """
    Return the announcements of a hub: subscriber, matcher, and true for a beginning.
    """
    entries: list[Entry] = []
    hub.log.read(0, 10**9).addCallback(entries.extend)
    documents = [json.loads(entry.event.data) for entry in entries]
    return [(one["subscriber"], one["match"], one["active"]) for one in documents]


class ActiveTests(SynchronousTestCase):
    """
    Beginnings and ends in any order.
    """

    @given(st.lists(st.tuples(st.booleans(), st.sampled_from(range(len(CONNECTIONS)))), max_size=9))
    def test_any_order(self, steps: list[tuple[bool, int]]) -> None:
        """
        An end is announced once, and only for a connection that had begun.
        """
        hub = MemoryHub(clock=Clock())
        active = ActiveSubscriptions(hub, "/hub")
        expected: list[tuple[str, str, bool]] = []
        present: dict[int, None] = {}
        for is_begin, number in steps:
            subscriptions = CONNECTIONS[number]
            if is_begin and number in present:
                continue  # each connection begins once
            (active.begin if is_begin else active.end)(subscriptions)
            if is_begin or number in present:
                expected += [(one.subscriber, one.match, is_begin) for one in subscriptions]
            if is_begin:
                present[number] = None
            else:
                present.pop(number, None)
            self.assertEqual([one for each in present for one in CONNECTIONS[each]], list(active))
        self.assertEqual(expected, told_by(hub))


class CrowdTests(SynchronousTestCase):
    """
    Beginnings and ends of many subscriptions at once.
    """

    def setUp(self) -> None:
        self.clock = TickingClock()
        self.clock.tick = MAX_TURN
        self.hub = MemoryHub(clock=self.clock)
        self.active = ActiveSubscriptions(self.hub, "/hub")
        self.expected: list[tuple[str, str, bool]] = []
        for subscriptions in CONNECTIONS:
            for act, is_active in ((self.active.begin, True), (self.active.end, False)):
                act(subscriptions)
                self.expected += [(one.subscriber, one.match, is_active) for one in subscriptions]

    def test_steps(self) -> None:
        """
        They are announced in as many turns as that takes, in their order.
        """
        self.assertEqual(self.expected[:1], told_by(self.hub))
        while len(told := told_by(self.hub)) < len(self.expected):
            self.assertFalse(self.active.is_idle)
            self.clock.turn()
            self.assertEqual(self.expected[: len(told) + 1], told_by(self.hub))
        self.clock.turn()
        self.assertTrue(self.active.is_idle)

    def test_together(self) -> None:
        """
        A connection that wants to begin helps to announce the others, in the same order.
        """
        helping = self.active.helping(len(self.expected))
        for _ in helping:
            self.clock.turn()
        self.assertEqual(self.expected, told_by(self.hub))
        self.clock.turn()
        self.assertTrue(self.active.is_idle)

    def test_newcomer(self) -> None:
        """
        A connection that wants to begin does not wait for the announcements of a crowd: it helps
        with two for each of its subscriptions.
        """
        before = len(told_by(self.hub))
        at_once(self.active.helping(1))
        self.assertEqual(self.expected[: before + 2], told_by(self.hub))

    def test_bounded(self) -> None:
        """
        Connections that come and go all the time leave no more than those that were here at once.
        """
        at_once(self.active.helping(len(self.expected)))
        most = 0
        for _ in range(20):
            for act in (self.active.begin, self.active.end):
                for subscriptions in CONNECTIONS:
                    if act == self.active.begin:
                        at_once(self.active.helping(len(subscriptions)))
                    act(subscriptions)
                most = max(most, len(self.active._unannounced))
        self.assertLessEqual(most, 2 * sum(len(one) for one in CONNECTIONS))

    def test_closed(self) -> None:
        """
        A hub that has been closed announces no more, and nothing is left.
        """
        self.hub.close()
        for _ in self.expected:
            self.clock.turn()
        self.assertEqual(self.expected[:1], told_by(self.hub))
        self.assertTrue(self.active.is_idle)


class BrokenLog(FullLog):
    """
    A log that fails in every second call of ``find``.
    """

    found = 0

    def find(self, id: str) -> Deferred[int | None]:
        self.found += 1
        return super().find(id) if self.found % 2 else fail(ZeroDivisionError("oops"))


class EndsAtOnceTests(ResourceCase):
    """
    Streams that end before their beginning is announced.
    """

    def test_not_announced(self) -> None:
        """
        Neither the beginning nor the end of a stream that fails while it opens is announced.
        """
        self.log = BrokenLog(self.clock, epoch="e")
        self.hub = Hub(clock=self.clock, log=self.log, flush_threads=1, heartbeat=0)
        self.make(self.settings)
        self.ask("?match=news&match=/a", Last_Event_ID="#e.0")
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertEqual((0, []), (self.hub.subscriber_count, told_by(self.hub)))
        self.ask("?match=news")
        self.assertEqual([("news", True)], [told[1:] for told in told_by(self.hub)])
        (subscriber,) = self.hub.subscribers
        ended = subscriber.when_ended()
        subscriber.end()
        self.assertIs(EndReason.ENDED_BY_APPLICATION, self.successResultOf(ended))
        self.assertEqual(("news", False), told_by(self.hub)[-1][1:])


class ForgottenTests(ResourceCase):
    """
    Announcements of more subscriptions than the log keeps.
    """

    def setUp(self) -> None:
        super().setUp()
        self.hub.close()
        log = MemoryLog(self.clock, epoch="e", max_count=4)
        self.hub = Hub(clock=self.clock, log=log, flush_threads=1, heartbeat=0)
        path = subscriptions_path(self.settings.path)
        everything = Matchers.of(EVERYTHING)
        below = Matchers.of(Pattern(f"{path}/:type/:match/:who", self.settings.base_url))
        self.authorizer = ByName(
            {
                "all": Rights(subscribe=everything),
                "watcher": Rights(subscribe=below),
                "alice": Rights(subscribe=Matchers.of("news")),
                "any": Rights(),
            }
        )
        self.make(self.settings)
        self.hub.publish("news", Event("1"))
        for _ in range(5):
            self.ask("?match=/x", "any").close()
            self.clock.advance(0)
        self.hub.publish("news", Event("2"), private=True)

    def told(self, query: str, name: str) -> tuple[bool, list[str]]:
        """
        Return true if a client that comes back is told of a gap, and the data of the news.
        """
        client = self.ask(f"?{query}&last_event_id=%23e.1", name)
        text = client.received.decode()
        return "event: gap" in text, re.findall(r"^data: (\d)$", text, re.MULTILINE)

    def test_who_is_told(self) -> None:
        """
        Only clients that may see announcements, and ask for them, are told of forgotten ones.  All
        others get the news, and nothing else.
        """
        path = subscriptions_path(self.settings.path)
        watching = f"match_urlpattern={path}/:type/:match/:who"
        for query, name, expected in (
            ("match=news", "all", (False, ["2"])),
            ("match=news", "alice", (False, ["2"])),
            ("match=*", "alice", (False, ["2"])),
            (watching, "alice", (False, [])),
            (watching, "any", (False, [])),
            (watching, "watcher", (True, [])),
            ("match=*", "watcher", (True, [])),
            ("match=*", "all", (True, ["2"])),
            (f"match={path}/exact/a/b&match=news", "all", (True, ["2"])),
        ):
            self.assertEqual(expected, self.told(query, name), (query, name))
