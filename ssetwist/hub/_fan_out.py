"""
The live end: handing events to subscribers that keep up.
"""

from collections import deque
from collections.abc import Callable
from functools import partial

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..log import Entry
from ..matching import Steps
from ._audience import Audience, Index, Member
from ._chunk import Chunk
from ._outlet import NOT_SENT, PIECE
from ._senders import Senders
from ._turns import Turns
from ._view import View

_log = Logger()

#: Seconds after which a flush lets the reactor do something else.
MAX_FLUSH = 0.01

#: The least number of members for which threads are used: with fewer, waking the threads costs more
#: than they save.
_MANY = 256

#: Members that are served between two looks at the clock: by one thread, and by several.
_BATCH, _LARGE_BATCH = 64, 1024

#: Bytes that they get between two looks at the clock, for events of unusual size.
_BATCH_BYTES, _LARGE_BATCH_BYTES = _BATCH * PIECE, _LARGE_BATCH * PIECE // 8

#: Bytes of events that wait until earlier ones are placed, beyond which :meth:`Hub.publish` lets
#: its caller wait.
MAX_PENDING = 16 * 1024 * 1024

#: Bytes of them beyond which they are placed at once, whatever time that takes: the publisher did
#: not wait.
MAX_PENDING_UNHEEDED = 4 * MAX_PENDING

#: Bytes that an event takes in memory besides its own.
_OVERHEAD = 1024

_BROKEN = "an event could not be handed to a subscriber, which is cut"


