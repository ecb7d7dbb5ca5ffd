"""
Parts of the machine that tests a hub: its clients, its log, its turns and its choices.
"""

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from ssetwist import Event
from ssetwist.hub import END_ID, EVERYTHING, EndReason, Hub, Pattern, Subscriber, Topics
from ssetwist.hub.outlets import Chunk
from ssetwist.log import Entry, MemoryLog
from ssetwist.testing import MemoryOutlet
from tests.clock import Clock
from tests.unit.hub.model import Heard, Sight, Story

#: The number of clients at a time.
MAX_CLIENTS = 12

ALL = frozenset({"a", "b", "a/1", "a/2"})

#: Matchers to ask for or to grant, each with its topics.
ASKED: dict[str, tuple[Topics, frozenset[str]]] = {
    "everything": (EVERYTHING, ALL),
    "a": ("a", frozenset({"a"})),
    "a, b": (("a", "b"), frozenset({"a", "b"})),
    "below a": (Pattern("/a/:n"), frozenset({"a/1", "a/2"})),
    "b, below a": (("b", Pattern("/a/:n")), frozenset({"b", "a/1", "a/2"})),
    "nothing": ((), frozenset()),
}

#: Matchers, grants and filter of the views.  They are few, so that many clients see the same.
SEEN = [
    ("everything", "nothing", "none"),
    ("everything", "nothing", "none"),
    ("everything", "everything", "none"),
    ("a", "nothing", "none"),
    ("a, b", "a, b", "none"),
    ("below a", "everything", "none"),
    ("b, below a", "a, b", "even"),
    ("everything", "everything", "fails"),
]

PUBLISHED_TO = [("a",), ("b",), ("a/1",), ("a/2",), ("b", "a"), ("a/1", "b"), ("a", "a/2")]


class Broken(Exception):
    """
    Exception of a broken connection or filter.
    """


def is_even(topics: tuple[str, ...], event: Event) -> bool:
    return int(event.data.partition(":")[0]) % 2 == 0


def fails_for_third(topics: tuple[str, ...], event: Event) -> bool:
    if int(event.data.partition(":")[0]) % 3 == 0:
        raise Broken
    return True


#: Filters, each with its result for the event of a number.
FILTERS: dict[str, tuple[Any, Callable[[int], bool]]] = {
    "none": (None, lambda number: True),
    "even": (is_even, lambda number: number % 2 == 0),
    "fails": (fails_for_third, lambda number: number % 3 != 0),
}


def sight_of(asked: str, granted: str, filter: str) -> Sight:
    return Sight(ASKED[asked][1], ASKED[granted][1], FILTERS[filter][1])


class Turns(Clock):
    """
    A clock with turns like those of a reactor: a call that is scheduled in one turn runs in the
    next.
    """

    def turn(self, seconds: float = 0) -> None:
        self.rightNow += seconds
        due: list[IDelayedCall] = [call for call in self.calls if call.getTime() <= self.rightNow]
        for call in sorted(due, key=lambda call: call.getTime()):
            if call in self.calls:  # not cancelled meanwhile
                self.calls.remove(call)
                call.called = 1
                call.func(*call.args, **call.kw)

    def turn_until_quiet(self) -> None:
        for _ in range(5000):
            if not any(call.getTime() <= self.rightNow for call in self.calls):
                return
            self.turn()
        raise AssertionError("it never comes to rest")


