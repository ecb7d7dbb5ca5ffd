"""
What an event source may do next: its states, and nothing else.

Each state holds the one thing that goes on in it, so that whoever ends it has what is to be
stopped, and nothing goes on that no state holds.  Nothing is done here and nobody's code is called:
an input says what it means now, and its caller does it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

from automat import TypeMachineBuilder
from twisted.internet.defer import Deferred


class ReadyState(Enum):
    """
    What an event source does now (WHATWG HTML 9.2.2).

    :cvar CONNECTING: It waits for the head of a response, or for the time of its next attempt.
    :cvar OPEN: It has a stream.
    :cvar CLOSED: It has ended, and stays so.
    """

    CONNECTING = 0
    OPEN = 1
    CLOSED = 2


@runtime_checkable
class Activity(Protocol):
    """
    What goes on in a state: a delay, an attempt or a stream.
    """

    def stop(self) -> "Deferred[None] | None":
        """
        End it, if it has not ended.

        :returns: Fires when its connection is gone; ``None`` where there is nothing to wait for.
        """


@dataclass(frozen=True, slots=True)
class Ending:
    """
    What it means to end now.

    :ivar is_new: Whether it had not ended before.
    :ivar activity: What is to be stopped.
    """

    is_new: bool
    activity: Activity | None = None


class Inputs(Protocol):
    """
    What may happen.  The first three tell whether it has happened: after the end nothing does.
    """

    def delays(self, activity: Activity) -> bool:
        """
        There is to be another attempt, after a delay.
        """

    def attempts(self, activity: Activity) -> bool:
        """
        The delay is over.
        """

    def opens(self, activity: Activity) -> bool:
        """
        The attempt has got a stream.
        """

    def ends(self) -> Ending:
        """
        There is to be no other attempt.
        """

    def ready_state(self) -> ReadyState:
        """
        What it does now.
        """


class _Core:
    """
    What belongs to no state: nothing.
    """


def _build() -> Callable[[_Core], Inputs]:
    builder = TypeMachineBuilder(Inputs, _Core)

    def hold(inputs: Inputs, core: _Core, activity: Activity) -> Activity:
        return activity

    new = builder.state("new")
    delayed = builder.state("delayed", hold)
    attempting = builder.state("attempting", hold)
    open_ = builder.state("open", hold)
    closed = builder.state("closed")

    new.upon(Inputs.delays).to(delayed).returns(True)
    delayed.upon(Inputs.attempts).to(attempting).returns(True)
    attempting.upon(Inputs.opens).to(open_).returns(True)
    attempting.upon(Inputs.delays).to(delayed).returns(True)
    open_.upon(Inputs.delays).to(delayed).returns(True)

    def ending(inputs: Inputs, core: _Core, activity: Activity) -> Ending:
        return Ending(True, activity)

    for one in (delayed, attempting, open_):
        one.upon(Inputs.ends).to(closed)(ending)

    closed.upon(Inputs.delays).loop().returns(False)
    closed.upon(Inputs.attempts).loop().returns(False)
    closed.upon(Inputs.opens).loop().returns(False)
    closed.upon(Inputs.ends).loop().returns(Ending(False))

    delayed.upon(Inputs.ready_state).loop().returns(ReadyState.CONNECTING)
    attempting.upon(Inputs.ready_state).loop().returns(ReadyState.CONNECTING)
    open_.upon(Inputs.ready_state).loop().returns(ReadyState.OPEN)
    closed.upon(Inputs.ready_state).loop().returns(ReadyState.CLOSED)
    return builder.build()


_machine = _build()


def new_states() -> Inputs:
    """
    Return the states of an event source that has yet to begin, with a delay.
    """
    return _machine(_Core())
