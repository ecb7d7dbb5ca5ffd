"""
Insides of Twisted that this package relies on, each with its reason.

Twisted does not document these names.  ``tests/unit/server/test_insides.py`` tests them with the
oldest supported Twisted and with the newest.  If it fails, mend this file.
"""

import select
from collections.abc import Callable
from typing import Any

from twisted.internet.base import ReactorBase
from twisted.web.client import HTTPConnectionPool, _HTTP11ClientFactory

from .._reactor import AnyReactor


class _QuietFactory(_HTTP11ClientFactory):
    noisy = False


def quiet_pool(reactor: AnyReactor) -> HTTPConnectionPool:
    """
    Return a pool that does not log its connections: there may be as many as there are visitors.
    """
    pool = HTTPConnectionPool(reactor)
    pool._factory = _QuietFactory
    return pool


def poller_of(reactor: AnyReactor) -> Any:  # an untyped object of the select module
    """
    Return the ``epoll`` object of a reactor; ``None`` if it uses something else.
    """
    poller = getattr(reactor, "_poller", None)
    return poller if isinstance(poller, getattr(select, "epoll", ())) else None


def set_poller(reactor: AnyReactor, poller: object) -> None:
    reactor._poller = poller


def accept_at_most(port: object, number: int) -> None:
    """
    Let a port accept at most so many connections in its next turn.
    """
    if hasattr(port, "numberAccepts"):
        port.numberAccepts = number


def measure_by(reactor: AnyReactor, seconds: Callable[[], float]) -> None:
    """
    Let a reactor measure durations by another clock, also those of calls that are pending.

    A reactor that is not based on Twisted's ``ReactorBase`` stays as it is.
    """
    if not isinstance(reactor, ReactorBase):
        return
    change = seconds() - reactor.seconds()
    reactor.seconds = seconds
    # Cancelled calls as well, because all stand in one order.
    for call in (*reactor._pendingTimedCalls, *reactor._newTimedCalls):
        call.time += change
        call.seconds = seconds
