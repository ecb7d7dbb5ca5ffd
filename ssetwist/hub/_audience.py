"""
Audiences: subscribers that see the very same events and keep up, and the index that finds the
audiences of an event.
"""

from collections.abc import Iterable
from itertools import chain
from typing import Protocol, TypeVar

from ..log import Entry
from ..matching import Matcher, Matchers, Steps, routes_of, trying
from ..matching.routes import Routes
from ._chunk import Chunk, Joining
from ._foreign import key_of
from ._outlet import Outlet
from ._view import View

_Key = TypeVar("_Key")

#: Filters that are asked between two steps: those of applications should take microseconds.
_FILTERS = 64

#: Events that are joined at once; more are joined in steps.
_MANY_EVENTS = 1024

#: Events that are prepared at the same time, those that are alike counted once: each may have a
#: thousand topics.
MAX_PREPARED = 8

#: Matchers that came since an event was prepared, each of which is tried.  With more of them, all
#: are looked for again.
_FEW_NEW = 4


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
    :ivar asked: The matchers of the view, apart from topics, as the index knows them.
    :ivar round_head: The newest position that had been published when this round began.
    """

    __slots__ = (
        "_joined_late",
        "_members",
        "_reserved",
        "_round",
        "_waiting",
        "asked",
        "round_head",
        "view",
    )

    def __init__(self, view: View) -> None:
        self.view = view
        self.asked: tuple[Matcher, ...] = ()
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


class _Prepared:
    """
    The matchers that ask for events with certain topics, looked for before these are published.

    :ivar events: The number of events that are still to be published.
    :ivar found: The matchers; ``None`` until they have been looked for.
    :ivar new: Others that came since that began, and must be tried.
    """

    __slots__ = ("events", "found", "new")

    def __init__(self) -> None:
        self.events = 0
        self.found: set[Matcher] | None = None
        self.new: list[Matcher] = []

    def forget(self, matcher: Matcher) -> None:
        """
        Forget a matcher that nobody has any more: it may take a hundred kilobytes.
        """
        if self.found is not None:
            self.found.discard(matcher)
        if matcher in self.new:
            self.new.remove(matcher)


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
        #: By topics, and whether the events are private; the oldest first.
        self._prepared: dict[tuple[tuple[str, ...], bool], _Prepared] = {}
        #: Audiences that were added during a search and are still here; otherwise ``None``.
        self._new: dict[Audience, None] | None = None

    def __bool__(self) -> bool:
        return bool(self._exact or self._others)

    def add(self, audience: Audience) -> None:
        matchers = audience.view.matchers
        # Before any change, because this calls the application's code, which may raise.
        audience.asked = tuple(map(key_of, matchers.others))
        new = [one for one in audience.asked if one not in self._others]
        for topic in matchers.exact:
            self._exact.setdefault(topic, {})[audience] = None
        for (topics, is_private), prepared in tuple(self._prepared.items()):
            # For a private event, a matcher of audiences without a grant has not been tried.
            prepared.new += audience.asked if is_private else new
            if len(prepared.new) > _FEW_NEW:
                del self._prepared[topics, is_private]
        for matcher in new:
            routes = routes_of(matcher)
            for route in routes:
                self._routes.add(route, matcher)
            if not routes:
                self._tried[matcher] = None
        for matcher in audience.asked:
            self._others.setdefault(matcher, {})[audience] = None
        if self._new is not None:
            self._new[audience] = None

    def remove(self, audience: Audience) -> None:
        for topic in audience.view.matchers.exact:
            _remove(self._exact, topic, audience)
        for matcher in audience.asked:
            _remove(self._others, matcher, audience)
            if matcher not in self._others:
                for route in routes_of(matcher):
                    self._routes.remove(route, matcher)
                self._tried.pop(matcher, None)
                for prepared in self._prepared.values():
                    prepared.forget(matcher)
        if not self._others:
            self._prepared.clear()  # nothing is held for events that do not come
        if self._new is not None:
            self._new.pop(audience, None)

    def prepare(self, topics: tuple[str, ...], *, is_private: bool) -> Steps[None]:
        """
        Do the longest part of finding the audiences of an event, in steps, before it is published.
        """
        if not self._others:
            return
        key = (topics, is_private)
        prepared = self._prepared.get(key)
        if prepared is None:
            if len(self._prepared) == MAX_PREPARED:
                del self._prepared[next(iter(self._prepared))]
            prepared = self._prepared[key] = _Prepared()
        prepared.events += 1
        if prepared.found is None:  # not even for an event that is alike
            granted = _Granted(topics) if is_private else None
            found = yield from self._matching(topics, granted)
            prepared.found = {one for one in found if one in self._others}

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
        found = [self._exact[topic] for topic in topics if topic in self._exact]
        if self._others:
            key = (topics, entry.is_private)
            prepared = self._prepared.get(key) if self._prepared else None
            if prepared is None or prepared.found is None:
                matchers = yield from self._matching(topics, granted if entry.is_private else None)
            else:
                prepared.events -= 1
                if not prepared.events:
                    del self._prepared[key]
                matchers = prepared.found
                for matcher in tuple(prepared.new):  # one may leave meanwhile
                    if (yield from trying(matcher, topics)):
                        matchers.add(matcher)
            found += [self._others[matcher] for matcher in matchers if matcher in self._others]
        if len(found) == 1:
            audiences = tuple(found[0])
        else:
            audiences = tuple(dict.fromkeys(chain.from_iterable(found)))
        if not entry.is_private:
            return audiences
        seen = []
        for audience in audiences:
            if (yield from granted.has(audience)):
                seen.append(audience)
        return seen

    def _matching(self, topics: tuple[str, ...], granted: "_Granted | None") -> Steps[set[Matcher]]:
        """
        Find the matchers that ask for any of the topics, apart from topics themselves.

        :param granted: The audiences with a grant, if the event is private.
        """
        matchers = yield from self._routes.find(topics)
        for matcher in tuple(self._tried):
            # A client that may see little must not make anything expensive.
            is_for_none = granted is not None and not (
                yield from granted.any(self._others.get(matcher, ()))
            )
            if not is_for_none and (yield from trying(matcher, topics)):
                matchers.add(matcher)
                yield
        return matchers


class _Granted:
    """
    The audiences with a grant for a private event.  Each set of grants is looked at once.
    """

    def __init__(self, topics: tuple[str, ...]) -> None:
        self._topics = topics
        self._known: dict[Matchers, bool] = {}

    def has(self, audience: Audience) -> Steps[bool]:
        grants = audience.view.grants
        if grants not in self._known:
            self._known[grants] = yield from grants.matching(self._topics)
            yield
        return self._known[grants]

    def any(self, audiences: Iterable[Audience]) -> Steps[bool]:
        for audience in tuple(audiences):
            if (yield from self.has(audience)):
                return True
        return False


def _remove(audiences: dict[_Key, dict[Audience, None]], key: _Key, audience: Audience) -> None:
    del audiences[key][audience]
    if not audiences[key]:
        del audiences[key]
