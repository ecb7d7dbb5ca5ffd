"""
Audiences: subscribers that see the very same events and keep up, and the index that finds the
audiences of an event.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol, TypeVar

from ..log import Entry
from ..matching import Matcher, Matchers, Steps, routes_of, trying
from ..matching.routes import Routes
from ._chunk import Chunk, Joining
from ._outlet import Outlet
from ._view import View

_Key = TypeVar("_Key")

#: Filters that are asked between two steps: those of applications should take microseconds.
_FILTERS = 64

#: Looks at an audience, or at a matcher for its audiences, in one step: less than a millisecond.
_LOOKS = 1000

#: Events that are joined at once; more are joined in steps.
_MANY_EVENTS = 1024

#: Searches that are done and wait for their events: large updates on their way to the log.
MAX_SEARCHES = 8

#: Times that a search looks at what came while it looked, which is less each time.  What came since
#: is looked at when its event is placed.
_TIMES = 3

#: Matchers that are put into a tree between two steps: a millisecond.
_PUT = 200


class Member(Protocol):
    """
    A subscriber, as the fan-out sees it.
    """

    @property
    def outlet(self) -> Outlet: ...

    @property
    def view(self) -> View: ...

    def begin_catch_up(self, position: int) -> None: ...

    def cut(self) -> None: ...


class Audience:
    """
    Subscribers with one view that all keep up.  Events are matched, joined and encoded for HTTP
    once for all of them.

    An event waits here until the next round, which one flush hands out.  Members that are here when
    a round begins get everything that was waiting then, and nothing else, however long it takes.
    So a subscriber that joins while events wait, or during a round, misses nothing and gets nothing
    twice.

    :ivar view: The view that all members have.
    :ivar round_head: The newest position that had been published when this round began.
    """

    __slots__ = (
        "_joined_late",
        "_members",
        "_reserved",
        "_round",
        "_waiting",
        "round_head",
        "view",
    )

    def __init__(self, view: View) -> None:
        self.view = view
        # A dict for its order: the first member is served first.
        self._members: dict[Member, None] = {}
        self._waiting: list[bytes] = []
        self._reserved = 0  # events that may still come before those of later members
        #: Members that joined while events waited, each with the number of events before it.
        self._joined_late: dict[Member, int] = {}
        #: The rest of this round: chunks, each with its members; the next one is the last.
        self._round: list[tuple[Chunk | Joining, dict[Member, None]]] = []
        self.round_head = 0

    def __len__(self) -> int:
        return len(self._members)

    @property
    def has_work(self) -> bool:
        return bool(self._members and (self._round or self._waiting))

    def expect(self, encoded: bytes) -> None:
        self._waiting.append(encoded)

    def reserve(self) -> None:
        """
        Begin to wait for an event that is not for members who join from now on, if it is for the
        others.  Nothing else may wait here.
        """
        self._reserved = 1

    def settle(self, encoded: bytes | None) -> None:
        """
        End the wait that :meth:`reserve` began, with the event or without.
        """
        self._reserved = 0
        if encoded is None:
            self._joined_late.clear()
        else:
            self.expect(encoded)

    def join(self, subscriber: Member) -> None:
        self._members[subscriber] = None
        if before := len(self._waiting) + self._reserved:
            self._joined_late[subscriber] = before

    def leave(self, subscriber: Member) -> None:
        del self._members[subscriber]
        self._joined_late.pop(subscriber, None)
        for _, members in self._round:
            members.pop(subscriber, None)

    def due_to(self, subscriber: Member) -> Chunk | None:
        """
        Return the events that are on their way to a member, if there are any.
        """
        due = []
        for number, (chunk, members) in enumerate(self._round):
            if subscriber in members:
                if isinstance(chunk, Joining):
                    chunk = chunk.finish()
                    self._round[number] = (chunk, members)
                due.append(chunk)
        if late := self._waiting[self._joined_late.get(subscriber, 0) :]:
            due.append(Chunk.joined(late))
        if len(due) < 2:
            return due[0] if due else None
        return Chunk(b"".join(one.data for one in due), sum(one.events for one in due))

    def next_batch(self, head: int) -> tuple[Chunk | None, dict[Member, None]] | None:
        """
        Return the next chunk and its members, the last one first.  Take each member out
        (``popitem``) before writing to it.  After the end of a round, another one begins.

        :param head: The newest position that has been published.
        :returns: ``None`` when this round is over, or nothing was to be done; without a chunk if a
            long one was not ready after one step.
        """
        while self._round and not self._round[-1][1]:
            self._round.pop()
            if not self._round:
                return None
        if not self._round:
            self._begin(head)
        if not self._round:
            return None
        chunk, members = self._round[-1]
        if isinstance(chunk, Joining):
            joined = chunk.step()
            if joined is None:
                return None, members
            chunk = joined
            self._round[-1] = (chunk, members)
        return chunk, members

    def _begin(self, head: int) -> None:
        waiting, self._waiting = self._waiting, []
        late, self._joined_late = self._joined_late, {}
        if not waiting:
            return
        self.round_head = head
        batches: dict[int, dict[Member, None]] = {0: dict.fromkeys(reversed(self._members))}
        for subscriber, begin in reversed(late.items()):
            del batches[0][subscriber]
            batches.setdefault(begin, {})[subscriber] = None
        for begin, members in sorted(batches.items(), reverse=True):
            if members and begin < len(waiting):
                some = waiting[begin:] if begin else waiting  # the last, and may be emptied
                is_long = len(some) > _MANY_EVENTS
                self._round.append((Joining(some) if is_long else Chunk.joined(some), members))


@dataclass(slots=True, eq=False)
class _Search:
    """
    A search for the matchers of an event, done before the event is published.

    :ivar found: The matchers that were found, of those that are still here.
    :ivar new: Others that came since they were looked for.
    """

    topics: tuple[str, ...]
    is_private: bool
    found: set[Matcher] = field(default_factory=set)
    new: set[Matcher] = field(default_factory=set)
    is_done: bool = False


class Index:
    """
    Audiences by the matchers that they have.

    Exact topics are looked up, and matchers with routes are found in a tree.  Only other matchers
    are tried one by one: each once for an event, however many audiences have it.
    """

    def __init__(self) -> None:
        self._exact: dict[str, dict[Audience, None]] = {}
        self._others: dict[Matcher, dict[Audience, None]] = {}
        self._routes: Routes[Matcher] = Routes()
        self._tried: dict[Matcher, None] = {}
        self._searches: dict[_Search, None] = {}  # those that are under way, too
        #: Audiences that were added during a search and are still here; otherwise ``None``.
        self._new: dict[Audience, None] | None = None

    def __bool__(self) -> bool:
        return bool(self._exact or self._others)

    def add(self, audience: Audience) -> None:
        matchers = audience.view.matchers
        # Before any change, because this calls the application's code, which may raise.
        new = {one for one in matchers.others if one not in self._others}
        for topic in matchers.exact:
            self._exact.setdefault(topic, {})[audience] = None
        for search in self._searches:
            # A private event's search has left out those for which nobody had a grant.
            search.new.update(matchers.others if search.is_private else new)
        for matcher in new:
            if not self._routes.add_matcher(matcher):
                self._tried[matcher] = None
        for matcher in matchers.others:
            self._others.setdefault(matcher, {})[audience] = None
        if self._new is not None:
            self._new[audience] = None

    def remove(self, audience: Audience) -> None:
        matchers = audience.view.matchers
        for topic in matchers.exact:
            _remove(self._exact, topic, audience)
        gone = set()
        for matcher in matchers.others:
            _remove(self._others, matcher, audience)
            if matcher not in self._others:
                gone.add(matcher)
                for route in routes_of(matcher):
                    self._routes.remove(route, matcher)
                self._tried.pop(matcher, None)
        for search in self._searches:
            search.found -= gone
            search.new -= gone
        if self._new is not None:
            self._new.pop(audience, None)

    def search(self, topics: tuple[str, ...], *, is_private: bool) -> Steps[None]:
        """
        Do the longest part of finding the audiences of an event, in steps, before it is published.
        """
        if not self._others:
            return
        search = _Search(topics, is_private)
        self._searches[search] = None
        try:
            yield from self._look(search, self._routes, self._tried)
            for _ in range(_TIMES):
                if search.new:
                    yield from self._look_at_new(search)
            search.is_done = True
        finally:
            if not search.is_done:
                del self._searches[search]
        if len(self._searches) > MAX_SEARCHES:
            done = [one for one in self._searches if one.is_done]
            for one in done[:-MAX_SEARCHES]:
                del self._searches[one]

    def find(self, entry: Entry) -> Steps[tuple[Iterable[Audience], Iterable[Audience]]]:
        """
        Find the audiences that see an event, each once, in steps.  One search is done at a time.

        :returns: The audiences, and others that must be asked: they were added during the search.
        """
        self._new = {}
        try:
            seen: dict[Audience, None] = {}
            found = yield from self._audiences_of(entry)
            for number, audience in enumerate(found, 1):
                if audience.view.wants(entry):
                    seen[audience] = None
                if not number % _FILTERS:
                    yield
            return seen, [audience for audience in self._new if audience not in seen]
        finally:
            self._new = None

    def _audiences_of(self, entry: Entry) -> Steps[Iterable[Audience]]:
        """
        Find the audiences that ask for any of the topics; for a private event, those that also have
        a grant.
        """
        topics = entry.topics
        granted = _Granted(topics)
        found: Iterable[Mapping[Audience, None] | None] = map(self._exact.get, topics)
        search = self._take_search(entry)
        if self._others:
            if search is None:
                search = _Search(topics, entry.is_private)
                yield from self._look(search, self._routes, self._tried, granted)
            elif search.new:
                yield from self._look_at_new(search, granted)
            found = chain(found, map(self._others.get, search.found))
        audiences = yield from _united(found)
        if not entry.is_private:
            return audiences
        seen = []
        for audience in audiences:
            if (yield from granted.any((audience,))):
                seen.append(audience)
        return seen

    def _take_search(self, entry: Entry) -> _Search | None:
        for one in self._searches:
            if one.is_done and one.is_private == entry.is_private and one.topics == entry.topics:
                del self._searches[one]
                return one
        return None

    def _look(
        self,
        search: _Search,
        routes: Routes[Matcher],
        tried: Iterable[Matcher],
        granted: "_Granted | None" = None,
    ) -> Steps[None]:
        """
        Look for matchers that ask for any of the topics, apart from topics themselves.
        """
        topics = search.topics
        granted = granted or _Granted(topics)
        search.found |= yield from routes.find(topics)
        for matcher in tuple(tried):
            if matcher not in self._others:
                continue  # it has gone meanwhile
            # A client that may see little must not make anything expensive.
            is_for_none = search.is_private and not (yield from granted.any(self._others[matcher]))
            if not is_for_none and (yield from trying(matcher, topics)):
                if matcher in self._others:
                    search.found.add(matcher)
                yield

    def _look_at_new(self, search: _Search, granted: "_Granted | None" = None) -> Steps[None]:
        new, search.new = search.new - search.found, set()
        routes: Routes[Matcher] = Routes()
        tried = []
        for number, matcher in enumerate(new, 1):
            if not routes.add_matcher(matcher):
                tried.append(matcher)
            if not number % _PUT:
                yield
        yield from self._look(search, routes, tried, granted)


class _Granted:
    """
    The audiences with a grant for a private event.  Each set of grants is looked at once.
    """

    def __init__(self, topics: tuple[str, ...]) -> None:
        self._topics = topics
        self._known: dict[Matchers, bool] = {}
        self._answers: dict[Audience, bool] = {}  # an audience may be here for many matchers
        self._looks = 0

    def any(self, audiences: Iterable[Audience]) -> Steps[bool]:
        for audience in tuple(audiences):
            has_one = self._answers.get(audience)
            if has_one is None:
                has_one = self._answers[audience] = yield from self._has_one(audience.view.grants)
            self._looks += 1
            if not self._looks % _LOOKS:
                yield
            if has_one:
                return True
        return False

    def _has_one(self, grants: Matchers) -> Steps[bool]:
        if grants not in self._known:
            self._known[grants] = yield from grants.matching(self._topics)
            yield
        return self._known[grants]


def _united(several: Iterable[Mapping[Audience, None] | None]) -> Steps[Iterable[Audience]]:
    """
    Unite audiences of topics and matchers, ``None`` for one without any, in steps.
    """
    united: dict[Audience, None] = {}
    looks = 0
    for audiences in several:
        looks += 1
        if audiences:
            looks += len(audiences)
            united.update(audiences)
        if looks >= _LOOKS:
            looks = 0
            yield
    return united


def _remove(audiences: dict[_Key, dict[Audience, None]], key: _Key, audience: Audience) -> None:
    del audiences[key][audience]
    if not audiences[key]:
        del audiences[key]
