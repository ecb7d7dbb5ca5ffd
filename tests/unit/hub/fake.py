"""
Fakes for tests of the hub, beyond :mod:`ssetwist.testing`: single turns of the reactor, outlets
that do something at the wrong moment or break, and a log that answers later.
"""

from collections.abc import Callable, Sequence
from threading import current_thread
from typing import Any

from twisted.internet.defer import Deferred

from ssetwist import EndReason, Event, Hub, View
from ssetwist.hub import EVERYTHING, Streams, Topics
from ssetwist.hub.outlets import Chunk
from ssetwist.log import Entry, Followers, MemoryLog
from ssetwist.testing import Listener, MemoryOutlet
from tests.clock import Clock


class TurnClock(Clock):
    """
    A clock with turns like those of a reactor: a call that is scheduled for now runs in the next
    turn.  (``advance`` runs on until there is nothing left to do now.)
    """

    def turn(self, seconds: float = 0) -> None:
        """
        Let time pass, and then run one turn.
        """
        self.busy(seconds)
        for call in sorted(self.calls, key=lambda call: call.getTime()):
            if call.getTime() <= self.rightNow and call.active():
                self.calls.remove(call)
                call.called = 1
                call.func(*call.args, **call.kw)

    def turns_until(self, deferred: "Deferred[Any]") -> int:
        """
        Do turns until a Deferred has fired, and return their number.
        """
        turns = 0
        while not deferred.called:
            self.turn()
            turns += 1
        return turns

    def busy(self, seconds: float) -> None:
        """
        Let time pass in which nothing else runs.  To be called during a turn.
        """
        self.rightNow += seconds


class FakeOutlet(MemoryOutlet):
    """
    An outlet with hooks.

    :ivar given: The chunks that it was told to write.
    :ivar write_times: The times of the writes that the client took, in seconds of the clock.
    :ivar during_write: Called at the beginning of every write; it may raise.
    :ivar during_short_cut: Called when a short cut is asked for; it may raise.
    :ivar during_send: Called when the short cut is taken, in any thread; it may raise.
    :ivar sent: The bytes that were handed to the short cut, each with the name of the thread.
    :ivar during_end: Called at the beginning of every end; it may raise.
    :ivar during_abort: Called at the beginning of every abort; it may raise.
    """

    def __init__(self, streams: Streams) -> None:
        super().__init__(streams)
        self.given: list[Chunk] = []
        self.write_times = [self.last_write]
        self.during_write: Callable[[], object] = do_nothing
        self.during_short_cut: Callable[[], object] = do_nothing
        self.during_send: Callable[[], object] = do_nothing
        self.sent: list[tuple[bytes, str]] = []
        self.during_end: Callable[[], object] = do_nothing
        self.during_abort: Callable[[], object] = do_nothing

    def write(self, chunk: Chunk) -> bool:
        self.during_write()
        self.given.append(chunk)
        is_keeping_up = super().write(chunk)
        if is_keeping_up:
            self.write_times.append(self.last_write)
        return is_keeping_up

    def short_cut(self, chunk: Chunk) -> Callable[[bytes], int]:
        self.during_short_cut()
        return self._send

    def end(self, reason: EndReason, *, last_words: bytes = b"", is_complete: bool = True) -> None:
        self.during_end()
        super().end(reason, last_words=last_words, is_complete=is_complete)

    def abort(self, reason: EndReason) -> None:
        self.during_abort()
        super().abort(reason)

    # Actions of the client

    def fall_behind(self) -> None:
        """
        Let the client take nothing more while something waits for it.
        """
        self.stop_reading()
        self.behind_since = self._streams.clock.seconds()

    def read_some(self) -> None:
        """
        Let the client take some bytes, but not all.
        """
        self.fall_behind()

    # Inside

    def _send(self, data: bytes) -> int:
        self.during_send()
        self.sent.append((data, current_thread().name))
        return len(data)


class FakeListener(Listener, FakeOutlet):
    """
    A subscriber on a :class:`FakeOutlet`.

    :param is_behind: If true, its connection is behind before it subscribes.
    """

    def __init__(
        self,
        hub: Hub,
        view: Topics | View = EVERYTHING,
        *,
        is_behind: bool = False,
        **options: Any,
    ) -> None:
        FakeOutlet.__init__(self, hub.streams)
        if is_behind:
            self.fall_behind()
        self.subscriber = hub.subscribe(self, view, **options)


class SlowLog:
    """
    A log on another machine, which answers when the test lets it.  An appended event is in the log
    at once, but its position is returned later.

    :ivar kept: The events.
    :ivar unanswered: The open questions (``append``, ``find`` or ``read``), each with its answer.
    :ivar cancelled: The questions that were cancelled.
    """

    def __init__(self, kept: MemoryLog) -> None:
        self.kept = kept
        self.epoch = kept.epoch
        self.followers = Followers()
        self.unanswered: list[tuple[str, Deferred[Any], Callable[[], Any]]] = []
        self.cancelled: list[str] = []

    def follow(self, callback: Callable[[Entry], object]) -> Callable[[], None]:
        return self.followers.add(callback, after=self.head)

    @property
    def head(self) -> int:
        return self.kept.head

    @property
    def oldest(self) -> int:
        return self.kept.oldest

    @property
    def oldest_announcement(self) -> int:
        return self.kept.oldest_announcement

    def append(self, topics: tuple[str, ...], event: Event, **kind: bool) -> Deferred[Entry]:
        entries: list[Entry] = []
        self.kept.append(topics, event, **kind).addCallback(entries.append)

        def tell() -> Entry:
            self.followers.tell(entries[0])
            return entries[0]

        return self._ask("append", tell)

    def read(self, after: int, most_bytes: int) -> Deferred[Sequence[Entry]]:
        return self._ask("read", lambda: self.kept.read(after, most_bytes).result)

    def find(self, id: str) -> Deferred[int | None]:
        return self._ask("find", lambda: self.kept.find(id).result)

    def answer(self, what: str) -> None:
        """
        Answer all open questions of one kind.
        """
        answers = [question for question in self.unanswered if question[0] == what]
        assert answers, f"it was not asked to {what}"
        for question in answers:
            if question in self.unanswered:  # it may be cancelled meanwhile
                self.unanswered.remove(question)
                question[1].callback(question[2]())

    def break_down(self) -> None:
        """
        Answer all open questions with a failure.
        """
        questions, self.unanswered = self.unanswered, []
        for _, result, _ in questions:
            result.errback(Broken())

    def _ask(self, what: str, answer: Callable[[], Any]) -> Deferred[Any]:
        def cancel(result: Deferred[Any]) -> None:
            self.unanswered.remove(question)
            self.cancelled.append(what)

        question = (what, Deferred(cancel), answer)
        self.unanswered.append(question)
        return question[1]


class Broken(Exception):
    """
    Exception of a broken outlet, log or callback.
    """


def fail(*_: object) -> None:
    """
    Raise ``Broken``.
    """
    raise Broken


def do_nothing() -> None:
    """
    Do nothing.
    """
