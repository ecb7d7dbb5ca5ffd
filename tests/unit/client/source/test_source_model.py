"""
An event source on a network where anything may happen, in any order.
"""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError

from ssetwist.client import ReadyState
from ssetwist.client.stream._queue import MANY
from ssetwist.eventstream import Event
from tests import examples
from tests.unit.client.case import CHUNKED, HEAD, LAST_CHUNK, SourceCase, Wire, chunk, response

_ANSWERS = st.sampled_from(
    [
        CHUNKED,
        HEAD,
        HEAD[:10],
        response("302 Found", Location="/other"),
        response("302 Found", Location="http://other.example/"),
        response("503 Busy", b"later", Retry_After="3"),
        b"HTTP/1.1 500 Oops\r\n\r\nendless",
    ]
)

#: Answers that end the source; they are rare, because nothing happens afterwards.
_LAST_ANSWERS = st.sampled_from(
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        response("404 Not Found", b"gone"),
        response("200 OK", b"<html>", Content_Type="text/html"),
        response("302 Found", Location="ftp://example.com/"),
    ]
)


class _Model(RuleBasedStateMachine):
    """
    All events that were sent while the source was open are handed out, once and in order, until it
    is closed.  Nothing is left at the end.
    """

    def __init__(self) -> None:
        super().__init__()
        self.case = SourceCase()
        self.case.setUp()
        self.told: list[object] = []
        self.source = self.case.source(
            silence_timeout=20,
            connect_timeout=10,
            on_open=self.told.append,
            on_interruption=self.told.append,
            on_comment=self.told.append,
        )
        self.wire: Wire | None = None
        self.is_chunked = False
        self.sent: list[Event] = []
        self.asked: list[Deferred[Event | None]] = []
        self.is_closed = False

    @property
    def is_open(self) -> bool:
        return self.source.state is ReadyState.OPEN

    @rule(seconds=st.sampled_from([0, 0.5, 1, 5, 10, 20, 70]))
    def time_passes(self, seconds: float) -> None:
        self.case.reactor.advance(seconds)
        self.case.turn()

    @precondition(lambda self: self.case.asked())
    @rule(is_there=st.booleans())
    def is_connected(self, is_there: bool) -> None:
        # The client still waits for the last of these connections only.
        del self.case.reactor.tcpClients[:-1]
        if self.case.reactor.connectors[-1].stoppedConnecting:
            self.case.reactor.tcpClients.clear()
        elif is_there:
            self.wire = self.case.accept()
        else:
            self.case.refuse(ConnectionRefusedError("no"))

    @precondition(lambda self: self.wire is not None and not self.is_open)
    @rule(answer=_ANSWERS)
    def is_answered(self, answer: bytes) -> None:
        self.is_chunked = answer is CHUNKED
        self.wire.send(answer)
        self.case.turn()

    @precondition(lambda self: self.wire is not None and not self.is_open)
    @rule(answer=_LAST_ANSWERS, jitter=st.integers(0, 5))
    def is_answered_for_good(self, answer: bytes, jitter: int) -> None:
        if not jitter:
            self.is_answered(answer)

    @precondition(lambda self: self.is_open and not self.wire.is_paused)
    @rule(count=st.integers(1, 2 * MANY))
    def events_come(self, count: int) -> None:
        some = [Event(str(number)) for number in range(len(self.sent), len(self.sent) + count)]
        self.sent += some
        self.send(b"".join(b":\ndata: %b\n\n" % event.data.encode() for event in some))

    @precondition(lambda self: self.is_open and not self.wire.is_paused)
    @rule()
    def part_of_an_event_comes(self) -> None:
        self.send(b"data: unfinished\n")
        self.wire.reset()

    @precondition(lambda self: self.is_open and self.is_chunked and not self.wire.is_paused)
    @rule()
    def it_ends_properly(self) -> None:
        self.wire.send(LAST_CHUNK)
        self.case.turn()

    @precondition(lambda self: self.wire is not None)
    @rule(is_clean=st.booleans())
    def it_is_lost(self, is_clean: bool) -> None:
        self.wire.finish() if is_clean else self.wire.reset()

    @rule()
    def somebody_asks(self) -> None:
        self.asked.append(self.source.next())
        self.case.turn()

    @precondition(lambda self: self.asked and not self.asked[-1].called)
    @rule()
    def somebody_cancels(self) -> None:
        self.asked.pop().addErrback(lambda _: None).cancel()

    @rule(jitter=st.integers(0, 9))
    def it_is_closed(self, jitter: int) -> None:
        if not jitter:
            self.is_closed = True
            self.source.close()
            self.case.turn()

    def send(self, data: bytes) -> None:
        self.wire.send(chunk(data) if self.is_chunked else data)
        self.case.turn()

    @invariant()
    def one_connection(self) -> None:
        self.case.turn()
        assert sum(wire.is_connected for wire in self.case.wires) <= 1

    @invariant()
    def nothing_is_left_when_closed(self) -> None:
        if self.source.state is ReadyState.CLOSED:
            assert self.case.reactor.getDelayedCalls() == []
            assert not any(wire.is_connected for wire in self.case.wires)
            assert len(self.source._connections) == 0

    @invariant()
    def in_order(self) -> None:
        if not self.is_closed:
            got = sum(1 for one in self.asked if one.called)
            waiting = len(self.source._queue)
            ended = self.source.state is ReadyState.CLOSED
            assert ended or got + waiting <= len(self.sent)

    def teardown(self) -> None:
        got: list[Any] = []
        for one in self.asked:
            one.addErrback(lambda _: None).addCallback(got.append)
        if not self.is_closed:
            # All events that came can be taken, unless a pause holds them back.
            while len(self.source._queue):
                self.source.next().addCallback(got.append)
                self.case.turn()
        handed = [event for event in got if event is not None]
        assert handed == (self.sent[: len(handed)] if self.is_closed else self.sent)
        count = len(self.told)
        self.source.close()
        self.case.tearDown()
        self.case.reactor.advance(1000)
        assert len(self.told) == count, "a hook was called after the end"


SourceModelTests = _Model.TestCase
SourceModelTests.settings = settings(max_examples=examples(10), stateful_step_count=40)
