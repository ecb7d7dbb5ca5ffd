"""
The work that a replay takes, counted in instructions of Python, and the length of its turns.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from types import FrameType
from typing import Any

from ssetwist import View
from ssetwist.hub import EARLIEST, EVERYTHING, Topics, _turns
from tests.unit.hub.case import HubTestCase
from tests.unit.hub.fake import TurnClock

EVENTS = 2000

#: The longest turn that a replay may take, in seconds.
MAX_TURN = 0.02


class TickingClock(TurnClock):
    """
    A clock that moves between two looks at it by half of the time for matching events.
    """

    def seconds(self) -> float:
        self.busy(_turns.MAX_TURN / 2)
        return super().seconds()


@dataclass(frozen=True)
class Slow:
    """
    A matcher of everything that takes some time.
    """

    take: Callable[[], bool]

    def matches(self, topic: str) -> bool:
        return self.take()


class Count:
    """
    Counts the instructions of Python that run in the package.
    """

    def __init__(self) -> None:
        self.instructions = 0

    def of(self, work: Callable[[], object]) -> int:
        """
        Return the number of instructions that some work takes.
        """
        before, self.instructions = sys.gettrace(), 0
        sys.settrace(self._trace)
        try:
            work()
        finally:
            sys.settrace(before)
        return self.instructions

    def _trace(self, frame: FrameType, event: str, argument: object) -> Any:
        if "ssetwist/" not in frame.f_code.co_filename.replace("\\", "/"):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        self.instructions += event == "opcode"
        return self._trace


class ReplayCostTests(HubTestCase):
    """
    A log with many small events.
    """

    def setUp(self) -> None:
        super().setUp()
        self.publish(*map(str, range(EVENTS)))

    def replay(self, topics: Topics) -> None:
        """
        Replay everything to a new subscriber.
        """
        listener = self.subscribe(view=topics, last_event_id=EARLIEST)
        self.settle()
        self.assertEqual(EVENTS, listener.event_count)

    def cost(self, topics: Topics) -> int:
        """
        Return the number of instructions that a replay takes.
        """
        return Count().of(lambda: self.replay(topics))

    def test_everything(self) -> None:
        """
        A replay of everything costs at most 1.1 times as much as one of a named topic.
        """
        self.assertLessEqual(self.cost(EVERYTHING), 1.1 * self.cost("t"))

    def test_each_event(self) -> None:
        """
        A replay takes a few instructions for each event: reading, matching and joining only.
        """
        self.assertLess(self.cost(EVERYTHING), 40 * EVENTS)

    def test_turns(self) -> None:
        """
        A turn of a replay takes at most 20 ms, however long each event takes to match.
        """
        self.hub = self.make_hub()
        self.publish(*map(str, range(EVENTS)), private=True)
        for seconds in (0.001, _turns.MAX_TURN, 0.014):
            slow = Slow(lambda seconds=seconds: self.take(seconds))
            for view in (
                View.of(slow, grants="t"),
                View.of("t", grants=slow),
                View.of(EVERYTHING, grants="t", filter=lambda *_, slow=slow: slow.take()),
            ):
                turns = [self.clock.seconds()]
                listener = self.subscribe(view=view, last_event_id=EARLIEST)
                while listener.event_count < EVENTS:
                    turns.append(self.clock.seconds())
                    self.clock.turn()
                longest = max(end - begin for begin, end in pairwise(turns))
                self.assertLess(longest, MAX_TURN, (seconds, view))
                listener.leave()

    def test_turns_of_quick_views(self) -> None:
        """
        Also with a view that only looks up topics, a replay lets other things run if the clock says
        so.
        """
        self.clock = TickingClock()
        hub = self.make_hub()
        self.publish(*map(str, range(EVENTS)), hub=hub)
        self.settle()
        listener = self.subscribe(hub, last_event_id=EARLIEST)
        self.clock.turn()
        self.assertEqual([], listener.data)
        self.settle()
        self.assertEqual(EVENTS, listener.event_count)

    def take(self, seconds: float) -> bool:
        """
        Take some time, as a filter may, and return true.
        """
        self.clock.busy(seconds)
        return True
