"""
The oracle of ``test_model``: a plain description of a hub's duties.

It knows nothing of audiences, rounds and catching up.  It has one list of everything that was
published, and for each client the place in that list up to which it has been sent everything.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from ssetwist import Event
from ssetwist.eventstream import encode_event
from ssetwist.hub import UnknownCursor, WhenBehind
from ssetwist.log import position_of, render_id

EPOCH = "e1"


@dataclass(frozen=True)
class Published:
    """
    One published event.

    :ivar position: Its place in the log; ``None`` for an ephemeral event.
    """

    number: int
    topics: tuple[str, ...]
    data: str
    id: str | None
    position: int | None
    is_private: bool

    @property
    def is_kept(self) -> bool:
        return self.position is not None


@dataclass(frozen=True)
class Sight:
    """
    The topics that a client asked for and was granted, as sets, and its filter.
    """

    asked: frozenset[str]
    granted: frozenset[str]
    permits: Callable[[int], bool]

    def sees(self, one: Published) -> bool:
        return bool(
            self.asked.intersection(one.topics)
            and (not one.is_private or self.granted.intersection(one.topics))
            and self.permits(one.number)
        )


@dataclass
class World:
    """
    Everything that was published, in order, and the part that the log keeps.

    :ivar oldest_at: The oldest position that was kept, by the newest position at that time.
    """

    max_count: int
    max_bytes: int
    when_behind: WhenBehind
    unknown_cursor: UnknownCursor
    published: list[Published] = field(default_factory=list)
    oldest_at: list[int] = field(default_factory=lambda: [1])
    _places: list[int] = field(default_factory=list)
    _sizes: list[int] = field(default_factory=list)

    @property
    def head(self) -> int:
        return len(self._places)

    @property
    def oldest(self) -> int:
        return self.oldest_at[self.head]

    def add(
        self, topics: tuple[str, ...], data: str, id: str | None, *, private: bool, ephemeral: bool
    ) -> Published:
        """
        Add an event that is published.
        """
        position = None
        if not ephemeral:
            position = self.head + 1
            id = render_id(EPOCH, position) if id is None else id
            self._places.append(len(self.published))
            self._sizes.append(len(encode_event(Event(data, id=id))))
            self.oldest_at.append(self._oldest_kept())
        one = Published(len(self.published), topics, data, id, position, private)
        self.published.append(one)
        return one

    def _oldest_kept(self) -> int:
        oldest, size = self.head + 1, 0
        while oldest > 1:
            size += self._sizes[oldest - 2]
            if self.head - oldest + 2 > self.max_count or size > self.max_bytes:
                break
            oldest -= 1
        return oldest

    def after(self, position: int) -> int:
        """
        Return the place in the list that follows a position of the log.
        """
        return self._places[position - 1] + 1 if position else 0

    def position_before(self, place: int) -> int:
        """
        Return the newest position of the log before a place in the list.
        """
        while place:
            place -= 1
            position = self.published[place].position
            if position is not None:
                return position
        return 0

    def find(self, id: str) -> int | None:
        """
        Return the position of an id, if everything after it is kept.
        """
        position = position_of(EPOCH, id)
        if position is not None:
            return position if self.oldest - 1 <= position <= self.head else None
        # An id that a publisher gave is known as long as its event is kept.
        for one in self.published:
            if one.id == id and one.position is not None and one.position >= self.oldest:
                return one.position
        return None


@dataclass(frozen=True)
class Heard:
    """
    One event as a client has read it.
    """

    type: str
    id: str | None
    data: str


class Story:
    """
    Everything that one client must hear.  A method fails if the client hears something else.

    :ivar place: The place in the list before which everything has been settled: heard, not visible,
        before the start, or lost in a gap that was reported.  ``None`` for a client that asked for
        the last few events and has not heard anything yet.
    :ivar numbers: The events that it has heard.
    :ivar steady_from: The place in the list since which it has kept up without a break; ``None``
        while it has not.
    """

    def __init__(self, world: World, sight: Sight) -> None:
        self.world = world
        self.numbers: set[int] = set()
        self.last_event_id: str | None = None
        self.place: int | None = len(world.published)
        self.steady_from: int | None = None
        self._begun_at = world.head
        self._unknown_id: str | None = None
        self._last = 0
        self._is_too_much = False  # more than the last few were heard, unless a gap comes next
        self._not_before = 0
        self._sights = [(0, sight)]
        #: With ``LATEST``: events that were left out because a newer one of their topic follows.
        self._left_out: list[int] = []

    # Beginnings

    def begin_after_id(self, id: str) -> None:
        position = self.world.find(id)
        if position is None:
            self._unknown_id = id
            self.place = 0
        else:
            self.place = self.world.after(position)

    def begin_with_earliest(self) -> None:
        """
        Begin with the oldest event that is kept at the time of reading.
        """
        self.begin_with_last(len(self.world.published) + 10**9)

    def begin_with_last(self, count: int) -> None:
        self.place = None
        self._last = count
        self._not_before = self.world.after(self.world.oldest - 1)

    # Events and gaps

    def change(self, sight: Sight) -> None:
        """
        Change the view for events from now on.
        """
        self._sights.append((len(self.world.published), sight))

    def sight_of(self, number: int) -> Sight:
        return next(sight for since, sight in reversed(self._sights) if since <= number)

    def shows(self, number: int) -> bool:
        return self.sight_of(number).sees(self.world.published[number])

    def kept_between(self, begin: int, end: int) -> list[int]:
        """
        Return the kept events that it sees between two places in the list.
        """
        return [
            number
            for number in range(begin, end)
            if self.world.published[number].is_kept and self.shows(number)
        ]

    def hear(self, heard: Heard) -> None:
        """
        Take note of one event that the client has read.
        """
        if heard.type == "gap":
            self._hear_gap(heard)
        else:
            self._hear_event(heard)
        if heard.id is not None:
            self.last_event_id = heard.id

    def _hear_event(self, heard: Heard) -> None:
        number = int(heard.data.partition(":")[0])
        one = self.world.published[number]
        assert (heard.data, heard.id) == (one.data, one.id), "it was changed"
        assert self._unknown_id is None, "it has not been told of the gap"
        assert self.shows(number), f"event {number} is not for it"
        assert number not in self.numbers, f"event {number} came twice"
        if self.place is None:
            self._begin_with_last_from(one)
        else:
            assert number >= self.place, f"event {number} came after {self.place - 1}"
            self._pass(self.place, number)
        self.place = number + 1
        self.numbers.add(number)

    def _begin_with_last_from(self, one: Published) -> None:
        # The last few are counted from some moment between its coming and now.
        assert one.number >= self._not_before, "older than what was kept"
        then = self.world.after(self._begun_at)
        now = len(self.world.published)
        self._is_too_much = len(self.kept_between(one.number, then)) > self._last
        kept = max(self._not_before, self.world.after(self.world.oldest - 1))
        earlier = self.kept_between(kept, one.number)
        if not one.is_kept or len(self.kept_between(one.number, now)) < self._last:
            self._pass_over(earlier)

    def _hear_gap(self, heard: Heard) -> None:
        world = self.world
        told = json.loads(heard.data)
        assert heard.id is not None
        resume = position_of(EPOCH, heard.id)
        assert resume is not None
        # The range that the log kept when the gap was reported.
        if told["newest"] is None:
            assert told["oldest"] is None
            head = resume
            assert world.oldest_at[head] == head + 1, "the log was not empty"
        else:
            newest = position_of(EPOCH, told["newest"])
            assert newest is not None
            head = newest
            assert told["oldest"] == render_id(EPOCH, world.oldest_at[head])
        assert self._begun_at <= head <= world.head
        oldest = world.oldest_at[head]

        if self._unknown_id is not None:
            assert told["asked"] == self._unknown_id[:256]
            is_all = world.unknown_cursor is UnknownCursor.ALL
            self._unknown_id = None
        else:
            assert self.steady_from is None, "a gap for one that has kept up"
            asked = position_of(EPOCH, told["asked"])
            assert asked is not None
            assert asked + 1 < oldest, "a gap without a need"
            assert world.when_behind is not WhenBehind.DISCONNECT
            if self.place is None and world.when_behind is WhenBehind.LATEST:
                # The last few that are left; or the newest of each topic, if it had got them.
                assert resume == oldest - 1, "it goes on elsewhere"
                self._not_before = world.after(resume)
                return
            if self.place is None:
                self.place = world.after(asked)
            assert asked >= world.position_before(self.place), "asked for what it has"
            self._pass(self.place, world.after(asked))
            is_all = world.when_behind is WhenBehind.LATEST
        assert resume == (oldest - 1 if is_all else head), "it goes on elsewhere"
        self._is_too_much = False
        place = self.place or 0
        assert resume >= world.position_before(place), "it goes back"
        self.place = max(place, world.after(resume))

    def _pass(self, begin: int, end: int) -> None:
        """
        Check that nothing between two places had to be sent.
        """
        self._pass_over(self.kept_between(begin, end))

    def _pass_over(self, missing: list[int]) -> None:
        if self.world.when_behind is WhenBehind.LATEST:
            self._left_out += missing
        else:
            assert not missing, f"events {missing} are lost"

    # Checks that everything was heard

    def keep_up(self) -> None:
        """
        Take note that the client takes everything from now on.
        """
        if self.steady_from is None:
            self.steady_from = len(self.world.published)

    def fall_behind(self) -> None:
        """
        Take note that the client may no longer take everything.
        """
        self.steady_from = None

    def check_steady(self) -> None:
        """
        Check that a client that keeps up has heard everything since it kept up, including ephemeral
        events.
        """
        if self.steady_from is None:
            return
        now = len(self.world.published)
        missing = {
            number for number in range(self.steady_from, now) if self.shows(number)
        } - self.numbers
        assert not missing, f"{sorted(missing)} are lost though it has kept up"
        self.steady_from = now

    def check_complete(self) -> None:
        """
        Check that nothing is left to hear when everything is quiet and the client reads.
        """
        now = len(self.world.published)
        assert self._unknown_id is None, "it has not been told of the gap"
        assert not self._is_too_much, "it has heard more than the last"
        if self.place is None:
            begin = max(self._not_before, self.world.after(self.world.oldest - 1))
            assert not self.kept_between(begin, now), "it has not heard the last"
        else:
            self._pass(self.place, now)
            self.place = now
        heard = {(self.world.published[n].topics[0], n) for n in self.numbers}
        for number in self._left_out:
            topic = self.world.published[number].topics[0]
            assert any(other == topic and newer > number for other, newer in heard), (
                f"event {number} is lost, and none of its topic is newer"
            )
        self._left_out = []
        self.check_steady()

    def could_fall_off(self) -> bool:
        """
        Return true if the log has dropped something that the client may not have read.
        """
        position = 0 if self.place is None else self.world.position_before(self.place)
        return position + 1 < self.world.oldest
