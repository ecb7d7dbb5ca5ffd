"""
What tests of the hub need beyond :mod:`ssetwist.testing`: turns of the reactor one by one, outlets
that do something in the wrong moment or break, and a log that takes its time.
"""

from collections.abc import Callable, Sequence
from threading import current_thread
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ssetwist import EndReason, Event, Hub, View
from ssetwist.hub import EVERYTHING, Streams, Topics
from ssetwist.hub.outlets import Chunk
from ssetwist.log import Entry, Followers, MemoryLog
from ssetwist.testing import Listener, MemoryOutlet


class TurnClock(Clock):
    """
    A clock with the turns of a reactor: what is called for now from within one runs in the next.
    (``advance`` runs on until there is nothing left to do now.)
    """

    def turn(self, seconds: float = 0) -> None:
        """
        Let time pass, and then one turn.
        """
        self.busy(seconds)
        for call in sorted(self.calls, key=lambda call: call.getTime()):
            if call.getTime() <= self.rightNow and call.active():
                self.calls.remove(call)
                call.called = 1
                call.func(*call.args, **call.kw)

    def busy(self, seconds: float) -> None:
        """
        Let time pass in which nothing else runs: to be called from within a turn.
        """
        self.rightNow += seconds


class FakeOutlet(MemoryOutlet):
    """
    An outlet that does more than remember.

    :ivar given: What it was told to write, as it was handed over.
    :ivar write_times: When something was written that the client took, in seconds of the clock.
    :ivar during_write: Called at the beginning of every write; it may raise.
    :ivar during_short_cut: Called where there is one to be taken; it may raise.
    :ivar during_send: Called when it is taken, in whatever thread; it may raise.
    :ivar sent: What was handed to the short cut, and the thread that did it.
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

    # What the client does

    def fall_behind(self) -> None:
        """
        The client takes nothing more, and something waits for it already.
        """
        self.stop_reading()
        self.behind_since = self._streams.clock.seconds()

    def read_some(self) -> None:
        """
        The client takes something, but not all.
        """
        self.fall_behind()

    # Inside

    def _send(self, data: bytes) -> int:
        self.during_send()
        self.sent.append((data, current_thread().name))
        return len(data)


class FakeListener(Listener, FakeOutlet):
    """
    A subscriber over such an outlet.

    :param is_behind: Whether its connection is behind before it subscribes.
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
    A log that is elsewhere: it answers when it is told to.  What is appended is in it at once; that
    and where it is, it says later.

    :ivar kept: The events.
    :ivar unanswered: What it was asked: ``append``, ``find`` or ``read``, and how to answer that.
    :ivar cancelled: Which questions were cancelled.
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

    def append(
        self, topics: tuple[str, ...], event: Event, *, is_private: bool = False
    ) -> Deferred[Entry]:
        entries: list[Entry] = []
        self.kept.append(topics, event, is_private=is_private).addCallback(entries.append)

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
        Answer the questions of one kind that are unanswered now.
        """
        answers = [question for question in self.unanswered if question[0] == what]
        assert answers, f"it was not asked to {what}"
        for question in answers:
            if question in self.unanswered:  # it may be cancelled meanwhile
                self.unanswered.remove(question)
                question[1].callback(question[2]())

    def break_down(self) -> None:
        """
        Fail to answer whatever it was asked.
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
    What a broken outlet, log or callback raises here.
    """


def fail(*_: object) -> None:
    """
    Raise it.
    """
    raise Broken


def do_nothing() -> None:
    """
    Do nothing.
    """
