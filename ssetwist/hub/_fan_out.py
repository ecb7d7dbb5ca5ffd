"""
The live end: handing events to subscribers that keep up.
"""

from collections import deque
from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ..log import Entry
from ..matching import Steps
from ._audience import Audience, Index, Member
from ._chunk import Chunk
from ._outlet import NOT_SENT, PIECE
from ._senders import Senders
from ._turns import MAX_TURN, Turns
from ._view import View

_log = Logger()

#: Seconds after which a flush lets the reactor do something else.
MAX_FLUSH = 0.01

#: The least number of members for which threads are used: with fewer, waking the threads costs more
#: than they save.
_MANY = 256

#: Members that are served between two looks at the clock: by one thread, and by several.
_BATCH, _LARGE_BATCH = 64, 4096

#: Bytes that they get between two looks at the clock, for events of unusual size.
_BATCH_BYTES, _LARGE_BATCH_BYTES = _BATCH * PIECE, _LARGE_BATCH * PIECE // 8

_BROKEN = "an event could not be handed to a subscriber, which is cut"


class FanOut:
    """
    Hands out events in their order, once in each turn of the reactor: events of one turn are sent
    together.

    :param turns: Turns of the reactor for what takes long.
    :param threads: The number of threads that send to a large audience; 1 for the reactor's alone.
    :param head: The newest position of the log.
    :ivar head: The newest position that has been published here.
    :ivar head_id: The id of that event; ``None`` before the first in this process.
    """

    def __init__(self, clock: IReactorTime, turns: Turns, *, threads: int, head: int) -> None:
        self.head = head
        self.head_id: str | None = None
        self._clock = clock
        self._turns = turns
        self._senders = Senders(threads) if threads > 1 else None
        self._audiences: dict[View, Audience] = {}
        self._index = Index()
        self._to_place: deque[Entry] = deque()
        self._is_placing = False
        self._search: Steps[Iterable[Audience]] | None = None  # for the first of them
        self._awaited: dict[Deferred[None], int] = {}  # with the position of each
        self._marked: dict[Audience, None] = {}  # in the order of their turn
        self._soon: IDelayedCall | None = None

    @property
    def is_idle(self) -> bool:
        held = self._audiences or self._index or self._to_place or self._awaited or self._marked
        return not held and self._soon is None

    def place(self, entry: Entry) -> None:
        """
        Place an event with each audience that sees it; the next turn hands it out.  If it takes
        long to find them, that goes on in later turns, and later events wait: no one sees two
        events in another order than they were published in.
        """
        self._to_place.append(entry)
        if not self._is_placing:
            self._place_all()

    def _place_all(self) -> None:
        self._is_placing = True  # a filter may publish; that follows the event that it looks at
        until = self._clock.seconds() + MAX_TURN
        is_over = False
        try:
            while self._to_place and not is_over:
                if self._search is None:
                    self._search = self._index.find(self._to_place[0])
                found: Iterable[Audience] | None = None
                try:
                    next(self._search)
                except StopIteration as end:
                    found = end.value
                except BaseException:
                    # The hash of a matcher, say, is the application's code.
                    _log.failure("the search for the subscribers of an event failed; none gets it")
                    found = ()
                if found is not None:
                    self._search = None
                    entry = self._to_place.popleft()
                    if entry.position:  # one that is kept
                        self.head, self.head_id = entry.position, entry.event.id
                    for audience in found:
                        if audience:  # all members may have left during the search
                            audience.expect(entry.encoded)
                            self._marked[audience] = None
                is_over = bool(self._to_place) and self._clock.seconds() >= until
        finally:
            self._is_placing = is_over
            self._schedule()
        if is_over:
            self._turns.next().addCallback(lambda _: self._place_all())
        for one in [one for one, position in self._awaited.items() if position <= self.head]:
            # A callback of an earlier one may have cancelled it, or published, and so fired it.
            if self._awaited.pop(one, None) is not None:
                one.callback(None)

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

    def leave(self, member: Member, audience: Audience) -> Chunk | None:
        missed = audience.leave(member)
        if not audience:
            del self._audiences[audience.view]
            self._index.remove(audience)
            self._marked.pop(audience, None)
            if self._soon is not None and not self._marked:
                self._soon.cancel()
                self._soon = None
        return missed

    def close(self) -> None:
        # The reactor's thread sends the rest.
        if self._senders is not None:
            self._senders.close()
            self._senders = None

    def _schedule(self) -> None:
        if self._marked and self._soon is None:
            self._soon = self._clock.callLater(0, self._flush)

    def _flush(self) -> None:
        self._soon = None
        until = self._clock.seconds() + MAX_FLUSH
        for audience in tuple(self._marked):
            if not self._hand_out(audience, until):
                break  # it goes on in the next turn
            self._marked.pop(audience, None)
            if audience.has_work:  # published meanwhile: in the next turn, after the others
                self._marked[audience] = None
        if self._marked:
            self._schedule()

    def _hand_out(self, audience: Audience, until: float) -> bool:
        """
        Do a round, or the rest of one.

        :returns: True if it is done; false if the time is over.
        """
        while (batch := audience.next_batch(self.head)) is not None:
            chunk, members = batch
            if chunk is None:  # it is being joined
                if self._clock.seconds() >= until:
                    return False
                continue
            is_whole = len(chunk.data) <= PIECE  # and not sent in pieces, which no thread does
            if self._senders is not None and is_whole and len(members) >= _MANY:
                self._send_to_many(chunk, members, audience.round_head, self._senders)
            else:
                self._send_to_some(chunk, members, audience.round_head)
            if self._clock.seconds() >= until:
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
                if isinstance(sent, Exception):
                    raise sent
                if not member.outlet.settle(chunk, sent):
                    member.begin_catch_up(head)
            except BaseException:
                _log.failure(_BROKEN)
                broken.append(member)
        for member in broken:  # not before every write is settled
            member.cut()
