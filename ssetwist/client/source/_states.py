"""
State machine of an event source::

    new --wait--> waiting --attempt--> attempting --open--> open
                     ^                      |                |
                    wait                   fail             fail
                     |                      v                v
                     +------------------ undecided <---------+

    waiting, attempting, open, undecided --close--> closed

Its laws:

1. A state holds the one thing that goes on in it: a timer, an attempt or a stream.  Everything
   that goes on is held by a state, so ``close`` returns the thing that must be cancelled.
2. An input only changes the state, and calls no code of the application.  The caller acts
   afterwards, when the new state already counts.
3. Nothing begins after ``closed``, which holds how the source has ended.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, runtime_checkable

from automat import TypeMachineBuilder
from twisted.internet.defer import Deferred, succeed

from ..._waiters import Waiters
from ...errors import SSETwistError
from ..http import Opened
from ..stream import Stream


class ReadyState(Enum):
    """
    State of an event source, as an application sees it (WHATWG HTML 9.2.2).

    :cvar CONNECTING: It waits for its next attempt, or for the head of a response.
    :cvar OPEN: It has a stream.
    :cvar CLOSED: It has ended for good.
    """

    CONNECTING = 0
    OPEN = 1
    CLOSED = 2


@dataclass
class OpenStream:
    """
    Stream of an open event source.

    :ivar since: Time of its opening, by the source's steady clock.
    :ivar has_delivered: True if events have arrived.
    """

    stream: Stream
    opened: Opened
    since: float
    has_delivered: bool = False

    def cancel(self) -> "Deferred[None]":
        return self.stream.close()


@dataclass
class End:
    """
    End of an event source.

    :ivar problem: Failure that has ended it; ``None`` after ``close()`` or a 204 of the server.
    """

    problem: SSETwistError | None
    _is_gone: bool = field(default=False, init=False)
    _waiting: Waiters[None] = field(default_factory=Waiters, init=False)

    def when_gone(self) -> "Deferred[None]":
        """
        Wait until all connections are gone.  Cancelling it only ends the waiting.
        """
        return succeed(None) if self._is_gone else self._waiting.wait()

    def set_gone(self, _: object) -> None:
        self._is_gone = True
        self._waiting.fire(None)


@runtime_checkable  # Automat checks the type of the thing that a state holds
class Activity(Protocol):
    """
    Timer, attempt or stream: the thing that goes on in a state.
    """

    def cancel(self) -> "Deferred[None] | None":
        """
        End it, unless it has ended.  The Deferred fires when its connection is gone.
        """


class Inputs(Protocol):
    def wait(self, activity: Activity) -> bool:
        """
        Wait for the next attempt.  Return false if the source is closed.
        """

    def attempt(self, activity: Activity) -> None:
        """
        Begin an attempt, because the timer has fired.
        """

    def open(self, stream: OpenStream) -> None:
        """
        Open the stream that the attempt has found.
        """

    def fail(self) -> OpenStream | None:
        """
        Leave an attempt or a stream that has ended by itself.  Return the stream.
        """

    def close(self, end: End) -> Activity | None:
        """
        End for good, once.  Return the activity that must be cancelled.
        """

    def held(self) -> Activity | End | None:
        """
        Return the thing that the state holds.
        """


def _build() -> Callable[[object], Inputs]:
    builder = TypeMachineBuilder(Inputs, object)

    def hold(inputs: Inputs, core: object, activity: Activity) -> Activity:
        return activity

    def hold_stream(inputs: Inputs, core: object, stream: OpenStream) -> OpenStream:
        return stream

    def hold_end(inputs: Inputs, core: object, end: End) -> End:
        return end

    def hand_over(inputs: Inputs, core: object, activity: Activity, end: End) -> Activity:
        return activity

    new = builder.state("new")
    waiting = builder.state("waiting", hold)
    attempting = builder.state("attempting", hold)
    open_ = builder.state("open", hold_stream)
    undecided = builder.state("undecided")
    closed = builder.state("closed", hold_end)

    new.upon(Inputs.wait).to(waiting).returns(True)
    waiting.upon(Inputs.attempt).to(attempting).returns(None)
    attempting.upon(Inputs.open).to(open_).returns(None)
    attempting.upon(Inputs.fail).to(undecided).returns(None)
    open_.upon(Inputs.fail).to(undecided)(hold_stream)
    undecided.upon(Inputs.wait).to(waiting).returns(True)
    undecided.upon(Inputs.close).to(closed).returns(None)
    undecided.upon(Inputs.held).loop().returns(None)
    for active in (waiting, attempting, open_):
        active.upon(Inputs.close).to(closed)(hand_over)
    waiting.upon(Inputs.held).loop()(hold)
    attempting.upon(Inputs.held).loop()(hold)
    open_.upon(Inputs.held).loop()(hold_stream)
    closed.upon(Inputs.wait).loop().returns(False)
    closed.upon(Inputs.held).loop()(hold_end)
    return builder.build()


_machine = _build()


def new_states() -> Inputs:
    return _machine(object())
