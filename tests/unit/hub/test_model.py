"""
The whole hub, compared with a plain list of everything that was published (``model.py``), in any
order of steps.

This takes some seconds. To test for longer, ask for fifty times as many games::

    SSETWIST_EXAMPLES=150 python -m pytest tests/unit/hub/test_model.py
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event
from ssetwist.hub import (
    EARLIEST,
    EndReason,
    Hub,
    Subscriber,
    UnknownCursor,
    View,
    WhenBehind,
    _fan_out,
)
from ssetwist.log import MemoryLog
from tests import examples
from tests.unit.hub.model import EPOCH, Story, World
from tests.unit.hub.model_parts import (
    ASKED,
    FILTERS,
    MAX_CLIENTS,
    PUBLISHED_TO,
    SEEN,
    Broken,
    Client,
    SlowLog,
    Turns,
    sight_of,
)

#: The steps of each game.
STEPS = 50

#: Times, in seconds.
LONGER_THAN_A_FLUSH = 0.03


class HubMachine(RuleBasedStateMachine):
    """
    A hub beside a list of everything.
    """

    def __init__(self, forget_logged: Callable[[], object]) -> None:
        super().__init__()
        self.clock = Turns()
        self.forget_logged = forget_logged
        self.clients: list[Client] = []  # those that are still open, or have something to read
        self.client_count = 0
        self.is_stopping = False
        self.mistakes: list[AssertionError] = []  # found where exceptions are only logged
        self.publishers_ids = 0
        self.answers: list[tuple[str, str]] = []
        self.expected_answers = 0

    @initialize(
        max_count=st.sampled_from([10_000, 10_000, 8, 3, 1, 0]),
        max_bytes=st.sampled_from([10**8, 300_000, 100_000]),
        delays=st.sampled_from([None, None, (1,), (0, 3, 1), (2, 0, 5)]),
        when_behind=st.sampled_from(WhenBehind),
        unknown_cursor=st.sampled_from(UnknownCursor),
        threads=st.sampled_from([1, 1, 2]),
    )
    def start(
        self,
        max_count: int,
        max_bytes: int,
        delays: tuple[int, ...] | None,
        when_behind: WhenBehind,
        unknown_cursor: UnknownCursor,
        threads: int,
    ) -> None:
        self.world = World(max_count, max_bytes, when_behind, unknown_cursor)
        log = MemoryLog(
            self.clock, max_count=max_count, max_bytes=max_bytes, max_age=10**9, epoch=EPOCH
        )
        self.hub = Hub(
            clock=self.clock,
            log=log if delays is None else SlowLog(log, self.clock, delays),
            when_behind=when_behind,
            unknown_cursor=unknown_cursor,
            flush_threads=threads,
        )

    # Publishers

    @rule(
        topics=st.sampled_from(PUBLISHED_TO),
        size=st.sampled_from([0, 0, 0, 1000, 40_000, 70_000, 200_000]),
        private=st.booleans(),
        kind=st.sampled_from(["", "", "with id", "ephemeral"]),
    )
    def publish(
        self, topics: tuple[str, ...], size: int = 0, private: bool = False, kind: str = ""
    ) -> None:
        id = None
        if kind == "with id":
            self.publishers_ids += 1
            id = f"id {self.publishers_ids}"
        ephemeral = kind == "ephemeral"
        data = f"{len(self.world.published)}:{'x' * size}"
        one = self.world.add(topics, data, id, private=private, ephemeral=ephemeral)
        self.expected_answers += 1
        self.hub.publish(
            topics, Event(data, id=id), private=private, ephemeral=ephemeral
        ).addCallback(lambda answer: self.answers.append((one.id or "", answer)))

    @rule(
        topics=st.lists(st.sampled_from(PUBLISHED_TO), min_size=2, max_size=6),
        kinds=st.lists(st.sampled_from(["", "ephemeral"]), min_size=6, max_size=6),
    )
    def publish_burst(self, topics: list[tuple[str, ...]], kinds: list[str]) -> None:
        for each, kind in zip(topics, kinds, strict=False):
            self.publish(each, kind=kind)

    # Subscribers

    @rule(
        names=st.sampled_from(SEEN),
        begin=st.one_of(
            st.just("fresh"),
            st.just("earliest"),
            st.integers(1, 4),
            st.tuples(st.just("back by"), st.integers(0, 8)),
            st.sampled_from(["garbage", "", "#e0.1", "#e1.999999", "#end", "x" * 300]),
        ),
        is_slow=st.booleans(),
        seconds_per_write=st.sampled_from([0, 0, 0, LONGER_THAN_A_FLUSH]),
        at_end=st.sampled_from(["", "", "publish", "end", "change", "subscribe"]),
        also=st.sampled_from([0, 0, 1, 2, 3, 7]),
    )
    def subscribe(
        self,
        names: tuple[str, str, str],
        begin: str | int | tuple[str, int] = "fresh",
        is_slow: bool = False,
        seconds_per_write: float = 0,
        at_end: str = "",
        also: int = 0,
    ) -> None:
        for _ in range(also + 1):
            self._subscribe(names, begin, is_slow, seconds_per_write, at_end)

    def _subscribe(
        self,
        names: tuple[str, str, str],
        begin: str | int | tuple[str, int] = "fresh",
        is_slow: bool = False,
        seconds_per_write: float = 0,
        at_end: str = "",
    ) -> None:
        if len(self.clients) >= MAX_CLIENTS:
            return
        story = Story(self.world, sight_of(*names))
        client = Client(self.hub, self.clock, story, names, self.client_count)
        self.client_count += 1
        client.seconds_per_write = seconds_per_write
        options: dict[str, Any] = {}
        if isinstance(begin, tuple):
            kept = [one.id for one in self.world.published if one.id is not None]
            begin = kept[-1 - begin[1]] if begin[1] < len(kept) else f"#{EPOCH}.0"
        if begin == "earliest":
            story.begin_with_earliest()
            options["last_event_id"] = EARLIEST
        elif isinstance(begin, int):
            story.begin_with_last(begin)
            options["last"] = begin
        elif begin != "fresh":
            story.begin_after_id(begin)
            options["last_event_id"] = begin
        if is_slow:
            client.begin_behind()
        elif begin == "fresh":
            story.keep_up()
        self.clients.append(client)
        asked, granted, filter = names
        view = View.of(ASKED[asked][0], grants=ASKED[granted][0], filter=FILTERS[filter][0])
        client.subscriber = self.hub.subscribe(
            client, view, on_end=partial(self.ended, client, at_end), **options
        )

    def ended(self, client: Client, at_end: str, subscriber: Subscriber, reason: EndReason) -> None:
        """
        Take note that a stream has ended.
        """
        try:
            self.check_end_of(client, subscriber, reason)
        except AssertionError as mistake:
            self.mistakes.append(mistake)
        # Calls of applications from the callback of an end.
        if at_end == "publish":
            self.publish(("a",))
        elif at_end == "subscribe":
            self._subscribe(client.names)
        elif self.open_clients and at_end == "end":
            self.end(0, for_good=True)
        elif self.open_clients and at_end == "change":
            self.change_topics(0, "b, below a", "everything")

    def check_end_of(self, client: Client, subscriber: Subscriber, reason: EndReason) -> None:
        """
        Check that a stream ends once, and for exactly that reason.
        """
        client.ends.append(reason)
        assert len(client.ends) == 1, "it ended twice"
        assert subscriber not in self.hub.subscribers
        client.hear()
        if client.has_broken:
            # Or it was ended after it had broken and before it was cut.
            assert reason in (EndReason.CONNECTION_LOST, EndReason.CATCH_UP_FAILED, client.due)
        elif client.due is not None:
            assert reason is client.due
            if not client.is_cut and reason is EndReason.ENDED_BY_APPLICATION:
                client.story.check_steady()  # everything that was published for it follows
                if client.is_reading:
                    assert client.has_heard_end == client.was_ended_for_good
        elif reason is EndReason.FELL_BEHIND:
            assert self.world.when_behind is WhenBehind.DISCONNECT
            assert client.story.steady_from is None
            assert client.story.could_fall_off()
        elif reason is EndReason.STALLED:
            assert client.behind_since is not None
            assert client.behind_since <= self.clock.seconds() - self.hub.streams.stall_timeout
        elif reason is not EndReason.DRAINING or not self.is_stopping:
            raise AssertionError(f"there was no reason for {reason}")

    @property
    def open_clients(self) -> list[Client]:
        return [client for client in self.clients if client.is_open and not client.ends]

    def pick(self, which: int) -> Client:
        return self.open_clients[which % len(self.open_clients)]

    some = st.integers(0, MAX_CLIENTS - 1)
    is_somebody_there = precondition(lambda self: self.open_clients)

    @is_somebody_there
    @rule(which=some)
    def stop_reading(self, which: int) -> None:
        self.pick(which).stop_reading()

    @precondition(lambda self: self.clients)
    @rule(which=some)
    def read(self, which: int) -> None:
        self.clients[which % len(self.clients)].read()

    @precondition(lambda self: self.clients)
    @rule(which=some, count=st.sampled_from([1, 30, 50_000, 10**7]))
    def take(self, which: int, count: int) -> None:
        self.clients[which % len(self.clients)].take(count)

    @is_somebody_there
    @rule(which=some)
    def leave(self, which: int) -> None:
        client = self.pick(which)
        client.due = EndReason.CLIENT_CLOSED
        client.leave()

    @is_somebody_there
    @rule(which=some)
    def come_back(self, which: int) -> None:
        """
        Come back with the last id.
        """
        client = self.pick(which)
        client.due = EndReason.CLIENT_CLOSED
        client.leave()
        client.hear()
        last_event_id = client.story.last_event_id
        self._subscribe(client.names, "fresh" if last_event_id is None else last_event_id)

    @is_somebody_there
    @rule(which=some, for_good=st.booleans())
    def end(self, which: int, for_good: bool) -> None:
        client = self.pick(which)
        client.due = EndReason.ENDED_BY_APPLICATION
        client.was_ended_for_good = for_good
        client.subscriber.end(for_good=for_good)

    @is_somebody_there
    @rule(which=some)
    def abort(self, which: int) -> None:
        client = self.pick(which)
        client.due = EndReason.ENDED_BY_APPLICATION
        client.subscriber.abort()

    @is_somebody_there
    @rule(
        which=some,
        asked=st.sampled_from(list(ASKED)),
        granted=st.sampled_from(["", "nothing", "everything"]),
    )
    def change_topics(self, which: int, asked: str, granted: str) -> None:
        client = self.pick(which)
        names = asked, granted or client.names[1], client.names[2]
        client.names = names
        client.story.change(sight_of(*names))
        client.subscriber.change_topics(
            ASKED[asked][0], grants=ASKED[granted][0] if granted else None
        )

    @is_somebody_there
    @rule(which=some)
    def break_down(self, which: int) -> None:
        """
        Let the next write fail.
        """
        self.pick(which).is_breaking = True

    # Time

    @rule()
    def turn(self) -> None:
        self.clock.turn()

    @rule(seconds=st.sampled_from([0.01, 2, 11, 24]))
    def wait(self, seconds: float) -> None:
        for _ in range(10):
            self.clock.turn(seconds / 10)

    @is_somebody_there
    @rule(
        which=some,
        act=st.sampled_from(["change topics", "end", "leave", "stop reading", "publish"]),
        turns=st.integers(1, 3),
    )
    def during_a_flush(self, which: int, act: str, turns: int) -> None:
        """
        Let a flush take several turns, with another step between two of them.
        """
        clients = self.open_clients
        for client in clients:
            client.seconds_per_write += LONGER_THAN_A_FLUSH
        self.publish(("a",))
        for _ in range(turns):
            self.clock.turn()
        if self.open_clients:
            if act == "change topics":
                self.change_topics(which, "a, b", "")
            elif act == "end":
                self.end(which, for_good=False)
            elif act == "leave":
                self.leave(which)
            elif act == "stop reading":
                self.stop_reading(which)
        self.publish_burst([("a",), ("b", "a")], ["", "ephemeral"])
        self.clock.turn()
        for client in clients:
            client.seconds_per_write -= LONGER_THAN_A_FLUSH

    @rule()
    def come_to_rest(self) -> None:
        """
        Let all turns pass.  A client that reads must have heard everything.
        """
        self.clock.turn_until_quiet()
        self.check_who_reads()

    @rule()
    def everybody_reads(self) -> None:
        """
        Let all clients read and all turns pass.  Each must have heard everything.
        """
        for client in tuple(self.clients):
            client.read()
        self.clock.turn_until_quiet()
        self.check_who_reads()

    def check_who_reads(self) -> None:
        assert len(self.answers) == self.expected_answers
        assert all(due == answer for due, answer in self.answers)
        for client in self.clients:
            client.hear()
            assert not client.has_broken or client.ends, "it broke and is still there"
            if client.is_reading and not client.ends:
                assert client.subscriber.behind == 0
                client.story.check_complete()
                client.story.keep_up()
            if client.is_reading and not client.has_broken and not client.is_cut and client.ends:
                assert client.was_ended_for_good == client.has_heard_end

    @invariant()
    def nobody_hears_anything_wrong(self) -> None:
        if self.mistakes:
            raise self.mistakes[0]
        for client in self.clients:
            client.hear()
            # A heartbeat may have left it behind; then it is written to once more.
            assert client.writes_while_behind <= 1, "it is written to though it is behind"
            assert client.subscriber.end_reason is (client.ends[0] if client.ends else None)
        self.clients = [
            client for client in self.clients if not client.ends or client in self.hub.streams
        ]

    def teardown(self) -> None:
        if not hasattr(self, "hub"):
            return
        try:
            if sys.exc_info()[0] is None:  # otherwise a mistake has been found already
                self.check_end()
        finally:
            self.hub.close()
            self.forget_logged()

    def check_end(self) -> None:
        self.everybody_reads()
        self.is_stopping = True
        while self.open_clients:  # again, because callbacks of an end may subscribe
            self.hub.streams.abort()
        if isinstance(self.hub.log, SlowLog):
            self.clock.turn_until_quiet()  # publications are still unanswered
        self.check_nothing_is_left()
        if self.mistakes:
            raise self.mistakes[0]

    def check_nothing_is_left(self) -> None:
        assert (self.hub.subscriber_count, self.hub.subscribers) == (0, ())
        assert self.hub.is_idle
        assert not self.clock.getDelayedCalls()


class ModelTests(SynchronousTestCase):
    """
    Any order of steps.
    """

    def test_hub(self) -> None:
        """
        Every subscriber hears exactly what it must, in order and once, or is told about a gap.
        """
        # A small crowd: these are the only numbers of subscribers that matter to the hub.
        for name, number in (("_BATCH", 1), ("_MANY", 2), ("_LARGE_BATCH", 2)):
            self.patch(_fan_out, name, number)
        run_state_machine_as_test(
            lambda: HubMachine(lambda: self.flushLoggedErrors(Broken)),
            settings=settings(
                max_examples=examples(20),
                stateful_step_count=STEPS,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
                phases=set(Phase) - {Phase.explain},  # it takes longer than the rest
            ),
        )