class SlowLog:
    """
    An ``EventLog`` that answers some turns later.

    :param delays: The number of turns until each answer.
    """

    def __init__(self, log: MemoryLog, clock: Turns, delays: Sequence[int]) -> None:
        self.epoch = log.epoch
        self._log = log
        self._clock = clock
        self._delays = delays
        self._count = 0

    def follow(self, callback: Callable[[Entry], object]) -> Callable[[], None]:
        return self._log.follow(callback)

    @property
    def head(self) -> int:
        return self._log.head

    @property
    def oldest(self) -> int:
        return self._log.oldest

    @property
    def oldest_announcement(self) -> int:
        return self._log.oldest_announcement

    def append(self, topics: tuple[str, ...], event: Event, **kind: bool) -> Deferred[Entry]:
        return self._later(self._log.append(topics, event, **kind))

    def read(self, after: int, most_bytes: int) -> Deferred[Sequence[Entry]]:
        return self._later(self._log.read(after, most_bytes))

    def find(self, id: str) -> Deferred[int | None]:
        return self._later(self._log.find(id))

    def _later(self, answer: Deferred[Any]) -> Deferred[Any]:
        self._count += 1
        later: Deferred[Any] = Deferred(lambda _: calls[-1].cancel())
        calls: list[IDelayedCall] = []

        def wait(turns: int) -> None:
            if turns:
                calls.append(self._clock.callLater(0, wait, turns - 1))
            else:
                answer.chainDeferred(later)

        wait(self._delays[self._count % len(self._delays)])
        return later


class Client(MemoryOutlet):
    """
    A client that may read slowly or break, and the story that it must hear.

    :ivar story: Everything that it must hear.
    :ivar ends: Every reason for its end that was reported.
    :ivar due: The reason why it ends now, if something ends it.
    :ivar seconds_per_write: The time that each write to it takes.
    :ivar is_breaking: If true, the next write to it fails.
    :ivar writes_while_behind: The number of writes before it had taken the bytes of an earlier one.
    """

    subscriber: Subscriber

    def __init__(
        self, hub: Hub, clock: Turns, story: Story, names: tuple[str, str, str], number: int
    ) -> None:
        self.number = number  # first of all, because it is hashed
        super().__init__(hub.streams)
        self.story = story
        self.names = names
        self.ends: list[EndReason] = []
        self.due: EndReason | None = None
        self.was_ended_for_good = False
        self.has_heard_end = False
        self.seconds_per_write = 0.0
        self.is_breaking = self.has_broken = False
        self.writes_while_behind = 0
        self._clock = clock

    def __hash__(self) -> int:
        return self.number  # the same in every run: the hub orders outlets by their hash

    @property
    def is_reading(self) -> bool:
        return self._is_reading

    def write(self, chunk: Chunk) -> bool:
        self._clock.rightNow += self.seconds_per_write
        if self.is_open and self.is_breaking:
            self.has_broken = True
            raise Broken
        if self.is_behind and chunk.events:
            self.writes_while_behind += 1
        self.writes.clear()
        return super().write(chunk)

    def begin_behind(self) -> None:
        """
        Begin with a connection that has not taken the head of the response yet.
        """
        self.stop_reading()
        self._put(b":\n")

    def read(self) -> None:
        self.writes_while_behind = 0
        super().read()

    def stop_reading(self) -> None:
        self.story.fall_behind()
        super().stop_reading()

    def take(self, count: int) -> None:
        """
        Let the client, which does not read, take this many waiting bytes and no more.
        """
        if self._is_reading or not self._waiting:
            return
        self.received += self._waiting[:count]
        self._waiting = self._waiting[count:]
        if self._waiting:
            self.behind_since = self._streams.clock.seconds()
        else:
            self.read()
            self._is_reading = False

    def hear(self) -> None:
        """
        Compare the events that were read since with the story.
        """
        whole, blank_line, self.received = self.received.rpartition(b"\n\n")
        if not blank_line:
            return
        for block in whole.decode().split("\n\n"):
            lines = [line for line in block.split("\n") if line[0] != ":"]
            fields = dict(line.split(": ", 1) for line in lines)
            heard = Heard(fields.get("event", "message"), fields.get("id"), fields["data"])
            assert not self.has_heard_end, "something after the end"
            if heard.type == "end":
                assert self.was_ended_for_good and heard.id == END_ID
                self.has_heard_end = True
            else:
                self.story.hear(heard)
