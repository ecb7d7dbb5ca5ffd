"""
Several hubs that share one log.
"""

from hypothesis import given
from hypothesis import strategies as st

from ssetwist import Event, HubClosed, View
from ssetwist.hub import EVERYTHING
from ssetwist.testing import MemoryHub
from tests.unit.hub.case import HubTestCase, id_of
from tests.unit.hub.fake import SlowLog


class OneLogTests(HubTestCase):
    """
    Hubs on one log.
    """

    def make_hubs(self, count: int = 2, *, log: object = None) -> list[MemoryHub]:
        """
        Make hubs on one log.
        """
        log = self.make_log() if log is None else log
        return [self.make_hub(log=log) for _ in range(count)]

    def test_each_hands_out_all(self) -> None:
        """
        An event that is published to one hub reaches the subscribers of each.
        """
        hubs = self.make_hubs(3)
        listeners = [self.subscribe(hub) for hub in hubs]
        for number, hub in enumerate(hubs):
            self.publish(str(number), hub=hub)
        self.settle()
        self.assertEqual([["0", "1", "2"]] * 3, [listener.data for listener in listeners])
        self.assertEqual([id_of(3)] * 3, [hub.resume_id for hub in hubs])
        self.assertEqual([id_of(3)] * 3, [hub.last_event_id for hub in hubs])

    def test_comes_back_to_another(self) -> None:
        """
        A client of one hub can resume its stream at another hub.
        """
        first, second = self.make_hubs()
        self.publish("a", "b", hub=first)
        self.publish("c", hub=second)
        for hub in (first, second):
            listener = self.subscribe(hub, last_event_id=id_of(1))
            self.publish("d", hub=first)
            self.settle()
            self.assertEqual(["b", "c", "d"], listener.data[:3])
            listener.leave()

    def test_ephemeral(self) -> None:
        """
        An ephemeral event is not in the log, and reaches only the subscribers of its own hub.
        """
        hubs = self.make_hubs()
        listeners = [self.subscribe(hub) for hub in hubs]
        self.publish("a", hub=hubs[0], ephemeral=True)
        self.settle()
        self.assertEqual([["a"], []], [listener.data for listener in listeners])

    def test_closed(self) -> None:
        """
        When a hub is closed, in any order, it delivers nothing more, and other hubs are not
        affected.
        """
        for number in range(3):
            hubs = self.make_hubs(3)
            listeners = [self.subscribe(hub) for hub in hubs]
            hubs[number].close()
            hubs[number].close()
            self.assertRaises(HubClosed, hubs[number].publish, "t", Event("x"))
            others = [hub for hub in hubs if not hub.is_closed]
            self.publish("a", hub=others[0])
            self.settle()
            expected = [[] if hub.is_closed else ["a"] for hub in hubs]
            self.assertEqual(expected, [listener.data for listener in listeners])

    def test_filter_that_publishes(self) -> None:
        """
        If a filter publishes while an event is handed out, all subscribers still get all events in
        the same order.
        """
        for number in range(2):
            hubs = self.make_hubs()

            def echo(topics: tuple[str, ...], event: Event, hubs: list[MemoryHub] = hubs) -> bool:
                if event.data == "a":
                    for hub in hubs:
                        self.publish("echo", hub=hub)
                return True

            listeners = [self.subscribe(hub) for hub in hubs]
            self.subscribe(hubs[number], View.of(EVERYTHING, filter=echo))
            self.publish("a", "b", hub=hubs[0])
            self.settle()
            expected = ["a", "echo", "echo", "b"]
            self.assertEqual([expected] * 2, [listener.data for listener in listeners])

    def test_made_while_the_log_waits(self) -> None:
        """
        A hub that is made while an event is not yet safe in the log begins after that event.
        """
        log = SlowLog(self.make_log())
        (first,) = self.make_hubs(1, log=log)
        early = self.subscribe(first)
        self.publish("a", hub=first)
        (second,) = self.make_hubs(1, log=log)
        late = self.subscribe(second)
        self.publish("b", hub=second)
        log.answer("append")
        self.settle()
        self.assertEqual((["a", "b"], ["b"]), (early.data, late.data))

    @given(
        st.lists(st.sampled_from(["publish", "turn", "subscribe", "close"]), max_size=20), st.data()
    )
    def test_any_order(self, steps: list[str], data: st.DataObject) -> None:
        """
        In any order of steps, each subscriber gets all events that are published to any of the
        hubs, in order and once, from its beginning until its own hub is closed.
        """
        hubs = self.make_hubs(3)
        published: list[str] = []
        expected: list[list[str]] = []
        listeners = []
        for step in steps:
            hub = data.draw(st.sampled_from(hubs), "hub")
            if step == "turn":
                self.clock.turn()
            elif hub.is_closed:
                continue
            elif step == "publish":
                published.append(str(len(published)))
                self.publish(published[-1], hub=hub)
                for (_, owner), heard in zip(listeners, expected, strict=True):
                    if not owner.is_closed:
                        heard.append(published[-1])
            elif step == "subscribe":
                listeners.append((self.subscribe(hub), hub))
                expected.append([])
            else:
                hub.close()
        self.settle()
        self.assertEqual(expected, [listener.data for listener, _ in listeners])
        for listener, _ in listeners:
            listener.leave()
        for hub in hubs:
            hub.close()