class FanOut:
    """
    Hands out events in their order, once in each turn of the reactor: events of one turn are sent
    together.

    Placing events takes the time that a turn has for work in steps, and the sends at most
    :data:`MAX_FLUSH` besides.

    :param turns: The turns of the reactor, which begin with this.
    :param threads: The number of threads that send to a large audience; 1 for the reactor's alone.
    :param head: The newest position of the log.
    :ivar head: The newest position that has been published here.
    :ivar head_id: The id of that event; ``None`` before the first in this process.
    """

    def __init__(self, turns: Turns, *, threads: int, head: int) -> None:
        self.head = head
        self.head_id: str | None = None
        self._turns = turns
        self._seconds = turns.seconds
        self._senders = Senders(threads) if threads > 1 else None
        self._audiences: dict[View, Audience] = {}
        self._index = Index()
        #: Events, and what is to be done between them.
        self._to_place: deque[Entry | Callable[[], object]] = deque()
        self._pending = 0  # bytes of these events
        self._is_placing = False
        self._search: Steps[None] | None = None  # for the first of them
        self._awaited: dict[Deferred[None], int] = {}  # with the position of each
        self._marked: dict[Audience, None] = {}  # in the order of their turn

    @property
    def is_idle(self) -> bool:
        return not (
            self._audiences or self._index or self._to_place or self._awaited or self._marked
        )

    def place(self, entry: Entry) -> None:
        """
        Place an event with each audience that sees it; the next turn hands it out.  If it takes
        long to find them, that goes on in later turns, and later events wait: no one sees two
        events in another order than they were published in.
        """
        self._to_place.append(entry)
        self._pending += len(entry.encoded) + _OVERHEAD
        if not self._is_placing:
            self._place_all()

    def prepare(self, topics: tuple[str, ...], *, is_private: bool) -> Steps[None]:
        return self._index.prepare(topics, is_private=is_private)

    def in_order(self, member: Member, act: Callable[[], object]) -> None:
        """
        Do something for a member after the events that have been published, and before any other:
        now, unless some of them are not placed yet.  If it fails, the member is cut; if it fails
        now, it also raises.
        """
        if self._to_place:
            self._to_place.append(partial(_act, member, act))
            return
        try:
            act()
        except BaseException:  # it may have left its audience already, and would be silent
            member.cut()
            raise

    def accept(self, entry: Entry) -> str | Deferred[str]:
        """
        Return the id of an event for its publisher, ``""`` for an ephemeral one; later if too much
        is pending.
        """
        id = entry.event.id or ""
        if self._pending <= MAX_PENDING:
            return id
        accepted: Deferred[str] = Deferred()
        self._to_place.append(partial(accepted.callback, id))
        return accepted

    def _place_all(self) -> None:
        self._is_placing = True  # a filter may publish; that follows the event that it looks at
        now = self._seconds()
        until = now + self._turns.left
        try:
            while self._to_place and (now < until or self._pending > MAX_PENDING_UNHEEDED):
                first = self._to_place[0]
                if not isinstance(first, Entry):
                    self._to_place.popleft()
                    first()
                elif self._is_placed(first):
                    self._to_place.popleft()
                    self._pending -= len(first.encoded) + _OVERHEAD
                now = self._seconds()
        finally:
            self._turns.left = until - now
            self._is_placing = False
            self._schedule()
        for one in [one for one, position in self._awaited.items() if position <= self.head]:
            # A callback of an earlier one may have cancelled it, or published, and so fired it.
            if self._awaited.pop(one, None) is not None:
                one.callback(None)

    def _is_placed(self, entry: Entry) -> bool:
        """
        Do one step of placing an event.
        """
        if self._search is None:
            self._search = self._placing(entry)
        try:
            next(self._search)
            return False
        except StopIteration:
            pass
        except BaseException:  # the hash of a matcher, say, is the application's code
            _log.failure("the search for the subscribers of an event failed; none gets it")
            if entry.position:
                self.head, self.head_id = entry.position, entry.event.id
        self._search = None
        return True

    def _placing(self, entry: Entry) -> Steps[None]:
        found, to_ask = yield from self._index.find(entry)
        # A member that joins from here on comes after the event, so no more audiences are to be
        # asked, however many come and go.
        if entry.position:  # one that is kept
            self.head, self.head_id = entry.position, entry.event.id
        for audience in to_ask:
            audience.reserve()
        for audience in found:
            if audience:  # all members may have left during the search
                audience.expect(entry.encoded)
                self._marked[audience] = None
        for audience in to_ask:
            is_seen = bool(audience) and (yield from audience.view.shows(entry))
            audience.settle(entry.encoded if is_seen else None)
            if audience.has_work:
                self._marked[audience] = None
            yield

    def when_at(self, position: int) -> Deferred[None]:
        """
        Return a Deferred that fires when everything up to a position has been published here.
        Cancelling it only stops the waiting.
        """
        waiting: Deferred[None] = Deferred(self._awaited.__delitem__)
        self._awaited[waiting] = position
        return waiting

    def join(self, member: Member) -> Audience:
        audience = self._audiences.get(member.view)
        if audience is None:
            audience = Audience(member.view)
            self._index.add(audience)
            self._audiences[member.view] = audience
        audience.join(member)
        return audience

    def leave(self, member: Member, audience: Audience) -> None:
        audience.leave(member)
        if not audience:
            del self._audiences[audience.view]
            self._index.remove(audience)
            if audience in self._marked:
                del self._marked[audience]
                self._schedule()

    def close(self) -> None:
        # The reactor's thread sends the rest.
        if self._senders is not None:
            self._senders.close()
            self._senders = None

    def _schedule(self) -> None:
        has_work = self._marked or self._to_place
        self._turns.begin_with(self._take_turn if has_work else None)

    def _take_turn(self) -> None:
        try:
            if self._to_place:
                self._place_all()
            self._flush()
        finally:
            self._schedule()

    def _flush(self) -> None:
        until = self._seconds() + MAX_FLUSH
        for audience in tuple(self._marked):
            if not self._hand_out(audience, until):
                break  # it goes on in the next turn
            self._marked.pop(audience, None)
            if audience.has_work:  # published meanwhile: in the next turn, after the others
                self._marked[audience] = None

    def _hand_out(self, audience: Audience, until: float) -> bool:
        """
        Do a round, or the rest of one.

        :returns: True if it is done; false if the time is over.
        """
        while (batch := audience.next_batch(self.head)) is not None:
            chunk, members = batch
            if chunk is None:  # it is being joined
                if self._seconds() >= until:
                    return False
                continue
            is_whole = len(chunk.data) <= PIECE  # and not sent in pieces, which no thread does
            if self._senders is not None and is_whole and len(members) >= _MANY:
                self._send_to_many(chunk, members, audience.round_head, self._senders)
            else:
                self._send_to_some(chunk, members, audience.round_head)
            if self._seconds() >= until:
                return False
        return True

    def _send_to_some(self, chunk: Chunk, members: dict[Member, None], head: int) -> None:
        for _ in range(max(1, min(_BATCH, _BATCH_BYTES // (len(chunk.data) or 1)))):
            if not members:  # all are served, or one's end has ended the others
                return
            member, _ = members.popitem()
            try:
                if not member.outlet.write(chunk):
                    member.begin_catch_up(head)
            except BaseException:
                # A broken outlet must affect neither the others nor the publisher.
                _log.failure(_BROKEN)
                member.cut()

    def _send_to_many(
        self, chunk: Chunk, members: dict[Member, None], head: int, senders: Senders
    ) -> None:
        batch: list[Member] = []
        sends: list[Callable[[bytes], int]] = []
        broken: list[Member] = []
        most = max(_MANY, min(_LARGE_BATCH, _LARGE_BATCH_BYTES // (len(chunk.data) or 1)))
        for _ in range(min(len(members), most)):
            member, _ = members.popitem()
            try:
                sends.append(member.outlet.short_cut(chunk))
                batch.append(member)
            except BaseException:
                _log.failure(_BROKEN)
                broken.append(member)
        results = senders.send(chunk.on_wire or chunk.data, sends)
        pairs = list(zip(batch, results, strict=True))
        if NOT_SENT in results:
            # Last, because these writes may call the application, which may end a stream that has
            # only a part of the chunk so far.
            pairs.sort(key=lambda one: one[1] == NOT_SENT)
        for member, sent in pairs:
            try:
                if isinstance(sent, BaseException):
                    raise sent
                if not member.outlet.settle(chunk, sent):
                    member.begin_catch_up(head)
            except BaseException:
                _log.failure(_BROKEN)
                broken.append(member)
        for member in broken:  # not before every write is settled
            member.cut()


def _act(member: Member, act: Callable[[], object]) -> None:
    try:
        act()
    except BaseException:
        _log.failure("a subscriber could not be changed or ended, and is cut")
        member.cut()
